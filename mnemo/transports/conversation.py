"""One client on a line that carries messages both ways: whose calls run side by side on it."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mnemo.mcp import jsonrpc
from mnemo.mcp.connection import Connection
from mnemo.mcp.jsonrpc import Id, Notification, Request

END_SECONDS = 1.0
"""How long the end of a conversation waits for cancelled calls to give up."""


def _nothing(*_: object) -> None:
    """For what nobody wants to know."""


class Conversation:
    """
    Runs each message that is received, and sends its answer when there is one.

    @ivar on_idle: called each time that nothing is left to be answered
    @ivar on_request: told the method of each request before it begins
    """

    log = Logger()

    def __init__(
        self, connection: Connection, send: Callable[[bytes], None], clock: IReactorTime
    ) -> None:
        """
        @param send: sends one message, which holds no line break; what it raises is logged
        """
        self.on_idle: Callable[[], object] = _nothing
        self.on_request: Callable[[str], object] = _nothing
        self._connection = connection
        self._send = send
        self._clock = clock
        self._running: dict[Deferred[Any], Id | None] = {}

    @property
    def idle(self) -> bool:
        """Whether nothing is being answered."""
        return not self._running

    def receive(self, message: bytes) -> None:
        """Take one message. Nothing happens for one that is blank."""
        parsed = jsonrpc.parse(message)
        key: Id | None = None
        if isinstance(parsed, Request):
            self.on_request(parsed.method)
            # An initialize cannot be cancelled.
            key = None if parsed.method == "initialize" else parsed.id
        elif isinstance(parsed, Notification) and parsed.method == "notifications/cancelled":
            self._cancel(parsed.params.get("requestId"))
        elif not message.strip():
            return
        call = Deferred.fromCoroutine(self._connection.take(parsed))
        if call.called:
            self._finish(call)
            return
        self._running[call] = key
        call.addBoth(self._ended, call)

    def end_listening(self) -> None:
        """Answer who listens: there will be no more news."""
        self._connection.end_listening()

    def cancel_all(self) -> list[Deferred[Any]]:
        """Cancel what runs; it is not answered."""
        calls = list(self._running)
        for call in calls:
            call.cancel()
        return calls

    async def end(self) -> None:
        """
        Answer who listens, cancel what else runs, and close the connection: nothing is sent
        any more.
        """
        self.end_listening()
        self._send = _nothing
        calls = self.cancel_all()
        if self._running:
            # A list that is cancelled waits on for its members, which may not give up.
            over: Deferred[None] = Deferred()
            DeferredList(calls).addCallback(_once, over)
            await over.addTimeout(END_SECONDS, self._clock, _no_matter)
        await self._connection.close()

    def _ended(self, result: Any, call: "Deferred[Any]") -> None:
        del self._running[call]
        if isinstance(result, Failure):
            self._failed(result)
        else:
            self._answer(result)
        if not self._running:
            self.on_idle()

    def _finish(self, call: "Deferred[Any]") -> None:
        """A message was answered at once."""
        call.addCallbacks(self._answer, self._failed)
        if not self._running:
            self.on_idle()

    def _answer(self, answer: bytes | None) -> None:
        if answer is not None:
            self._send(answer)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self.log.failure("An answer was lost.", failure)

    def _cancel(self, id: object) -> None:
        """What is cancelled is not answered."""
        if not isinstance(id, int | str):
            return
        for call, key in list(self._running.items()):
            if key == id and type(key) is type(id):
                call.cancel()


def _once(_: object, over: Deferred[None]) -> None:
    if not over.called:
        over.callback(None)


def _no_matter(result: object, seconds: float) -> None:
    """What does not give up in time is left to itself."""
