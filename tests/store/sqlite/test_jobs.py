"""The queue of jobs: leases, tries, and that each job takes effect once."""

import sqlite3
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from attrs import define, evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.jobs import Claim, DerivedField, Finished, JobCounts
from mnemo.store.sqlite import jobs, memories
from mnemo.store.sqlite.jobs import TRIES
from mnemo.store.sqlite.schema import open_writer
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import new

NOW = 1000.0
LEASE = 60.0


def made(claim: Claim, value: object = "short", **more: Any) -> Finished:
    field = DerivedField("summary", value, "m", "1", {"epr": 1.0})
    return Finished(claim, (field,), "m 1", **more)


class Queue(StoreTestCase):
    def claim(self, lease: str = "one", now: float = NOW, **more: Any) -> list[Claim]:
        return result_of(self.store.jobs.claim(lease, now, now + LEASE, 10, **more))

    def finish(self, *results: Finished, now: float = NOW) -> int:
        return result_of(self.store.jobs.finish(results, now))

    def give_back(self, *claims: Claim, due: float = 0.0, failed: bool = False) -> None:
        result_of(self.store.jobs.give_back(claims, "it broke", due, failed))

    def counts(self) -> JobCounts:
        return result_of(self.store.jobs.counts())

    def derived(self, id: str = "a") -> list[DerivedField]:
        return list(result_of(self.store.jobs.derived([id])).get(id, ()))

    def test_what_is_kept_waits_from_the_same_commit_on(self) -> None:
        self.add(new("a", "text"), new("b", "other"))
        self.assertEqual([each.id for each in self.claim()], ["a", "b"])

    def test_a_claim_has_the_text_and_what_it_is_of(self) -> None:
        self.add(new("a", "text", project="p"))
        (claim,) = self.claim()
        told = (claim.id, claim.text, claim.project, claim.type, claim.version, claim.tries)
        self.assertEqual(told, ("a", "text", "p", "decision", 1, 1))

    def test_what_is_claimed_nobody_else_gets_until_the_lease_ends(self) -> None:
        self.add(new("a"))
        self.claim()
        self.assertEqual(self.claim("two", NOW + LEASE - 1), [])
        self.assertEqual(len(self.claim("two", NOW + LEASE)), 1)

    def test_a_lease_that_is_renewed_ends_later(self) -> None:
        self.add(new("a"))
        self.assertEqual(result_of(self.store.jobs.renew(self.claim(), NOW + 3 * LEASE)), 1)
        self.assertEqual(self.claim("two", NOW + 2 * LEASE), [])

    def test_what_is_derived_is_kept_and_the_job_done(self) -> None:
        self.add(new("a"))
        self.assertEqual(self.finish(made(self.claim()[0])), 1)
        self.assertEqual(
            self.derived(), [DerivedField("summary", "short", "m", "1", {"epr": 1.0}, NOW)]
        )
        self.assertEqual((self.counts().waiting, self.claim("two", 9e9)), (0, []))

    def test_who_has_lost_the_lease_changes_nothing(self) -> None:
        self.add(new("a"))
        (late,) = self.claim()
        (soon,) = self.claim("two", NOW + LEASE)
        self.assertEqual(self.finish(made(late, "late")), 0)
        self.assertEqual(result_of(self.store.jobs.renew([late], 9e9)), 0)
        self.give_back(late)
        self.assertEqual(self.finish(made(soon, "soon")), 1)
        self.assertEqual([each.value for each in self.derived()], ["soon"])

    def test_the_same_result_twice_takes_effect_once(self) -> None:
        self.add(new("a"))
        result = made(self.claim()[0])
        self.assertEqual([self.finish(result), self.finish(result)], [1, 0])

    def test_an_amendment_lets_it_wait_again_and_takes_what_was_derived(self) -> None:
        self.add(new("a"))
        self.finish(made(self.claim()[0]))
        result_of(self.store.amend("a", "other words", NOW))
        self.assertEqual(self.derived(), [])
        (claim,) = self.claim("two")
        self.assertEqual((claim.version, claim.text), (2, "other words"))

    def test_work_on_an_earlier_text_is_in_vain(self) -> None:
        self.add(new("a"))
        (claim,) = self.claim()
        result_of(self.store.amend("a", "other words", NOW))
        self.assertEqual(self.finish(made(claim)), 0)
        self.assertEqual(self.derived(), [])

    def test_what_is_given_back_is_due_when_it_says_and_costs_no_try(self) -> None:
        self.add(new("a"))
        self.give_back(*self.claim(), due=NOW + 5)
        self.assertEqual(self.claim("two", NOW + 4), [])
        self.assertEqual(self.claim("two", NOW + 5)[0].tries, 1)

    def test_what_fails_too_often_is_parked_with_the_reason(self) -> None:
        self.add(new("a"))
        for _ in range(TRIES):
            self.give_back(*self.claim(), failed=True)
        self.assertEqual(self.counts(), JobCounts(0, 1, "it broke"))

    def test_what_ends_the_process_too_often_is_parked(self) -> None:
        self.add(new("a"))
        for number in range(TRIES + 1):
            self.claim(str(number), NOW + number * LEASE)
        self.assertEqual(
            self.counts(), JobCounts(0, 1, f"it was begun {TRIES} times and never ended")
        )

    def test_what_is_made_for_now_is_kept_while_the_job_waits(self) -> None:
        self.add(new("a"))
        self.finish(made(self.claim()[0], problem="no model", again=NOW + 5))
        self.assertEqual(len(self.derived()), 1)
        self.assertEqual(self.claim("two", NOW + 9, fresh=True), [])
        (claim,) = self.claim("two", NOW + 9)
        self.assertEqual((claim.recipe, claim.tries), ("m 1", 1))

    def test_what_is_made_for_now_too_often_is_parked_and_kept(self) -> None:
        self.add(new("a"))
        for _ in range(TRIES):
            self.finish(made(self.claim()[0], problem="it broke", failed=True))
        self.assertEqual(self.counts(), JobCounts(0, 1, "it broke"))
        self.assertEqual(len(self.derived()), 1)

    def test_another_recipe_makes_anew_what_it_replaces_and_tries_what_was_parked(self) -> None:
        self.add(new("a"), new("b"))
        first, second = self.claim()
        self.finish(made(first), evolve(made(second), recipe="other 1"))
        requeue = self.store.jobs.requeue
        self.assertEqual(result_of(requeue("m 2", "m", 0, 10, NOW)), None)
        self.assertEqual([each.id for each in self.claim("two")], ["a"])
        self.assertEqual(result_of(requeue("x 1", "", 0, 1, NOW)), first.memory)

    def test_the_recipe_is_remembered(self) -> None:
        self.assertEqual(result_of(self.store.jobs.recipe()), "")
        result_of(self.store.jobs.use_recipe("m 1"))
        self.reopen()
        self.assertEqual(result_of(self.store.jobs.recipe()), "m 1")

    def test_the_queue_outlives_the_process(self) -> None:
        self.add(new("a"), new("b"))
        self.finish(made(self.claim()[0]))
        self.reopen()
        self.assertEqual([each.id for each in self.claim("two", NOW + LEASE)], ["b"])
        self.assertEqual(len(self.derived()), 1)

    def test_what_is_removed_takes_all_with_it(self) -> None:
        self.add(new("a", "the word xylophone"))
        self.finish(made(self.claim()[0], "xylophone"))
        result_of(self.store.purge(["a"]))
        self.assertEqual((self.counts(), self.derived()), (JobCounts(0, 0), []))
        self.stop()
        for path in self.directory.glob("memory.sqlite3*"):
            self.assertNotIn(b"xylophone", path.read_bytes())


@define
class Known:
    """What the model knows of a memory's job."""

    version: int = 1
    lease: str = ""
    until: float = 0.0
    tries: int = 0
    done: str = ""
    parked: bool = False


class JobMachine(RuleBasedStateMachine):
    """Workers that claim, finish, fail and die, against what should come of it."""

    claims = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.db: sqlite3.Connection = open_writer(Path(self.folder.name) / "m.sqlite3")
        self.now, self.number, self.recipe = NOW, 0, "m 1"
        self.known: dict[str, Known] = {}
        self.effects: Counter[tuple[str, int, str]] = Counter()

    def teardown(self) -> None:
        self.drain()
        self.db.close()
        self.folder.cleanup()

    def holds(self, claim: Claim) -> bool:
        known = self.known.get(claim.id)
        return known is not None and known.lease == claim.lease != ""

    @rule()
    def remember(self) -> None:
        self.number += 1
        memories.add(self.db, new(f"m{self.number}", f"text {self.number}"))
        self.known[f"m{self.number}"] = Known()

    @rule(data=st.data())
    def amend(self, data: st.DataObject) -> None:
        if self.known:
            id = data.draw(st.sampled_from(sorted(self.known)))  # noqa: A001
            self.number += 1
            memories.amend(self.db, id, f"text {self.number}", self.now)
            self.known[id] = Known(self.known[id].version + 1)

    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        if self.known:
            id = data.draw(st.sampled_from(sorted(self.known)))  # noqa: A001
            memories.purge(self.db, [id])
            del self.known[id]

    @rule(target=claims, limit=st.integers(1, 3))
    def claim(self, limit: int) -> Any:
        self.number += 1
        lease, until = f"lease {self.number}", self.now + LEASE
        taken = jobs.claim(self.db, lease, self.now, until, limit, False)
        for known in self.known.values():
            if known.tries >= TRIES and not known.done and known.until <= self.now:
                known.parked = self.is_parked(known)
        for each in taken:
            known = self.known[each.id]
            assert known.until <= self.now, "claimed while another holds it"
            assert not known.parked
            assert known.done != self.recipe
            assert each.version == known.version
            known.lease, known.until, known.tries = lease, until, known.tries + 1
            assert each.tries == known.tries <= TRIES
        return multiple(*taken)

    def is_parked(self, known: Known) -> bool:
        (id,) = (id for id, each in self.known.items() if each is known)  # noqa: A001
        row = self.db.execute(
            "SELECT state FROM jobs JOIN memories ON key = memory WHERE id = ?", (id,)
        ).fetchone()
        return bool(row[0] == "parked")

    @rule(claim=consumes(claims))
    def finish(self, claim: Claim) -> None:
        result = evolve(made(claim, claim.text), recipe=self.recipe)
        expected = self.holds(claim)
        assert jobs.finish(self.db, [result], self.now) == expected
        if expected:
            known = self.known[claim.id]
            self.effects[claim.id, known.version, self.recipe] += 1
            self.known[claim.id] = Known(known.version, done=self.recipe)

    @rule(claim=claims)
    def finish_again(self, claim: Claim) -> None:
        """A worker that was given up for dead comes back."""
        if not self.holds(claim):
            assert jobs.finish(self.db, [made(claim, "late")], self.now) == 0

    @rule(claim=consumes(claims), failed=st.booleans())
    def give_back(self, claim: Claim, failed: bool) -> None:
        jobs.give_back(self.db, [claim], "it broke", self.now + 5, failed)
        if self.holds(claim):
            known = self.known[claim.id]
            known.lease, known.until = "", self.now + 5
            known.tries -= 0 if failed else 1
            known.parked = failed and claim.tries >= TRIES

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        until = self.now + 2 * LEASE
        assert jobs.renew(self.db, [claim], until) == self.holds(claim)
        if self.holds(claim):
            self.known[claim.id].until = until

    @rule(seconds=st.sampled_from([1.0, 10.0, LEASE, 3 * LEASE]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start_with_another_recipe(self) -> None:
        """Who held something died with the process before."""
        self.now += 3 * LEASE
        self.number += 1
        self.recipe = f"m {self.number}"
        after: int | None = 0
        while after is not None:
            after = jobs.requeue(self.db, self.recipe, "", after, 2, self.now)
        for known in self.known.values():
            if known.done or known.parked or self.is_parked(known):
                known.tries = 0
                known.parked = False
            known.done, known.lease = "", ""
        self.db.execute("UPDATE jobs SET lease = ''")

    @invariant()
    def each_job_takes_effect_once(self) -> None:
        assert all(count == 1 for count in self.effects.values()), self.effects

    @invariant()
    def what_is_derived_is_of_the_present_text(self) -> None:
        for id, fields in jobs.derived(self.db, sorted(self.known)).items():  # noqa: A001
            (memory,) = memories.get(self.db, [id])
            assert [each.value for each in fields] in ([], [memory.text])
            if self.known[id].done == self.recipe:
                assert fields

    def drain(self) -> None:
        """Nothing is lost: with a worker that lives, every job ends."""
        for _ in range(2 * (TRIES + 1)):
            self.now += 3 * LEASE
            lease = f"last {self.now}"
            taken = jobs.claim(self.db, lease, self.now, self.now + LEASE, 1000, False)
            results = [evolve(made(each, each.text), recipe=self.recipe) for each in taken]
            assert jobs.finish(self.db, results, self.now) == len(taken)
            for each in taken:
                self.effects[each.id, each.version, self.recipe] += 1
        self.each_job_takes_effect_once()
        counts = jobs.counts(self.db)
        assert counts.waiting == 0
        ended = sum(self.effects[one, k.version, self.recipe] for one, k in self.known.items())
        assert ended + counts.parked == len(self.known)


class Machine(SynchronousTestCase):
    def test_each_job_takes_effect_once_whatever_happens_to_the_workers(self) -> None:
        run_state_machine_as_test(
            JobMachine,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
