"""The shim's connection to its client: stdin and stdout, a message a line."""

from typing import Protocol as Interface

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import invalid_request

LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of a message; the daemon takes no more."""


class IBridge(Interface):
    """Who hears the client."""

    def from_client(self, line: bytes) -> None:
        """A message has come."""

    def client_closed(self) -> None:
        """The client sends nothing more."""

    def end(self) -> None:
        """The client reads nothing more."""

    def finish(self) -> None:
        """The client has gone."""


@implementer(IHalfCloseableProtocol)
class Pipes(Protocol):
    """The client's side."""

    def __init__(self, bridge: IBridge) -> None:
        self._bridge = bridge
        self._begun = bytearray()
        self._skips = False

    def say(self, message: bytes) -> None:
        """Write a message to the client."""
        assert self.transport is not None
        # JSON has line breaks between its tokens only, never within a string.
        self.transport.write(message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._add(end)
            self._finish_line()
        self._add(rest)

    def readConnectionLost(self) -> None:
        """The client has closed its end."""
        self._finish_line()
        self._bridge.client_closed()

    def writeConnectionLost(self) -> None:
        """Nobody reads any more."""
        self._bridge.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Everything is closed."""
        self._bridge.finish()

    def _add(self, part: bytes) -> None:
        if not self._skips and len(self._begun) + len(part) > LONGEST_LINE:
            self._skips = True
            problem = invalid_request(f"The message is larger than {LONGEST_LINE} bytes")
            self.say(jsonrpc.error(None, problem))
        if not self._skips:
            self._begun += part

    def _finish_line(self) -> None:
        line, skipped = bytes(self._begun), self._skips
        self._begun, self._skips = bytearray(), False
        if not skipped and line.strip():
            self._bridge.from_client(line)
