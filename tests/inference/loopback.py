"""A server on this machine that answers what a test says."""

from collections.abc import Callable
from typing import Any

import msgspec
from attrs import define, field, frozen
from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site

from mnemo.inference.servers import ServerModel

Answer = Callable[[Request], bytes | int]


def no_pause() -> float:
    """A chance that makes the pause between two tries none at all."""
    return -0.5


@frozen
class Received:
    """A request that came."""

    path: str
    headers: dict[str, str]
    content: Any


@define(eq=False)
class Loopback(Resource):
    """
    A server.

    @ivar answers: the answers to the next requests, in order
    @ivar received: what came
    @ivar connections: how many connections were made
    @ivar gone: fires when the next client goes away before its answer has ended
    """

    answers: list[Answer] = field(factory=list)
    received: list[Received] = field(factory=list)
    connections: int = 0
    gone: Deferred[None] = field(factory=Deferred)
    _port: IListeningPort | None = None

    isLeaf = True

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def listen(self, port: int = 0) -> ServerModel:
        """Serve; the model that it has."""
        site: Any = _CountingSite(self)
        self._port = reactor.listenTCP(port, site, interface="127.0.0.1")
        address = self._port.getHost()
        assert isinstance(address, IPv4Address)
        return ServerModel(f"http://127.0.0.1:{address.port}/v1", "big", "s3cret")

    async def close(self) -> None:
        """Serve no more."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)

    def render(self, request: Request) -> bytes | int:
        headers = {
            name.decode().lower(): values[0].decode()
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        assert request.content is not None
        content = msgspec.json.decode(request.content.read())
        self.received.append(Received(request.path.decode(), headers, content))
        request.notifyFinish().addErrback(self._left)
        return self.answers.pop(0)(request)

    def _left(self, _: object) -> None:
        if not self.gone.called:
            self.gone.callback(None)


class _CountingSite(Site):
    """Its connections are counted, and its requests are logged nowhere."""

    def __init__(self, there: Loopback) -> None:
        super().__init__(there, parsePOSTFormSubmission=False)
        self._there = there

    def buildProtocol(self, addr: IAddress | None) -> Any:
        self._there.connections += 1
        return super().buildProtocol(addr)

    def log(self, request: Any) -> None:
        pass


def says(status: int, content: object, **headers: str) -> Answer:
    """An answer in one, as JSON."""

    def answer(request: Request) -> bytes:
        request.setResponseCode(status)
        for name, value in headers.items():
            request.setHeader(name.replace("_", "-"), value)
        return msgspec.json.encode(content)

    return answer


def events(*contents: object) -> bytes:
    """Events, C{str} as they are and the rest as JSON."""
    return b"".join(
        b"data: %b\n\n"
        % (content.encode() if isinstance(content, str) else msgspec.json.encode(content))
        for content in contents
    )


def streams(*parts: bytes, ends: bool = True) -> Answer:
    """An answer that comes in parts, and ends or does not."""

    def answer(request: Request) -> int:
        request.setHeader("Content-Type", "text/event-stream")
        for part in parts:
            request.write(part)
        if ends:
            request.finish()
        return NOT_DONE_YET

    return answer


def hangs_up(*parts: bytes) -> Answer:
    """An answer that breaks off."""

    def answer(request: Request) -> int:
        for part in parts:
            request.write(part)
        channel: Any = request.channel
        channel.transport.loseConnection()
        return NOT_DONE_YET

    return answer


def waits(request: Request) -> int:
    """No answer."""
    return NOT_DONE_YET
