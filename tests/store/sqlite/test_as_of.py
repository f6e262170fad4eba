"""The store as of a moment, against a list of all that was done to it."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from attrs import define, field
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.search import Filter
from tests.store.inline import open_store, result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import DIMENSIONS, direction, embed, found, new, word


@define
class Life:
    """
    What became of a memory.

    @ivar texts: from when on it had which word
    @ivar forgotten: when it was forgotten, and restored, by turns
    """

    project: str
    texts: list[tuple[float, str]]
    forgotten: list[float] = field(factory=list)

    def said_at(self, moment: float) -> str | None:
        said = [word for since, word in self.texts if since <= moment]
        return said[-1] if said else None

    def is_forgotten_at(self, moment: float) -> bool:
        return sum(at <= moment for at in self.forgotten) % 2 == 1


class AsOfMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir="."))
        self.clock = Clock()
        self.now = 100.0
        self.lives: dict[str, Life] = {}
        self.counter = 0
        self.store = open_store(self.directory, self.clock)

    def teardown(self) -> None:
        result_of(self.store.stop())
        shutil.rmtree(self.directory)

    @initialize()
    def use_a_model(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))

    def some(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.lives)))

    def tick(self) -> float:
        self.now += 1.0
        return self.now

    def new_word(self) -> str:
        self.counter += 1
        return word(self.counter)

    @rule(project=st.sampled_from(["p", "q"]))
    def remember(self, project: str) -> None:
        said, now = self.new_word(), self.tick()
        one = f"m{self.counter}"
        text = f"{said} and the common rest"
        result_of(self.store.add(new(one, text, project=project, created=now)))
        self.lives[one] = Life(project, [(now, said)])

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def amend(self, data: st.DataObject) -> None:
        one, said, now = self.some(data), self.new_word(), self.tick()
        result_of(self.store.amend(one, f"{said} and the common rest", now))
        self.lives[one].texts.append((now, said))

    @precondition(lambda self: self.lives)
    @rule(data=st.data(), archived=st.booleans())
    def forget_or_restore(self, data: st.DataObject, archived: bool) -> None:
        one, now = self.some(data), self.tick()
        life = self.lives[one]
        result_of(self.store.archive([one], archived, now))
        if life.is_forgotten_at(now) != archived:
            life.forgotten.append(now)

    @precondition(lambda self: self.lives)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        one = self.some(data)
        result_of(self.store.purge([one]))
        del self.lives[one]

    @rule()
    def reopen(self) -> None:
        result_of(self.store.stop())
        self.store = open_store(self.directory, self.clock)

    @rule(
        data=st.data(),
        project=st.sampled_from([None, "p"]),
        state=st.sampled_from([None, "active", "archived"]),
        limit=st.sampled_from([1, 99]),
    )
    def it_answers_as_then(
        self, data: st.DataObject, project: str | None, state: Any, limit: int
    ) -> None:
        moment = data.draw(st.floats(99.0, self.now + 1.0))
        wanted = Filter(now=self.now, project=project, state=state, as_of=moment)
        expected = {
            one: said
            for one, life in self.lives.items()
            if (said := life.said_at(moment)) is not None
            and project in (None, life.project)
            and life.is_forgotten_at(moment) == (state == "archived")
        }
        answer = found(self.store, "common", wanted=wanted, limit=limit)
        self.agrees(answer, expected, whole=limit == 99)
        for one, life in self.lives.items():
            for _, said in life.texts:
                answer = found(self.store, said, wanted=wanted, limit=limit)
                self.agrees(answer, {one: said} if expected.get(one) == said else {}, whole=True)

    def agrees(self, answer: dict[str, Any], expected: dict[str, str], whole: bool) -> None:
        said = {one: candidate.memory.text.split()[0] for one, candidate in answer.items()}
        assert said.items() <= expected.items()
        assert bool(said) == bool(expected)
        if whole:
            assert said == expected


class Machine(SynchronousTestCase):
    def test_it_answers_as_of_any_moment_as_a_list_of_events_does(self) -> None:
        run_state_machine_as_test(
            AsOfMachine,
            settings=settings(
                max_examples=12,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


class AsOf(StoreTestCase):
    def as_of(self, moment: float, **wanted: Any) -> Filter:
        return Filter(now=1_000.0, as_of=moment, **wanted)

    def test_an_earlier_text_is_answered_as_it_was(self) -> None:
        self.add(new("m1", "the port is ninety", created=100.0))
        result_of(self.store.amend("m1", "the socket is forty", 200.0))
        (candidate,) = found(self.store, "port", wanted=self.as_of(150.0)).values()
        memory = candidate.memory
        self.assertEqual(
            (memory.text, memory.version, memory.updated), ("the port is ninety", 1, 100.0)
        )
        self.assertEqual(found(self.store, "socket", wanted=self.as_of(150.0)), {})
        self.assertEqual(found(self.store, "port", wanted=self.as_of(200.0)), {})

    def test_what_has_its_text_still_is_found_by_its_meaning(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.add(new("m1", "x", created=100.0), new("m2", "y", created=300.0))
        embed(self.store, {"m1": direction(1), "m2": direction(1, 1)})
        answer = found(self.store, "", direction(1, 1), self.as_of(200.0))
        self.assertEqual(set(answer), {"m1"})

    def test_many_amended_since_do_not_hide_what_was_not(self) -> None:
        self.add(*(new(f"m{n}", f"heron heron {word(n)}", created=100.0) for n in range(30)))
        self.add(
            new("old", "a long text in which the heron is only one of many words", created=100.0)
        )
        for number in range(30):
            result_of(self.store.amend(f"m{number}", f"heron heron heron {word(number)}", 200.0))
        answer = found(self.store, "heron", wanted=self.as_of(150.0), limit=40)
        self.assertEqual(len(answer), 31)

    def test_the_score_of_an_earlier_text_is_like_that_of_the_text_leg(self) -> None:
        self.add(*(new(f"m{n}", f"the heron {word(n)}", created=100.0) for n in range(20)))
        self.add(*(new(f"o{n}", f"the goose {word(n)}", created=100.0) for n in range(60)))
        self.clock.advance(60)
        before = found(self.store, "heron")["m0"].text_score
        result_of(self.store.amend("m0", "gone", 200.0))
        then = found(self.store, "heron", wanted=self.as_of(150.0))["m0"]
        assert before is not None
        assert then.text_score is not None
        self.assertLess(abs(before - then.text_score), 0.1 * before)
        self.assertEqual(then.coverage, 1.0)
