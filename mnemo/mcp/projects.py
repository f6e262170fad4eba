"""
Which project a client works in, from what it hints at.

What comes first in this list counts: what the session has chosen by itself
(C{activate_project}), the hint of the request, the hint of the opening, the first of the
client's roots, the daemon's default. A tool's own argument comes before all of them, and is not
decided here. The project is the session's alone: nothing else here is of the process.
"""

from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary, ref

from attrs import define, field

from mnemo.sessions.interfaces import ISessions, Opening, Session

HINTS = 64
"""How many hints of one session are remembered."""

CALLERS = 4096
"""How many stateless callers' hints are remembered."""


@define(eq=False)
class _Hints:
    current: str = ""
    meant: dict[str, str] = field(factory=dict)


@define(eq=False)
class Projects:
    """
    Asks once, for each session and each hint, which project is meant.

    @ivar resolve: makes a project's name of a hint: a path, a URI, a name. C{""} where the
        hint names none
    @ivar default: the hint of those who give none, or C{""}
    """

    sessions: ISessions
    resolve: Callable[[str], Awaitable[str]]
    default: str = ""
    _fallback: str | None = field(init=False, default=None)
    _hints: WeakKeyDictionary[Session, _Hints] = field(init=False, factory=WeakKeyDictionary)
    _callers: dict[tuple[str, ...], tuple[ref[Session], str]] = field(init=False, factory=dict)

    async def name(self, hint: str) -> str:
        """The project that a hint means; that of the default where it means none."""
        return (await self.resolve(hint) if hint else "") or await self._otherwise()

    def is_open(self, session: Session) -> bool:
        """Whether nobody has said yet which project a session works in."""
        return session.project in ("", self._fallback)

    def opened(self, session: Session, hint: str) -> None:
        """A session was opened in the project that its C{initialize} hinted at."""
        if hint:
            self._hints[session] = _Hints(hint, {hint: session.project})

    def hinted(self, session: Session) -> bool:
        """Whether requests of this session name their project themselves."""
        hints = self._hints.get(session)
        return hints is not None and bool(hints.meant.get(hints.current))

    async def enter(self, session: Session, hint: str) -> None:
        """
        Let a session work in the project that its request hints at, if it does and the session
        has chosen none.
        """
        if not hint or session.chosen:
            return
        hints = self._hints.get(session)
        if hints is None:
            hints = self._hints[session] = _Hints()
        if hint == hints.current:
            return
        project = hints.meant.get(hint)
        if project is None:
            project = await self.resolve(hint)
            if len(hints.meant) >= HINTS:
                hints.meant.clear()
            hints.meant[hint] = project
        await self.move(session, project)
        hints.current = hint

    async def move(self, session: Session, project: str) -> None:
        """
        Let a session work in a project, unless it does, the project has no name, or the session
        has chosen one.
        """
        if project and project != session.project and not session.chosen:
            await self.sessions.set_project(session, project)

    async def work(
        self, version: str, client: str, client_version: str, principal: str, handle: str, hint: str
    ) -> Session:
        """
        The work session of a stateless caller, in the project that its request hints at.

        What a hint meant is remembered for as long as the session lives that it led to.
        """
        caller = (principal, client, handle, hint)
        session, project = self._remembered(caller)
        if session is None:
            project = await self.name(hint)
        found = await self.sessions.work(
            Opening(version, client, client_version, principal, project), handle
        )
        if hint and found is not session:
            if len(self._callers) >= CALLERS:
                self._callers.clear()
            self._callers[caller] = (ref(found), project)
        if hint:
            await self.move(found, project)
        return found

    async def _otherwise(self) -> str:
        if self._fallback is None:
            self._fallback = await self.resolve(self.default) if self.default else ""
        return self._fallback

    def _remembered(self, caller: tuple[str, ...]) -> tuple[Session | None, str]:
        known = self._callers.get(caller)
        if known is None:
            return None, ""
        session, project = known[0](), known[1]
        return session, project if session is not None else ""
