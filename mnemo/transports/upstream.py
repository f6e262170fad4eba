"""
One connection to the daemon, seen from a process that passes messages on.

The standard library alone: this is loaded by every stdio client's process, and has to be small.
"""

import base64
import re
import select
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

import msgspec
from attrs import frozen

from mnemo.mcp.modern import PROTOCOL_VERSION

CONNECT_TIMEOUT = 2.0

_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"[!-~]+( +[!-~]+)*")
_ENCODED = re.compile(r"=\?base64\?.*\?=")


class NotSent(Exception):
    """The daemon cannot have had the whole request: it may be sent again."""


class Lost(Exception):
    """The connection broke while the answer was awaited: the request may have been carried out."""


@frozen
class Address:
    """Where a daemon listens, and the path of its endpoint."""

    host: str
    port: int
    path: str = "/mcp"


@frozen
class Reply:
    """
    What came back.

    @ivar session: the C{Mcp-Session-Id} header, or C{""}
    @ivar messages: the JSON texts of the answer, one at a time as they arrive; iterating
        raises L{Lost} where the connection breaks
    """

    status: int
    session: str
    messages: Iterable[bytes]


def repeated(method: str, params: Mapping[str, Any]) -> dict[str, str]:
    """The headers that repeat what a modern message's body says: version, method and name."""
    said = {
        "MCP-Protocol-Version": params["_meta"][PROTOCOL_VERSION],
        "Mcp-Method": method,
        "Mcp-Name": params.get(_NAMED_BY.get(method, "")),
    }
    return {name: header_value(value) for name, value in said.items() if isinstance(value, str)}


def header_value(text: str) -> str:
    """C{text} as a header carries it: as it is, or C{=?base64?…?=} where that would harm it."""
    if _PLAIN.fullmatch(text) and not _ENCODED.fullmatch(text):
        return text
    encoded = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return f"=?base64?{encoded}?="


def decoded(data: bytes) -> dict[str, Any]:
    """The JSON object in C{data}; empty where there is none."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def events(readline: Callable[[], bytes]) -> Iterator[bytes]:
    """The data of each event of an event stream, without comments and events that have none."""
    data: list[bytes] = []
    while line := readline():
        line = line.rstrip(b"\r\n")
        if line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
        elif not line:
            # One that only says its id has data, but nothing in it.
            if any(data):
                yield b"\n".join(data)
            data = []


class Wire:
    """A connection that is kept open between requests. One thread uses it, any may cut it."""

    def __init__(self) -> None:
        self._address: Address | None = None
        self._connection: HTTPConnection | None = None
        self._socket: socket.socket | None = None
        self.is_severed = False

    def send(
        self,
        address: Address,
        method: str,
        headers: Mapping[str, str | bytes],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """
        Send one request and wait for its answer.

        @param timeout: seconds that the daemon may stay silent; C{None} is as long as it likes
        @raise NotSent: it did not get there
        @raise Lost: it was sent, and no answer came
        """
        try:
            connection = self._connected(address, timeout)
            connection.request(method, address.path, body, headers)
        except (OSError, HTTPException) as problem:
            self.close()
            raise NotSent(str(problem)) from problem
        try:
            return self._read(connection.getresponse())
        except (OSError, HTTPException) as problem:
            self.close()
            raise Lost(str(problem)) from problem

    def cut(self) -> None:
        """Break off what is going on, from any thread. The wire is good for nothing after."""
        self.is_severed = True
        if self._socket is not None:
            with suppress(OSError):  # It may be closed already.
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._socket = None

    def _connected(self, address: Address, timeout: float | None) -> HTTPConnection:
        if self._connection is None or self._address != address or self._is_stale():
            self.close()
            patience = CONNECT_TIMEOUT if timeout is None else min(timeout, CONNECT_TIMEOUT)
            connection = HTTPConnection(address.host, address.port, timeout=patience)
            connection.connect()
            self._connection, self._address = connection, address
            self._socket = connection.sock
        assert self._socket is not None
        self._socket.settimeout(timeout)
        if self.is_severed:
            raise OSError("cut")
        return self._connection

    def _is_stale(self) -> bool:
        """An idle connection with something to read is one that the daemon has closed."""
        return self._socket is None or bool(select.select([self._socket], [], [], 0)[0])

    def _read(self, response: HTTPResponse) -> Reply:
        session = response.headers.get("Mcp-Session-Id", "")
        if response.headers.get_content_type() == "text/event-stream":
            self._connection = None  # What a stream leaves unread is no part of the next answer.
            return Reply(response.status, session, self._stream(response))
        body = response.read()
        if response.will_close:
            self.close()
        return Reply(response.status, session, (body,) if body.strip() else ())

    def _stream(self, response: HTTPResponse) -> Iterator[bytes]:
        try:
            yield from events(response.readline)
        except (OSError, HTTPException) as problem:
            raise Lost(str(problem)) from problem
        finally:
            response.close()
