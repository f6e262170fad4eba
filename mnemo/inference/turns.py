"""
Whose turn it is on the language model. Plain state.

Interactive runs come first, background ones take what is free. Within a class the sessions take
turns: the first run of each before the second of any. Background runs that were passed over for
long have a row all the same.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from mnemo.inference.interfaces import Priority
from mnemo.inference.run import Run

PATIENCE: Final = 16
"""After so many steps without any background run one has a row, beyond the slots if need be."""


class Turns:
    """The runs that have not ended."""

    def __init__(self) -> None:
        self._passed_over = 0
        # The classes in the order of Priority; in each the sessions that have runs, those
        # whose turn is next first.
        self._lanes: dict[Priority, OrderedDict[str, list[Run]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def __iter__(self) -> Iterator[Run]:
        """All of them, in the order of their turns."""
        for lane in self._lanes.values():
            for level in _levels(lane):
                # Sorting keeps the turns, only that those that run go on running.
                yield from sorted(level, key=lambda run: not run.live)

    @property
    def runs(self) -> list[Run]:
        """All of them, session after session."""
        lanes = self._lanes.values()
        return [run for lane in lanes for runs in lane.values() for run in runs]

    @property
    def urgency(self) -> Priority | None:
        """The most urgent class that has any."""
        return next((priority for priority, lane in self._lanes.items() if lane), None)

    @property
    def running(self) -> int:
        """How many were in the latest step."""
        return sum(run.live for run in self.runs)

    def waiting(self, priority: Priority) -> int:
        """How many of a class are not in the latest step."""
        return sum(not run.live for runs in self._lanes[priority].values() for run in runs)

    def add(self, run: Run) -> None:
        """One more."""
        self._lanes[run.priority].setdefault(run.session, []).append(run)

    def remove(self, run: Run) -> None:
        """One has ended."""
        lane = self._lanes[run.priority]
        lane[run.session].remove(run)
        if not lane[run.session]:
            del lane[run.session]

    def entitled(self, slots: int) -> list[Run]:
        """Those that are to have a row, the first of them most of all."""
        chosen = list(islice(self, slots))
        background = self._lanes[Priority.BACKGROUND]
        patient = background and self._passed_over >= PATIENCE
        if patient and not any(run.background for run in chosen):
            # One that has begun goes on.
            chosen += sorted(next(_levels(background)), key=lambda run: run.sequence is None)[:1]
        return chosen

    def took(self, runs: Sequence[Run]) -> None:
        """These are in the step that begins, and no others."""
        for run in self.runs:
            if run in runs and not run.live:
                self._lanes[run.priority].move_to_end(run.session)
            run.live = run in runs

    def computed_beside(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Those of C{runs} that something is computed for: no background beside a prompt."""
        others = [run for run in runs if not run.background]
        computed = any(len(run.tokens) - run.held > 1 for run in others)
        if computed and self._passed_over < PATIENCE:
            runs = others
        passed_over = self._lanes[Priority.BACKGROUND] and not any(run.background for run in runs)
        self._passed_over = self._passed_over + 1 if passed_over else 0
        return runs


def _levels(lane: OrderedDict[str, list[Run]]) -> Iterator[list[Run]]:
    """The first run of each session, then the second of each that has one, and so on."""
    depth = 0
    while level := [runs[depth] for runs in lane.values() if len(runs) > depth]:
        yield level
        depth += 1
