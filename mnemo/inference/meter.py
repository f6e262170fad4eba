"""Looks at the models from time to time, so that it can be said how fast they are."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mnemo.inference.chain import Link
from mnemo.inference.generation import IGenerator
from mnemo.inference.interfaces import IEmbedder
from mnemo.inference.kept import KeptGenerator
from mnemo.inference.library import CPU, Memory
from mnemo.inference.queueing import numbered, oldest, requests, waiting
from mnemo.inference.rates import Lately, Rate, share
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.remote_embedder import RemoteEmbedder
from mnemo.inference.snapshot import (
    CLASSES,
    Ages,
    Caller,
    Counts,
    Embedding,
    Gpu,
    Language,
    Request,
    Server,
    Snapshot,
    Spread,
)

INTERVAL: Final = 1.0
"""Seconds between two looks."""

_ENTERING: Final = {
    "idle": "the model is not in memory",
    "loading": "the model is being loaded",
    "loaded": "the model has just been loaded",
    "unloading": "the model is leaving the memory",
    "released": "the model was released",
}

Busy = Sequence[tuple[Any, int]]


@define(eq=False)
class Meter:
    """
    What is known of the models in this process and elsewhere.

    L{snapshot} reads counters, and takes less than a millisecond. Only the memory of a GPU is
    asked for ahead of it, on another thread, and only while a model is on one.

    @ivar generator: all language models together
    @ivar links: each of them
    @ivar firsts: how long the latest answers took to begin
    @ivar local: that of this process, where there is one
    @ivar progress: how many memories have a vector, and how many there are
    @ivar client_of: the program that a session is of
    @ivar look: asks for the memory of the GPU that the models are on
    @ivar meanwhile: the model that answers until the configured one has made all vectors
    @ivar named: what the configuration calls the embedding model and the language model
    """

    clock: IReactorTime
    generator: IGenerator
    links: Sequence[Link]
    firsts: Lately
    local: KeptGenerator | None
    embedder: IEmbedder
    progress: Callable[[], tuple[int, int]]
    client_of: Callable[[str], str]
    look: Callable[[], Deferred[Memory | None]]
    named: tuple[str, str] = ("", "")
    callers: Callable[[], Busy] = field(default=tuple)
    of_a_caller: int = 0
    meanwhile: Callable[[], str] = field(default=lambda: "")
    _tokens: Rate = field(factory=Rate, init=False)
    _texts: Rate = field(factory=Rate, init=False)
    _memory: Memory | None = field(default=None, init=False)
    _looking: Deferred[None] | None = field(default=None, init=False)
    _loop: LoopingCall = field(init=False)

    log = Logger()

    def __attrs_post_init__(self) -> None:
        self._loop = LoopingCall(self._beat)
        self._loop.clock = self.clock

    def start(self) -> None:
        """Look from now on."""
        self._loop.start(INTERVAL)

    def stop(self) -> Deferred[None] | None:
        """Look no more. Fires when the last look has ended."""
        if self._loop.running:
            self._loop.stop()
        return self._looking

    def snapshot(self) -> Snapshot:
        """What is going on now."""
        now = self.clock.seconds()
        busy = self.callers()
        clients = {session.id: session.opening.client for session, _ in busy}
        return Snapshot(
            at=now,
            language=self._language(now, clients),
            embedding=self._embedding(),
            servers=self._servers(),
            gpu=self.gpu(),
            callers=tuple(
                Caller(session.id, session.opening.client, session.running, count)
                for session, count in busy
            ),
            of_a_caller=self.of_a_caller,
        )

    # -- looking

    def _beat(self) -> None:
        try:
            self._count()
        except Exception:
            self.log.failure("the models could not be looked at")

    def _count(self) -> None:
        now = self.clock.seconds()
        self._tokens.count(self.generator.statistics.tokens, now)
        self._texts.count(self.embedder.statistics.texts, now)
        if not self._device():
            self._memory = None
        elif self._looking is None:
            looking = self.look().addCallbacks(self._looked, self._not_looked)
            if not looking.called:
                self._looking = looking.addCallback(self._done)

    def _looked(self, memory: Memory | None) -> None:
        self._memory = memory

    def _not_looked(self, failure: Any) -> None:
        self.log.failure("the memory of the GPU is not known", failure)
        self._memory = None

    def _done(self, _: None) -> None:
        self._looking = None

    def _device(self) -> str:
        """The name of the GPU that a model of this process is on; C{""} where none is."""
        language = None if self.local is None else self.local.generator.model
        embedding = None if isinstance(self.embedder, RemoteEmbedder) else self.embedder.model
        names = [model.device for model in (language, embedding) if model is not None]
        return next((name for name in names if name != CPU.name), "")

    # -- what there is

    def _language(self, now: float, clients: dict[str, str]) -> Language:
        local, all_of_them = self.local, self.generator.statistics
        work = all_of_them if local is None else local.statistics
        model = self.generator.model if local is None else local.generator.model
        known = model if local is None else local.model

        def client_of(session: str) -> str:
            return clients.get(session) or self.client_of(session)

        asked = () if local is None else self._requests(local, work.slots, now, client_of)
        return Language(
            name=self.named[1] if known is None else known.name,
            state="none" if local is None else local.state,
            problem=self.generator.problem if self.links else "",
            device=None if known is None else known.device,
            window=0 if known is None else known.window,
            loads=work.loads,
            weights=0 if model is None else model.bytes - model.cache_bytes,
            cache=0 if model is None else model.cache_bytes,
            slots=work.slots,
            running=work.running,
            waiting=waiting(asked),
            oldest=oldest(asked),
            tokens=all_of_them.tokens,
            tokens_per_second=round(self._tokens.value, 1),
            first_token=self._first_token(),
            prompt_tokens=work.prompt_tokens,
            reused_tokens=work.reused,
            reuse=share(work.reused, work.prompt_tokens),
            kept_tokens=work.cache_tokens,
            requests=asked,
        )

    def _first_token(self) -> Spread:
        p50, p95 = self.firsts.percentile(0.5), self.firsts.percentile(0.95)
        if p50 is None or p95 is None:
            return Spread()
        return Spread(len(self.firsts), round(p50, 3), round(p95, 3))

    def _requests(
        self, local: KeptGenerator, slots: int, now: float, client_of: Callable[[str], str]
    ) -> tuple[Request, ...]:
        there = requests(local.asked(), slots, now, client_of)
        entering = [
            Request(
                session=each.session,
                client=client_of(each.session),
                priority=CLASSES[each.priority],
                state="waiting",
                why=_ENTERING[local.state],
                position=0,
                prompt_tokens=0,
                reused_tokens=0,
                tokens=0,
                age=round(now - each.asked, 3),
            )
            for each in local.entering
        ]
        return numbered((*there, *entering))

    def _embedding(self) -> Embedding:
        model, work = self.embedder.model, self.embedder.statistics
        vectors, memories = self.progress()
        return Embedding(
            name=self.named[0] if model is None else model.name,
            problem=self.embedder.problem,
            device=None if model is None else model.device,
            weights=0 if model is None else model.bytes,
            loads=work.loads,
            waiting=Counts(work.waiting_interactive, work.waiting_background),
            oldest=Ages(round(work.oldest_interactive, 3), round(work.oldest_background, 3)),
            steps=work.steps,
            texts=work.texts,
            tokens=work.tokens,
            texts_per_second=round(self._texts.value, 1),
            query_hits=work.remembered,
            query_misses=work.missed,
            query_reuse=share(work.remembered, work.remembered + work.missed),
            vectors=vectors,
            memories=memories,
            meanwhile=self.meanwhile(),
        )

    def _servers(self) -> tuple[Server, ...]:
        asked: list[tuple[RemoteGenerator | RemoteEmbedder, int, int]] = [
            (one, one.statistics.running, one.statistics.tokens)
            for one in (link.generator for link in self.links)
            if isinstance(one, RemoteGenerator)
        ]
        if isinstance(self.embedder, RemoteEmbedder):
            work = self.embedder.statistics
            asked.append((self.embedder, work.waiting_interactive + work.waiting_background, 0))
        return tuple(
            Server(
                host=one.server.host,
                model=one.server.model,
                purpose="language" if isinstance(one, RemoteGenerator) else "embedding",
                running=running,
                tokens=tokens,
                breaker="open" if one.breaker.is_open else "closed",
                retry_in=round(one.breaker.wait, 1),
                problem=one.problem,
            )
            for one, running, tokens in asked
        )

    def gpu(self) -> Gpu | None:
        """The GPU that a model of this process is on."""
        name, memory = self._device(), self._memory
        if not name:
            return None
        if memory is None:
            return Gpu(name, None, None)
        return Gpu(name, memory.free, memory.total)
