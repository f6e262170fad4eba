"""Ask a headless Claude Code something, with the daemon's tools at its hand. Free of Twisted."""

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import IO, Any

AGENT = "claude"

SERVER = "mnemo"
"""What the daemon is called in the agent's configuration."""

MOST_QUOTED = 2000
"""Characters of an output that is no JSON which are given back."""


Uninterrupted = Callable[[], AbstractContextManager[None]]


class NoAgent(Exception):
    """Claude Code cannot be started. Its text is one line for the user."""


def call_agent(
    prompt: str,
    timeout: float = 60.0,
    *,
    url: str,
    token: str = "",
    max_turns: int = 3,
    uninterrupted: Uninterrupted = nullcontext,
) -> Any:
    """
    What a headless Claude Code answers, as its own JSON has it.

    Its processes have all ended when this returns, or raises.

    @param timeout: seconds, after which it is killed
    @param url: the daemon's endpoint
    @param token: what the daemon asks for, or C{""}
    @param uninterrupted: entered while the process is started: what a signal handler of the
        caller's raises in there would leave it behind
    @return: the parsed output, or C{{"error": reason}} where there is none
    @raise NoAgent: there is no Claude Code
    """
    # Made by this process for itself alone: the file has a token in it.
    with tempfile.NamedTemporaryFile("w", prefix="mnemo-", suffix=".json") as config:
        json.dump(server_config(url, token), config)
        config.flush()
        command = [AGENT, "--mcp-config", config.name]
        command += ["--allowedTools", f"mcp__{SERVER}", "--output-format", "json"]
        command += ["--max-turns", str(max_turns), "-p", "--", prompt]
        output = _output_of(command, timeout, uninterrupted)
    if output is None:
        return {"error": f"No answer within {timeout:g} s"}
    return parsed(output)


def server_config(url: str, token: str) -> Mapping[str, Any]:
    """The agent's configuration: the daemon, in the project that the agent works in."""
    headers = {"X-Mnemo-Project": "${PWD}"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return {"mcpServers": {SERVER: {"type": "http", "url": url, "headers": headers}}}


def parsed(output: bytes) -> Any:
    """The JSON in an output, or an object that says what is wrong with it."""
    text = output.decode("utf-8", "replace").strip()
    if not text:
        return {"error": "No output"}
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {"error": "The output is no JSON", "output": text[:MOST_QUOTED]}


def _output_of(command: list[str], timeout: float, uninterrupted: Uninterrupted) -> bytes | None:
    """What a command writes; C{None} where it did not end in time. Raises L{NoAgent}."""
    process = None
    with tempfile.TemporaryFile() as output:
        try:
            with uninterrupted():
                process = _start(command, output)
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process is not None:
                _kill(process)
        output.seek(0)
        return output.read()


def _start(command: list[str], output: IO[bytes]) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            env={**os.environ, "PWD": str(Path.cwd())},
            # A group of its own, so that what it starts ends with it.
            start_new_session=True,
        )
    except FileNotFoundError:
        reason = "is not on the PATH; install Claude Code, or add its folder"
        raise NoAgent(f"{AGENT} {reason}") from None
    except OSError as problem:
        raise NoAgent(f"{AGENT} cannot be started: {problem.strerror}") from None


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process, and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
