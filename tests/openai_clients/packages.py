"""The clients themselves: which versions, and where they are installed."""

import subprocess
import sys
from pathlib import Path

from attrs import frozen

from tests import npm

OPENAI_PYTHON = "3.52.0"
OPENAI_JAVASCRIPT = "7.55.0"
LLM = "0.36"
LANGCHAIN_OPENAI = "1.7.3"

PYTHON = Path(__file__).resolve().parents[2] / ".build" / "openai_clients" / "python"

_WANTED = {"openai": OPENAI_PYTHON, "llm": LLM, "langchain-openai": LANGCHAIN_OPENAI}


@frozen
class Clients:
    """
    Where each client is.

    @ivar python: an interpreter that has C{openai}, C{llm} and C{langchain-openai}
    @ivar javascript: the folder of the package C{openai}
    """

    python: Path
    node: Path
    javascript: Path

    def __str__(self) -> str:
        named = ", ".join(f"{name} {version}" for name, version in _WANTED.items())
        return f"{named}, openai for JavaScript {OPENAI_JAVASCRIPT}"


def installed() -> Clients:
    """Every client, installed first where it is not. Raises L{npm.NotInstalled}."""
    return Clients(
        python=_python(),
        node=npm.node(),
        javascript=npm.package("openai", OPENAI_JAVASCRIPT),
    )


def _python() -> Path:
    interpreter = PYTHON / "bin" / "python"
    has_them = (
        f"import importlib.metadata as m; [m.version(n) == v or 1/0 for n, v in {_WANTED}.items()]"
    )
    if not interpreter.exists():
        npm.run(sys.executable, "-m", "venv", str(PYTHON))
    if subprocess.run([interpreter, "-c", has_them], stderr=subprocess.DEVNULL).returncode:
        pins = [f"{name}=={version}" for name, version in _WANTED.items()]
        npm.run(str(interpreter), "-m", "pip", "install", "--quiet", *pins)
    return interpreter
