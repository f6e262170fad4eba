"""Server-sent events: the open streams, what each may hold back, who ends them."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer, IReactorTime
from twisted.web.server import Request
from txaio import tx
from zope.interface import implementer

from mnemo.mcp.get_streams import SendEvent

HEARTBEAT = 15.0
"""Seconds within which a client hears from an open stream, if only a comment."""

_BUCKET = 2.0

HELD = 1024 * 1024
"""How many bytes wait for a reader that is slow. One that lets more gather is cut off."""

_HEADERS = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
_COMMENT = b":\n\n"


class ISource(Protocol):
    """What has messages for a stream."""

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """The stream is open: C{send} sends a message on it, C{close} ends it."""

    def detach(self) -> None:
        """The stream is over, for whatever reason."""


@implementer(IPushProducer)
class EventStream:
    """
    A response that stays open.

    @ivar ended: fires when it is over; to cancel it says that the client has gone
    @ivar open: false from then on; what is sent afterwards is dropped
    """

    def __init__(self, request: Request) -> None:
        self.open = True
        self.ended: Deferred[None] = Deferred(self._gone)
        self._request = request
        self._held: deque[bytes] = deque()
        self._held_bytes = 0
        self._paused = False

    def begin(self, first: bytes) -> None:
        """Send the headers, and something so that they are on their way at once."""
        for name, value in _HEADERS:
            self._request.setHeader(name, value)
        self._request.registerProducer(self, True)
        self._request.write(first)

    def send(self, message: bytes, id: str = "", retry: int | None = None) -> None:
        """
        Send a JSON-RPC message, or hold it while the reader is slow.

        @param message: C{b""} for an event that only says C{id} and C{retry}
        @param id: by which a client that comes back can say what it has
        @param retry: milliseconds after which to come back when the stream breaks
        """
        if not self.open:
            return
        if message:
            event = b"event: message\ndata: %b\n\n" % message
        else:
            # Without data an event is passed over, and its id with it.
            event = b"data: \n\n" if id else b"\n"
        if retry is not None:
            event = b"retry: %d\n%b" % (retry, event)
        if id:
            event = b"id: %b\n%b" % (id.encode("ascii"), event)
        self.write(event)

    def write(self, event: bytes) -> None:
        """Send an event that is whole, or hold it while the reader is slow."""
        if not self.open:
            return
        if not self._paused:
            self._request.write(event)
            return
        # One message may be longer than that by itself.
        if self._held_bytes > HELD:
            self._abort()
            return
        self._held.append(event)
        self._held_bytes += len(event)

    def beat(self) -> None:
        """Show that the stream lives. A reader that is behind has not heard the last one yet."""
        if self.open and not self._paused:
            self._request.write(_COMMENT)

    def close(self) -> None:
        """End the response from our side."""
        if self.open:
            self.open = False
            # The transport takes what is still held, however slow its reader.
            while self._held:
                self._request.write(self._held.popleft())
            self._request.unregisterProducer()
            self.ended.callback(None)

    def pauseProducing(self) -> None:
        """The transport holds as much as it likes to."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The transport takes more."""
        self._paused = False
        while self._held and not self._paused:
            event = self._held.popleft()
            self._held_bytes -= len(event)
            self._request.write(event)

    def stopProducing(self) -> None:
        """The transport is gone; C{ended} is cancelled for the same reason."""
        self.open = False

    def _abort(self) -> None:
        transport: Any = self._request.channel.transport
        transport.abortConnection()

    def _gone(self, ended: Deferred[None]) -> None:
        self.open = False
        self._held.clear()


@define(eq=False)
class _Entry:
    """An open stream, and the timer of its next heartbeat."""

    source: ISource
    stream: EventStream
    next_beat: Any = None


@define(eq=False)
class Streams:
    """
    The streams that are open.

    @ivar clock: the reactor; txaio keeps one for the process
    @ivar boot: told in the first comment of each, so that a client knows one life of the
        daemon from another
    """

    clock: IReactorTime
    boot: str = ""
    _entries: set[_Entry] = field(factory=set, init=False)
    _timer: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        tx.config.loop = self.clock  # type: ignore[assignment]
        # Ten thousand streams are a handful of timers.
        self._timer = tx.make_batched_timer(_BUCKET)

    def __len__(self) -> int:
        return len(self._entries)

    def open(self, source: ISource, request: Request, first: bytes = b"") -> Deferred[None]:
        """
        Answer a request with a stream; what comes back fires when it is over.

        @param first: an event that goes ahead of all messages
        """
        entry = _Entry(source, EventStream(request))
        stream = entry.stream
        self._entries.add(entry)
        self._schedule(entry)
        stream.ended.addBoth(self._ended, entry)
        stream.begin(b": boot %b\n\n%b" % (self.boot.encode(), first))
        source.attach(stream.send, stream.close)
        return stream.ended

    def close_all(self) -> None:
        """End every stream."""
        for entry in list(self._entries):
            entry.stream.close()

    def _schedule(self, entry: _Entry) -> None:
        # The timer is up to a bucket early, and spreads many calls over up to a bucket.
        entry.next_beat = self._timer.call_later(HEARTBEAT - _BUCKET, self._beat, entry)

    def _beat(self, entry: _Entry) -> None:
        if entry.stream.open:
            entry.stream.beat()
            self._schedule(entry)

    def _ended(self, result: object, entry: _Entry) -> object:
        self._entries.discard(entry)
        entry.next_beat.cancel()
        entry.source.detach()
        return result
