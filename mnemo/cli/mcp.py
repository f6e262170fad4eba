"""
C{mnemo mcp}: an MCP server on stdin and stdout.

It passes messages on to the daemon, which it starts where there is none. Only where that
cannot be is the home served by this very process. Everything that loads Twisted is imported
then, and not before: most of these processes live beside an agent all day and have nothing to do.
"""

import os
import signal
import sys
from threading import Event
from time import monotonic

import click
from attrs import define, field

from mnemo.cli.bridging import Bridge, bridges
from mnemo.config import Config
from mnemo.transports.daemon import Daemon, Home, Unreachable, Url
from mnemo.transports.pipes import Output, has_unread, hung_up, lines
from mnemo.transports.proxy import Proxy

STDIN, STDOUT = 0, 1

GRACE_SECONDS = 1.0
"""How long what is on its way may take when the client has closed its end."""


@click.command()
@bridges()
def mcp(bridge: Bridge) -> None:
    """Speak MCP on stdin and stdout, for clients that start their servers themselves."""
    client = Client(os.getppid(), bridge.project, bridge.token)
    if bridge.address is not None:
        client.serve_by(Daemon(Url(bridge.address), None, client.closing.wait))
        return
    place = Home(bridge.config.home)
    problem = ""
    try:
        Daemon(place, bridge.launch, client.is_gone_after).reach(patience=0)
    except Unreachable as unreachable:
        problem = str(unreachable)
    if not problem:
        client.serve_by(Daemon(place, bridge.launch, client.closing.wait))
    elif not client.is_gone_after(0):
        serve_here(bridge.config, client, problem)


@define
class Client:
    """
    Who started this process, and is at the other end of its pipes.

    @ivar project: where the client works
    @ivar token: what the daemon asks for, or C{""}
    @ivar closing: set when it has gone
    @ivar _patient_until: when a client that has closed its end gets no answer any more
    """

    parent: int
    project: str
    token: str = ""
    closing: Event = field(factory=Event)
    _patient_until: float | None = None

    def serve_by(self, daemon: Daemon) -> None:
        """Pass messages on until the client has gone."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, _leave)
        output = Output(STDOUT)
        proxy = Proxy(daemon, self.project, output.write, _say, self.closing, self.token)

        def is_there() -> bool:
            return os.getppid() == self.parent and not output.is_broken

        grace = 0.0
        try:
            for line in lines(STDIN, is_there):
                proxy.take(line)
            grace = GRACE_SECONDS if is_there() else 0.0
        finally:
            proxy.close(grace)

    def is_gone_after(self, seconds: float) -> bool:
        """
        Wait for so long, or until the client has gone; whether it has.

        One that has closed its end may still want what it asked for before, for a moment.
        """
        if not hung_up(STDIN, seconds):
            return os.getppid() != self.parent
        if self._patient_until is None:
            self._patient_until = monotonic() + GRACE_SECONDS
        if not has_unread(STDIN) or monotonic() > self._patient_until:
            return True
        self.closing.wait(seconds)
        return os.getppid() != self.parent


def serve_here(config: Config, client: Client, problem: str) -> None:
    """Serve the client by this process alone."""
    from mnemo.stdio_service import run

    _say(f"{problem} This process serves its client by itself.")
    sys.exit(run(config, client.project, client.parent))


# -- the process


def _say(text: str) -> None:
    """Tell whoever reads the standard error; the standard output is the protocol's."""
    click.echo(f"mnemo mcp: {text}", err=True)


def _leave(number: int, frame: object) -> None:
    sys.exit(0)
