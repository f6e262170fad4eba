"""Telling whoever watches what has changed, a few times a second at most."""

from collections.abc import Callable, Iterable

from attrs import define, field, frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mnemo.store.records import Memory

WINDOW = 0.2
"""Seconds for which changes are gathered before they are told."""


@frozen
class Changed:
    """
    What has changed.

    @ivar memories: ids, of handoffs too
    @ivar handoffs: ids
    @ivar projects: names of those whose memories have changed
    @ivar sessions: ids of those whose memories have changed, or that have ended
    @ivar listing: whether a project or a handoff has come or gone
    """

    memories: frozenset[str] = frozenset()
    handoffs: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    listing: bool = False


@define(eq=False)
class Changes:
    """
    Gathers changes that were made, and tells them together.

    @ivar tell: called with what has changed; C{None} where nobody watches
    """

    _clock: IReactorTime
    tell: Callable[[Changed], None] | None = None
    _known: set[str] = field(init=False, factory=set)
    _memories: set[str] = field(init=False, factory=set)
    _handoffs: set[str] = field(init=False, factory=set)
    _projects: set[str] = field(init=False, factory=set)
    _sessions: set[str] = field(init=False, factory=set)
    _listing: bool = field(init=False, default=False)
    _timer: IDelayedCall | None = field(init=False, default=None)

    log = Logger()

    def knows(self, projects: Iterable[str]) -> None:
        """There are these projects already."""
        self._known.update(projects)

    def changed(self, memories: Iterable[Memory], listing: bool = True) -> None:
        """
        Memories were kept, or are other than they were.

        @param listing: whether they have come or gone, rather than changed
        """
        for memory in memories:
            self._memories.add(memory.id)
            if memory.type == "handoff":
                self._handoffs.add(memory.id)
                self._listing = self._listing or listing
            if memory.session:
                self._sessions.add(memory.session)
            if memory.project:
                self._projects.add(memory.project)
                self._listing = self._listing or memory.project not in self._known
                self._known.add(memory.project)
            self._wake()

    def project_gone(self, name: str) -> None:
        """Nothing is left of a project."""
        self._known.discard(name)
        self._projects.add(name)
        self._listing = True
        self._wake()

    def project_known_better(self, name: str) -> None:
        """What is told of a project has changed, though none of its memories has."""
        self._projects.add(name)
        self._wake()

    def session_ended(self, id: str) -> None:
        """A session has ended."""
        self._sessions.add(id)
        self._wake()

    def stop(self) -> None:
        """Tell nothing more."""
        self.tell = None
        self._forget()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wake(self) -> None:
        if self.tell is None:
            self._forget()
        elif self._timer is None:
            self._timer = self._clock.callLater(WINDOW, self._due)

    def _due(self) -> None:
        self._timer = None
        told = Changed(
            frozenset(self._memories),
            frozenset(self._handoffs),
            frozenset(self._projects),
            frozenset(self._sessions),
            self._listing,
        )
        self._forget()
        if self.tell is not None:
            with self.log.failuresHandled("A change could not be told"):
                self.tell(told)

    def _forget(self) -> None:
        self._memories.clear()
        self._handoffs.clear()
        self._projects.clear()
        self._sessions.clear()
        self._listing = False
