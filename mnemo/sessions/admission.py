"""
Who may run a call now, and who waits for it: bounded for each session, fair between them.

Plain state on the reactor thread, without a clock or I/O of its own.
"""

from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred

from mnemo.sessions.interfaces import Busy, Session

T = TypeVar("T")

RETRY_AFTER = 1
"""What a refused caller is told to wait, in seconds: most calls take milliseconds."""


@define(eq=False)
class Admission:
    """
    The slots in which calls run.

    A call starts at once where its session and the whole have a free slot; else it waits.
    A freed slot goes to the sessions that wait for one in turn, so a session with many
    calls holds up another by one call, not by all of them.

    @ivar running: how many calls of one session run at once
    @ivar waiting: how many more of one session wait
    @ivar everywhere: how many calls of all sessions run at once
    @ivar in_use: slots taken, of all sessions
    """

    running: int
    waiting: int
    everywhere: int
    in_use: int = field(default=0, init=False)
    _queues: dict[Session, deque[Deferred[None]]] = field(factory=dict, init=False)
    # Those with a queue and a free slot of their own, in the order of their turns. Whenever
    # somebody is in it, all slots are taken.
    _ready: OrderedDict[Session, None] = field(factory=OrderedDict, init=False)
    _granting: bool = field(default=False, init=False)

    async def admit(self, session: Session, call: Callable[[], Awaitable[T]]) -> T:
        """
        Run C{call} in its turn. Cancelling gives up the place in the queue, or the slot.

        @raise Busy: where as many wait as may
        """
        if (
            session.running < self.running
            and self.in_use < self.everywhere
            # While slots are being handed out, a newcomer may not overtake those who wait.
            and not self._ready
        ):
            session.running += 1
            self.in_use += 1
        else:
            await self._turn(session)
        try:
            return await call()
        finally:
            session.running -= 1
            self.in_use -= 1
            if self._queues:
                self._freed(session)

    def waiting_in(self, session: Session) -> int:
        """How many calls of this session wait."""
        return len(self._queues.get(session, ()))

    def waiting_everywhere(self) -> int:
        """How many calls wait in all."""
        return sum(map(len, self._queues.values()))

    async def _turn(self, session: Session) -> None:
        """Wait until a slot has been taken for this call."""
        queue = self._queues.setdefault(session, deque())
        if len(queue) >= self.waiting:
            if not queue:
                del self._queues[session]
            raise Busy(
                f"This session has {session.running} calls running and {len(queue)} waiting; "
                f"no more may wait. Try again in {RETRY_AFTER} s.",
                RETRY_AFTER,
            )
        turn: Deferred[None] = Deferred()
        queue.append(turn)
        if session.running < self.running:
            self._ready.setdefault(session)
        try:
            await turn
        except BaseException:
            self._leave(session, turn)
            raise

    def _leave(self, session: Session, turn: Deferred[None]) -> None:
        queue = self._queues[session]
        queue.remove(turn)
        if not queue:
            del self._queues[session]
            self._ready.pop(session, None)

    def _freed(self, session: Session) -> None:
        """Hand out the slot that C{session} has freed."""
        if session in self._queues:
            self._ready.setdefault(session)
        if self._granting:
            # A call that ended before its first pause; the loop below, which let it run,
            # goes on with its slot. Recursion here would be as deep as the queues are long.
            return
        self._granting = True
        try:
            while self._ready and self.in_use < self.everywhere:
                self._grant(self._ready.popitem(last=False)[0])
        finally:
            self._granting = False

    def _grant(self, session: Session) -> None:
        """Take a slot for the first in the queue of C{session}, and let it run."""
        queue = self._queues[session]
        turn = queue.popleft()
        session.running += 1
        self.in_use += 1
        if not queue:
            del self._queues[session]
        elif session.running < self.running:
            self._ready[session] = None
        turn.callback(None)
