"""Who asks for a model: bounded for each, and fair between them."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from mnemo.sessions.admission import Admission
from mnemo.sessions.interfaces import Opening, Session

T = TypeVar("T")

EVERYWHERE: Final = 64
"""How many requests of all callers are with the models at once; the others wait here."""

REMEMBERED: Final = 1000
"""How many callers are known, of those that ask for nothing now."""

VERSION: Final = "openai"
"""What their sessions have for a protocol's version."""


@define(eq=False)
class Callers:
    """
    The callers, each one session that is in no store: it remembers nothing and ends with nothing.

    They have turns of their own beside the calls of agents: an answer of a language model takes
    seconds, and a recall does not wait for one.

    @ivar running: how many requests of one caller are with the models at once
    @ivar waiting: how many more of one caller wait
    """

    clock: IReactorTime
    running: int
    waiting: int
    _admission: Admission = field(init=False)
    _known: OrderedDict[tuple[str, str, str], Session] = field(factory=OrderedDict, init=False)

    def __attrs_post_init__(self) -> None:
        self._admission = Admission(self.running, self.waiting, EVERYWHERE)

    @property
    def in_use(self) -> int:
        """How many requests are with the models."""
        return self._admission.in_use

    @property
    def queued(self) -> int:
        """How many requests wait here."""
        return self._admission.waiting_everywhere()

    @property
    def busy(self) -> Sequence[tuple[Session, int]]:
        """Those who ask for something now, and how many requests of each wait here."""
        waiting = [(each, self._admission.waiting_in(each)) for each in self._known.values()]
        return [(each, count) for each, count in waiting if each.running or count]

    def session(self, principal: str, client: str, user: str) -> Session:
        """
        The session of one caller.

        @param client: the program, as it calls itself
        @param user: what the program says of whom it asks for
        """
        key = principal, client, user
        session = self._known.get(key)
        if session is None:
            now = self.clock.seconds()
            opening = Opening(VERSION, client, "", principal, "")
            # Told to the models alone, to whom it is a name like others.
            name = "/".join((VERSION, *key))
            session = self._known[key] = Session(name, "work", opening, "", now, now)
            self._forget_some()
        self._known.move_to_end(key)
        return session

    async def admit(self, session: Session, call: Callable[[], Awaitable[T]]) -> T:
        """Run C{call} when it is the turn of C{session}. Raises L{sessions.interfaces.Busy}."""
        return await self._admission.admit(session, call)

    def _forget_some(self) -> None:
        for key in list(self._known)[: max(0, len(self._known) - REMEMBERED)]:
            session = self._known[key]
            if not session.running and not self._admission.waiting_in(session):
                del self._known[key]
