"""
A load generator: N clients in one C{epoll}/C{kqueue} loop, each sending its next request when the
last is answered. It parses no more than it must, so that the server and not
this loop is what is measured.
"""

import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import msgspec
from attrs import define, field, frozen

PATIENCE = 60.0
"""Seconds for which a first answer is waited for."""


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


def latencies_of(label: str, seconds: Iterable[float]) -> dict[str, float]:
    """The figures of a row, which is printed."""
    latencies = Latencies.of_seconds(seconds)
    print(f"  {label}: {latencies}", flush=True)
    return {"p50_ms": latencies.percentile(50), "p99_ms": latencies.percentile(99)}


@frozen
class Load:
    """What a run of load showed."""

    per_second: float
    latencies: Latencies


def http_post(port: int, body: bytes, headers: dict[str, str], path: str = "/mcp") -> bytes:
    """The bytes of a POST."""
    lines = [
        f"POST {path} HTTP/1.1",
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
        self.connection = connected(self.port)

    def post(self, message: dict[str, Any], headers: dict[str, str]) -> tuple[bytes, Any]:
        """Send one message; answer the head and the parsed body."""
        return self.send(http_post(self.port, msgspec.json.encode(message), headers))

    def send(self, request: bytes) -> tuple[bytes, Any]:
        """Send a whole request; answer the head and the parsed body."""
        self.connection.sendall(request)
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


class Talker(Protocol):
    """A client that asks, and asks again when it has its answer."""

    @property
    def files(self) -> Sequence[int]:
        """The descriptors on which something may come."""

    def ask(self) -> None:
        """Send the next request."""

    def heard(self, file: int, data: bytes) -> bool:
        """Whether with this the answer is whole."""

    def close(self) -> None:
        """Hang up."""


class HttpTalker:
    """A keep-alive connection on which one request is sent over and over."""

    def __init__(self, port: int, request: bytes) -> None:
        self._connection = connected(port)
        self._request = request
        self._heard = b""
        self.files = [self._connection.fileno()]

    def ask(self) -> None:
        self._connection.sendall(self._request)

    def heard(self, file: int, data: bytes) -> bool:
        self._heard += data
        end = answer_end(self._heard)
        if end < 0:
            return False
        if not self._heard.startswith(b"HTTP/1.1 200"):
            raise ValueError(f"not a 200: {self._heard[:300]!r}")
        self._heard = self._heard[end:]
        return True

    def close(self) -> None:
        self._connection.close()


def connected(port: int) -> socket.socket:
    """A new connection to this machine."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def drive(talkers: Sequence[Talker], seconds: float) -> Load:
    """
    Let each of C{talkers} ask over and over, and hang up in the end.

    @param seconds: for how long; longer, where somebody waits for the first answer yet
    """
    selector = selectors.DefaultSelector()
    started: dict[Talker, float] = {}
    for talker in talkers:
        for file in talker.files:
            selector.register(file, selectors.EVENT_READ, talker)
    begin = time.perf_counter()
    for talker in talkers:
        started[talker] = time.perf_counter()
        talker.ask()
    taken = []
    unheard = set(talkers)
    for file, talker in _readable(selector, begin + seconds, unheard):
        data = os.read(file, 65536)
        if not data:
            raise ConnectionError("the server hung up under load")
        if talker.heard(file, data):
            now = time.perf_counter()
            unheard.discard(talker)
            taken.append(now - started[talker])
            started[talker] = now
            talker.ask()
    elapsed = time.perf_counter() - begin
    selector.close()
    for talker in talkers:
        talker.close()
    return Load(len(taken) / elapsed, Latencies.of_seconds(taken))


def _readable(
    selector: selectors.BaseSelector, until: float, unheard: set[Talker]
) -> Iterator[tuple[int, Talker]]:
    while (now := time.perf_counter()) < until or unheard:
        if now > until + PATIENCE:
            raise SystemExit(f"{len(unheard)} clients are not answered at all")
        for key, _ in selector.select(0.1):
            yield key.fd, key.data
