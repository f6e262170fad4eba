"""Making the vectors of what was remembered, in the background."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, ModelInfo, Priority
from mnemo.store.interfaces import IStore, StoreError
from mnemo.store.records import Unembedded

BATCH = 16
"""Texts embedded by one call; the engine cuts it finer where somebody waits."""

SHORT = 100
"""A backlog up to this long is gone in moments, and not worth a word."""

FIRST_PAUSE = 1.0
"""Seconds until a failure is tried again; doubled each time up to L{LONGEST_PAUSE}."""

LONGEST_PAUSE = 60.0


class NotEmbedded(Exception):
    """The model made no vector of some texts. Its text is one line."""


@define(eq=False)
class Vectoriser:
    """
    Empties the store's queue of memories without a vector.

    The queue lies in the database, so that nothing in it is lost: not by a failure, after
    which it is tried again, not by the end of the process, nor while there is no model.

    @ivar backlog: how many memories wait for a vector; some of them may be gone meanwhile
    @ivar problem: why they wait, in one line; empty while all goes well
    @ivar embedded: called when some have their vectors
    """

    _store: IStore
    _embedder: IEmbedder
    _clock: IReactorTime
    embedded: Callable[[], None] = lambda: None
    backlog: int = field(default=0, init=False)
    problem: str = field(default="", init=False)
    _model: str = field(default="", init=False)
    _started: bool = field(default=False, init=False)
    _wanted: bool = field(default=False, init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)
    _running: Deferred[None] | None = field(default=None, init=False)
    _retry: IDelayedCall | None = field(default=None, init=False)

    log: ClassVar = Logger()

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

    def stop(self) -> None:
        """Stop at once. What has no vector yet is still in the queue."""
        self._started = False
        self._cancel_retry()
        if self._running is not None:
            self._running.cancel()

    def written(self) -> None:
        """A text waits for its vector."""
        self.backlog += 1
        self._wake()

    def model_ready(self) -> None:
        """There is a model, perhaps another one than before."""
        self._cancel_retry()
        self._pause = FIRST_PAUSE
        self._wake()

    def _wake(self) -> None:
        self._wanted = True
        if self._started and self._running is None and self._retry is None:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addBoth(self._rest)

    def _rest(self, _: object) -> None:
        self._running = None

    async def _run(self) -> None:
        """Work until nothing is left to do or something fails. Raises nothing."""
        while self._wanted and self._started and self._retry is None:
            self._wanted = False
            try:
                await self._work()
            except CancelledError:
                return
            except (EmbedderUnavailable, NotEmbedded, StoreError) as error:
                self.log.warn("Memories wait for their vectors: {problem}", problem=str(error))
                self._try_later(str(error))
            except Exception as error:
                self.log.failure("Memories could not be embedded; it will be tried again")
                self._try_later(f"memories could not be embedded: {error}")

    def _try_later(self, problem: str) -> None:
        self.problem = problem
        # Without a model there is nothing to try: its return wakes us.
        if self._started and self._embedder.model is not None:
            self._retry = self._clock.callLater(self._pause, self._try_again)
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    def _try_again(self) -> None:
        self._retry = None
        self._wake()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def _work(self) -> None:
        """Empty the queue, except for what the model refuses."""
        model = self._embedder.model
        if model is None:
            self.problem = self._embedder.problem
            return
        await self._announce(model)
        refused: set[int] = set()
        while batch := await self._next(refused):
            refused |= await self._embed_what_can_be(batch)
        self.backlog = len(refused)
        if refused:
            raise NotEmbedded(f"the model made no vector of {len(refused)} memories")
        self.problem = ""
        self._pause = FIRST_PAUSE

    async def _announce(self, model: ModelInfo) -> None:
        """Tell the store whose vectors to search, where that has changed."""
        if model.name != self._model:
            await self._store.use_model(model.name, model.dimensions)
            self._model = model.name
            await self._count()

    async def _count(self) -> None:
        self.backlog = (await self._store.statistics(self._clock.seconds())).unembedded

    async def _next(self, refused: set[int]) -> list[Unembedded]:
        waiting = await self._store.unembedded(BATCH + len(refused))
        return [each for each in waiting if each.key not in refused][:BATCH]

    async def _embed_what_can_be(self, batch: Sequence[Unembedded]) -> set[int]:
        """The keys of the texts that the model refuses; raises where it refuses all."""
        try:
            await self._embed(batch)
        except (CancelledError, EmbedderUnavailable, StoreError):
            raise
        except Exception:
            if len(batch) == 1:
                raise
            self.log.failure("A batch could not be embedded; its texts are tried one by one")
            return await self._embed_singly(batch)
        return set()

    async def _embed_singly(self, batch: Sequence[Unembedded]) -> set[int]:
        refused: set[int] = set()
        for each in batch:
            try:
                await self._embed([each])
            except (CancelledError, EmbedderUnavailable, StoreError):
                raise
            except Exception as error:
                refused.add(each.key)
                last = error
        if len(refused) == len(batch):
            raise last
        return refused

    async def _embed(self, batch: Sequence[Unembedded]) -> None:
        vectors = await self._embedder.embed([each.text for each in batch], Priority.BACKGROUND)
        await self._store.put_vectors(list(zip(batch, vectors, strict=True)))
        self.backlog = max(0, self.backlog - len(batch))
        self.embedded()
