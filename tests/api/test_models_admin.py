"""The language model's memory, told to give way and to come back."""

from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.api.models_admin import ModelsAdmin, Told
from mnemo.inference.generation import GeneratorUnavailable
from mnemo.inference.kept import KeptGenerator
from tests.inference.test_kept import ASKED, ComingAndGoing


class ModelsAdminTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.inner = ComingAndGoing("good day")
        self.kept = KeptGenerator(self.clock, self.inner, 0.0)
        self.successResultOf(Deferred.fromCoroutine(self.kept.start()))
        self.admin = ModelsAdmin(self.kept, self.clock)

    def ask(self, action: str, method: str = "POST") -> Deferred[Told]:
        return Deferred.fromCoroutine(self.admin.answer(method, action))

    def said(self, answer: Deferred[Told]) -> tuple[int, Any]:
        told = self.successResultOf(answer)
        return told.status, msgspec.json.decode(told.body)

    def test_release_is_answered_when_the_memory_is_free(self) -> None:
        self.inner.hold()
        working = self.kept.generate(ASKED)
        released = self.ask("release")
        self.clock.advance(2)
        self.assertNoResult(released)
        working.cancel()
        self.failureResultOf(working)
        self.assertEqual(
            self.said(released),
            (
                200,
                {
                    "message": "the language model is out of memory",
                    "seconds": 2.0,
                    "state": "released",
                },
            ),
        )

    def test_load_is_answered_when_it_is_back(self) -> None:
        self.said(self.ask("release"))
        loaded = self.ask("load")
        self.assertNoResult(loaded)
        self.inner.loaded()
        status, said = self.said(loaded)
        self.assertEqual((status, said["state"]), (200, "loaded"))

    def test_what_cannot_be_loaded_says_why_and_when_to_come_back(self) -> None:
        self.said(self.ask("release"))
        loaded = self.ask("load")
        assert self.inner.loading is not None
        self.inner.loading.errback(GeneratorUnavailable("the file is damaged", 5.0))
        told = self.successResultOf(loaded)
        self.assertEqual((told.status, told.retry_after), (503, 5.0))
        self.assertEqual(
            msgspec.json.decode(told.body), {"error": "the file is damaged", "state": "idle"}
        )

    def test_a_release_that_was_overtaken_by_a_load_says_so(self) -> None:
        self.inner.hold()
        self.kept.generate(ASKED)
        released = self.ask("release")
        self.assertEqual(self.said(self.ask("load"))[0], 200)
        self.assertEqual(self.said(released)[0], 409)

    def test_without_a_language_model_there_is_nothing_to_do(self) -> None:
        self.admin = ModelsAdmin(None, self.clock)
        status, said = self.said(self.ask("release"))
        self.assertEqual((status, said["state"]), (404, None))
        self.assertIn("mnemo model use NAME", said["error"])

    def test_a_look_changes_nothing(self) -> None:
        self.assertEqual(self.said(self.ask("release", "GET"))[0], 405)
        self.assertEqual(self.kept.state, "loaded")
