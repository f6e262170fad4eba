"""All that is served behind a port: every transport, over one core, behind one guard."""

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mnemo.api.openai import OpenAi
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.transports.credentials import Credentials
from mnemo.transports.guard import Guard
from mnemo.transports.http import Addresses
from mnemo.transports.legacy_sse import Mailboxes, MessagesAddress, RootAddress, SseAddress
from mnemo.transports.openai_address import OpenAiAddress
from mnemo.transports.shortcut import Shortcut
from mnemo.transports.site import GuardedSite
from mnemo.transports.sse import Streams
from mnemo.transports.websocket import WebSockets
from mnemo.transports.websocket_talk import House
from mnemo.transports.websocket_upgrade import Upgrade


@define(eq=False)
class Front:
    """
    The transports.

    @ivar api: the models for every program, where they are offered
    @ivar site: what a port, any port, is given
    """

    endpoint: Endpoint
    health: Health
    streams: Streams
    clock: IReactorTime
    guard: Guard = field(factory=Guard)
    credentials: Credentials = field(factory=Credentials)
    api: OpenAi | None = None
    addresses: Addresses = field(init=False)
    mailboxes: Mailboxes = field(init=False)
    sockets: WebSockets = field(init=False)
    site: GuardedSite = field(init=False)
    _openai: OpenAiAddress | None = field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        server = self.endpoint.server
        self.addresses = Addresses(self.endpoint, self.health, self.streams, self.clock)
        self.mailboxes = Mailboxes(server, self.health, self.streams, self.clock)
        self.sockets = WebSockets(House(server, self.credentials, self.health.report, self.clock))
        if self.api is not None:
            self._openai = OpenAiAddress(self.api, self.health, self.clock)
        messages, sse = Shortcut(self.addresses), SseAddress(self.mailboxes)
        self.site = GuardedSite(
            self.addresses.app.resource(),
            messages,
            self.guard,
            self.clock,
            self.credentials,
            {
                b"/": RootAddress(self.mailboxes, messages),
                b"/sse": sse,
                b"/sse/": sse,
                b"/messages": MessagesAddress(self.mailboxes),
                b"/ws": Upgrade(self.sockets),
            },
            self._openai,
        )

    async def finish(self, seconds: float) -> None:
        """Let what runs end, cancel what still runs after C{seconds}, and close every stream."""
        until = self.clock.seconds() + seconds
        sockets = Deferred.fromCoroutine(self.sockets.finish(seconds))
        openai = (
            None if self._openai is None else Deferred.fromCoroutine(self._openai.finish(seconds))
        )
        await self.mailboxes.settle(until)
        await self.addresses.finish(max(0.0, until - self.clock.seconds()))
        await self.mailboxes.finish()
        await sockets
        if openai is not None:
            await openai
