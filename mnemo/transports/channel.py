"""A connection as it is read: what one client sends ahead keeps nobody else waiting."""

from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.web.http import HTTPChannel, Request

from mnemo.transports import heads


class Channel(HTTPChannel):
    """
    A connection whose requests are answered one in each turn of the reactor.

    A client may send many requests without waiting for their answers. They are in memory when
    the first is read, and Twisted answers all of them before it looks at anybody else. Here the
    rest waits for the next turn, and for the client to take the answers that it has.

    A request that comes whole and alone, with a head that was read before, is not read again:
    Twisted's reading of one costs as much as the answer (C{contrib/benchmarks/serve.py}).

    @ivar unread: the head of such a request that is being read for the first time, else C{b""}
    """

    maxHeaders = 128

    site: Any
    unread = b""

    _ends: tuple[IAddress, IAddress]
    _ahead = b""
    _next: IDelayedCall | None = None

    def connectionMade(self) -> None:  # noqa: N802
        """Both ends are asked for once, and not of the system with each request."""
        super().connectionMade()
        transport: Any = self.transport
        self._ends = transport.getPeer(), transport.getHost()

    def getPeer(self) -> IAddress:  # noqa: N802
        """Who is connected."""
        return self._ends[0]

    def getHost(self) -> IAddress:  # noqa: N802
        """To where."""
        return self._ends[1]

    def requestDone(self, request: Request) -> None:
        """The answer is complete: it is sent at once, and not in the next turn."""
        transport: Any = self.transport
        if isinstance(transport, FileDescriptor) and _holds(transport):
            # What cannot be sent yet, or not any more, is left to the reactor.
            transport.doWrite()
        super().requestDone(request)

    def write(self, data: bytes) -> None:
        """Send at once what can be: to go by the reactor is two more calls of the system."""
        transport: Any = self.transport
        if isinstance(transport, FileDescriptor) and transport.connected and not _holds(transport):
            sent = transport.writeSomeData(data)
            # Of a connection that is lost the reactor learns as it tries again.
            data = data[sent:] if isinstance(sent, int) else data
            if not data:
                return
        super().write(data)

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
            return
        whole = None
        if self._between_requests():
            whole = heads.split(data)
            if whole is None and heads.is_too_long(data, self.totalHeadersSize):
                # Twisted would come to the same after a quarter of a millisecond.
                self._respondToBadRequestAndDisconnect()
                return
        if whole is None:
            super().dataReceived(data)
            return
        raw, body = whole
        head = self.site.heads.find(raw)
        if head is not None:
            self._take(head, body)
            return
        self.unread = raw
        super().dataReceived(data)
        self.unread = b""

    def _between_requests(self) -> bool:
        """Whether the next byte begins a request that is to be answered."""
        transport: Any = self.transport
        return bool(
            self.line_mode
            and not self.requests
            and not self._buffer
            and self.persistent
            and not transport.disconnecting
        )

    def _take(self, head: heads.Head, body: bytes) -> None:
        """A whole request has come: what Twisted does when it has read one."""
        self.resetTimeout()
        request: Any = self.requestFactory(self, 0)
        request.know(head, body)
        self.requests.append(request)
        self._handlingRequest = True
        self.setRawMode()
        request.requestReceived(*heads.REQUEST_LINE)
        if self.requests and self.timeOut:
            # Only now: a timer costs more than to look whether one is needed.
            self._savedTimeOut = self.setTimeout(None)

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


def _holds(transport: FileDescriptor) -> bool:
    """Whether a connection has something to send yet."""
    return bool(transport.dataBuffer or transport._tempDataBuffer)
