"""Making the vectors of another model, while those there are go on answering."""

from collections.abc import Sequence

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from mnemo.inference.interfaces import ModelInfo, Priority
from mnemo.inference.succession import Embedder, ISuccession
from mnemo.memory.courtesy import Turn, at_once
from mnemo.memory.indexing import Vectoriser
from mnemo.memory.vector_work import BATCH, VectorWork, concerns_texts
from mnemo.store.interfaces import IStore
from mnemo.store.vectors import Unembedded

_PLAIN = "mnemo"
"""A text that no model refuses."""


@define(eq=False)
class Reembedder(VectorWork):
    """
    Embeds all memories by the model that is to follow, and then has it follow.

    What is made lies in the database, so that after a failure, or the end of the process, nothing
    of it is made again. New memories get their vectors from the L{Vectoriser} by the model in use
    at once, and from here by the next one.
    """

    _store: IStore
    _succession: ISuccession
    _clock: IReactorTime
    _vectoriser: Vectoriser
    _turn: Turn = at_once
    _made: int = field(default=0, init=False)
    _for: str = field(default="", init=False)

    @property
    def progress(self) -> tuple[int, int]:
        """How many memories have a vector of the wanted model, and how many there are."""
        if not self._for:
            return self._vectoriser.progress
        there = self._store.memories
        return min(self._made, there), there

    @property
    def meanwhile(self) -> str:
        """The model that answers until the wanted one has a vector of every memory; else empty."""
        model = self._succession.model
        return model.name if model is not None and self._succession.next is not None else ""

    def start(self) -> None:
        """Work as soon as there is a model that is to follow."""
        self._started = True
        self._succession.on_ready(self.model_ready)

    def _has_model(self) -> bool:
        return self._succession.next is not None

    async def _work(self) -> None:
        following = self._succession.next
        if following is None or following.model is None:
            self.problem = ""
            return
        model = following.model
        self._made, self._for = await self._store.vectors.embedded_by(model.name), model.name
        refused: set[int] = set()
        # What is written or amended behind this is done by the next round.
        while await self._round(following, model, refused):
            pass
        async with self._vectoriser.keeping:
            await self._store.vectors.change_over(model.name, model.dimensions)
            self._succession.change_over()
        self._for = self.problem = ""

    async def _round(self, following: Embedder, model: ModelInfo, refused: set[int]) -> bool:
        """Look at all memories once. Answers whether there was anything to do."""

        async def embed(batch: Sequence[Unembedded]) -> None:
            texts = [each.text for each in batch]
            vectors = await following.embed(texts, Priority.BACKGROUND)
            made = list(zip(batch, vectors, strict=True))
            self._made += await self._store.vectors.put_by(model.name, model.dimensions, made)
            self.problem = ""

        any_left, behind = False, 0
        while found := await self._store.vectors.unembedded_by(model.name, behind, BATCH):
            behind = found[-1].key
            if batch := [each for each in found if each.key not in refused]:
                any_left = True
                await self._turn()
                try:
                    refused |= await self._what_can_be(batch, embed)
                except Exception as error:
                    if not concerns_texts(error):
                        raise
                    # It is these that are refused if the model is well, and else it fails.
                    await following.embed([_PLAIN], Priority.BACKGROUND)
                    refused.update(each.key for each in batch)
        return any_left
