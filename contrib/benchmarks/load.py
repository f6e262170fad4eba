"""
A load generator: N keep-alive connections in one C{epoll}/C{kqueue} loop, each sending its next
request when the last is answered. It parses no more than it must, so that the server and not
this loop is what is measured.
"""

import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from attrs import define, field, frozen


@frozen
class Latencies:
    """Milliseconds, sorted."""

    samples: tuple[float, ...]

    @classmethod
    def of_seconds(cls, seconds: Iterable[float]) -> "Latencies":
        return cls(tuple(sorted(s * 1000 for s in seconds)))

    def percentile(self, percent: float) -> float:
        return self.samples[min(len(self.samples) - 1, int(len(self.samples) * percent / 100))]

    def __str__(self) -> str:
        return f"p50 {self.percentile(50):.2f} ms, p99 {self.percentile(99):.2f} ms"


@frozen
class Load:
    """What a run of load showed."""

    per_second: float
    latencies: Latencies


def http_post(port: int, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of a POST to C{/mcp}."""
    lines = [
        "POST /mcp HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer_end(buffer: bytes) -> int:
    """Where the first answer in C{buffer} ends, or -1 while it is not whole."""
    head = buffer.find(b"\r\n\r\n")
    if head < 0:
        return -1
    names = buffer[:head].lower()
    at = names.find(b"content-length:")
    if at < 0:
        raise ValueError(f"an answer without Content-Length: {buffer[:200]!r}")
    stop = names.find(b"\r\n", at)
    length = int(names[at + 15 : stop if stop >= 0 else head])
    end = head + 4 + length
    return end if len(buffer) >= end else -1


@define
class Client:
    """One blocking keep-alive connection."""

    port: int
    connection: socket.socket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connection = socket.create_connection(("127.0.0.1", self.port))
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def post(self, message: dict[str, Any], headers: dict[str, str]) -> tuple[bytes, Any]:
        """Send one message; answer the head and the parsed body."""
        self.connection.sendall(http_post(self.port, msgspec.json.encode(message), headers))
        buffer = b""
        while (end := answer_end(buffer)) < 0:
            data = self.connection.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed the connection")
            buffer += data
        head, _, body = buffer[:end].partition(b"\r\n\r\n")
        return head, msgspec.json.decode(body) if body else None

    def close(self) -> None:
        self.connection.close()


def drive(port: int, requests: Sequence[bytes], seconds: float) -> Load:
    """Open a connection for each of C{requests} and send it there over and over."""
    selector = selectors.DefaultSelector()
    request_of: dict[socket.socket, bytes] = {}
    started: dict[socket.socket, float] = {}
    buffers: dict[socket.socket, bytes] = {}
    for request in requests:
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        buffers[connection] = b""
        request_of[connection] = request
    begin = time.perf_counter()
    for connection in buffers:
        started[connection] = time.perf_counter()
        connection.sendall(request_of[connection])
    taken = []
    for connection in _readable(selector, begin + seconds):
        data = connection.recv(65536)
        if not data:
            raise ConnectionError("the server closed a connection under load")
        buffer = buffers[connection] + data
        if (end := answer_end(buffer)) < 0:
            buffers[connection] = buffer
            continue
        if not buffer.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"not a 200: {buffer[:300]!r}")
        buffers[connection] = buffer[end:]
        now = time.perf_counter()
        taken.append(now - started[connection])
        started[connection] = now
        connection.sendall(request_of[connection])
    elapsed = time.perf_counter() - begin
    for connection in buffers:
        connection.close()
    return Load(len(taken) / elapsed, Latencies.of_seconds(taken))


def _readable(selector: selectors.BaseSelector, until: float) -> Iterator[socket.socket]:
    while time.perf_counter() < until:
        for key, _ in selector.select(0.1):
            yield key.fileobj  # type: ignore[misc]
