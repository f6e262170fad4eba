"""Making the vectors of what was remembered, in the background."""

from collections.abc import Callable, Sequence

from attrs import define, field
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from mnemo.inference.interfaces import IEmbedder, ModelInfo, Priority
from mnemo.memory.courtesy import Turn, at_once
from mnemo.memory.vector_work import BATCH, NotEmbedded, VectorWork
from mnemo.store.interfaces import IStore
from mnemo.store.vectors import Unembedded

AT_ONCE = 2
"""So few have their vectors without waiting: who has just said something may ask for it."""

SHORT = 100
"""A backlog up to this long is gone in moments, and not worth a word."""


@define(eq=False)
class Vectoriser(VectorWork):
    """
    Empties the store's queue of memories without a vector.

    The queue lies in the database, so that nothing in it is lost: not by a failure, after
    which it is tried again, not by the end of the process, nor while there is no model.

    @ivar backlog: how many memories wait for a vector; some of them may be gone meanwhile
    @ivar embedded: called when some have their vectors
    @ivar keeping: held while vectors are made and kept. Who has it may change the model: no
        vector of one is then kept as one of the other
    """

    _store: IStore
    _embedder: IEmbedder
    _clock: IReactorTime
    embedded: Callable[[], None] = lambda: None
    _turn: Turn = at_once
    keeping: DeferredLock = field(factory=DeferredLock, init=False)
    backlog: int = field(default=0, init=False)
    _model: str = field(default="", init=False)

    @property
    def lag(self) -> str:
        """What whoever searches by meaning should know, in one line; empty if nothing."""
        if self.problem:
            return f"{self.backlog} memories are found by their words alone: {self.problem}"
        if self.backlog > SHORT:
            return f"{self.backlog} memories are found by their words alone until they have vectors"
        return ""

    @property
    def progress(self) -> tuple[int, int]:
        """How many memories have a vector of the model in use, and how many there are."""
        there = self._store.memories
        return max(0, there - self.backlog), there

    async def start(self) -> None:
        """Say which model is in use, then work whenever there is something to do."""
        self._started = True
        if self._embedder.model is None:
            await self._count()
        else:
            await self._announce(self._embedder.model)
        self._embedder.on_ready(self.model_ready)

    def written(self) -> None:
        """A text waits for its vector."""
        self.backlog += 1
        self._wake()

    def _has_model(self) -> bool:
        return self._embedder.model is not None

    async def _work(self) -> None:
        """Empty the queue, except for what the model refuses."""
        model = self._embedder.model
        if model is None:
            self.problem = self._embedder.problem
            return
        await self._announce(model)
        refused: set[int] = set()
        while batch := await self._next(refused):
            if len(batch) > AT_ONCE:
                await self._turn()
            refused |= await self._what_can_be(batch, self._embed)
        self.backlog = len(refused)
        if refused:
            raise NotEmbedded(f"the model made no vector of {len(refused)} memories")
        self.problem = ""

    async def _announce(self, model: ModelInfo) -> None:
        """Tell the store whose vectors to search, where that has changed."""
        if model.name != self._model:
            await self._store.vectors.use_model(model.name, model.dimensions)
            self._model = model.name
            await self._count()

    async def _count(self) -> None:
        self.backlog = await self._store.vectors.backlog()

    async def _next(self, refused: set[int]) -> list[Unembedded]:
        waiting = await self._store.vectors.unembedded(BATCH + len(refused))
        return [each for each in waiting if each.key not in refused][:BATCH]

    async def _embed(self, batch: Sequence[Unembedded]) -> None:
        async with self.keeping:
            texts = [each.text for each in batch]
            vectors = await self._embedder.embed(texts, Priority.BACKGROUND)
            await self._store.vectors.put(list(zip(batch, vectors, strict=True)))
        self.backlog = max(0, self.backlog - len(batch))
        self.embedded()
