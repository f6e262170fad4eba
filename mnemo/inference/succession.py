"""One embedding model after another: the earlier answers until the other has made its vectors."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from attrs import astuple, define, evolve, field
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from zope.interface import Attribute, implementer

from mnemo.inference.catalogue import SUFFIX
from mnemo.inference.checksums import digest
from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    ModelInfo,
    Priority,
)

Vectors = NDArray[np.float32]

LOADING = "the embedding model is being loaded"


class Embedder(Protocol):
    """An L{IEmbedder} with a life of its own."""

    model: ModelInfo | None

    @property
    def problem(self) -> str:
        """Empty when it works."""

    @property
    def statistics(self) -> EngineStatistics:
        """Counters, as they are now."""

    def start(self) -> Deferred[None]:
        """Load the model, or begin to. Fails never."""

    def stop(self) -> Deferred[None]:
        """Give the model up."""

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = ...,
        session: str = ...,
        counted: Callable[[int], object] | None = ...,
    ) -> Deferred[Vectors]:
        """The unit vectors of texts."""

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and each time one has been loaded."""


class ISuccession(IEmbedder):
    """An embedder whose model may be about to give way to another."""

    next: Embedder | None = Attribute(
        "What is to follow the model in use, once it has made a vector of every memory; or None."
    )

    def change_over() -> None:
        """The model that was to follow is in use from now on, and the earlier one is given up."""


@implementer(ISuccession)
@define(eq=False)
class Successor:
    """
    Embeds by the model whose vectors are searched, also where another one is wanted by now.

    Both are in memory until L{change_over}. Where the earlier one cannot be had any more, the
    wanted one is in use from the start, and memories lack vectors until it has made them.

    @ivar wanted: the configured model
    @ivar searched: says by the name of which model the vectors are that there are; empty for none
    @ivar find: an embedder by the model of that name, or C{None} where its file is not there
    """

    wanted: Embedder
    searched: Callable[[], str]
    find: Callable[[str], Deferred[Embedder | None]]
    _before: Embedder | None = field(default=None, init=False)
    _settled: bool = field(default=False, init=False)
    _stopping: bool = field(default=False, init=False)
    _leaving: Deferred[None] | None = field(default=None, init=False)
    _callbacks: list[Callable[[], object]] = field(factory=list, init=False)

    log = Logger()

    # -- its life

    def start(self) -> Deferred[None]:
        """Load the wanted model, and the one that is in use where that is another."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        await self.wanted.start()
        name, model = self.searched(), self.wanted.model
        if name and (model is None or model.name != name) and not self._stopping:
            await self._load_before(name)
        self._settled = True
        if self._before is not None and self.wanted.model is None:
            self._announce()
        self.wanted.on_ready(self._arrived)

    async def _load_before(self, name: str) -> None:
        before = await self._found(name)
        if before is not None and not self._stopping:
            # Where it is stopped meanwhile, this one is stopped as well.
            self._before = before
            await before.start()
            if before.model is not None and before.model.name == name:
                self.log.info("{name} answers until the model after it is ready", name=name)
                return
            self._before = None
            await before.stop()
        if self.wanted.model is not None:
            self.log.warn(
                "{name} is not there any more: its memories are found by their words alone"
                " until the other model has made their vectors",
                name=name,
            )

    async def _found(self, name: str) -> Embedder | None:
        try:
            return await self.find(name)
        except Exception:
            self.log.failure("{name} could not be looked for", name=name)
            return None

    def stop(self) -> Deferred[None]:
        """Give both models up."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._stopping = True
        if self._leaving is not None:
            await self._leaving
        if self._before is not None:
            await self._before.stop()
        await self.wanted.stop()

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and each time there is another one."""
        self._callbacks.append(callback)
        if self.model is not None:
            self._call(callback)

    def _arrived(self) -> None:
        """The wanted model is there."""
        before, wanted = self._before, self.wanted.model
        if before is None:
            self._announce()
        elif before.model is not None and wanted is not None and before.model.name == wanted.name:
            self.change_over()
        else:
            self._announce()

    def _announce(self) -> None:
        for callback in list(self._callbacks):
            self._call(callback)

    def _call(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception:
            self.log.failure("a listener for the embedding model failed")

    # -- which of the two

    @property
    def next(self) -> Embedder | None:
        """What is to follow the model in use; C{None} where nothing is, or it is not there yet."""
        if not self._settled or self._before is None or self.wanted.model is None:
            return None
        return self.wanted

    def change_over(self) -> None:
        """The wanted model is in use from now on."""
        before, self._before = self._before, None
        if before is not None:
            self._leaving = before.stop()
            self._announce()

    # -- as the model in use

    @property
    def model(self) -> ModelInfo | None:
        """The model in use."""
        return (self._before or self.wanted).model if self._settled else None

    @property
    def problem(self) -> str:
        """Empty when the model in use works."""
        if self._settled:
            return (self._before or self.wanted).problem
        return self.wanted.problem or LOADING

    @property
    def statistics(self) -> EngineStatistics:
        """The counters of both."""
        ours = self.wanted.statistics
        return ours if self._before is None else together(ours, self._before.statistics)

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[Vectors]:
        """
        The unit vectors of C{texts} by the model that is in use when they are answered.

        It fails as that of the model does.
        """
        if not self._settled:
            return fail(EmbedderUnavailable(self.problem))
        if self._before is None:
            return self.wanted.embed(texts, priority, session, counted)
        return Deferred.fromCoroutine(self._embed(self._before, texts, priority, session, counted))

    async def _embed(
        self,
        before: Embedder,
        texts: Sequence[str],
        priority: Priority,
        session: str,
        counted: Callable[[int], object] | None,
    ) -> Vectors:
        try:
            vectors = await before.embed(texts, priority, session, counted)
        except EmbedderUnavailable:
            if self._before is before:
                raise
        else:
            if self._before is before:
                return vectors
        return await self.wanted.embed(texts, priority, session, counted)


def together(one: EngineStatistics, other: EngineStatistics) -> EngineStatistics:
    """The counters of two engines."""
    sums = map(sum, zip(astuple(one), astuple(other), strict=True))
    return evolve(
        EngineStatistics(*sums),
        oldest_interactive=max(one.oldest_interactive, other.oldest_interactive),
        oldest_background=max(one.oldest_background, other.oldest_background),
    )


def file_of(models: Path, name: str) -> Path | None:
    """
    The file of the model that calls itself C{name}, if it is in the folder C{models} unchanged.

    Reads all of it.
    """
    stem, _, start = name.rpartition("-")
    path = models / f"{stem}{SUFFIX}"
    if not stem or Path(stem).name != stem or not path.is_file():
        return None
    return path if digest(path)[:8] == start else None
