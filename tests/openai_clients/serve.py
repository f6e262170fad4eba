"""
The daemon's HTTP side with models that need no weights, for real clients to speak to.

It prints its port, and serves until its input ends.
"""

from collections.abc import Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.python.failure import Failure

from mnemo.api.callers import Callers
from mnemo.api.openai import OpenAi
from mnemo.mcp.streamable import Endpoint
from mnemo.observe.health import Health
from mnemo.transports.credentials import Credentials
from mnemo.transports.front import Front
from mnemo.transports.sse import Streams
from tests.inference.fakes import FakeEmbedder
from tests.mcp.fakes import FakeSessions, make_server
from tests.openai_clients.talker import Talker
from tests.transports.wire import good_legs, no_problems

TOKEN = "openai-clients-token"
RUNNING, WAITING = 4, 2


class Until(Protocol):
    """Ends the process with its input."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        reactor.stop()


def front() -> Front:
    """All that is served."""
    callers = Callers(reactor, RUNNING, WAITING)

    def facts() -> Mapping[str, object]:
        return {"running": callers.in_use}

    health = Health(reactor, "1.2.3", facts, no_problems, good_legs)
    health.stage = "serving"
    return Front(
        Endpoint(make_server(FakeSessions(), [])),
        health,
        Streams(reactor, health.boot),
        reactor,
        credentials=Credentials({"me": TOKEN}),
        api=OpenAi(Talker(reactor), FakeEmbedder(), callers, reactor),
    )


def main() -> None:
    """Serve."""
    site: Any = front().site
    port = reactor.listenTCP(0, site, interface="127.0.0.1")
    address = port.getHost()
    assert isinstance(address, IPv4Address)
    print(address.port, flush=True)
    StandardIO(Until())
    reactor.run()


if __name__ == "__main__":
    main()
