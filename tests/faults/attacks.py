"""
Peers that mean harm, or do it: C{attacks.py NAME PORT}, until its standard input is closed.

A process of its own, so that what it does costs the other clients nothing but what it costs
the daemon. It says C{ready} when the attack stands.
"""

import resource
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

SILENT = 500
"""How many connections are opened and left."""

GIBIBYTE = 1 << 30
CHUNK = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

PAUSE = 0.005
"""Between two steps of an attack: who sends as fast as it can starves itself on few cores."""

Attack = Iterator[None]


def head(*lines: bytes, method: bytes = b"server/discover") -> bytes:
    """The head of a POST, with more header lines."""
    first = (
        b"POST /mcp HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Content-Type: application/json",
        b"MCP-Protocol-Version: 2026-07-28",
        b"Mcp-Method: " + method,
    )
    return b"\r\n".join([*first, *lines, b"", b""])


def whole(method: bytes = b"server/discover") -> bytes:
    """A whole request."""
    key = b'"io.modelcontextprotocol/'
    meta = key + b'protocolVersion":"2026-07-28",' + key + b'clientCapabilities":{}'
    body = b'{"jsonrpc":"2.0","id":1,"method":"%b","params":{"_meta":{%b}}}' % (method, meta)
    return head(b"Content-Length: %d" % len(body), method=method) + body


def connected(port: int) -> socket.socket:
    """A new connection."""
    return socket.create_connection(("127.0.0.1", port))


def silent(port: int) -> Attack:
    """Connections that send nothing."""
    kept = [connected(port) for _ in range(SILENT)]
    while kept:
        yield


def slow(port: int) -> Attack:
    """Bodies that come byte by byte."""
    kept = [connected(port) for _ in range(50)]
    for each in kept:
        each.sendall(head(b"Content-Length: 1000000"))
    while True:
        for each in kept:
            each.sendall(b"x")
            yield


def half_closed(port: int) -> Attack:
    """Peers that ask, and say at once that they will say no more."""
    kept: list[socket.socket] = []
    while True:
        peer = connected(port)
        peer.sendall(whole())
        peer.shutdown(socket.SHUT_WR)
        kept.append(peer)
        if len(kept) > 100:
            kept.pop(0).close()
        yield


def vanished(port: int) -> Attack:
    """Peers that are gone in the middle of a request, or before its answer."""
    while True:
        for request in (whole(), whole()[:-10], head(b"Content-Length: 9")[:40]):
            peer = connected(port)
            peer.sendall(request)
            # Without a goodbye: what is left of it is a reset.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            peer.close()
            yield


def pipelined(port: int) -> Attack:
    """A hundred requests at once on one connection, and then their answers read."""
    while True:
        peer = connected(port)
        peer.settimeout(30)
        peer.sendall(whole() * 100)
        answered = 0
        while answered < 100:
            answered += peer.recv(1 << 20).count(b"HTTP/1.1 200")
            yield
        peer.close()


def unread(port: int) -> Attack:
    """Peers that ask for a lot, again and again, and read nothing of it."""
    kept = []
    for _ in range(20):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", port))
        peer.setblocking(False)
        kept.append(peer)
    while True:
        for peer in kept:
            with suppress(BlockingIOError):
                peer.send(whole(b"tools/list") * 10)
            yield


def headers(port: int) -> Attack:
    """Ten thousand headers."""
    # Made once: a millisecond of work after each pause would take the other client's processor.
    data = head(*(b"X-Header-%d: x" % number for number in range(10_000)))
    while True:
        peer = connected(port)
        send(peer, data)
        peer.close()
        yield


def chunked(port: int) -> Attack:
    """A body of a gibibyte, in chunks."""
    sent = 0
    peer = connected(port)
    peer.sendall(head(b"Transfer-Encoding: chunked"))
    while sent < GIBIBYTE:
        if send(peer, CHUNK):
            sent += 0x10000
        else:
            # It was thrown out; it comes back with the rest.
            peer.close()
            peer = connected(port)
            peer.sendall(head(b"Transfer-Encoding: chunked"))
        yield
    while True:
        yield


def send(peer: socket.socket, data: bytes) -> bool:
    """Send, if the other side still takes it."""
    try:
        peer.sendall(data)
    except OSError:
        return False
    return True


ATTACKS: dict[str, Callable[[int], Attack]] = {
    "connections that send nothing": silent,
    "slow bodies": slow,
    "half-closed peers": half_closed,
    "vanished peers": vanished,
    "pipelining": pipelined,
    "answers that nobody reads": unread,
    "ten thousand headers": headers,
    "a gibibyte in chunks": chunked,
}


def main(name: str, port: str) -> None:
    """Attack until there is no more input."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    attack = ATTACKS[name](int(port))
    next(attack)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    with selectors.DefaultSelector() as told:
        told.register(sys.stdin, selectors.EVENT_READ)
        while not told.select(0):
            next(attack)
            time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
