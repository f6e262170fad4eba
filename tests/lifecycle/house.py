"""The daemon's parts put together on a clock, that can be stopped, opened again and killed."""

import contextlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from attrs import define, field
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mnemo.config import SessionsConfig, UnderstandingConfig
from mnemo.enrichment.drafting import Drafter
from mnemo.enrichment.jobs import Enricher
from mnemo.inference.none import NoGenerator
from mnemo.memory.memories import Memories
from mnemo.sessions.interfaces import Opening, Session
from mnemo.sessions.manager import SessionManager
from mnemo.store.index.analyser import query_terms
from mnemo.store.sessions import SessionRow
from mnemo.store.sqlite.store import SqliteStore
from mnemo.tools.catalogue import all_tools
from mnemo.tools.interfaces import CallContext, ITool
from mnemo.transfer.transfer import Transfer
from mnemo.understanding.studying import LOOK, REST, Studying
from tests.inference.fakes import FakeEmbedder
from tests.store.inline import InlinePools, open_store, result_of
from tests.tools.room import AskedClient, resolve

DIMENSIONS = 256


def new_ids() -> Callable[[str], str]:
    """Ids that are the same each time the year is lived."""
    numbers: dict[str, Iterator[int]] = defaultdict(lambda: count(1))
    return lambda kind: f"{kind}{next(numbers[kind]):05d}"


class TellingWords(FakeEmbedder):
    """An embedder that answers at once. Texts are near by the telling words that they share."""

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return super()._vectors([telling(text) for text in texts])


def telling(text: str) -> str:
    """The words of a text that say something, without their endings."""
    return " ".join(query_terms(text))


@define(eq=False)
class House:
    """
    The real store, memories, tools, sessions and background jobs. All is done when a call
    returns.

    The text index lags behind until it is told to L{settle}, as it does under load.

    @ivar directory: where the store lies
    @ivar drafting: whether a session that ends is drafted at once
    """

    directory: Path
    clock: Clock
    make_id: Callable[[str], str] = field(factory=new_ids)
    make_lease: Callable[[], str] = field(factory=lambda: map("lease {}".format, count()).__next__)
    drafting: bool = True
    store: SqliteStore = field(init=False)
    memories: Memories = field(init=False)
    sessions: SessionManager = field(init=False)
    drafter: Drafter = field(init=False)
    tools: dict[str, ITool] = field(init=False)
    _pools: InlinePools = field(init=False)
    client: AskedClient = field(factory=lambda: AskedClient({"remove": True}))

    def open(self) -> None:
        """Begin, or go on with what is there."""
        self._pools = InlinePools()
        self.store = open_store(self.directory, self.clock, pools=self._pools)
        self._pools.text.hold()
        embedder = TellingWords(DIMENSIONS)
        self.memories = memories = Memories(self.store, embedder, self.clock, self.make_id)
        self.drafter = Drafter(
            self.store,
            self.clock,
            maybeDeferred,
            self.make_lease,
            memories.changes.project_known_better,
        )
        self.sessions = SessionManager(
            self.clock, self.store.sessions, SessionsConfig(), onSessionEnd=self.onSessionEnd
        )
        result_of(memories.start())
        result_of(self.sessions.start())
        self.drafter.start()
        transfer = Transfer(memories, self.directory, maybeDeferred)
        self.tools = {
            tool.description.name: tool
            for tool in all_tools(memories, transfer, resolve, self.sessions.choose_project)
        }

    def settle(self) -> None:
        """Let the text index catch up, which lags behind at all other times."""
        self.clock.advance(1.0)
        self._pools.text.release()
        self._pools.text.hold()

    def close(self) -> None:
        """End in order."""
        self._pools.text.release()
        self.memories.stop()
        self.wait(self.drafter.stop())
        result_of(self.sessions.stop())
        result_of(self.store.stop())

    def kill(self) -> None:
        """Go on with the files as an end without warning leaves them."""
        left = Path(tempfile.mkdtemp(dir="."))
        # Files of the text index that are merged just now may vanish.
        with contextlib.suppress(shutil.Error):
            shutil.copytree(self.directory, left, dirs_exist_ok=True)
        self.close()
        self.directory = left
        self.drafting = True
        self.open()

    def copied(self) -> "House":
        """Another that begins with what this one has, and goes its own way."""
        self.settle()
        self.close()
        left = Path(tempfile.mkdtemp(dir="."))
        shutil.copytree(self.directory, left, dirs_exist_ok=True)
        self.open()
        clock = Clock()
        clock.advance(self.clock.seconds())
        made = House(left, clock, lambda kind: f"other {self.make_id(kind)}")
        made.open()
        return made

    def onSessionEnd(self, row: SessionRow) -> None:
        if self.drafting:
            self.drafter.session_ended()

    def wait(self, work: Any) -> Any:
        """What C{work} comes to, which it has already."""
        return result_of(work if isinstance(work, Deferred) else Deferred.fromCoroutine(work))

    def session(self, project: str) -> Session:
        """Somebody begins to work in a project."""
        opening = Opening("2025-11-25", "claude-code", "2.1", "local", project)
        session: Session = self.wait(self.sessions.open(opening))
        return session

    def end(self, session: Session) -> None:
        """The client ends its session."""
        self.wait(self.sessions.end(session, "deleted"))

    def call(self, session: Session, name: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of a call that succeeds."""
        context = CallContext(session, client=self.client)
        result = self.wait(self.tools[name].call(arguments, context))
        if result.is_error:
            raise AssertionError(f"{name}({arguments}): {result.content}")
        structured: dict[str, Any] = result.structured
        return structured

    def enrich(self) -> None:
        """Derive what waits to be derived."""
        enricher = Enricher(
            self.store,
            self.memories.embedder,
            NoGenerator(),
            self.clock,
            maybeDeferred,
            self.make_lease,
        )
        enricher.start()
        self.clock.advance(5.0)
        while self.wait(self.store.jobs.counts()).waiting:
            self.clock.advance(1.0)
        self.wait(enricher.stop())

    def study(self) -> None:
        """Look for patterns, insights and gists until nothing waits."""
        studying = Studying(
            self.store,
            self.memories.embedder,
            NoGenerator(),
            self.clock,
            maybeDeferred,
            self.make_id,
            UnderstandingConfig(patterns=True, gists=True),
            self.memories.written,
        )
        studying.start()
        self.clock.advance(LOOK)
        counts = self.store.studies.counts
        while any(self.wait(counts(work)).waiting for work in studying.works):
            self.clock.advance(REST)
        self.wait(studying.stop())
        assert not studying.problem
