"""The two servers under test, as processes that a C{with} block owns."""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / ".build" / "bench"
SDK = "mcp==2.3.0"


@frozen
class Server:
    """A running server."""

    name: str
    port: int
    pid: int
    home: Path | None = None

    def resident_kib(self) -> int:
        """Its resident memory."""
        out = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.pid)], capture_output=True, text=True, check=True
        )
        return int(out.stdout)

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=10) as answer:
            return dict(json.load(answer))


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes], limit: float = 120) -> None:
    """Until something listens on C{port}."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"the server ended with {process.returncode} before it listened")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing listened on port {port} within {limit} s")


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on C{port}. Where it cannot, the end of what it said is shown."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        try:
            try:
                wait_for(port, process)
            except SystemExit:
                print(*log.read_text(errors="replace").splitlines()[-5:], sep="\n")
                raise
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def mnemo(home: Path | None = None) -> Iterator[Server]:
    """The daemon on a home of its own, with an C{echo} tool beside its tools."""
    with tempfile.TemporaryDirectory(prefix="mnemo-bench-") as scratch:
        home = home or Path(scratch, "home")
        port = free_port()
        command = [sys.executable, str(HERE / "mnemo_server.py"), str(home), str(port)]
        with running(command, port, Path(scratch, "out.log")) as process:
            yield Server("mnemo", port, process.pid, home)


@contextmanager
def sdk() -> Iterator[Server]:
    """The server built on the C{mcp} SDK, in a virtual environment of its own."""
    python = BUILD / "sdk" / "bin" / "python"
    if not (BUILD / "sdk" / SDK).exists():
        venv.create(BUILD / "sdk", with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "-q", SDK, "uvicorn"]
        subprocess.run(install, check=True)
        (BUILD / "sdk" / SDK).touch()
    with tempfile.TemporaryDirectory(prefix="sdk-bench-") as scratch:
        port = free_port()
        command = [str(python), str(HERE / "sdk_server.py"), str(port)]
        with running(command, port, Path(scratch, "out.log")) as process:
            yield Server("mcp SDK", port, process.pid)
