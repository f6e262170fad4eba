"""Who runs, who waits, and why."""

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.interfaces import Priority
from mnemo.inference.queueing import (
    BEGINNING,
    INTERACTIVE_FIRST,
    NEXT,
    NO_ROOM,
    NO_SLOT,
    oldest,
    requests,
    waiting,
)
from mnemo.inference.run import PrepareStep, Prompt, Room, Run
from mnemo.inference.slots import Slots
from mnemo.inference.snapshot import Ages, Counts, Request
from mnemo.inference.steps import DecodeStep, Outcome, Token

INTERACTIVE, BACKGROUND = Priority


class RequestsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.make(slots=2)

    def make(self, slots: int, capacity: int = 1000) -> None:
        room = Room(slots=slots, sequences=9, capacity=capacity, window=capacity, batch=256)
        self.slots = Slots(room, 1.0)
        self.asked: list[tuple[Run, float]] = []

    def ask(self, session: str = "", priority: Priority = INTERACTIVE, most: int = 20) -> Run:
        run = self.slots.submit("a secret", most, priority, session)
        self.asked.append((run, float(len(self.asked))))
        return run

    def step(self, prompt: Sequence[int] = tuple(range(40)), fixed: int = 0) -> None:
        """Do all that is to be prepared, and begin a step of the model."""
        while isinstance(step := self.slots.next_step(), PrepareStep):
            self.slots.prepared(step, Prompt(list(prompt), fixed))
        self.running = step

    def end_step(self) -> None:
        step = self.running
        assert isinstance(step, DecodeStep)
        tokens = {each.run: [Token(7, b"x")] for each in step.chunks if each.most}
        self.slots.finish(step, Outcome(tokens), 0.01)

    def seen(self) -> tuple[Request, ...]:
        now = 10.0
        at = dict(self.asked)
        ordered = [(run, at[run]) for run in self.slots.turns]
        return requests(ordered, self.slots.room.slots, now, lambda session: f"the {session}")

    def whys(self) -> list[tuple[str, int, str]]:
        return [(each.session, each.position, each.why) for each in self.seen()]

    def test_what_runs_says_how_far_it_is(self) -> None:
        self.ask("ada")
        self.step()
        self.end_step()
        self.step()
        self.end_step()
        (one,) = self.seen()
        self.assertEqual((one.session, one.client, one.state), ("ada", "the ada", "running"))
        self.assertEqual((one.priority, one.position, one.why), ("interactive", 0, ""))
        self.assertEqual((one.prompt_tokens, one.age), (40, 10.0))
        self.assertGreaterEqual(one.tokens, 1)

    def test_nothing_of_a_prompt_is_in_it(self) -> None:
        self.ask("ada")
        self.assertNotIn("secret", repr(self.seen()))

    def test_who_has_just_come_is_next(self) -> None:
        self.ask("ada")
        self.assertEqual(self.whys(), [("ada", 1, NEXT)])

    def test_beyond_the_slots_one_waits_for_a_slot(self) -> None:
        for session in ("ada", "bob", "cyd", "dan"):
            self.ask(session)
        self.step()
        self.assertEqual(
            self.whys(),
            [("ada", 0, ""), ("bob", 0, ""), ("cyd", 1, NO_SLOT), ("dan", 2, NO_SLOT)],
        )

    def test_a_session_with_many_waits_for_its_own(self) -> None:
        self.ask("ada")
        self.ask("ada")
        self.ask("ada")
        self.ask("bob")
        self.step()
        self.assertEqual(
            self.whys(),
            [
                ("ada", 0, ""),
                ("bob", 0, ""),
                ("ada", 1, "1 of its own session before it"),
                ("ada", 2, "2 of its own session before it"),
            ],
        )

    def test_the_background_waits_for_people(self) -> None:
        self.ask("", BACKGROUND)
        self.ask("ada")
        self.ask("bob")
        self.step()
        self.assertEqual(self.whys()[-1], ("", 1, INTERACTIVE_FIRST))

    def test_where_the_cache_is_full_one_waits_for_room(self) -> None:
        self.make(slots=2, capacity=100)
        self.ask("ada", most=40)
        self.ask("bob", most=40)
        self.step()
        self.assertEqual(self.whys(), [("ada", 0, ""), ("bob", 1, NO_ROOM)])

    def test_a_beginning_is_computed_once(self) -> None:
        self.ask("ada")
        self.ask("bob")
        self.step(fixed=32)
        self.assertEqual(self.whys(), [("ada", 0, ""), ("bob", 1, BEGINNING)])

    def test_those_that_wait_are_counted_by_class(self) -> None:
        for session in ("ada", "bob", "cyd", "dan"):
            self.ask(session)
        self.ask("", BACKGROUND)
        self.step()
        seen = self.seen()
        self.assertEqual(waiting(seen), Counts(2, 1))
        self.assertEqual(oldest(seen), Ages(8.0, 6.0))
        self.assertEqual(oldest(()), Ages())
