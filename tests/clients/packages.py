"""The clients themselves: which versions, and where they are installed."""

import json
import subprocess
import sys
from pathlib import Path

CLAUDE_CODE = "2.1.328"
NEAREST_CLAUDE_CODE = "~2.1.0"
"""What is taken where that very version is not to be had any more."""

PYTHON_SDK = "2.3.0"

FOLDER = Path(__file__).resolve().parents[2] / ".build" / "clients"

_PACKAGE = FOLDER / "node_modules" / "@anthropic-ai" / "claude-code"


class NotInstalled(Exception):
    """A client cannot be installed. Its text says what the installer said."""


def claude_code() -> Path:
    """The command of Claude Code, installed first where it is not."""
    command = FOLDER / "node_modules" / ".bin" / "claude"
    if not (FOLDER / "installed").exists():
        try:
            _install_claude_code(CLAUDE_CODE)
        except NotInstalled:
            _install_claude_code(NEAREST_CLAUDE_CODE)
        (FOLDER / "installed").touch()
    return command


def claude_code_version() -> str:
    """The version that is installed."""
    return str(json.loads((_PACKAGE / "package.json").read_text())["version"])


def python_sdk() -> Path:
    """An interpreter that has the Python SDK, installed first where it is not."""
    interpreter = FOLDER / "python" / "bin" / "python"
    installed = f"import importlib.metadata as m; assert m.version('mcp') == '{PYTHON_SDK}'"
    if not interpreter.exists():
        _run(sys.executable, "-m", "venv", str(FOLDER / "python"))
    if subprocess.run([interpreter, "-c", installed], stderr=subprocess.DEVNULL).returncode:
        _run(str(interpreter), "-m", "pip", "install", "--quiet", f"mcp=={PYTHON_SDK}")
    return interpreter


def _install_claude_code(version: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    package = f"@anthropic-ai/claude-code@{version}"
    # Not every npm runs the script that puts the program in its place.
    quietly = ("--no-audit", "--no-fund", "--ignore-scripts")
    _run("npm", "install", "--prefix", str(FOLDER), *quietly, package)
    _run("node", str(_PACKAGE / "install.cjs"))


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as problem:
        raise NotInstalled(f"{command[0]}: {problem}") from None
    if done.returncode:
        raise NotInstalled(f"{' '.join(command)}:\n{done.stdout[-2000:]}")
