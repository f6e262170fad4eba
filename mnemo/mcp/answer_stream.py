"""The event stream that the answer to a request becomes when there is more to say than that."""

from collections.abc import Callable
from typing import ClassVar, Protocol

from attrs import define, field

from mnemo.mcp.jsonrpc import Id
from mnemo.mcp.replay import Journal, Sink, Track


class Keeper(Protocol):
    """Whose streams are kept, so that they can be taken up again."""

    @property
    def journal(self) -> Journal | None:
        """Where, or C{None} for a client that does not know of this."""

    def stream_opened(self, send: Callable[[bytes], None]) -> None:
        """A stream has begun, on which something may be asked."""


@define(eq=False)
class AnswerStream:
    """
    The way back to the client that a request came from.

    It is a plain answer until the first message is sent; from then on it is a stream, whose
    last message is the answer. So what is found wrong before has its HTTP status.

    This is one that never becomes a stream; transports make theirs of it.

    @cvar can_stream: whether there are streams at all
    @ivar id: of the request
    @ivar allowed: whether it may become a stream
    @ivar begun: whether it is one
    @ivar given_up: whether the client has cancelled the request
    """

    can_stream: ClassVar[bool] = False

    id: Id | None = field(init=False, default=None)
    allowed: bool = field(init=False, default=False)
    begun: bool = field(init=False, default=False)
    given_up: bool = field(init=False, default=False)
    _keeper: Keeper | None = field(init=False, default=None)
    _track: Track | None = field(init=False, default=None)
    _sink: Sink | None = field(init=False, default=None)

    def open_sink(self) -> Sink:
        """Have the transport begin a stream. Called once at most."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Have the transport cancel the work on the request."""

    def allow(self, keeper: Keeper | None = None) -> None:
        """Let it become a stream."""
        self.allowed = self.can_stream
        self._keeper = keeper

    def begin(self) -> None:
        """Become a stream now, if it may and is none yet."""
        if self.begun or not self.allowed:
            return
        self.begun = True
        self._sink = self.open_sink()
        keeper = self._keeper
        if keeper is not None and keeper.journal is not None:
            self._track = keeper.journal.open(self.id)
            self._track.begin(self._sink)
        if keeper is not None:
            keeper.stream_opened(self.send)

    def send(self, message: bytes) -> None:
        """Send a message. It is lost where the client has gone and cannot come back."""
        self.begin()
        if self._track is not None:
            self._track.send(message)
        elif self._sink is not None:
            self._sink.send(message)

    def finish(self, answer: bytes) -> None:
        """Send the answer, which is the end."""
        self.send(answer)
        if self._track is not None:
            self._track.close()
        elif self._sink is not None:
            self._sink.close()

    def release(self, retry: float) -> None:
        """Let the client hang up and come back after C{retry} seconds, if it can."""
        if self._keeper is not None and self._keeper.journal is not None:
            self.begin()
        if self._track is not None:
            self._track.release(retry)

    def lost(self) -> None:
        """The transport says that the client has gone. Nothing can begin any more."""
        self.allowed = False
        sink, self._sink = self._sink, None
        if self._track is not None and sink is not None:
            self._track.lost(sink)

    def give_up(self) -> None:
        """The client does not want the answer any more."""
        self.given_up = True
        self.cancel()
