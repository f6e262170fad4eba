"""The clients themselves: which versions, and where they are installed."""

import subprocess
import sys
from pathlib import Path

from attrs import frozen

from tests import npm

CLAUDE_CODE = "2.1.328"
NEAREST_CLAUDE_CODE = "~2.1.0"
"""What is taken where that very version is not to be had any more."""

PYTHON_SDK = "2.3.0"
TYPESCRIPT_SDK_1 = "1.32.2"
TYPESCRIPT_SDK_2 = "2.4.0"
INSPECTOR = "2.12.0"
MCP_REMOTE = "0.15.1"
CODEX = "0.169.0"
GEMINI_CLI = "0.61.0"

PYTHON = Path(__file__).resolve().parents[2] / ".build" / "clients" / "python"


@frozen
class Clients:
    """
    Where each client is.

    @ivar python: an interpreter that has the Python SDK
    @ivar sdk: the folder of version 1 of the TypeScript SDK
    @ivar client: that of version 2
    """

    node: Path
    claude_code: Path
    claude_code_version: str
    inspector: Path
    python: Path
    sdk: Path
    client: Path
    mcp_remote: Path
    codex: Path
    gemini_cli: Path

    def __str__(self) -> str:
        return (
            f"Claude Code {self.claude_code_version}, Inspector {INSPECTOR}, "
            f"Python SDK {PYTHON_SDK}, TypeScript SDK {TYPESCRIPT_SDK_1} and "
            f"{TYPESCRIPT_SDK_2}, mcp-remote {MCP_REMOTE}, Codex {CODEX}, Gemini CLI {GEMINI_CLI}"
        )


def installed() -> Clients:
    """Every client, installed first where it is not. Raises L{npm.NotInstalled}."""
    try:
        claude = _claude_code(CLAUDE_CODE)
    except npm.NotInstalled:
        claude = _claude_code(NEAREST_CLAUDE_CODE)
    inspector = npm.package("@modelcontextprotocol/inspector", INSPECTOR)
    return Clients(
        node=npm.node(),
        claude_code=claude.parent.parent / ".bin" / "claude",
        claude_code_version=npm.version_of(claude),
        inspector=inspector / "clients" / "launcher" / "build" / "index.js",
        python=_python_sdk(),
        sdk=npm.package("@modelcontextprotocol/sdk", TYPESCRIPT_SDK_1),
        client=npm.package("@modelcontextprotocol/client", TYPESCRIPT_SDK_2),
        mcp_remote=npm.package("mcp-remote", MCP_REMOTE) / "dist" / "proxy.js",
        codex=npm.package("@openai/codex", CODEX) / "bin" / "codex.js",
        gemini_cli=npm.package("@google/gemini-cli", GEMINI_CLI) / "bundle" / "gemini.js",
    )


def _claude_code(version: str) -> Path:
    folder = npm.package("@anthropic-ai/claude-code", version)
    if not (folder / "placed").exists():
        npm.run("node", str(folder / "install.cjs"))
        (folder / "placed").touch()
    return folder


def _python_sdk() -> Path:
    interpreter = PYTHON / "bin" / "python"
    has_it = f"import importlib.metadata as m; assert m.version('mcp') == '{PYTHON_SDK}'"
    if not interpreter.exists():
        npm.run(sys.executable, "-m", "venv", str(PYTHON))
    if subprocess.run([interpreter, "-c", has_it], stderr=subprocess.DEVNULL).returncode:
        npm.run(str(interpreter), "-m", "pip", "install", "--quiet", f"mcp=={PYTHON_SDK}")
    return interpreter
