"""Clients that speak by other transports than Streamable HTTP, for L{load.drive}."""

import os
import socket
import struct
import subprocess
import sys
from base64 import b64encode

import msgspec
from load import connected, http_post
from messages import INITIALIZED, echo, opening


class SseTalker:
    """HTTP+SSE: a stream for what is heard, and a connection for what is said."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stream, self._post = connected(port), connected(port)
        self._stream.sendall(
            b"GET /sse HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n" % port
        )
        first = _until(self._stream, b"sessionId=", b"session_id=")
        self._path = first.partition("data: ")[2].split()[0]
        self._say(opening())
        _until(self._stream, b'"serverInfo"')
        self._say(INITIALIZED)
        self._request = http_post(port, msgspec.json.encode(echo(1)), {}, self._path)
        self._heard = b""
        self.files = [self._stream.fileno(), self._post.fileno()]

    def ask(self) -> None:
        self._post.sendall(self._request)

    def heard(self, file: int, data: bytes) -> bool:
        if file != self.files[0]:
            return False
        self._heard += data
        if b'"structuredContent"' not in self._heard or not self._heard.endswith(b"\n\r\n"):
            return False
        self._heard = b""
        return True

    def close(self) -> None:
        self._stream.close()
        self._post.close()

    def _say(self, message: object) -> None:
        self._post.sendall(http_post(self._port, msgspec.json.encode(message), {}, self._path))
        _until(self._post, b"\r\n\r\n")


class WebSocketTalker:
    """A WebSocket that carries a message a frame."""

    def __init__(self, port: int) -> None:
        self._connection = connected(port)
        key = b64encode(os.urandom(16))
        self._connection.sendall(
            b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Protocol: mcp\r\n\r\n" % (port, key)
        )
        _until(self._connection, b"\r\n\r\n")
        self._connection.sendall(frame(msgspec.json.encode(opening())))
        _until(self._connection, b'"serverInfo"')
        self._connection.sendall(frame(msgspec.json.encode(INITIALIZED)))
        self._request = frame(msgspec.json.encode(echo(1)))
        self._heard = b""
        self.files = [self._connection.fileno()]

    def ask(self) -> None:
        self._connection.sendall(self._request)

    def heard(self, file: int, data: bytes) -> bool:
        self._heard += data
        if b'"structuredContent"' not in self._heard or not self._heard.endswith(b"}}"):
            return False
        self._heard = b""
        return True

    def close(self) -> None:
        self._connection.close()


class StdioTalker:
    """C{mnemo mcp} between two pipes, in front of a daemon."""

    def __init__(self, port: int) -> None:
        command = [sys.executable, "-m", "mnemo", "mcp"]
        self._process = subprocess.Popen(
            [*command, "--url", f"http://127.0.0.1:{port}/mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout.fileno()
        self._say(opening())
        self._heard = b""
        while not self.heard(self._out, os.read(self._out, 65536)):
            pass
        self._say(INITIALIZED)
        self.files = [self._out]

    def ask(self) -> None:
        self._say(echo(1))

    def heard(self, file: int, data: bytes) -> bool:
        self._heard += data
        if not self._heard.endswith(b"\n"):
            return False
        self._heard = b""
        return True

    def close(self) -> None:
        self._in.close()
        self._process.wait(20)
        os.close(self._out)

    def _say(self, message: object) -> None:
        self._in.write(msgspec.json.encode(message) + b"\n")
        self._in.flush()


def frame(payload: bytes) -> bytes:
    """A text frame of a client, whose mask changes nothing."""
    size = len(payload)
    length = struct.pack("!B", size | 0x80) if size < 126 else struct.pack("!BH", 126 | 0x80, size)
    return b"\x81" + length + bytes(4) + payload


def _until(connection: socket.socket, *ends: bytes) -> str:
    """What comes, until one of C{ends} has come and the line with it."""
    heard = b""
    while not any(end in heard for end in ends):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError(f"the server hung up: {heard[:300]!r}")
        heard += data
    return heard.decode("latin-1")
