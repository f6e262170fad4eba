"""The drafts of handoffs as the store keeps them."""

from pathlib import Path

from mnemo.store.drafts import Draft, DraftClaim
from mnemo.store.sessions import SessionRow
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import new


def session(id: str) -> SessionRow:
    return SessionRow(
        id=id, kind="mcp", version="", client="c", client_version="1", principal="local",
        project="p", created=1.0, active=1.0,
    )  # fmt: skip


def draft(claim: DraftClaim, text: str = "Decided:\n- to go on [a]", at: float = 100.0) -> Draft:
    return Draft(claim.session, claim.project, text, ("a",), at, "extractive", "1")


class DraftsTestCase(StoreTestCase):
    def begin(self, id: str) -> None:
        result_of(self.store.sessions.save(session(id)))

    def end(self, id: str) -> None:
        result_of(self.store.sessions.end(id, 200.0, "idle"))

    def claim(self, lease: str = "l", now: float = 300.0, until: float = 330.0) -> list[DraftClaim]:
        return result_of(self.store.drafts.claim(lease, now, until, 10))

    def finish(self, claim: DraftClaim, made: Draft | None) -> bool:
        return result_of(self.store.drafts.finish(claim, made, 310.0))

    def waiting(self) -> int:
        return result_of(self.store.drafts.waiting())

    def latest(self, project: str | None = "p") -> str:
        found = result_of(self.store.drafts.latest(project))
        return "" if found is None else found.text

    def ended(self) -> None:
        """A session with two memories that has ended, and whose draft has been made."""
        self.begin("s")
        self.add(new("a", session="s"), new("b", session="s", created=120.0))
        self.end("s")
        (claim,) = self.claim()
        self.assertTrue(self.finish(claim, draft(claim)))


class Waiting(DraftsTestCase):
    def test_a_session_that_ends_lets_a_draft_wait_for_each_of_its_projects(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"), new("b", session="s", project="q"), new("c", session="t"))
        self.assertEqual(self.waiting(), 0)
        self.end("s")
        self.assertEqual(
            [(each.session, each.project) for each in self.claim()], [("s", "p"), ("s", "q")]
        )

    def test_a_session_without_memories_lets_none_wait(self) -> None:
        self.begin("s")
        self.end("s")
        self.assertEqual(self.waiting(), 0)

    def test_it_waits_on_after_the_store_was_opened_again(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"))
        self.end("s")
        self.reopen()
        self.assertEqual(self.waiting(), 1)

    def test_what_was_claimed_is_nobody_elses_until_the_lease_ends(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"))
        self.end("s")
        (first,) = self.claim("one", 300.0, 330.0)
        self.assertEqual(self.claim("two", 329.0, 360.0), [])
        (second,) = self.claim("three", 330.0, 360.0)
        self.assertFalse(self.finish(first, draft(first, "late")))
        self.assertTrue(self.finish(second, draft(second)))
        self.assertIn("go on", self.latest())
        self.assertEqual(self.waiting(), 0)

    def test_what_fails_too_often_is_given_up(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"))
        self.end("s")
        for now in range(5):
            (claim,) = self.claim(f"l{now}", 300.0 + now, 400.0)
            result_of(self.store.drafts.give_back(claim, 301.0 + now, True))
        self.assertEqual(self.claim("last", 500.0, 600.0), [])
        self.assertEqual(self.waiting(), 0)
        self.assertEqual(self.latest(), "")

    def test_giving_back_without_a_failure_is_no_try(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"))
        self.end("s")
        for now in range(9):
            (claim,) = self.claim(f"l{now}", 300.0 + now, 400.0)
            result_of(self.store.drafts.give_back(claim, 301.0 + now, False))


class Material(DraftsTestCase):
    def material(self, limit: int = 10) -> list[str]:
        (claim,) = self.claim()
        return self.ids(result_of(self.store.drafts.material(claim, limit)))

    def test_it_is_what_the_session_remembered_oldest_first(self) -> None:
        self.begin("s")
        self.add(*(new(f"m{n}", session="s", created=100.0 + n) for n in range(4)))
        self.add(new("other", session="t"), new("gone", session="s"))
        result_of(self.store.archive(["gone"], True, 150.0))
        self.end("s")
        self.assertEqual(self.material(3), ["m1", "m2", "m3"])

    def test_there_is_none_where_the_session_has_left_a_handoff(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"), new("h", session="s", type="handoff"))
        self.end("s")
        self.assertEqual(self.material(), [])


class Changing(DraftsTestCase):
    def assert_gone_and_waiting(self) -> None:
        self.assertEqual(self.latest(), "")
        self.assertEqual(self.waiting(), 1)

    def test_the_one_with_the_newest_memories_is_the_latest(self) -> None:
        self.ended()
        self.begin("t")
        self.add(new("c", session="t", project="q", created=500.0))
        self.end("t")
        (claim,) = self.claim()
        self.finish(claim, draft(claim, "the other", at=500.0))
        self.assertEqual(self.latest("q"), "the other")
        self.assertIn("go on", self.latest("p"))
        self.assertEqual(self.latest(None), "the other")

    def test_an_amendment_takes_it_away_until_it_is_made_again(self) -> None:
        self.ended()
        result_of(self.store.amend("a", "other words", 400.0))
        self.assert_gone_and_waiting()

    def test_so_does_forgetting_and_restoring(self) -> None:
        for archived in (True, False):
            with self.subTest(archived=archived):
                if archived:
                    self.ended()
                else:
                    (claim,) = self.claim("again")
                    self.finish(claim, draft(claim))
                result_of(self.store.archive(["a"], archived, 400.0))
                self.assert_gone_and_waiting()

    def test_so_does_a_handoff_that_the_session_leaves_after_its_end(self) -> None:
        self.ended()
        self.add(new("h", session="s", type="handoff", created=400.0))
        self.assert_gone_and_waiting()

    def test_so_does_a_memory_of_a_call_that_ended_after_its_session(self) -> None:
        self.begin("s")
        self.end("s")
        self.add(new("late", session="s", created=201.0))
        self.assertEqual(self.waiting(), 1)

    def test_who_was_making_it_of_what_was_has_lost_the_lease(self) -> None:
        self.begin("s")
        self.add(new("a", session="s"))
        self.end("s")
        (claim,) = self.claim()
        result_of(self.store.amend("a", "other words", 400.0))
        self.assertFalse(self.finish(claim, draft(claim)))
        self.assert_gone_and_waiting()

    def test_what_has_nothing_to_do_with_its_words_leaves_it(self) -> None:
        self.ended()
        result_of(self.store.set_salience({"a": (0.9, 5000.0)}))
        self.add(new("c", session="t"), new("d"))
        self.assertIn("go on", self.latest())
        self.assertEqual(self.waiting(), 0)

    def test_where_all_memories_are_removed_for_good_nothing_is_left(self) -> None:
        self.ended()
        result_of(self.store.purge(["a"]))
        self.assert_gone_and_waiting()
        result_of(self.store.purge(["b"]))
        self.assertEqual(self.waiting(), 0)

    def test_no_byte_of_a_removed_memory_stays_in_a_draft(self) -> None:
        self.begin("s")
        self.add(new("a", "the zebrafish password", session="s"), new("b", session="s"))
        self.end("s")
        (claim,) = self.claim()
        self.finish(claim, draft(claim, "Decided:\n- the zebrafish password [a]"))
        self.assertTrue(self.holding(b"zebrafish"))
        result_of(self.store.purge(["a"]))
        self.assertEqual(self.holding(b"zebrafish"), [])

    def holding(self, word: bytes) -> list[Path]:
        """The files that hold a word."""
        files = [path for path in self.directory.rglob("*") if path.is_file()]
        return [path for path in files if word in path.read_bytes()]
