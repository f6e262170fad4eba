"""What sessions and open streams cost in memory, and that it is given back."""

import selectors
import socket
import time
from collections.abc import Sequence

from load import Client, connected
from messages import in_session, initialize
from servers import Server


def idle_sessions(pair: Sequence[Server], count: int) -> dict[str, float]:
    """KiB of resident memory that one more idle session costs."""
    figures = {}
    for server in pair:
        client = Client(server.port)
        for _ in range(50):
            initialize(client)
        before = server.resident_kib()
        for _ in range(count):
            initialize(client)
        figures[server.name] = _told(server, before, count, "a session")
        client.close()
    return figures


def idle_streams(pair: Sequence[Server], count: int) -> dict[str, float]:
    """KiB of resident memory that a session's GET stream costs, its connection included."""
    figures = {}
    for server in pair:
        client = Client(server.port)
        sessions = [initialize(client) for _ in range(count + 50)]
        warm = [_stream(server, session) for session in sessions[count:]]
        before = server.resident_kib()
        streams = [_stream(server, session) for session in sessions[:count]]
        figures[server.name] = _told(server, before, count, "a stream")
        for each in (*streams, *warm):
            each.close()
        client.close()
    return figures


def open_and_close(server: Server, count: int) -> float:
    """
    KiB by which resident memory has grown after C{count} sessions that came and went.

    As many come and go before: caches fill up once, and then no more.
    """
    client = Client(server.port)
    for _ in range(count):
        _come_and_go(client, server)
    before = server.resident_kib()
    begin = time.perf_counter()
    for _ in range(count):
        _come_and_go(client, server)
    taken = time.perf_counter() - begin
    client.close()
    growth = server.resident_kib() - before
    live = server.health()["sessions"]["live"]
    print(f"  {count:,} sessions in {taken:.1f} s: {growth:+} KiB, {live} are left", flush=True)
    if live:
        raise SystemExit(f"{live} sessions are left of those that were closed")
    return growth


def _come_and_go(client: Client, server: Server) -> None:
    headers = {"Host": f"127.0.0.1:{server.port}", **in_session(initialize(client))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head, _ = client.send(f"DELETE /mcp HTTP/1.1\r\n{lines}\r\n".encode())
    if not head.startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"a session could not be closed: {head!r}")


def _stream(server: Server, session: str) -> socket.socket:
    """A GET stream that is open."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in in_session(session).items())
    stream = connected(server.port)
    stream.sendall(
        f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        f"Accept: text/event-stream\r\n{lines}\r\n".encode()
    )
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(10):
            raise SystemExit(f"{server.name} does not open a stream")
    if not stream.recv(65536).startswith(b"HTTP/1.1 200"):
        raise SystemExit(f"{server.name} refuses a stream")
    return stream


def _told(server: Server, before: int, count: int, what: str) -> float:
    each = (server.resident_kib() - before) / count
    print(f"  {server.name}: {each:.1f} KiB {what}", flush=True)
    return each
