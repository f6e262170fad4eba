"""The ports: opened when everything behind them stands, closed before anything behind goes."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint, serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint

from mnemo.transports.descriptors import allow_many
from mnemo.transports.front import Front

FINISH_SECONDS = 10.0
"""How long the calls that run when the ports close may take to end."""

_BACKLOG = 1024


class PortUnavailable(Exception):
    """A port cannot be opened. Its text is one line that says what to do."""


@define(eq=False)
class Listener:
    """
    The daemon's port, and the further ones that C{more} describes.

    @ivar more: Twisted's descriptions of endpoints
    @ivar ports: those that are open, the daemon's own first
    @ivar opened: told of the port's number as soon as calls are served
    """

    reactor: Any
    host: str
    port: int
    front: Front
    opened: Callable[[int], object]
    more: Sequence[str] = ()
    ports: list[IListeningPort] = field(factory=list, init=False)

    async def start(self) -> None:
        """Serve from now on. Raises L{PortUnavailable}, with no port open."""
        allow_many()
        try:
            port = await self._open_port()
            for description in self.more:
                await self._open(description)
        except PortUnavailable:
            await self._close()
            raise
        self.front.health.stage = "serving"
        self.opened(port)

    async def stop(self) -> None:
        """Let nobody in any more, and finish with those who are."""
        self.front.health.stage = "stopping"
        await self._close()
        await self.front.finish(FINISH_SECONDS)

    async def _open_port(self) -> int:
        family = TCP6ServerEndpoint if ":" in self.host else TCP4ServerEndpoint
        endpoint = family(self.reactor, self.port, _BACKLOG, self.host)
        listening = await self._listen(
            endpoint,
            f"{self.host} port {self.port}",
            "end what has it, or choose another by --port or server.port in mnemo.toml",
        )
        bound = listening.getHost()
        assert isinstance(bound, IPv4Address | IPv6Address)
        return bound.port

    async def _open(self, description: str) -> None:
        mend = "see server.listen in mnemo.toml"
        try:
            endpoint = serverFromString(self.reactor, private(description))
        except LookupError:
            raise PortUnavailable(f"systemd has not passed {description}; {mend}") from None
        except Exception as problem:  # Each kind of endpoint has its own for what it cannot read.
            raise PortUnavailable(f"{description!r} is no endpoint ({problem}); {mend}") from None
        bound = (await self._listen(endpoint, description, mend)).getHost()
        if not self.front.credentials.required and reaches_out(bound):
            raise PortUnavailable(
                f"{description} is reached from other machines, which needs server.tokens; {mend}"
            )

    async def _listen(
        self, endpoint: IStreamServerEndpoint, where: str, mend: str
    ) -> IListeningPort:
        try:
            listening = await endpoint.listen(self.front.site)
        except CannotListenError as error:
            why = getattr(error.socketError, "strerror", None) or error.socketError
            raise PortUnavailable(f"cannot listen on {where} ({why}); {mend}") from None
        except (OSError, ValueError) as error:
            # Such as a folder of a socket that is not there, or a descriptor that is none.
            why = getattr(error, "strerror", None) or error
            raise PortUnavailable(f"cannot listen on {where} ({why}); {mend}") from None
        self.ports.append(listening)
        return listening

    async def _close(self) -> None:
        while self.ports:
            await maybeDeferred(self.ports.pop().stopListening)


def private(description: str) -> str:
    """An endpoint's description; a UNIX socket that says no mode is its owner's alone."""
    is_open = description.startswith("unix:") and "mode=" not in description
    return f"{description}:mode=600" if is_open else description


def reaches_out(bound: object) -> bool:
    """Whether other machines reach what listens there."""
    return isinstance(bound, IPv4Address | IPv6Address) and not ip_address(bound.host).is_loopback
