"""A connection as it is read: what one client sends ahead keeps nobody else waiting."""

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IWriteDescriptor
from twisted.web.http import HTTPChannel, Request


class Channel(HTTPChannel):
    """
    A connection whose requests are answered one in each turn of the reactor.

    A client may send many requests without waiting for their answers. They are in memory when
    the first is read, and Twisted answers all of them before it looks at anybody else. Here the
    rest waits for the next turn, and for the client to take the answers that it has.
    """

    maxHeaders = 128

    _ahead = b""
    _next: IDelayedCall | None = None

    def requestDone(self, request: Request) -> None:
        """The answer is complete: it is sent at once, and not in the next turn."""
        transport: Any = self.transport
        if IWriteDescriptor.providedBy(transport):
            # What cannot be sent yet, or not any more, is left to the reactor.
            transport.doWrite()
        super().requestDone(request)

    def setLineMode(self, extra: bytes = b"") -> None:
        """A request has been answered; C{extra} has come behind it."""
        self.line_mode = 1
        self._ahead = self.clearLineBuffer() + extra
        if self._ahead:
            self._pause()

    def dataReceived(self, data: bytes) -> None:
        """More has come."""
        if self._ahead:
            self._ahead += data
        else:
            super().dataReceived(data)

    def resumeProducing(self) -> None:
        """The client has taken what it was sent."""
        super().resumeProducing()
        if self._ahead and self._next is None:
            self._pause()

    def connectionLost(self, reason: Any = None) -> None:
        """The client has gone."""
        self._ahead = b""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        super().connectionLost(reason)

    def _pause(self) -> None:
        # Nothing more is read meanwhile: what is sent ahead stays within one reading.
        self._networkProducer.pauseProducing()
        if self._next is None:
            self._next = self.callLater(0, self._go_on)

    def _go_on(self) -> None:
        self._next = None
        if self._waitingForTransport:
            return
        ahead, self._ahead = self._ahead, b""
        self._networkProducer.resumeProducing()
        super().dataReceived(ahead)
