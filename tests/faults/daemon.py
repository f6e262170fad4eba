"""A daemon to be killed: a real process on a home, and the calls that are made of it."""

import json
import os
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import define, field

VERSION = "2026-07-28"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}
READY_SECONDS = 60.0


class Gone(Exception):
    """The daemon did not answer: the call may or may not have been carried out."""


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@define
class Daemon:
    """
    A daemon in a process of its own.

    @ivar small: compare no more than so many vectors one by one, so that even a small memory
        has a graph of vectors on disk
    """

    home: Path
    small: int
    port: int = field(factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it, and wait until it serves. What it says goes to a file in the home."""
        self.home.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "tests.faults.serve", str(self.home), str(self.port)]
        with (self.home / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [*command, str(self.small)],
                stdout=output,
                stderr=output,
                cwd=Path(__file__).resolve().parents[2],
                # Threads that wait for each other on few cores cost more than they help.
                env={**os.environ, "PYTHONPATH": ".", "MNEMO_INFERENCE_THREADS": "1"},
            )
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                if self.get("/health/ready")[0] == 200:
                    return
            except Gone:
                time.sleep(0.02)
        raise AssertionError(f"the daemon did not start: {self.said()}")

    def kill(self) -> None:
        """End it as a power switch would, where it runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def said(self) -> str:
        """The end of what it wrote."""
        return (self.home / "output").read_text(errors="replace")[-2000:]

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of one of its addresses."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as problem:
            raise Gone(str(problem)) from None
        finally:
            connection.close()

    def caller(self) -> "Caller":
        """A connection of its own to call tools by."""
        return Caller(HTTPConnection("127.0.0.1", self.port, timeout=30))


@define
class Caller:
    """One client's connection."""

    connection: HTTPConnection

    def call(self, name: str, **arguments: Any) -> Any:
        """The structured result of a tool. Raises L{Gone} where no answer comes."""
        params = {"name": name, "arguments": arguments, "_meta": META}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = {
            "Content-Type": "application/json",
            "MCP-Protocol-Version": VERSION,
            "Mcp-Method": "tools/call",
            "Mcp-Name": name,
        }
        try:
            self.connection.request("POST", "/mcp", json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as problem:
            raise Gone(str(problem)) from None
        if answer.status == 503:
            raise Gone("it is stopping")
        result = json.loads(text)["result"]
        if result.get("isError"):
            raise AssertionError(f"{name} failed: {result['content'][0]['text']}")
        return result["structuredContent"]
