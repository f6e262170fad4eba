from attrs import evolve
from twisted.internet.defer import Deferred, fail

from mnemo.config import UnderstandingConfig
from mnemo.store.interfaces import StoreError
from mnemo.store.sqlite.jobs import TRIES
from mnemo.store.understanding import Around, Pattern
from mnemo.understanding import patterns as finding
from mnemo.understanding import studying as studies
from mnemo.understanding.strength import HALF_LIFE, strength
from mnemo.understanding.studying import BATCH, LEASE, LOOK, NOTED, REST
from tests.understanding.room import ALL, DAY, OTHERS, PATTERNS, POOL, UnderstandingTestCase


class Finding(UnderstandingTestCase):
    def test_what_recurs_in_several_sessions_is_a_pattern(self) -> None:
        self.studying(PATTERNS)
        self.recurring(OTHERS)
        kept = self.recurring(POOL, type="error")
        self.look()
        (found,) = self.patterns()
        self.assertEqual(found.kind, "recurring_error")
        self.assertEqual((found.count, found.occasions), (5, 5))
        self.assertEqual((found.first, found.last), (kept[0].created, kept[-1].created))
        self.assertEqual(set(found.evidence), {each.id for each in kept})
        self.assertEqual(self.waiting(), 0)

    def test_its_words_are_those_of_its_evidence(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        self.look()
        (found,) = self.patterns()
        self.assertEqual(self.known(found.source).text, found.said)
        self.assertIn(found.source, found.evidence)
        self.assertIn("connection pool", found.title)

    def test_decisions_are_a_pattern_of_decisions_and_a_mixture_is_a_theme(self) -> None:
        self.studying(PATTERNS)
        self.recurring(type="decision")
        self.recurring(project="q")
        self.look()
        kinds = {each.project: each.kind for each in self.patterns()}
        self.assertEqual(kinds, {"p": "decision_pattern", "q": "theme"})

    def test_what_was_said_in_one_go_has_not_recurred(self) -> None:
        self.studying(PATTERNS)
        for text in POOL:
            self.remember(text, session="one")
        self.look()
        self.assertEqual(self.patterns(), [])

    def test_two_are_no_pattern_and_a_third_that_comes_later_makes_one(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:2])
        self.look()
        self.assertEqual(self.patterns(), [])
        self.recurring(POOL[2:3])
        self.look()
        (found,) = self.patterns()
        self.assertEqual(found.count, 3)

    def test_what_differs_makes_none(self) -> None:
        self.studying(PATTERNS)
        self.recurring((*OTHERS, *POOL[:2]))
        self.look()
        self.assertEqual(self.patterns(), [])

    def test_projects_have_patterns_of_their_own(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:2])
        self.recurring(POOL[2:], project="q")
        self.look()
        (found,) = self.patterns()
        self.assertEqual((found.project, found.count), ("q", 3))
        self.assertEqual(self.patterns(project="p"), [])

    def test_handoffs_are_no_evidence(self) -> None:
        self.studying(PATTERNS)
        self.recurring(type="handoff")
        self.look()
        self.assertEqual(self.patterns(), [])

    def test_nothing_is_looked_for_where_that_is_not_wanted(self) -> None:
        made = self.studying(UnderstandingConfig())
        self.recurring()
        self.look()
        self.assertEqual((self.patterns(), made.works), ([], ()))
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Again(UnderstandingTestCase):
    def test_the_same_again_changes_nothing(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        self.look()
        before = self.patterns()
        # As if the rules had changed: everything is looked at anew.
        self.patch(studies, "_VERSIONS", {"patterns": "next", "gists": "next"})
        self.look()
        self.assertEqual(self.patterns(), before)

    def test_a_pattern_that_grows_keeps_its_id(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:3])
        self.look()
        (before,) = self.patterns()
        self.recurring(POOL[3:])
        self.look()
        (after,) = self.patterns()
        self.assertEqual((after.id, before.count, after.count), (before.id, 3, 5))
        self.assertGreater(self.strength(after), self.strength(before))

    def strength(self, pattern: Pattern) -> float:
        return strength(pattern, self.clock.seconds())

    def test_a_dismissed_pattern_stays_dismissed_when_its_group_has_drifted(self) -> None:
        self.studying(PATTERNS)
        kept = self.recurring(POOL[:3])
        self.look()
        (found,) = self.patterns()
        self.assertTrue(self.done(self.store.understanding.dismiss_pattern(found.id, 1.0)))
        # One goes, two come, and all is looked at anew.
        self.done(self.store.archive([kept[0].id], True, self.clock.seconds()))
        self.recurring(POOL[3:])
        self.patch(studies, "_VERSIONS", {"patterns": "next", "gists": "next"})
        self.look()
        self.assertEqual(self.patterns(), [])
        (still,) = self.patterns(dismissed=True)
        self.assertEqual((still.id, still.dismissed, still.count), (found.id, True, 4))

    def test_a_dismissed_pattern_stays_dismissed_when_all_its_memories_are_new(self) -> None:
        self.studying(PATTERNS)
        kept = self.recurring(POOL[:3])
        self.look()
        (found,) = self.patterns()
        self.done(self.store.understanding.dismiss_pattern(found.id, 1.0))
        self.done(self.store.archive([each.id for each in kept], True, self.clock.seconds()))
        self.recurring(tuple(f"{text} " for text in POOL))
        self.look()
        self.assertEqual(self.patterns(), [])

    def test_one_that_was_dismissed_does_not_hide_another(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        self.look()
        (found,) = self.patterns()
        self.done(self.store.understanding.dismiss_pattern(found.id, 1.0))
        self.recurring(
            (
                "Marmots whistle when eagles circle overhead at dawn.",
                "At dawn marmots whistle when eagles circle overhead.",
                "Eagles circle overhead at dawn and marmots whistle.",
            )
        )
        self.look()
        (other,) = self.patterns()
        self.assertIn("marmots", other.title)


class Vanishing(UnderstandingTestCase):
    def test_forgotten_evidence_does_not_count_until_it_is_back(self) -> None:
        self.studying(PATTERNS)
        kept = self.recurring()
        self.look()
        self.done(self.store.archive([kept[0].id], True, self.clock.seconds()))
        (found,) = self.patterns()
        self.assertEqual(found.count, 4)
        self.assertNotIn(kept[0].id, found.evidence)
        self.done(self.store.archive([kept[0].id], False, self.clock.seconds()))
        self.assertEqual(self.patterns()[0].count, 5)

    def test_amended_evidence_takes_its_words_with_it(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        self.look()
        (found,) = self.patterns()
        self.done(self.memories.remembering.amend(found.source, OTHERS[0]))
        self.assertEqual(self.patterns(), [])
        self.look()
        (after,) = self.patterns()
        self.assertEqual((after.id, after.count), (found.id, 4))
        self.assertNotIn(found.source, after.evidence)

    def test_hard_forgetting_leaves_no_byte_of_it_in_what_was_understood(self) -> None:
        self.studying(PATTERNS)
        texts = tuple(text.replace("billing", "xylophone") for text in POOL)
        kept = self.recurring(texts)
        self.look()
        self.assertIn("xylophone", self.patterns()[0].title)
        self.assertTrue(self.abstractions())
        self.done(self.store.purge([each.id for each in kept]))
        self.done(self.store.stop())
        for path in self.store._directory.glob("memory.sqlite3*"):
            self.assertNotIn(b"xylophone", path.read_bytes())

    def test_what_is_left_has_a_title_without_what_was_forgotten(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        odd = self.remember(f"{POOL[0]} Zebulon was told.", session="odd")
        self.look()
        self.done(self.store.purge([odd.id]))
        self.assertEqual(self.patterns(), [])
        self.look()
        (found,) = self.patterns()
        self.assertEqual(found.count, 5)
        self.assertNotIn("Zebulon", found.said)


class Leases(UnderstandingTestCase):
    def test_what_was_begun_and_not_ended_is_done_by_who_comes_next(self) -> None:
        self.recurring()
        kept = self.store.studies
        self.done(kept.note("patterns", f"{finding.VERSION} {self.store.model}", NOTED))
        now = self.clock.seconds()
        taken = self.done(kept.claim("patterns", "of the dead", now, now + LEASE, BATCH))
        self.assertEqual(len(taken), 5)
        # The process ends here; the next one finds the lease.
        self.studying(PATTERNS)
        self.look()
        self.assertEqual((self.patterns(), self.waiting()), ([], 5))
        self.clock.advance(LEASE)
        self.look()
        self.assertEqual((len(self.patterns()), self.waiting()), (1, 0))

    def test_who_has_lost_the_lease_keeps_nothing(self) -> None:
        self.recurring()
        kept, now = self.store.understanding, self.clock.seconds()
        studies = self.store.studies
        self.done(studies.note("patterns", "x", NOTED))
        old = self.done(studies.claim("patterns", "old", now, now + 1, BATCH))
        around: Around = self.done(kept.around(old, 16, now))
        (group,) = finding.recurring(around)
        found = finding.named(group, list(POOL), {}, lambda kind: f"{kind}1")
        new = self.done(studies.claim("patterns", "new", now + 2, now + LEASE, BATCH))
        self.assertFalse(self.done(kept.settle(old, [found], now)))
        self.assertEqual((self.patterns(), self.waiting()), ([], 5))
        self.assertTrue(self.done(kept.settle(new, [found], now)))
        self.assertFalse(self.done(kept.settle(new, [evolve(found, id="p2")], now)))
        self.assertEqual([each.id for each in self.patterns(dismissed=True)], ["p1"])

    def test_nothing_is_kept_of_a_text_that_has_changed_meanwhile(self) -> None:
        memories = self.recurring()
        kept, now = self.store.understanding, self.clock.seconds()
        self.done(self.store.studies.note("patterns", "x", NOTED))
        taken = self.done(self.store.studies.claim("patterns", "one", now, now + LEASE, BATCH))
        (group,) = finding.recurring(self.done(kept.around(taken, 16, now)))
        found = finding.named(group, list(POOL), {}, lambda kind: f"{kind}1")
        self.done(self.store.purge([memories[0].id]))
        self.assertFalse(self.done(kept.settle(taken, [found], now)))
        self.assertEqual(self.patterns(), [])

    def test_a_stop_in_the_middle_gives_back_at_once(self) -> None:
        self.recurring()
        made = self.studying(PATTERNS, start=False)
        waits: Deferred[object] = Deferred()
        made._in_thread = lambda work: waits  # type: ignore[assignment]
        made.start()
        self.look()
        self.assertEqual(len(made._held), 5)
        self.done(made.stop())
        self.studying(PATTERNS)
        self.look()
        self.assertEqual(len(self.patterns()), 1)

    def test_a_job_that_fails_is_tried_again_later_and_parked_at_last(self) -> None:
        self.recurring()
        made = self.studying(PATTERNS)
        self.patch(finding, "recurring", lambda around: 1 / 0)
        for _ in range(TRIES + 1):
            self.look()
            self.clock.advance(2.0**TRIES * studies.FIRST_PAUSE)
            self.look()
        self.assertEqual((made.backlog.waiting, made.backlog.parked), (0, 5))
        self.assertEqual(made.backlog.reason, "ZeroDivisionError")

    def test_memories_without_a_vector_wait_for_it(self) -> None:
        self.embedder.take_model_away()
        self.recurring()
        made = self.studying(PATTERNS)
        self.look()
        self.assertEqual((self.patterns(), made.backlog.waiting), ([], 5))
        self.embedder.give_model_back()
        self.look()
        self.assertEqual(len(self.patterns()), 1)

    def test_what_is_left_when_the_time_is_over_waits_for_the_next_look(self) -> None:
        self.patch(studies, "BATCH", 2)
        self.patch(studies, "BUDGET", 0.01)
        self.recurring()
        self.studying(PATTERNS)
        self.clock.advance(LOOK)
        self.clock.advance(REST)
        self.assertEqual(self.waiting(), 3)
        self.look()
        self.look()
        self.assertEqual(self.waiting(), 0)
        self.assertEqual(len(self.patterns()), 1)

    def test_a_store_that_fails_is_told_and_tried_again(self) -> None:
        self.recurring()
        made = self.studying(PATTERNS)
        kept = self.store.studies
        self.patch(type(kept), "note", lambda *_: fail(StoreError("the disk is full")))
        self.clock.advance(LOOK)
        self.assertIn("the disk is full", made.problem)
        self.flushLoggedErrors(StoreError)


class Strength(UnderstandingTestCase):
    def test_it_is_arithmetic_and_sinks_while_nothing_comes(self) -> None:
        self.studying(PATTERNS)
        self.recurring()
        self.look()
        (found,) = self.patterns()
        fresh = strength(found, found.last)
        self.assertAlmostEqual(fresh, (1 - 2**-2) * (1 - 2**-5))
        self.assertAlmostEqual(strength(found, found.last + HALF_LIFE), fresh / 2)
        self.assertEqual(strength(found, found.last - DAY), fresh)


class LosingNothing(UnderstandingTestCase):
    def test_every_memory_is_as_it_was(self) -> None:
        kept = [*self.recurring(), *self.recurring(OTHERS, type="decision")]
        before = [self.known(each.id) for each in kept]
        self.studying(ALL)
        self.clock.advance(500 * DAY)
        self.look()
        self.assertTrue(self.patterns())
        self.assertEqual([self.known(each.id) for each in kept], before)
