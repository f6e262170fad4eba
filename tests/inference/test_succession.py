"""Which of two embedding models is in use."""

from pathlib import Path

import numpy as np
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.checksums import digest
from mnemo.inference.interfaces import EmbedderUnavailable
from mnemo.inference.succession import LOADING, Embedder, ISuccession, Successor, file_of
from tests.inference.fakes import NO_MODEL, FakeEngine


class SuccessorTestCase(SynchronousTestCase):
    """The model C{new} is wanted. Vectors are of C{old}, and its file is there."""

    searched = "old"

    def setUp(self) -> None:
        self.new, self.old = FakeEngine("new"), FakeEngine("old")
        self.there: dict[str, Embedder] = {"old": self.old}
        self.successor = Successor(
            self.new, lambda: self.searched, lambda name: succeed(self.there.get(name))
        )
        self.told: list[str] = []
        self.successor.on_ready(self.hear)

    def hear(self) -> None:
        assert self.successor.model is not None
        self.told.append(self.successor.model.name)

    def start(self) -> None:
        self.successResultOf(self.successor.start())

    @property
    def in_use(self) -> str:
        return "" if self.successor.model is None else self.successor.model.name

    @property
    def next(self) -> str:
        following = self.successor.next
        return "" if following is None or following.model is None else following.model.name

    def embed(self, text: str = "heron") -> np.ndarray:
        vector: np.ndarray = self.successResultOf(self.successor.embed([text]))[0]
        return vector


class AnotherModel(SuccessorTestCase):
    def test_it_is_an_embedder(self) -> None:
        self.start()
        self.assertTrue(verifyObject(ISuccession, self.successor))

    def test_the_earlier_model_answers_and_the_wanted_one_is_next(self) -> None:
        self.start()
        self.assertEqual((self.in_use, self.next, self.successor.problem), ("old", "new", ""))
        self.embed("heron")
        self.assertEqual((self.old.embedded, self.new.embedded), (["heron"], []))
        self.assertEqual(self.told, ["old"])

    def test_the_one_that_answers_counts_the_tokens(self) -> None:
        self.start()
        told: list[int] = []
        self.successResultOf(self.successor.embed(["a grey heron"], counted=told.append))
        self.assertEqual(told, [3])

    def test_before_it_is_known_which_there_is_none(self) -> None:
        finding: Deferred[Embedder | None] = Deferred()
        self.successor.find = lambda _: finding
        started = self.successor.start()
        self.assertEqual((self.in_use, self.next, self.successor.problem), ("", "", LOADING))
        refused = self.successor.embed(["heron"])
        self.assertEqual(str(self.failureResultOf(refused, EmbedderUnavailable).value), LOADING)
        finding.callback(self.old)
        self.successResultOf(started)
        self.assertEqual((self.in_use, self.told), ("old", ["old"]))

    def test_after_the_change_the_wanted_one_answers_and_the_earlier_is_given_up(self) -> None:
        self.start()
        self.successor.change_over()
        self.assertEqual((self.in_use, self.next), ("new", ""))
        self.embed("heron")
        self.assertEqual((self.old.embedded, self.new.embedded), ([], ["heron"]))
        self.assertEqual((self.old.stopped, self.new.stopped), (True, False))
        self.assertEqual(self.told, ["old", "new"])

    def test_a_query_on_its_way_is_answered_by_the_model_that_is_in_use_then(self) -> None:
        self.start()
        self.old.hold()
        asked = self.successor.embed(["heron"])
        self.successor.change_over()
        self.old.release()
        self.assertEqual(len(self.successResultOf(asked)), 1)
        self.assertEqual(self.new.embedded, ["heron"])

    def test_so_it_is_where_the_earlier_one_fails_it_as_it_goes(self) -> None:
        self.start()
        answer: Deferred[np.ndarray] = Deferred()
        self.patch(self.old, "embed", lambda *_: answer)
        asked = self.successor.embed(["heron"])
        self.successor.change_over()
        answer.errback(EmbedderUnavailable("it stops"))
        self.assertEqual(len(self.successResultOf(asked)), 1)

    def test_a_failure_of_the_model_in_use_is_one(self) -> None:
        self.start()
        self.old.fail_with(EmbedderUnavailable("decode returned -3"))
        self.failureResultOf(self.successor.embed(["heron"]), EmbedderUnavailable)

    def test_a_query_that_nobody_waits_for_is_dropped(self) -> None:
        self.start()
        self.old.hold()
        asked = self.successor.embed(["heron"])
        asked.addErrback(lambda _: None)
        asked.cancel()
        self.assertEqual(self.old.held, 0)

    def test_the_counters_are_of_both(self) -> None:
        self.start()
        self.embed()
        self.successResultOf(self.new.embed(["goose"]))
        self.assertEqual((self.successor.statistics.texts, self.successor.statistics.loads), (2, 2))

    def test_both_are_stopped(self) -> None:
        self.start()
        self.successResultOf(self.successor.stop())
        self.assertEqual((self.old.stopped, self.new.stopped), (True, True))

    def test_a_listener_that_fails_stops_no_other(self) -> None:
        def defect() -> None:
            raise ValueError

        self.start()
        self.successor.on_ready(defect)
        self.successor.change_over()
        self.assertEqual(self.told, ["old", "new"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)


class WithoutTheWantedModel(SuccessorTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.new.take_model_away()

    def test_the_earlier_one_answers_alone(self) -> None:
        self.start()
        self.assertEqual((self.in_use, self.next, self.told), ("old", "", ["old"]))

    def test_when_it_comes_it_is_next(self) -> None:
        self.start()
        self.new.give_model_back()
        self.assertEqual((self.in_use, self.next, self.told), ("old", "new", ["old", "old"]))

    def test_where_it_is_the_same_after_all_it_takes_over_at_once(self) -> None:
        self.start()
        self.new.give_model_back("old")
        self.assertEqual((self.in_use, self.next, self.old.stopped), ("old", "", True))
        self.embed()
        self.assertEqual(self.new.embedded, ["heron"])

    def test_without_either_it_says_what_mends_it(self) -> None:
        self.there.clear()
        self.start()
        self.assertEqual((self.in_use, self.successor.problem), ("", NO_MODEL))
        self.new.give_model_back()
        self.assertEqual((self.in_use, self.told), ("new", ["new"]))


class WithoutTheEarlierModel(SuccessorTestCase):
    def answers_alone(self) -> None:
        self.start()
        self.assertEqual((self.in_use, self.next, self.told), ("new", "", ["new"]))

    def test_the_wanted_one_answers_where_its_file_is_gone(self) -> None:
        self.there.clear()
        self.answers_alone()

    def test_or_it_cannot_be_loaded(self) -> None:
        self.old.take_model_away()
        self.answers_alone()
        self.assertTrue(self.old.stopped)

    def test_or_it_is_another_one_by_now(self) -> None:
        self.old.give_model_back("older")
        self.answers_alone()
        self.assertTrue(self.old.stopped)

    def test_or_it_could_not_be_looked_for(self) -> None:
        self.successor.find = lambda _: fail(OSError("no disk"))
        self.answers_alone()
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_the_same_model_is_loaded_once(self) -> None:
        self.searched = "new"
        self.there["new"] = self.old
        self.answers_alone()
        self.assertFalse(self.old.started)

    def test_before_the_first_vector_there_is_nothing_to_look_for(self) -> None:
        self.searched = ""
        self.there[""] = self.old
        self.answers_alone()
        self.assertFalse(self.old.started)

    def test_one_that_is_found_after_the_end_is_not_loaded(self) -> None:
        finding: Deferred[Embedder | None] = Deferred()
        self.successor.find = lambda _: finding
        self.successor.start()
        self.successResultOf(self.successor.stop())
        finding.callback(self.old)
        self.assertFalse(self.old.started)


class FindingTheFile(SynchronousTestCase):
    def setUp(self) -> None:
        self.models = Path(self.mktemp())
        self.models.mkdir()
        self.file = self.models / "tiny-v2.gguf"
        self.file.write_bytes(b"weights")
        self.name = f"tiny-v2-{digest(self.file)[:8]}"

    def test_it_is_found_by_what_the_model_calls_itself(self) -> None:
        self.assertEqual(file_of(self.models, self.name), self.file)

    def test_a_link_in_the_folder_will_do(self) -> None:
        there = self.file.rename(self.models.parent / "elsewhere")
        self.file.symlink_to(there.absolute())
        self.assertEqual(file_of(self.models, self.name), self.file)

    def test_another_file_of_that_name_is_another_model(self) -> None:
        self.file.write_bytes(b"other weights")
        self.assertIsNone(file_of(self.models, self.name))

    def test_the_model_of_a_server_has_none(self) -> None:
        for name in ("nomic-embed-text", "m", "", "../tiny-v2-00000000", "tiny-v2-"):
            self.assertIsNone(file_of(self.models, name), name)

    def test_a_name_leads_out_of_no_folder(self) -> None:
        inner = self.models / "inner"
        inner.mkdir()
        self.assertIsNone(file_of(inner, f"../{self.name}"))
