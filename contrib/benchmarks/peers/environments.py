"""A virtual environment for each peer, made once under C{.build/peers}."""

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ENVIRONMENTS: Final = Path(__file__).resolve().parents[3] / ".build" / "peers"

CANDIDATES: Final = (sys.executable, "python3.13", "python3.12", "python3.11", "/usr/bin/python3")

_FITS = """
import ensurepip, sqlite3, sys
assert sys.version_info >= (3, 10) and hasattr(sqlite3.Connection, "enable_load_extension")
"""
"""mcp-memory-service keeps its vectors in an extension of SQLite, which not every Python loads."""


def interpreter(candidates: Sequence[str] = CANDIDATES) -> str:
    """The first Python that every peer can run in."""
    for each in candidates:
        found = shutil.which(each)
        if found and not subprocess.run([found, "-c", _FITS], capture_output=True).returncode:
            return found
    raise SystemExit(
        "No Python was found that the peers run in: it needs venv, and a sqlite3 that loads "
        f"extensions. Looked at: {', '.join(candidates)}"
    )


def environment(name: str, requirement: str) -> Path:
    """The folder of programs of an environment with this requirement, which is made if need be."""
    folder = ENVIRONMENTS / name
    made = folder / "made"
    if not made.exists() or made.read_text() != requirement:
        print(f"  installing {requirement} ...", flush=True)
        subprocess.run([interpreter(), "-m", "venv", "--clear", str(folder)], check=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", requirement]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{requirement} cannot be installed: {done.stderr[-2000:]}")
        made.write_text(requirement)
    return folder / "bin"


def surroundings(folder: Path) -> Mapping[str, str]:
    """The environment variables of a peer: its home is C{folder}, and it fetches nothing."""
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}
