"""
C{mnemo shim}: an MCP server on stdin and stdout that speaks to the daemon over a WebSocket.

Where C{mnemo mcp} sends each message by itself, this keeps one connection, and makes it again
when it breaks.
"""

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from threading import Timer
from typing import Any

import click
from attrs import evolve, frozen

from mnemo.cli.bridging import Bridge, Launch, bridges
from mnemo.transports.daemon import Home, IPlace, Url
from mnemo.transports.pipes import hung_up
from mnemo.transports.upstream import Address

STDIN, STDOUT, STDERR = 0, 1, 2

PATH = "/ws"
"""Where the daemon has its WebSocket."""

LOOK_SECONDS = 0.5
"""How often a look is taken whether the client still lives."""

STOP_SECONDS = 1.0
"""How long the last words may take."""


@click.command()
@bridges("ws://127.0.0.1:9999/ws", "ws")
def shim(bridge: Bridge) -> None:
    """Speak MCP on stdin and stdout, through a WebSocket to the daemon."""
    parent = os.getppid()
    place: IPlace = WebSocketOf(Home(bridge.config.home))
    if bridge.address is not None:
        place = Url(bridge.address)
    run(place, bridge.launch, headers_of(bridge.token, bridge.project), parent)


@frozen
class WebSocketOf:
    """The WebSocket of the daemon that serves a home."""

    home: Home

    def address(self) -> Address | None:
        """Where it was last said to be."""
        address = self.home.address()
        return None if address is None else evolve(address, path=PATH)

    def is_taken(self) -> bool:
        """Whether a daemon serves the home, or is about to."""
        return self.home.is_taken()


def headers_of(token: str, project: str) -> Mapping[str, str]:
    """What the handshake carries: who speaks, and where they work."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # What is no text cannot be sent; what has line breaks would be more than one header.
    if project.isprintable():
        headers["X-Mnemo-Project"] = project
    return headers


def run(place: IPlace, launch: Launch | None, headers: Mapping[str, str], parent: int) -> None:
    """
    Serve the client at the other end of stdin and stdout until it has gone.

    @param parent: the process that started this one; when it dies, this ends
    """
    from twisted.internet import reactor as global_reactor
    from twisted.internet import stdio
    from twisted.internet.error import ReactorNotRunning
    from twisted.internet.task import LoopingCall
    from twisted.logger import globalLogBeginner

    from mnemo.observe.logs import Silence
    from mnemo.transports.shim import Shim

    reactor: Any = global_reactor
    globalLogBeginner.beginLoggingTo([Silence()], redirectStandardIO=False, discardBuffer=True)
    # Whatever a library prints must not end up between the messages.
    output = os.dup(STDOUT)
    os.dup2(STDERR, STDOUT)
    bridge = Shim(reactor, place, launch, headers, _say)

    def look() -> None:
        if os.getppid() != parent:
            bridge.finish()
        elif hung_up(STDIN, 0):
            # While the daemon takes nothing, nothing is read, and so not the end either.
            bridge.end_soon()

    def end(_: object = None) -> None:
        with suppress(ReactorNotRunning):
            reactor.stop()

    def stop() -> object:
        watch.stop()
        net = Timer(STOP_SECONDS, os._exit, (0,))
        net.daemon = True
        net.start()
        bridge.finish()
        return bridge.gone

    def start() -> None:
        pipes: Any = stdio.StandardIO  # Another class on every platform.
        pipes(bridge.pipes, STDIN, output, reactor)
        watch.start(LOOK_SECONDS, now=False)
        bridge.start()

    watch = LoopingCall(look)
    watch.clock = reactor
    bridge.gone.addCallback(end)
    reactor.addSystemEventTrigger("before", "shutdown", stop)
    reactor.callWhenRunning(start)
    reactor.run()


def _say(text: str) -> None:
    """Tell whoever reads the standard error; the standard output is the protocol's."""
    with suppress(OSError):
        sys.stderr.write(f"mnemo shim: {text}\n")
