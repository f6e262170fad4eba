"""
Peers that mean harm, while another client works: the daemon's memory stays bounded, and the other
client hardly notices.

Each attack is a process of its own (L{tests.faults.attacks}). The other client's time for a
request is taken by turns with and without it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from attrs import define, field

from tests.faults.attacks import ATTACKS
from tests.faults.daemon import free_port

ROOT = Path(__file__).resolve().parents[2]
TWISTD = "from twisted.scripts.twistd import run; run()"

GROWTH = 64 * 1024
"""How many KiB the daemon's memory may grow by."""

RATIO = 3.0
"""How many times its quiet value the other client's p99 may be."""


@define
class Daemon:
    """The daemon as it is, in a process of its own; without a model, which has no part in this."""

    home: Path
    port: int = field(factory=free_port)
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __attrs_post_init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if name[:6] != "MNEMO_"}
        environment |= {
            "MNEMO_HOME": str(self.home),
            "MNEMO_MODELS": str(self.home / "models"),
            "MNEMO_SERVER_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-c", TWISTD, "-n", "--pidfile=", "mnemo", "start"]
        with (self.home / "output").open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=self.home, env=environment
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                Caller(self.port).health()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError((self.home / "output").read_text(errors="replace")[-2000:])

    @property
    def resident(self) -> int:
        """Its memory in KiB."""
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    def end(self) -> None:
        """Have it stop."""
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()


@define
class Caller:
    """A client that works."""

    port: int
    connection: HTTPConnection = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=30)

    def health(self) -> Any:
        """What the daemon says of itself."""
        self.connection.request("GET", "/health")
        return json.loads(self.connection.getresponse().read())

    def times(self, seconds: float, pause: float = 0.0) -> list[float]:
        """How long each request took, one after the other, in milliseconds."""
        version = "2026-07-28"
        key = "io.modelcontextprotocol/"
        meta = {key + "protocolVersion": version, key + "clientCapabilities": {}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
        body = json.dumps(message)
        headers = {
            "Content-Type": "application/json",
            "MCP-Protocol-Version": version,
            "Mcp-Method": "tools/list",
        }
        taken = []
        until = time.perf_counter() + seconds
        while (begin := time.perf_counter()) < until:
            self.connection.request("POST", "/mcp", body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
            taken.append((time.perf_counter() - begin) * 1000)
            assert answer.status == 200, content
            time.sleep(pause)
        return taken


@define
class Outcome:
    """
    What an attack did.

    @ivar quiet: the other client's p99 in milliseconds, before each turn
    @ivar attacked: the same during each turn
    @ivar growth: of the daemon's memory in KiB
    @ivar left: connections, calls or sessions that were not there before
    """

    name: str
    quiet: float
    attacked: float
    growth: int
    left: dict[str, int]

    @property
    def ratio(self) -> float:
        """How much slower the other client was."""
        return self.attacked / self.quiet


@contextmanager
def under(name: str, port: int) -> Iterator[None]:
    """While an attack goes on."""
    command = [sys.executable, "-m", "tests.faults.attacks", name, str(port)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as attack:
        assert attack.stdout is not None
        assert attack.stdin is not None
        assert attack.stdout.readline() == b"ready\n"
        try:
            yield
            assert attack.poll() is None, f"the attack by {name} has ended by itself"
        finally:
            attack.stdin.close()


def suffered(daemon: Daemon, name: str, turns: int, seconds: float, pause: float = 0.0) -> Outcome:
    """Let an attack come in turns. The client pauses between two requests."""
    caller = Caller(daemon.port)
    caller.times(0.1)
    before, began = daemon.resident, counted(caller)
    quiet, attacked, grown = [], [], before
    for _ in range(turns):
        quiet.append(p99(caller.times(seconds, pause)))
        with under(name, daemon.port):
            attacked.append(p99(caller.times(seconds, pause)))
            grown = max(grown, daemon.resident)
    ended = counted(caller)
    left = {what: ended[what] - began[what] for what in ended if ended[what] != began[what]}
    return Outcome(
        name, statistics.median(quiet), statistics.median(attacked), grown - before, left
    )


def counted(caller: Caller) -> dict[str, int]:
    """What a peer that has gone must not leave behind."""
    health = caller.health()
    return {
        "sessions": health["sessions"]["live"],
        "running": health["sessions"]["running"],
        "waiting": health["queues"]["calls"],
        "streams": health["streams"],
    }


def p99(samples: list[float]) -> float:
    """What one in a hundred is slower than."""
    return sorted(samples)[int(len(samples) * 0.99)]


@contextmanager
def a_daemon() -> Iterator[Daemon]:
    """One that is gone in the end."""
    with tempfile.TemporaryDirectory(prefix="mnemo-hostile-") as home:
        daemon = Daemon(Path(home))
        try:
            yield daemon
        finally:
            daemon.end()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    passed = 0
    with a_daemon() as daemon:
        Caller(daemon.port).times(options.seconds)
        for name in ATTACKS:
            outcome = suffered(daemon, name, options.turns, options.seconds)
            good = outcome.ratio < RATIO and outcome.growth < GROWTH and not outcome.left
            passed += good
            print(
                f"  {'kept  ' if good else 'MISSED'} {name}: p99 {outcome.attacked:.1f} ms, quiet"
                f" {outcome.quiet:.1f} ms ({outcome.ratio:.1f} times); memory +"
                f"{outcome.growth / 1024:.1f} MiB; left behind: {outcome.left or 'nothing'}",
                flush=True,
            )
    print(f"{passed} passed, {len(ATTACKS) - passed} failed")
    return int(passed < len(ATTACKS))


if __name__ == "__main__":
    sys.exit(main())
