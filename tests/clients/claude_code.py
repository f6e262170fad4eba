"""Claude Code as a client: what each of its processes is started with."""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define

from tests.clients.model_stub import ModelStub, Script, Step
from tests.clients.processes import Outcome, Processes

SECONDS = 60.0
"""How long one process may take."""

TOOLS = ("remember", "recall", "status", "wait")

_QUIET = (
    "DISABLE_TELEMETRY",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_AUTOUPDATER",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
)

Servers = Mapping[str, Mapping[str, Any]]
"""MCP servers by name, as C{--mcp-config} has them."""


@define
class ClaudeCode:
    """
    Processes of Claude Code that share a home folder and work in one project.

    @ivar folder: that home folder; what the processes wrote is there as well
    @ivar environment: what all of them have
    """

    command: Path
    folder: Path
    environment: Mapping[str, str]
    stub: ModelStub
    processes: Processes

    def work(self, name: str, servers: Servers, steps: Sequence[Step], **more: str) -> Script:
        """
        Have one process do these steps, and wait until it has.

        @param more: variables for its environment
        @raise AssertionError: it failed, or did not do all of them
        """
        script, arguments = self._plan(name, servers, steps)
        outcome = self.run(name, *arguments, **more)
        if outcome.code or len(script.results) != len(steps):
            raise AssertionError(
                f"exit code {outcome.code}, {len(script.results)} of {len(steps)} calls done; "
                f"it wrote:\n{outcome.text[-2000:]}\nresults: {script.results}"
            )
        return script

    def begin(
        self, name: str, servers: Servers, steps: Sequence[Step]
    ) -> "subprocess.Popen[bytes]":
        """Have one process begin with these steps."""
        _, arguments = self._plan(name, servers, steps)
        return self.processes.start(
            [str(self.command), *arguments],
            self._environment(name),
            self._project(),
            self.folder / f"{name}.txt",
        )

    def type(self, name: str, line: str) -> Outcome:
        """Run a command line that begins with C{claude} to its end."""
        program, *arguments = shlex.split(line)
        assert program == "claude", line
        return self.run(name, *arguments)

    def run(self, name: str, *arguments: str, **more: str) -> Outcome:
        """Run one process to its end. Its name is the script's, and used once."""
        return self.processes.run(
            [str(self.command), *arguments],
            {**self._environment(name), **more},
            self._project(),
            self.folder / f"{name}.txt",
            SECONDS,
        )

    def _plan(
        self, name: str, servers: Servers, steps: Sequence[Step]
    ) -> tuple[Script, Sequence[str]]:
        script = self.stub.scripts[name] = Script(steps)
        config = self.folder / f"{name}.json"
        config.write_text(json.dumps({"mcpServers": servers}))
        allowed = ",".join(f"mcp__{server}__{tool}" for server in servers for tool in TOOLS)
        only = ("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", allowed)
        return script, ("-p", "Do your work.", *only)

    def _project(self) -> Path:
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        return project

    def _environment(self, name: str) -> Mapping[str, str]:
        return {
            **self.environment,
            "PWD": str(self._project()),
            "ANTHROPIC_BASE_URL": self.stub.url(name),
            "ANTHROPIC_API_KEY": "none",
            "TERM": os.environ.get("TERM", "dumb"),
            **dict.fromkeys(_QUIET, "1"),
        }
