"""What all that makes vectors in the background does: insist, and get past what a model refuses."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.inference.engine import EmbeddingFailed
from mnemo.inference.interfaces import EmbedderUnavailable
from mnemo.store.interfaces import StoreError
from mnemo.store.records import Unembedded

BATCH = 16
"""Texts embedded by one call; the engine cuts it finer where somebody waits."""

FIRST_PAUSE = 1.0
"""Seconds until a failure is tried again; doubled each time up to L{LONGEST_PAUSE}."""

LONGEST_PAUSE = 60.0


class NotEmbedded(Exception):
    """The model made no vector of some texts. Its text is one line."""


@define(eq=False)
class VectorWork(ABC):
    """
    Works until nothing is left to do, and tries again what fails.

    @ivar problem: why memories wait, in one line; empty while all goes well
    """

    _clock: IReactorTime
    problem: str = field(default="", init=False)
    _started: bool = field(default=False, init=False)
    _wanted: bool = field(default=False, init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)
    _running: Deferred[None] | None = field(default=None, init=False)
    _retry: IDelayedCall | None = field(default=None, init=False)

    log: ClassVar = Logger()

    @abstractmethod
    async def _work(self) -> None:
        """Do what there is to do. Raises where it has to be tried again."""

    @abstractmethod
    def _has_model(self) -> bool:
        """Whether there is anything to try again with; the return of a model wakes as well."""

    def stop(self) -> None:
        """Stop at once. What has no vector yet is done by the next who starts."""
        self._started = False
        self._cancel_retry()
        if self._running is not None:
            self._running.cancel()

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
            else:
                self._pause = FIRST_PAUSE

    def _try_later(self, problem: str) -> None:
        self.problem = problem
        if self._started and self._has_model():
            self._retry = self._clock.callLater(self._pause, self._try_again)
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)

    def _try_again(self) -> None:
        self._retry = None
        self._wake()

    def _cancel_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def _what_can_be(
        self,
        batch: Sequence[Unembedded],
        embed: Callable[[Sequence[Unembedded]], Awaitable[None]],
    ) -> set[int]:
        """Embed all but what the model refuses, and answer its keys. Raises where that is all."""
        try:
            await embed(batch)
        except Exception as error:
            if len(batch) == 1 or not concerns_texts(error):
                raise
            self.log.failure("A batch could not be embedded; its texts are tried one by one")
            return await self._singly(batch, embed)
        return set()

    async def _singly(
        self,
        batch: Sequence[Unembedded],
        embed: Callable[[Sequence[Unembedded]], Awaitable[None]],
    ) -> set[int]:
        refused: set[int] = set()
        for each in batch:
            try:
                await embed([each])
            except Exception as error:
                if not concerns_texts(error):
                    raise
                refused.add(each.key)
                last = error
        if len(refused) == len(batch):
            raise last
        return refused


def concerns_texts(error: Exception) -> bool:
    """Whether a failure may be that of some texts alone."""
    if isinstance(error, EmbeddingFailed):
        return True
    return not isinstance(error, CancelledError | EmbedderUnavailable | StoreError)
