"""
Where the runs of a language model have their sequences, and what gives way when there is no room.

A run has its place in the model's cache before it begins: room for its prompt and its longest
answer, but for a beginning that is kept and copied. Plain state: no thread, no clock, no model.
"""

from collections.abc import Callable, Sequence

from mnemo.inference.prefix_cache import WORTH_KEEPING, PrefixCache
from mnemo.inference.run import Room, Run
from mnemo.inference.steps import Chore, Close, Copy, DecodeStep, Remove


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
        self.cache = PrefixCache()
        self.chores: list[Chore] = []
        self.free = list(range(room.sequences))
        self.prompt_tokens = self.reused = 0
        self._runs = runs

    def taken(self) -> list[Chore]:
        """The chores, which are done now."""
        chores, self.chores = self.chores, []
        return chores

    def doubted(self, step: DecodeStep | None) -> None:
        """
        A step has failed, and who knows what of it has been done. Chores can be done twice.
        """
        undone = () if step is None else step.chores
        again = [chore for chore in undone if isinstance(chore, Close)]
        removals = [Remove(sequence) for sequence in self.free]
        self.chores = list(dict.fromkeys([*self.chores, *again, *removals]))

    def place(self, run: Run, before: Sequence[Run]) -> bool:
        """Give C{run} a sequence, at the cost of all but C{before}, if there is room then."""
        base, shared = None, 0
        if self.room.keeps:
            base, shared = self.cache.best(run.tokens, run.session)
        whole = len(run.tokens) + run.left
        if base is not None:
            base.users += 1
            if not self._make_room(whole - shared, before):
                base.users -= 1
                base, shared = None, 0
        if base is None and not self._make_room(whole, before):
            return False
        run.sequence, run.base = self.free.pop(), base
        run.held, run.charge = shared, whole - shared
        if base is not None:
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
        return self.cache.tokens + sum(run.charge for run in self._runs())

    def _make_room(self, tokens: int, before: Sequence[Run]) -> bool:
        """Whether there is a sequence and room for C{tokens}, once others have given way."""
        while not self.free or self.used + tokens > self.room.capacity:
            if not self.give_way(before):
                return False
        return True

    def give_way(self, before: Sequence[Run]) -> bool:
        """Whether something could be dropped: a kept beginning, or else a run not of C{before}."""
        kept = self.cache.give_way()
        if kept is not None:
            self._empty(kept.sequence)
            return True
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

    def _unbase(self, run: Run) -> None:
        if run.base is not None:
            run.base.users -= 1
            run.base = None

    # -- what is kept

    def keep(self, run: Run) -> bool:
        """Keep what a run that has ended has computed for its session, if that is possible."""
        if not (self.room.keeps and run.session and run.sequence is not None):
            return False
        self._unbase(run)
        if run.held < WORTH_KEEPING or not self._make_room(run.held, self._runs()):
            return False
        for old in self.cache.keep(run.sequence, run.tokens[: run.held], run.session):
            self._empty(old.sequence)
        run.sequence, run.held, run.charge = None, 0, 0
        return True

    def keep_fixed(self, run: Run) -> None:
        """Keep the fixed beginning of a run for all: it has just been computed."""
        if not (self.room.keeps and run.base is None and self.free and run.sequence is not None):
            return
        fixed = run.tokens[: run.fixed]
        if len(fixed) < WORTH_KEEPING or self.cache.has(fixed, None):
            return
        sequence = self.free.pop()
        self.chores.append(Copy(run.sequence, sequence, run.fixed))
        for old in self.cache.keep(sequence, fixed, None):
            self._empty(old.sequence)
        run.base, _ = self.cache.best(run.tokens, run.session)
        assert run.base is not None
        run.base.users += 1
        run.charge -= run.fixed
