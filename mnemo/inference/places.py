"""
Where the runs of a language model have their sequences, and what gives way when there is no room.

A run has its place in the model's cache before it begins: room for its prompt and its longest
answer, but for a beginning that is kept. That is in the cache once for all runs that rely on it,
and no longer than they do. Plain state: no thread, no clock, no model.
"""

from collections.abc import Callable, Sequence

from mnemo.inference.prefix_cache import WORTH_KEEPING, Kept, PrefixCache
from mnemo.inference.run import Room, Run
from mnemo.inference.steps import (
    Chore,
    Close,
    Copy,
    DecodeStep,
    Forget,
    Remove,
    Restore,
    Save,
)


class Places:
    """
    The sequences of one loaded model.

    @ivar cache: the beginnings that are kept
    @ivar chores: what is to be done to the sequences before the next step
    @ivar free: the sequences that nobody has
    @ivar prompt_tokens: how many tokens the prompts had that were let in
    @ivar reused: how many of these were not computed anew
    """

    def __init__(self, room: Room, runs: Callable[[], list[Run]]) -> None:
        """
        @param runs: every run that has not ended
        """
        self.room = room
        self.cache = PrefixCache(room.capacity, lambda kept: self.chores.append(Forget(kept.key)))
        self.chores: list[Chore] = []
        self.free = list(range(room.sequences))
        self.prompt_tokens = self.reused = 0
        self._runs = runs

    def taken(self) -> list[Chore]:
        """The chores, which are done now."""
        chores, self.chores = self.chores, []
        return chores

    def doubted(self, step: DecodeStep) -> None:
        """
        A step has failed, and who knows what of it has been done. Chores that free something
        can be done twice; of what was to be copied, saved or restored nothing is relied on.
        """
        again = [chore for chore in step.chores if isinstance(chore, Close | Forget)]
        keys = {chore.key for chore in step.chores if isinstance(chore, Save | Restore)}
        targets = {chore.target for chore in step.chores if isinstance(chore, Copy)}
        for run in self._runs():
            if run.sequence in targets or (run.base is not None and run.base.key in keys):
                self.let_go(run)
        for kept in [kept for kept in self.cache if kept.key in keys]:
            self.cache.drop(kept)
        removals = [Remove(sequence) for sequence in self.free]
        self.chores = list(dict.fromkeys([*self.chores, *again, *removals]))

    def place(self, run: Run, before: Sequence[Run]) -> bool:
        """Give C{run} a sequence, at the cost of all but C{before}, if there is room then."""
        base, shared = None, 0
        if self.room.keeps:
            base, shared = self.cache.best(run.tokens, run.session)
        whole = len(run.tokens) + run.left
        if base is not None and not self._rely_on(base, shared, whole, before):
            base = None
        if base is None and not self._make_room(whole, 1, before):
            return False
        shared = 0 if base is None else min(shared, base.placed)
        run.sequence, run.base = self.free.pop(), base
        run.held, run.charge = shared, whole - shared
        if base is not None and base.sequence is not None:
            self.chores.append(Copy(base.sequence, run.sequence, shared))
        if not run.started:
            run.started, run.reused = True, shared
            self.prompt_tokens += run.prompt
            self.reused += shared
        return True

    # -- room

    @property
    def used(self) -> int:
        """How many tokens of the cache are set aside."""
        return sum(kept.placed for kept in self.cache) + sum(run.charge for run in self._runs())

    def _make_room(self, tokens: int, sequences: int, before: Sequence[Run]) -> bool:
        """Whether there are sequences and room for C{tokens}, once others have given way."""
        while len(self.free) < sequences or self.used + tokens > self.room.capacity:
            if not self.give_way(before):
                return False
        return True

    def give_way(self, before: Sequence[Run]) -> bool:
        """Whether a run that is not of C{before} could be dropped."""
        later = [run for run in self._runs() if run.sequence is not None and run not in before]
        if not later:
            return False
        # Those that pause before those that run, background before interactive.
        self.let_go(max(later, key=lambda run: (not run.live, run.priority, run.number)))
        return True

    def let_go(self, run: Run) -> None:
        """Take the sequence of a run back."""
        if run.sequence is not None:
            self._empty(run.sequence)
        self._unbase(run)
        run.sequence, run.held, run.charge = None, 0, 0

    def _empty(self, sequence: int) -> None:
        self.chores.append(Remove(sequence))
        self.free.append(sequence)

    def _rely_on(self, base: Kept, shared: int, whole: int, before: Sequence[Run]) -> bool:
        """Have a run of C{whole} tokens share some with C{base}, if there is room then."""
        # What is there may be less of it than C{shared}: another run has begun with that.
        base.users += 1
        there = base.sequence is not None
        saved = min(shared, base.placed) if there else 0
        if (there and saved < WORTH_KEEPING) or not self._make_room(
            whole - saved, 1 if there else 2, before
        ):
            self._leave(base)
            return False
        if not there:
            base.sequence, base.placed = self.free.pop(), shared
            self.chores.append(Restore(base.key, base.sequence, shared))
        return True

    def _leave(self, base: Kept) -> None:
        """One run less relies on C{base}."""
        base.users -= 1
        if not base.users and base.sequence is not None:
            self._empty(base.sequence)
            base.sequence, base.placed = None, 0

    def _unbase(self, run: Run) -> None:
        if run.base is not None:
            self._leave(run.base)
            run.base = None

    # -- what is kept

    def keep(self, run: Run) -> None:
        """Keep what a run that has ended has computed for its session, if that is possible."""
        if not (self.room.keeps and run.session and run.sequence is not None):
            return
        # What it relied on may be superfluous from now on.
        self._unbase(run)
        if run.held < WORTH_KEEPING:
            return
        kept = self.cache.keep(run.tokens[: run.held], run.session)
        if kept is not None:
            self.chores.append(Save(run.sequence, kept.key))

    def keep_fixed(self, run: Run) -> None:
        """Keep the fixed beginning of a run for all: it has just been computed."""
        if not (self.room.keeps and run.base is None and self.free and run.sequence is not None):
            return
        fixed = run.tokens[: run.fixed]
        if len(fixed) < WORTH_KEEPING or self.cache.has(fixed, None):
            return
        base = self.cache.keep(fixed, None)
        if base is None:
            return
        base.users, base.sequence, base.placed = 1, self.free.pop(), run.fixed
        self.chores += [
            Copy(run.sequence, base.sequence, run.fixed),
            Save(base.sequence, base.key),
        ]
        run.base = base
        run.charge -= run.fixed
