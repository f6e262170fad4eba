"""The stand-ins keep the contracts they stand in for."""

import numpy as np
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, IEmbeddingBackend
from tests.inference.fakes import FakeEmbedder, ScriptedBackend


class FakeEmbedderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.embedder = FakeEmbedder()

    def test_it_is_an_embedder(self) -> None:
        self.assertTrue(verifyObject(IEmbedder, self.embedder))

    def test_it_gives_unit_vectors_at_once(self) -> None:
        vectors = self.successResultOf(self.embedder.embed(["a cat", "", "😀"]))
        self.assertEqual((vectors.shape, vectors.dtype), ((3, 64), np.float32))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, rtol=1e-6)

    def test_texts_that_share_words_are_nearer(self) -> None:
        cat, kitten, dog = self.successResultOf(
            self.embedder.embed(["the cat sat", "the cat slept", "compile errors everywhere"])
        )
        self.assertGreater(cat @ kitten, cat @ dog)

    def test_no_texts_give_no_rows(self) -> None:
        self.assertEqual(self.successResultOf(self.embedder.embed([])).shape, (0, 64))

    def test_without_a_model_it_fails_and_says_why(self) -> None:
        self.embedder.take_model_away()
        failure = self.failureResultOf(self.embedder.embed(["a"]), EmbedderUnavailable)
        self.assertIn("mnemo model fetch", str(failure.value))
        self.assertIsNone(self.embedder.model)

    def test_it_tells_when_the_model_is_back(self) -> None:
        told: list[int] = []
        self.embedder.on_ready(lambda: told.append(1))
        self.embedder.take_model_away()
        self.embedder.give_model_back()
        self.assertEqual(len(told), 2)

    def test_held_calls_are_answered_on_release_unless_cancelled(self) -> None:
        self.embedder.hold()
        first, second = self.embedder.embed(["one"]), self.embedder.embed(["two"])
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.embedder.release()
        self.successResultOf(second)
        self.assertEqual(self.embedder.embedded, ["two"])


class ScriptedBackendTests(SynchronousTestCase):
    def test_it_is_a_backend(self) -> None:
        self.assertTrue(verifyObject(IEmbeddingBackend, ScriptedBackend()))
