"""
The composition root: every part of the daemon, made and put in its order.

Parts are handed to parts here and nowhere else. Nothing is opened, started or loaded before
C{startService}: what is made earlier does not survive the fork of C{twistd}.
"""

import atexit
import gc
import os
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, Logger, LogLevel
from twisted.python.failure import Failure

from mnemo import __version__
from mnemo.api.callers import Callers
from mnemo.api.models_admin import ModelsAdmin
from mnemo.api.openai import OpenAi
from mnemo.config import Config, ServerConfig
from mnemo.config_checks import interface_of, is_server
from mnemo.enrichment.jobs import Enricher
from mnemo.inference.catalogue import locate
from mnemo.inference.chain import Chain, Link
from mnemo.inference.engine import Engine
from mnemo.inference.generation import IGenerator
from mnemo.inference.generator import LocalGenerator
from mnemo.inference.interfaces import IEmbeddingBackend
from mnemo.inference.kept import KeptGenerator
from mnemo.inference.library import memory_of_gpu
from mnemo.inference.llama import load_embedder
from mnemo.inference.llama_generator import load_generator
from mnemo.inference.meter import Meter
from mnemo.inference.none import NoGenerator
from mnemo.inference.rates import Lately
from mnemo.inference.remote import RemoteGenerator
from mnemo.inference.remote_embedder import WINDOW as EMBEDDING_WINDOW
from mnemo.inference.remote_embedder import RemoteEmbedder
from mnemo.inference.servers import entry_of
from mnemo.inference.steps import IGenerationBackend
from mnemo.inference.thread import InferenceThread
from mnemo.inference.trial import check
from mnemo.lifecycle import Part, Procession
from mnemo.lock import Holder, HomeHeld, HomeLock
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.server import Server
from mnemo.mcp.streamable import Endpoint
from mnemo.mcp.subscriptions import Kind
from mnemo.mcp.tasks import Tasks
from mnemo.memory.changes import Changed
from mnemo.memory.memories import Memories
from mnemo.memory.projects import is_path, project_of
from mnemo.observe.connect import how_to_connect
from mnemo.observe.health import Health
from mnemo.observe.logs import LogInHome
from mnemo.prompts.catalogue import all_prompts
from mnemo.resources.addresses import addresses_of
from mnemo.resources.catalogue import all_resources
from mnemo.secret_key import secret_key
from mnemo.sessions.manager import SessionManager
from mnemo.store.interfaces import StoreError
from mnemo.store.records import SessionRow
from mnemo.store.sqlite.store import SqliteStore
from mnemo.tools.catalogue import all_tools
from mnemo.tools.instructions import INSTRUCTIONS
from mnemo.tools.interfaces import IPrompt, IResources, ITool
from mnemo.transfer.transfer import Transfer
from mnemo.transports.credentials import Credentials
from mnemo.transports.front import Front
from mnemo.transports.guard import Guard
from mnemo.transports.inference_address import PATH as INFERENCE
from mnemo.transports.inference_address import InferenceAddress
from mnemo.transports.listener import FINISH_SECONDS, Listener, PortUnavailable
from mnemo.transports.models_address import addresses as addresses_of_models
from mnemo.transports.sse import Streams

T = TypeVar("T")

_LOOKS = 5
_PAUSE = 0.1


class Core:
    """
    Everything but a way in: the home, the store, the model, the sessions and the protocol.

    @ivar server: what answers messages, whatever carries them
    """

    log = Logger()

    def __init__(
        self,
        config: Config,
        reactor: Any,
        extra_tools: Sequence[ITool] = (),
        extra_prompts: Sequence[IPrompt] = (),
        extra_resources: Sequence[IResources] = (),
        dynamic: frozenset[Kind] = frozenset(),
    ) -> None:
        """
        @param extra_tools: offered beside mnemo's own, as are the prompts and resources
        @param dynamic: which lists may change while it runs
        """
        self.config = config
        self._reactor = reactor
        self._lock = HomeLock(config.home)
        self._holder = Holder(0, "", 0, 0.0)
        self._log_file = LogInHome(config.home, config.log.level)

        self.store = SqliteStore(config.home, reactor)
        self.thread = InferenceThread(reactor)
        step_seconds = config.inference.step_ms / 1000
        self.engine: Engine | RemoteEmbedder
        if is_server(config.inference.model):
            there = entry_of(config.inference.model, os.environ, EMBEDDING_WINDOW).server
            self.engine = RemoteEmbedder(reactor, there)
        else:
            load_embeddings = partial(load_model, config)
            self.engine = Engine(reactor, load_embeddings, self.thread, step_seconds=step_seconds)
        self.local: KeptGenerator | None = None
        named = config.inference.language_models
        if not all(map(is_server, named)):
            self.local = local_generator(config, reactor, self.thread)
        self.links = [self._link(name) for name in named]
        self.generator: IGenerator = Chain(self.links) if self.links else NoGenerator()
        self.memories = Memories(
            self.store, self.engine, reactor, aside=partial(in_thread, reactor)
        )
        self.enricher = Enricher(
            self.store,
            self.engine,
            self.generator,
            reactor,
            partial(in_thread, reactor),
            partial(secrets.token_hex, 8),
            config.inference.language_model,
        )
        self.sessions = SessionManager(reactor, self.store, config.sessions, self.onSessionEnd)
        self.meter = self._make_meter()
        self.transfer = Transfer(self.memories, config.home, partial(in_thread, reactor))
        resolve_project = partial(project_in_thread, reactor)
        own_tools = all_tools(
            self.memories, self.transfer, resolve_project, self.sessions.choose_project
        )
        self.tools = [*own_tools, *extra_tools]
        self.server = Server(
            self.tools,
            self.sessions,
            version=__version__,
            instructions=INSTRUCTIONS,
            resolve_project=resolve_project,
            prompts=[*all_prompts(self.memories, resolve_project), *extra_prompts],
            resources=[*all_resources(self.memories), *extra_resources],
            dynamic=dynamic | {"resources"},
            on_defect=self._log_defect,
            cancelled=(CancelledError,),
            promise=partial(promised, reactor),
        )
        self.tasks = self.server.tasks = Tasks(
            self.store,
            Deferred.fromCoroutine,
            reactor.seconds,
            self.server.promise,
            self.server.subscriptions,
            self._log_defect,
        )
        self.server.projects.default = config.sessions.project
        self.memories.changes.tell = self._tell_changes

    def parts(self) -> list[Part]:
        """What has to be started, in this order, and stopped in the reverse."""
        return [
            Part("home", self._take_home, self._lock.release),
            Part("log", self._log_file.start, self._log_file.stop),
            Part("key", self._take_key, lambda: None),
            Part("store", self.store.start, self.store.stop, bound=10.0),
            Part("inference thread", self.thread.start, self.thread.stop),
            Part("model", self.engine.start, self.engine.stop),
            *self._language_model(),
            Part("sessions", self.sessions.start, self.sessions.stop),
            Part("vectors", self.memories.start, self.memories.stop),
            Part("enrichment", self.enricher.start, self.enricher.stop),
            Part("tasks", self.tasks.start, self.tasks.stop),
            Part("meter", self.meter.start, self.meter.stop),
        ]

    def _make_meter(self) -> Meter:
        named, pool = self.config.inference, self._reactor.getThreadPool
        generator = self.generator
        return Meter(
            self._reactor,
            generator,
            self.links,
            generator.firsts if isinstance(generator, Chain) else Lately(),
            self.local,
            self.engine,
            lambda: self.memories.vectoriser.progress,
            self.sessions.client_of,
            lambda: deferToThreadPool(self._reactor, pool(), memory_of_gpu, named.gpu),
            (named.model, named.language_model),
        )

    def _link(self, name: str) -> Link:
        """A language model among those that are asked in turn."""
        if not is_server(name):
            assert self.local is not None
            return Link(self.local)
        entry = entry_of(name, os.environ)
        return Link(RemoteGenerator(self._reactor, entry.server), entry.priority)

    def _language_model(self) -> list[Part]:
        servers = Part("servers", lambda: None, self._leave_servers)
        local = self.local
        if local is None:
            return [servers]

        def start() -> None:
            # Nobody waits for a language model before calls are served.
            loading = Deferred.fromCoroutine(local.start())
            loading.addErrback(lambda failure: self.log.failure("no language model", failure))

        return [servers, Part("language model", start, local.stop)]

    async def _leave_servers(self) -> None:
        for link in self.links:
            if isinstance(link.generator, RemoteGenerator):
                await link.generator.stop()

    def announce(self, host: str, port: int) -> Holder:
        """Write into the lock where this process can be reached."""
        self._holder = evolve(self._holder, host=host, port=port)
        self._lock.announce(self._holder)
        return self._holder

    def problems(self) -> list[str]:
        """What is down, a line for each, with what mends it."""
        language = [link.generator.problem for link in self.links]
        found = [self.engine.problem or self.memories.vectoriser.lag, *language]
        found.append(self.enricher.problem)
        return [problem for problem in found if problem]

    def facts(self) -> dict[str, object]:
        """What the parts say of themselves, for health."""
        calls, jobs, model = self.sessions.statistics, self.engine.statistics, self.engine.model
        database = self.config.home / "memory.sqlite3"
        return {
            "sessions": {"live": calls.live, "running": calls.running},
            "model": {
                "name": self.config.inference.model if model is None else model.name,
                "loads": jobs.loads,
                "device": None if model is None else model.device,
            },
            "language_model": self._language_facts(),
            "vectors": self._vector_facts(),
            "queues": {
                "calls": calls.waiting,
                "interactive": jobs.waiting_interactive,
                "background": jobs.waiting_background,
                "vectors": self.memories.vectoriser.backlog,
                "enrichment": self.enricher.counts.waiting,
                "enrichment_parked": self.enricher.counts.parked,
            },
            "database": {
                "path": str(database),
                "bytes": database.stat().st_size if database.exists() else 0,
            },
            "tools": len(self.tools),
        }

    def _vector_facts(self) -> dict[str, object]:
        made, of = self.memories.vectoriser.progress
        return {"made": made, "of": of}

    def _language_facts(self) -> dict[str, object]:
        model, work = self.generator.model, self.generator.statistics
        return {
            "name": self.config.inference.language_model if model is None else model.name,
            "device": None if model is None else model.device,
            "state": "none" if self.local is None else self.local.state,
            "bytes": model.bytes if model is not None and self._is_in_memory() else 0,
            "loads": work.loads,
            "slots": work.slots,
            "running": work.running,
            "interactive": work.waiting_interactive,
            "background": work.waiting_background,
            "prompt_tokens": work.prompt_tokens,
            "reused_tokens": work.reused,
            "kept_tokens": work.cache_tokens,
        }

    def _is_in_memory(self) -> bool:
        return self.local is not None and self.local.state == "loaded"

    async def _take_home(self) -> None:
        """
        Take the lock of the home. Raises L{HomeHeld}.

        Who looks who holds it takes it for that moment, so one refusal is none.
        """
        started = self._reactor.seconds()
        self._holder = Holder(os.getpid(), self.config.server.host, 0, started)
        for _ in range(_LOOKS):
            try:
                return self._lock.take(self._holder)
            except HomeHeld:
                await deferLater(self._reactor, _PAUSE)
        return self._lock.take(self._holder)

    async def _take_key(self) -> None:
        key = await deferToThreadPool(
            self._reactor, self._reactor.getThreadPool(), secret_key, self.config.home
        )
        self.server.sealer = Sealer(key, self._reactor.seconds)

    def _tell_changes(self, changed: Changed) -> None:
        subscriptions = self.server.subscriptions
        for uri in addresses_of(changed):
            subscriptions.resource_updated(uri)
        if changed.listing:
            subscriptions.list_changed("resources")

    def onSessionEnd(self, row: SessionRow) -> None:  # noqa: N802
        """A session has ended, by its client or because it was idle. Called once for each."""
        self.memories.changes.session_ended(row.id)
        self.log.info(
            "Session {id} of {client} has ended ({reason}): project {project}, {count} memories",
            id=row.id,
            client=row.client or "a client without a name",
            reason=row.reason,
            project=row.project or "unknown",
            count=row.memories,
        )

    def _log_defect(self, defect: BaseException) -> None:
        self.log.failure("A call failed by a defect.", Failure(defect))


class Daemon(Procession):
    """
    A core and the port that leads to it, which opens last.

    @ivar config_file: where the configuration is, or would be
    @ivar transport: which one to tell the user of
    @ivar tell: told some lines for the user when calls are served
    @ivar give_up: told in one line why it cannot start
    @ivar observer: where its application logs, if that has not been said otherwise
    """

    observer: ILogObserver | None = None

    def __init__(self, core: Core, reactor: Any) -> None:
        super().__init__(reactor, self._cannot_start)
        self.core = core
        self.config_file = core.config.home / "mnemo.toml"
        self.transport = "http"
        self.tell: Callable[[str], object] = write_to_terminal
        self.give_up: Callable[[str], object] = partial(end_process, reactor)
        self.health = Health(reactor, __version__, self._facts, core.problems, core.store.self_test)
        self.streams = Streams(reactor, self.health.boot)
        for part in (*core.parts(), *self._ways_in(reactor)):
            self.addService(part)

    def setServiceParent(self, parent: Any) -> None:
        """Become the service of an application."""
        super().setServiceParent(parent)
        if self.observer is not None:
            parent.setComponent(ILogObserver, self.observer)

    def _ways_in(self, reactor: Any) -> list[Part]:
        server = self.core.config.server
        hosts = (*server.allowed_hosts, *own_names(server))
        guard = Guard(hosts, server.allowed_origins, server.trust_forwarded_host)
        credentials = Credentials.of(server.tokens)
        endpoint = Endpoint(self.core.server)
        sessions = self.core.config.sessions
        self._callers = callers = Callers(reactor, sessions.running, sessions.waiting)
        api = OpenAi(self.core.generator, self.core.engine, callers, reactor)
        self._front = front = Front(
            endpoint, self.health, self.streams, reactor, guard, credentials, api
        )
        front.site.exact.update(addresses_of_models(ModelsAdmin(self.core.local, reactor)))
        meter = self.core.meter
        meter.callers, meter.of_a_caller = (lambda: callers.busy), sessions.running
        front.site.exact[INFERENCE.encode()] = InferenceAddress(meter.snapshot)
        self.listener = port = Listener(
            reactor, server.host, server.port, front, self._opened, server.listen
        )
        return [
            Part("health", self.health.start, self.health.stop),
            Part("port", port.start, port.stop, bound=FINISH_SECONDS + 1),
        ]

    def _opened(self, port: int) -> None:
        config = self.core.config
        address = self.core.announce(config.server.host, port).address
        # What was loaded stays for good: to look at it in every collection costs a tenth of
        # the time of a request.
        gc.freeze()
        self.log.info("Serving {address}", address=address)
        needs_token = bool(config.server.tokens)
        lines = how_to_connect(address, config.home, self.config_file, self.transport, needs_token)
        self.tell(lines)

    def _cannot_start(self, failure: Failure) -> None:
        known = failure.check(HomeHeld, StoreError, PortUnavailable, OSError)
        if known:
            reason = str(failure.value)
            self.log.critical("Cannot start: {reason}", reason=reason)
        else:
            reason = f"a defect: {failure.value!r}"
            self.log.failure("Cannot start: {reason}", failure, LogLevel.critical, reason=reason)
        self.give_up(reason)

    def _facts(self) -> Mapping[str, object]:
        return {
            **self.core.facts(),
            "streams": len(self.streams),
            "websockets": len(self._front.sockets),
            "openai": {"running": self._callers.in_use, "waiting": self._callers.queued},
        }


def make_service(
    config: Config, reactor: Any, extra_tools: Sequence[ITool] = (), **more: Any
) -> Daemon:
    """
    A daemon, ready to be started.

    @param extra_tools: offered beside mnemo's own
    @param more: what else L{Core} is to offer
    """
    return Daemon(Core(config, reactor, extra_tools, **more), reactor)


def load_model(config: Config) -> IEmbeddingBackend:
    """Load the embedding model. Run on the thread that will use it."""
    path = locate(config.models, config.inference.model)
    return load_embedder(path, config.inference.gpu, config.inference.threads)


def local_generator(config: Config, reactor: Any, thread: InferenceThread) -> KeptGenerator:
    """The language model in this process, which is in memory while somebody uses it."""
    inference = config.inference

    name = next(name for name in inference.language_models if not is_server(name))

    def where() -> Path:
        return locate(config.models, name, "language")

    def load() -> IGenerationBackend:
        return load_generator(
            where(),
            inference.gpu,
            inference.threads,
            reactor.seconds,
            layers=inference.gpu_layers,
            slots=inference.slots,
            context=inference.context,
        )

    generator = LocalGenerator(
        reactor,
        load,
        thread,
        step_seconds=inference.step_ms / 1000,
        check=lambda: check(where(), "language"),
    )
    return KeptGenerator(reactor, generator, inference.keep_alive * 60)


def promised(reactor: IReactorTime, seconds: float = 0) -> Deferred[Any]:
    """
    A C{Deferred} for the protocol to wait for.

    @param seconds: after which it fails with C{TimeoutError}; 0 is never
    """
    promise: Deferred[Any] = Deferred()
    if seconds:

        def too_late(result: object, timeout: float) -> None:
            raise TimeoutError(f"Nothing came within {timeout:g} seconds")

        promise.addTimeout(seconds, reactor, too_late)
    return promise


def in_thread(reactor: Any, work: Callable[[], Any]) -> Deferred[Any]:
    """What C{work} returns, done on a thread that anybody may use."""
    return deferToThreadPool(reactor, reactor.getThreadPool(), work)


async def project_in_thread(reactor: Any, hint: str) -> str:
    """The project that a hint stands for; file systems can be slow, so a thread looks at them."""
    if not is_path(hint):
        return project_of(hint)
    return await deferToThreadPool(reactor, reactor.getThreadPool(), project_of, hint)


def own_names(server: ServerConfig) -> list[str]:
    """What C{Host} says where a client was given the very address that the daemon listens on."""
    listening = [server.host, *filter(None, map(interface_of, server.listen))]
    return [f"[{host}]:*" if ":" in host else f"{host}:*" for host in listening]


def write_to_terminal(text: str) -> None:
    """Show text where the process was started, if it still has a terminal."""
    if sys.__stdout__ is not None:
        sys.__stdout__.write(text)
        sys.__stdout__.flush()


def end_process(reactor: Any, reason: str) -> None:
    """End the process with a line on standard error and exit code 1."""
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"mnemo: {reason}\n")
        sys.__stderr__.flush()
    # twistd exits with 0 after a reactor that was stopped, whatever the reason.
    atexit.register(os._exit, 1)
    reactor.callWhenRunning(reactor.stop)
