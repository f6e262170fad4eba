"""C{/v1/embeddings}."""

from base64 import b64decode

import numpy as np
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.interfaces import Priority
from tests.api.serving import Serving
from tests.inference.fakes import DIMENSIONS, bag_of_words
from tests.transports.wire import Response

PATH = "/v1/embeddings"


class EmbeddingsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.serving = Serving()
        self.embedder = self.serving.embedder

    def ask(self, input: object, **more: object) -> Response:
        return self.serving.ask(PATH, {"model": "fake", "input": input, **more})

    def test_each_text_has_its_vector(self) -> None:
        said = self.ask(["a cat", "a dog"]).json()
        self.assertEqual((said["object"], said["model"]), ("list", "fake"))
        self.assertEqual([one["index"] for one in said["data"]], [0, 1])
        for one, text in zip(said["data"], ("a cat", "a dog"), strict=True):
            np.testing.assert_allclose(one["embedding"], bag_of_words(text), rtol=1e-6)

    def test_the_tokens_of_all_texts_are_counted(self) -> None:
        usage = self.ask(["a cat", "a dog sat"]).json()["usage"]
        self.assertEqual(usage, {"prompt_tokens": 5, "total_tokens": 5})

    def test_one_text_need_not_be_a_list(self) -> None:
        self.assertEqual(len(self.ask("a cat").json()["data"]), 1)

    def test_base64_holds_the_same_numbers(self) -> None:
        (one,) = self.ask("a cat", encoding_format="base64").json()["data"]
        vector = np.frombuffer(b64decode(one["embedding"]), "<f4")
        np.testing.assert_array_equal(vector, bag_of_words("a cat"))

    def test_many_texts_wait_behind_a_query(self) -> None:
        self.ask(["a"] * 17)
        self.ask(["a"] * 16)
        self.assertEqual(self.embedder.priorities, [Priority.BACKGROUND, Priority.INTERACTIVE])

    def test_the_model_has_the_dimensions_it_has(self) -> None:
        self.assertEqual(self.ask("x", dimensions=DIMENSIONS).status, 200)
        response = self.ask("x", dimensions=32)
        self.assertEqual((response.status, response.json()["error"]["param"]), (400, "dimensions"))
        self.assertIn("64 dimensions", response.json()["error"]["message"])

    def test_numbers_of_tokens_are_refused_with_what_mends_it(self) -> None:
        for tokens in ([1, 2], [[1], [2]]):
            response = self.ask(tokens)
            self.assertEqual((response.status, response.json()["error"]["param"]), (400, "input"))
            self.assertIn("check_embedding_ctx_length=False", response.json()["error"]["message"])

    def test_what_is_no_list_of_texts_is_refused(self) -> None:
        for wrong in ([], ["x"] * 2049, [None]):
            response = self.ask(wrong)
            self.assertEqual((response.status, response.json()["error"]["param"]), (400, "input"))
        self.assertEqual(self.embedder.embedded, [])

    def test_another_model_is_not_there(self) -> None:
        response = self.serving.ask(PATH, {"model": "ada", "input": "x"})
        error = response.json()["error"]
        self.assertEqual((response.status, error["code"]), (404, "model_not_found"))
        self.assertIn("'fake'", error["message"])

    def test_without_a_model_it_says_what_mends_it(self) -> None:
        self.embedder.take_model_away()
        response = self.ask("x")
        self.assertEqual(response.status, 503)
        self.assertIn("mnemo model fetch", response.json()["error"]["message"])
