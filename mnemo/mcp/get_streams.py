"""
What a GET of a legacy session is answered with: an event stream, until one side ends it.

The transport sends the head of the answer, then calls C{attach}; when the connection has gone,
for whatever reason, it calls C{detach}.
"""

from collections.abc import Callable
from typing import Protocol

from attrs import define, field, frozen

from mnemo.mcp import jsonrpc
from mnemo.mcp.dialogue import Dialogue
from mnemo.mcp.errors import INTERNAL_ERROR, ProtocolError
from mnemo.mcp.jsonrpc import Id
from mnemo.mcp.replay import Track
from mnemo.sessions.interfaces import Session

LOST = "The answer to this request was lost; it may have been carried out."


class SendEvent(Protocol):
    """Sends one event; see L{Sink}."""

    def __call__(self, message: bytes, id: str = "", retry: int | None = None) -> None: ...


@frozen(eq=False)
class _Wires:
    """A stream as two functions (L{Sink})."""

    send: SendEvent
    close: Callable[[], None]


@define(eq=False)
class OpenStream:
    """
    A session's stream for what belongs to no request.

    @ivar on_detach: told when it is over
    @ivar missed: the number of the last event that its client has, where it comes back
    """

    session: Session
    dialogue: Dialogue
    on_detach: Callable[["OpenStream"], None]
    missed: int | None = None
    _wires: _Wires | None = field(init=False, default=None)
    _track: Track | None = field(init=False, default=None)

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """
        Begin. An older stream of the same session ends: the newest is the one that is read.

        @param send: sends one JSON-RPC message as an event; called at once if there is
            something to ask the client
        @param close: ends the stream from this side; called at most once
        """
        self._wires = _Wires(send, close)
        self.session.streams += 1
        older, self.dialogue.stream = self.dialogue.stream, self
        if older is not None:
            older.close()
        journal = self.dialogue.journal
        if journal is None:
            return self.dialogue.begin(send)
        track = self.dialogue.standing
        if track is not None and self.missed is not None:
            track.resume(self._wires, self.missed)
        else:
            if track is not None:
                track.close()
            track = self.dialogue.standing = journal.open()
            track.begin(self._wires)
        self._track = track
        self.dialogue.begin(track.send)
        return None

    def detach(self) -> None:
        """The connection has gone. The session counts as active until now."""
        if self._wires is None:
            return
        if self._track is not None:
            self._track.lost(self._wires)
        self._wires = None
        self.session.streams -= 1
        if self.dialogue.stream is self:
            self.dialogue.stream = None
            self.dialogue.end()
        self.on_detach(self)

    def close(self) -> None:
        """End the stream from this side."""
        wires = self._wires
        self.detach()
        if wires is not None:
            wires.close()


@define(eq=False)
class LostStream:
    """All there is of a request's stream that nobody knows any more: that its answer is lost."""

    _request: Id

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """Say so."""
        send(jsonrpc.error(self._request, ProtocolError(INTERNAL_ERROR, LOST)))
        close()

    def detach(self) -> None:
        """There is nothing more to it."""


@define(eq=False)
class ResumedStream:
    """The rest of a request's stream, whose client had lost it."""

    session: Session
    _track: Track
    _number: int
    _wires: _Wires | None = field(init=False, default=None)

    def attach(self, send: SendEvent, close: Callable[[], None]) -> None:
        """Send what the client missed, and what is still to come."""
        self.session.streams += 1
        self._wires = _Wires(send, close)
        self._track.resume(self._wires, self._number)

    def detach(self) -> None:
        """The connection has gone."""
        if self._wires is not None:
            self.session.streams -= 1
            self._track.lost(self._wires)
            self._wires = None


AnyStream = OpenStream | ResumedStream | LostStream
"""What a GET can be answered with, where it is not refused."""
