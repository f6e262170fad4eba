"""The addresses below C{/v1}, and who is refused there."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.chain import Chain, Link
from mnemo.inference.generation import (
    GenerationFailed,
    GeneratorUnavailable,
    Overloaded,
    UnfitRequest,
)
from mnemo.transports.credentials import Credentials
from tests.api.scripted_generator import ScriptedGenerator, completion, info
from tests.api.serving import Serving, chat
from tests.transports.wire import HEADERS

CHAT = "/v1/chat/completions"


class OpenAiTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.serving = Serving()
        self.generator = self.serving.generator


class ModelsTests(OpenAiTestCase):
    """C{/v1/models}"""

    def test_both_models_are_listed(self) -> None:
        said = self.serving.ask("/v1/models").json()
        self.assertEqual(said["object"], "list")
        self.assertEqual([one["id"] for one in said["data"]], ["scripted", "fake"])

    def test_one_is_found_by_its_name(self) -> None:
        for path in ("/v1/models/fake", "/v1/models/f%61ke"):
            said = self.serving.ask(path).json()
            self.assertEqual((said["id"], said["object"]), ("fake", "model"))

    def test_others_are_not_there(self) -> None:
        response = self.serving.ask("/v1/models/gpt-5")
        self.assertEqual(
            (response.status, response.json()["error"]["code"]), (404, "model_not_found")
        )

    def test_of_several_language_models_each_has_its_name(self) -> None:
        other = ScriptedGenerator(completion("other"), model=info("other"))
        assert self.serving.front.api is not None
        self.serving.front.api.generator = Chain([Link(self.generator), Link(other)])
        said = self.serving.ask("/v1/models").json()
        self.assertEqual([one["id"] for one in said["data"]], ["scripted", "other", "fake"])
        said = self.serving.ask(CHAT, chat(model="other")).json()
        self.assertEqual(said["choices"][0]["message"]["content"], "other")
        other.failure = GenerationFailed("It failed.")
        said = self.serving.ask(CHAT, chat(model="other")).json()
        self.assertEqual(said["choices"][0]["message"]["content"], "Hello world")

    def test_those_that_are_not_loaded_are_not_listed(self) -> None:
        self.generator.take_model_away()
        self.serving.embedder.take_model_away()
        self.assertEqual(self.serving.ask("/v1/models").json()["data"], [])


class RefusalTests(OpenAiTestCase):
    """Every refusal has the shape that OpenAI's clients read."""

    def test_an_address_that_there_is_not(self) -> None:
        for path in ("/v1/responses", "/v1/", "/v1/chat"):
            response = self.serving.ask(path, {})
            self.assertEqual(response.status, 404)
            self.assertIn("/v1/chat/completions", response.json()["error"]["message"])

    def test_another_method(self) -> None:
        for path, content in ((CHAT, None), ("/v1/models", {})):
            response = self.serving.ask(path, content)
            self.assertEqual(response.status, 405)
            self.assertEqual(response.json()["error"]["type"], "invalid_request_error")

    def test_a_model_that_there_is_not(self) -> None:
        response = self.serving.ask(CHAT, chat(model="gpt-5"))
        error = response.json()["error"]
        self.assertEqual((response.status, error["code"]), (404, "model_not_found"))
        self.assertIn("'scripted'", error["message"])

    def test_no_model_at_all_with_what_mends_it(self) -> None:
        self.generator.take_model_away()
        for path, request in ((CHAT, chat()), ("/v1/completions", {"model": "x", "prompt": "x"})):
            response = self.serving.ask(path, request)
            self.assertEqual(response.status, 503)
            self.assertIn("mnemo model fetch", response.json()["error"]["message"])
            # Or clients would ask twice more.
            self.assertEqual(response.headers["x-should-retry"], "false")

    def test_one_that_will_be_loaded_is_asked(self) -> None:
        self.generator.model = None
        self.assertEqual(self.serving.ask(CHAT, chat()).status, 200)

    def test_what_a_model_says_no_to(self) -> None:
        for failure, status, retry_after in (
            (Overloaded("As many wait as may.", 3.2), 429, "3"),
            (GeneratorUnavailable("It is being loaded.", 5.0), 503, "5"),
            (UnfitRequest("The prompt is too long."), 400, None),
            (GenerationFailed("It failed."), 500, None),
            (TimeoutError("The time was up."), 504, None),
        ):
            self.generator.failure = failure
            for request in (chat(), chat(stream=True)):
                response = self.serving.ask(CHAT, request)
                self.assertEqual(
                    (response.status, response.headers.get("retry-after")), (status, retry_after)
                )
                self.assertEqual(response.json()["error"]["message"], str(failure))

    def test_a_defect_is_logged_and_not_told(self) -> None:
        self.generator.failure = ZeroDivisionError("secret")
        response = self.serving.ask(CHAT, chat())
        self.assertEqual(
            (response.status, response.json()["error"]["message"]), (500, "Internal error")
        )
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_token_that_is_missing(self) -> None:
        self.serving = Serving(Credentials({"me": "0123456789abcdef"}))
        response = self.serving.ask(CHAT, chat())
        error = response.json()["error"]
        self.assertEqual((response.status, error["code"]), (401, "invalid_api_key"))
        self.assertEqual(error["type"], "authentication_error")
        headers = ["Authorization: Bearer 0123456789abcdef"]
        self.assertEqual(self.serving.ask(CHAT, chat(), headers).status, 200)

    def test_a_foreign_page(self) -> None:
        response = self.serving.ask(CHAT, chat(), ["Origin: https://evil.example"])
        error = response.json()["error"]
        self.assertEqual((response.status, error["type"]), (403, "permission_error"))
        self.assertIn("server.allowed_origins", error["message"])

    def test_a_foreign_name_of_this_machine(self) -> None:
        connection = self.serving.connect()
        connection.request("GET", "/v1/models", b"", ("Host: evil.example",))
        response = connection.response()
        error = response.json()["error"]
        self.assertEqual((response.status, error["type"]), (421, "permission_error"))
        self.assertIn("server.allowed_hosts", error["message"])

    def test_a_body_that_is_too_long(self) -> None:
        connection = self.serving.connect()
        connection.request("POST", CHAT, b"", (*HEADERS, "Content-Length: 99999999"))
        response = connection.response()
        self.assertEqual(response.status, 413)
        self.assertIn("longer than", response.json()["error"]["message"])

    def test_a_daemon_that_does_not_serve_yet(self) -> None:
        self.serving.health.stage = "starting"
        response = self.serving.ask(CHAT, chat())
        self.assertEqual((response.status, response.headers["retry-after"]), (503, "2"))
        self.assertIn("starting", response.json()["error"]["message"])


class QuotaTests(OpenAiTestCase):
    """A caller has so many requests running and waiting; the others do not wait for it."""

    def setUp(self) -> None:
        super().setUp()
        self.generator.reply = None

    def test_what_is_beyond_is_told_when_to_come_back(self) -> None:
        for _ in range(3):
            self.serving.send(CHAT, chat())
        self.assertEqual(len(self.generator.waiting), 2)
        response = self.serving.ask(CHAT, chat())
        self.assertEqual((response.status, response.headers["retry-after"]), (429, "1"))
        self.assertEqual(response.json()["error"]["code"], "rate_limit_exceeded")

    def test_another_caller_has_its_own(self) -> None:
        for _ in range(3):
            self.serving.send(CHAT, chat())
        self.serving.send(CHAT, chat(user="another"))
        self.assertEqual(len(self.generator.waiting), 3)

    def test_what_waits_runs_when_there_is_room(self) -> None:
        first, *_, last = [self.serving.send(CHAT, chat()) for _ in range(3)]
        self.generator.waiting[0].end(completion())
        self.assertEqual(first.response().status, 200)
        self.assertEqual(len(self.generator.waiting), 2)
        self.generator.waiting[-1].end(completion())
        self.assertEqual(last.response().status, 200)

    def test_embeddings_have_their_share_of_it(self) -> None:
        self.serving.embedder.hold()
        for _ in range(3):
            self.serving.send("/v1/embeddings", {"model": "fake", "input": "x"})
        self.assertEqual(self.serving.embedder.held, 2)
