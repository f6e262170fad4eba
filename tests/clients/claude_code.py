"""Claude Code as a client: what each of its processes is started with."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define

from tests.clients.model_stub import ModelStub, Script, Step
from tests.clients.processes import Outcome, Processes

SECONDS = 60.0
"""How long one process may take."""

TOOLS = ("remember", "recall", "status")

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
    Processes of Claude Code that share a home folder of their own and work in one project.

    @ivar folder: holds both, and what the processes wrote
    """

    command: Path
    folder: Path
    stub: ModelStub
    processes: Processes

    def work(self, name: str, servers: Servers, steps: Sequence[Step]) -> Script:
        """
        Have one process do these steps, and wait until it has.

        @raise AssertionError: it failed, or did not do all of them
        """
        script = self.stub.scripts[name] = Script(steps)
        config = self.folder / f"{name}.json"
        config.write_text(json.dumps({"mcpServers": servers}))
        allowed = ",".join(f"mcp__{server}__{tool}" for server in servers for tool in TOOLS)
        outcome = self.run(
            name,
            *("-p", "Do your work."),
            *("--mcp-config", str(config), "--strict-mcp-config", "--allowedTools", allowed),
        )
        if outcome.code or len(script.results) != len(steps):
            raise AssertionError(
                f"exit code {outcome.code}, {len(script.results)} of {len(steps)} calls done; "
                f"it wrote:\n{outcome.text[-2000:]}\nresults: {script.results}"
            )
        return script

    def run(self, name: str, *arguments: str) -> Outcome:
        """Run one process to its end. Its name is the script's, and used once."""
        project = self.folder / "project"
        project.mkdir(exist_ok=True)
        output = self.folder / f"{name}.txt"
        environment = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "PWD": str(project),
            "ANTHROPIC_BASE_URL": self.stub.url(name),
            "ANTHROPIC_API_KEY": "none",
            **dict.fromkeys(_QUIET, "1"),
        }
        return self.processes.run(
            [str(self.command), *arguments], environment, project, output, SECONDS
        )
