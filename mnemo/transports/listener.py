"""The port: opened when everything behind it stands, closed before anything behind it goes."""

from collections.abc import Callable

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IReactorTCP
from twisted.web.server import Site

from mnemo.transports.http import Addresses

FINISH_SECONDS = 10.0
"""How long the calls that run when the port closes may take to end."""

_BACKLOG = 1024


class PortUnavailable(Exception):
    """The port cannot be opened. Its text is one line that says what to do."""


@define(eq=False)
class Listener:
    """
    The daemon's port.

    @ivar opened: told of the port's number as soon as calls are served
    """

    reactor: IReactorTCP
    host: str
    port: int
    site: Site
    addresses: Addresses
    opened: Callable[[int], object]
    _listening: IListeningPort | None = field(default=None, init=False)

    async def start(self) -> None:
        """Serve from now on. Raises L{PortUnavailable}."""
        family = TCP6ServerEndpoint if ":" in self.host else TCP4ServerEndpoint
        endpoint = family(self.reactor, self.port, _BACKLOG, self.host)
        try:
            self._listening = await endpoint.listen(self.site)
        except CannotListenError as error:
            why = getattr(error.socketError, "strerror", None) or error.socketError
            raise PortUnavailable(
                f"cannot listen on {self.host} port {self.port} ({why}); end what has it,"
                " or choose another by --port or server.port in mnemo.toml"
            ) from None
        self.addresses.health.stage = "serving"
        bound = self._listening.getHost()
        assert isinstance(bound, IPv4Address | IPv6Address)
        self.opened(bound.port)

    async def stop(self) -> None:
        """Let nobody in any more, and finish with those who are."""
        self.addresses.health.stage = "stopping"
        if self._listening is not None:
            await maybeDeferred(self._listening.stopListening)
        await self.addresses.finish(FINISH_SECONDS)
