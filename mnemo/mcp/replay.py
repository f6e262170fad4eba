"""What was sent to a session on its streams, so that a client can take up one that broke."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import deque
from itertools import count
from secrets import token_hex
from typing import Protocol

from attrs import define, field

from mnemo.mcp import jsonrpc
from mnemo.mcp.jsonrpc import Id

EVENTS = 256
"""How many events of one session are kept."""

BYTES = 256 * 1024
"""How many bytes of one session's events are kept; the latest event is kept whatever its size."""

RETRY_SECONDS = 1.0
"""After how long a client is told to come back to a stream that broke."""


class Sink(Protocol):
    """An open event stream, as the transport has it."""

    def send(self, message: bytes, id: str = "", retry: int | None = None) -> None:
        """
        Send one event.

        @param message: what it carries; C{b""} for one that only says C{id} and C{retry}
        @param retry: milliseconds after which to come back when the stream breaks
        """

    def close(self) -> None:
        """End the stream from this side."""


_PARTS = re.compile(
    r"(?P<mark>[0-9a-f]{8})-(?P<name>[0-9]{1,18}(\.(?P<request>[A-Za-z0-9_-]*))?)"
    r"-(?P<number>[0-9]{1,9})",
    re.ASCII,
)

_LONGEST = 256
"""Characters of the longest request id that the ids of events repeat."""


def request_of(id: str) -> Id | None:
    """
    The request whose stream an event's id names, of whichever process; C{None} where it names
    none.
    """
    parts = _PARTS.fullmatch(id)
    told = parts["request"] if parts is not None else None
    if not told:
        return None
    try:
        request = json.loads(urlsafe_b64decode(told + "=" * (-len(told) % 4)))
    except ValueError:
        return None
    return request if type(request) is int or type(request) is str else None


def _named(request: Id) -> str:
    told = urlsafe_b64encode(jsonrpc.encode(request)).rstrip(b"=").decode("ascii")
    return told if len(told) <= _LONGEST else ""


@define(eq=False)
class Track:
    """
    One stream of a session, whichever connections carry it.

    @ivar name: names the stream in the ids of its events
    @ivar is_closed: whether nothing more will be sent on it
    @ivar events: the latest messages, with their numbers
    """

    _journal: "Journal" = field(repr=False)
    name: str
    is_closed: bool = field(init=False, default=False)
    events: deque[tuple[int, bytes]] = field(init=False, factory=deque)
    _last: int = field(init=False, default=0)
    _sink: Sink | None = field(init=False, default=None)

    def begin(self, sink: Sink) -> None:
        """Be carried by this connection from now on."""
        self._hang_up()
        self._sink = sink
        sink.send(b"", self._id(self._last), round(RETRY_SECONDS * 1000))

    def resume(self, sink: Sink, number: int) -> None:
        """
        Go on where the client left off: with the events that it missed, and all to come.

        @param number: of the last event that the client has
        """
        self._hang_up()
        for each, message in self.events:
            if each > number:
                sink.send(message, self._id(each))
        if self.is_closed:
            sink.close()
        else:
            self._sink = sink

    def send(self, message: bytes) -> None:
        """Send a message, and keep it."""
        self._last += 1
        self.events.append((self._last, message))
        self._journal.recorded(self, len(message))
        if self._sink is not None:
            self._sink.send(message, self._id(self._last))

    def release(self, retry: float) -> None:
        """Let the client hang up, and come back after C{retry} seconds."""
        if self._sink is not None:
            self._sink.send(b"", retry=round(retry * 1000))
        self._hang_up()

    def lost(self, sink: Sink) -> None:
        """This connection has gone."""
        if self._sink is sink:
            self._sink = None

    def close(self) -> None:
        """Nothing more will be sent. What was is kept while there is room."""
        self.is_closed = True
        self._hang_up()
        self._journal.closed(self)

    def _id(self, number: int) -> str:
        return f"{self._journal.mark}-{self.name}-{number}"

    def _hang_up(self) -> None:
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.close()


@define(eq=False)
class Journal:
    """
    The streams of one session, and the latest of what was sent on them.

    @ivar mark: begins every id: those of another session, or of an earlier process, mean
        nothing here
    @ivar events: how many are kept
    @ivar bytes: how long they are together
    """

    mark: str = field(init=False, factory=lambda: token_hex(4))
    events: int = field(init=False, default=0)
    bytes: int = field(init=False, default=0)
    _names: "count[int]" = field(init=False, factory=count)
    _tracks: dict[str, Track] = field(init=False, factory=dict)
    # The track of each event, in the order in which they were sent.
    _order: deque[Track] = field(init=False, factory=deque)

    def __len__(self) -> int:
        return len(self._tracks)

    def open(self, request: Id | None = None) -> Track:
        """
        A new stream. It can be found until it is closed and none of its events is kept.

        @param request: the id of the request that it carries the answer to
        """
        name = str(next(self._names))
        if request is not None:
            name = f"{name}.{_named(request)}"
        track = Track(self, name)
        self._tracks[track.name] = track
        return track

    def find(self, id: str) -> tuple[Track, int] | None:
        """The stream that an event's id names, and the number of the event."""
        parts = _PARTS.fullmatch(id)
        track = self._tracks.get(parts["name"]) if parts is not None else None
        if parts is None or track is None or parts["mark"] != self.mark:
            return None
        return track, int(parts["number"])

    def recorded(self, track: Track, size: int) -> None:
        """An event was added. For L{Track} alone."""
        self._order.append(track)
        self.events += 1
        self.bytes += size
        while self.events > 1 and (self.events > EVENTS or self.bytes > BYTES):
            self._forget(self._order.popleft())

    def closed(self, track: Track) -> None:
        """A stream is over. For L{Track} alone."""
        if not track.events:
            self._tracks.pop(track.name, None)

    def _forget(self, track: Track) -> None:
        _, message = track.events.popleft()
        self.events -= 1
        self.bytes -= len(message)
        if not track.events and track.is_closed:
            del self._tracks[track.name]
