"""
The heart of the daemon: every part but a way in, made and put in its order.

Parts are handed to parts here and in L{mnemo.service}, and nowhere else. Nothing is opened,
started or loaded before it is a service's turn: what is made earlier does not survive the fork
of C{twistd}.
"""

import os
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo import __version__
from mnemo.config import Config
from mnemo.enrichment.drafting import Drafter
from mnemo.enrichment.jobs import Enricher
from mnemo.inference.chain import Chain
from mnemo.inference.library import memory_of_gpu
from mnemo.inference.meter import Meter
from mnemo.inference.rates import Lately
from mnemo.lifecycle import Part
from mnemo.lock import Holder, HomeHeld, HomeLock
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.server import Server
from mnemo.mcp.subscriptions import Kind
from mnemo.mcp.tasks import Tasks
from mnemo.memory.changes import Changed
from mnemo.memory.courtesy import QUIET, Courtesy
from mnemo.memory.memories import Memories
from mnemo.memory.reembedding import Reembedder
from mnemo.models import Models
from mnemo.observe.logs import LogInHome
from mnemo.prompts.catalogue import all_prompts
from mnemo.resources.addresses import addresses_of
from mnemo.resources.catalogue import all_resources
from mnemo.secret_key import secret_key
from mnemo.sessions.manager import SessionManager
from mnemo.store.sessions import SessionRow
from mnemo.store.sqlite.store import SqliteStore
from mnemo.tools.catalogue import all_tools
from mnemo.tools.instructions import INSTRUCTIONS
from mnemo.tools.interfaces import IPrompt, IResources, ITool
from mnemo.transfer.transfer import Transfer
from mnemo.understanding.studying import Studying
from mnemo.waiting import in_thread, project_in_thread, promised

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
        self.models = Models(config, reactor, lambda: self.store.model)
        self.memories = Memories(
            self.store,
            self.models.embedder,
            reactor,
            aside=partial(in_thread, reactor),
            courtesy=Courtesy(reactor, QUIET),
        )
        self._work_in_background()
        self.sessions = SessionManager(
            reactor, self.store.sessions, config.sessions, self.onSessionEnd
        )
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
        self.tasks = self.server.tasks = self._make_tasks()
        self.server.projects.default = config.sessions.project
        self.memories.changes.tell = self._tell_changes

    def _work_in_background(self) -> None:
        """Make what works on memories while nobody waits for it."""
        in_background = self.memories.courtesy.before(partial(in_thread, self._reactor))
        self.reembedder = Reembedder(
            self.store,
            self.models.embedder,
            self._reactor,
            self.memories.vectoriser,
            self.memories.courtesy.turn,
        )
        self.enricher = Enricher(
            self.store,
            self.models.embedder,
            self.models.generator,
            self._reactor,
            in_background,
            partial(secrets.token_hex, 8),
            self.config.inference.language_model,
        )
        self.studying = Studying(
            self.store,
            self.models.embedder,
            self.models.generator,
            self._reactor,
            in_background,
            self.memories.make_id,
            self.config.understanding,
            self.memories.written,
        )
        self.memories.studies_patterns = self.config.understanding.patterns
        self.drafter = Drafter(
            self.store,
            self._reactor,
            in_background,
            partial(secrets.token_hex, 8),
            self.memories.changes.project_known_better,
        )

    def _make_tasks(self) -> Tasks:
        return Tasks(
            self.store.tasks,
            Deferred.fromCoroutine,
            self._reactor.seconds,
            self.server.promise,
            self.server.subscriptions,
            self._log_defect,
        )

    def parts(self) -> list[Part]:
        """What has to be started, in this order, and stopped in the reverse."""
        return [
            Part("home", self._take_home, self._lock.release),
            Part("log", self._log_file.start, self._log_file.stop),
            Part("key", self._take_key, lambda: None),
            Part("store", self.store.start, self.store.stop, bound=10.0),
            *self.models.parts(),
            Part("sessions", self.sessions.start, self.sessions.stop),
            Part("vectors", self.memories.start, self.memories.stop),
            Part("next vectors", self.reembedder.start, self.reembedder.stop),
            Part("enrichment", self.enricher.start, self.enricher.stop),
            Part("understanding", self.studying.start, self.studying.stop),
            Part("drafts", self.drafter.start, self.drafter.stop),
            Part("tasks", self.tasks.start, self.tasks.stop),
            Part("meter", self.meter.start, self.meter.stop),
        ]

    def _make_meter(self) -> Meter:
        named, pool, models = self.config.inference, self._reactor.getThreadPool, self.models
        generator = models.generator
        return Meter(
            self._reactor,
            generator,
            models.links,
            generator.firsts if isinstance(generator, Chain) else Lately(),
            models.local,
            models.engine,
            lambda: self.reembedder.progress,
            self.sessions.client_of,
            lambda: deferToThreadPool(self._reactor, pool(), memory_of_gpu, named.gpu),
            (named.model, named.language_model),
            meanwhile=lambda: self.reembedder.meanwhile,
        )

    def announce(self, host: str, port: int) -> Holder:
        """Write into the lock where this process can be reached."""
        self._holder = evolve(self._holder, host=host, port=port)
        self._lock.announce(self._holder)
        return self._holder

    def problems(self) -> list[str]:
        """What is down, a line for each, with what mends it."""
        language = [link.generator.problem for link in self.models.links]
        found = [self.models.engine.problem or self.memories.vectoriser.lag, *language]
        found += [self.reembedder.problem, self.enricher.problem, self.studying.problem]
        return [problem for problem in found if problem]

    def facts(self) -> dict[str, object]:
        """What the parts say of themselves, for health."""
        calls, jobs = self.sessions.statistics, self.models.embedder.statistics
        made, of = self.reembedder.progress
        database = self.config.home / "memory.sqlite3"
        return {
            "sessions": {"live": calls.live, "running": calls.running},
            "model": self.models.embedding_facts(self.reembedder.meanwhile),
            "language_model": self.models.language_facts(),
            "gpu": self.meter.gpu(),
            "vectors": {"made": made, "of": of},
            "queues": {
                "calls": calls.waiting,
                "interactive": jobs.waiting_interactive,
                "background": jobs.waiting_background,
                "vectors": self.memories.vectoriser.backlog,
                "enrichment": self.enricher.counts.waiting,
                "enrichment_parked": self.enricher.counts.parked,
                "understanding": self.studying.backlog.waiting,
                "understanding_parked": self.studying.backlog.parked,
            },
            "database": {
                "path": str(database),
                "bytes": database.stat().st_size if database.exists() else 0,
            },
            "tools": len(self.tools),
        }

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
        self.drafter.session_ended()
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
