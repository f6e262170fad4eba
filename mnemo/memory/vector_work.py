"""What all that makes vectors in the background does: insist, and get past what a model refuses."""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import CancelledError
from twisted.logger import Logger

from mnemo.inference.embedding_calls import EmbeddingFailed
from mnemo.inference.interfaces import EmbedderUnavailable
from mnemo.store.background import Background
from mnemo.store.interfaces import StoreError
from mnemo.store.vectors import Unembedded

BATCH = 16
"""Texts embedded by one call; the engine cuts it finer where somebody waits."""

FIRST_PAUSE = 1.0
"""Seconds until a failure is tried again; doubled each time up to L{LONGEST_PAUSE}."""

LONGEST_PAUSE = 60.0


class NotEmbedded(Exception):
    """The model made no vector of some texts. Its text is one line."""


@define(eq=False)
class VectorWork(Background):
    """
    Works until nothing is left to do, and tries again what fails.

    @ivar problem: why memories wait, in one line; empty while all goes well
    """

    in_vain: ClassVar = "Memories could not be embedded"
    log: ClassVar = Logger()

    problem: str = field(default="", init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)

    @abstractmethod
    async def _work(self) -> None:
        """Do what there is to do. Raises where it has to be tried again."""

    @abstractmethod
    def _has_model(self) -> bool:
        """Whether there is anything to try again with; the return of a model wakes as well."""

    def model_ready(self) -> None:
        """There is a model, perhaps another one than before."""
        self._cancel_timer()
        self._pause = FIRST_PAUSE
        self._wake()

    def _wake(self) -> None:
        # What has failed waits for its time.
        if self._timer is None:
            super()._wake()

    async def _look(self) -> None:
        await self._work()
        self._pause = FIRST_PAUSE

    def _failed(self, error: Exception) -> None:
        if isinstance(error, EmbedderUnavailable | NotEmbedded | StoreError):
            self.problem = str(error)
            self.log.warn("Memories wait for their vectors: {problem}", problem=self.problem)
        else:
            self.problem = f"memories could not be embedded: {error}"
            super()._failed(error)
        if self._has_model():
            self._look_in(self._pause)
            self._pause = min(LONGEST_PAUSE, 2 * self._pause)

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
