"""Which requests to the language model run, which wait, in what place and why."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from attrs import evolve

from mnemo.inference.run import Run
from mnemo.inference.snapshot import CLASSES, Ages, Counts, Request

NEXT: Final = "it is its turn"
NO_SLOT: Final = "all slots are taken"
INTERACTIVE_FIRST: Final = "interactive requests come first"
NO_ROOM: Final = "the model's cache has no room for it"
BEGINNING: Final = "another request computes its beginning"


def requests(
    asked: Sequence[tuple[Run, float]],
    slots: int,
    now: float,
    client_of: Callable[[str], str],
) -> tuple[Request, ...]:
    """
    Those that run, and then those that wait, in the order of their turns.

    @param asked: what L{mnemo.inference.generator.LocalGenerator.asked} answers
    """
    runs = [run for run, _ in asked]
    # How many of the same session and class are before each.
    before: Counter[tuple[str, str]] = Counter()
    made = []
    for turn, (run, at) in enumerate(asked):
        priority = CLASSES[run.priority]
        made.append(
            Request(
                session=run.session,
                client=client_of(run.session),
                priority=priority,
                state="running" if run.live else "waiting",
                why="" if run.live else _why(run, turn, before[run.session, priority], runs, slots),
                position=0,
                prompt_tokens=run.prompt,
                reused_tokens=run.reused,
                tokens=max(0, len(run.tokens) - run.prompt),
                age=round(now - at, 3),
            )
        )
        before[run.session, priority] += 1
    return numbered(made)


def numbered(all_of_them: Sequence[Request]) -> tuple[Request, ...]:
    """Those that run, and then those that wait, each in its place."""
    running = [each for each in all_of_them if each.state == "running"]
    others = [each for each in all_of_them if each.state == "waiting"]
    places = (evolve(each, position=place) for place, each in enumerate(others, 1))
    return (*running, *places)


def waiting(those: Sequence[Request]) -> Counts:
    """How many of each class wait."""
    classes = [each.priority for each in those if each.state == "waiting"]
    return Counts(classes.count("interactive"), classes.count("background"))


def oldest(those: Sequence[Request]) -> Ages:
    """How long the request of each class waits that waits longest."""
    ages = {"interactive": 0.0, "background": 0.0}
    for each in those:
        if each.state == "waiting":
            ages[each.priority] = max(ages[each.priority], each.age)
    return Ages(**ages)


def _why(run: Run, turn: int, before: int, runs: Sequence[Run], slots: int) -> str:
    if turn >= slots:
        if before:
            return f"{before} of its own session before it"
        interactive = any(not other.background for other in runs)
        return INTERACTIVE_FIRST if run.background and interactive else NO_SLOT
    if not run.prompt:
        return NEXT
    if any(other.live and run.awaits(other) for other in runs):
        return BEGINNING
    return NEXT if run.sequence is not None else NO_ROOM
