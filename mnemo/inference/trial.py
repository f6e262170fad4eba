"""
Tries a model file out in a process of its own.

Of a file that is damaged in the wrong place llama.cpp makes no error: it ends the process.
That must not be the daemon.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_SECONDS: Final = 120


def fault(path: Path) -> str:
    """Why the file C{path} cannot be used; empty where it can. Blocks for about a second."""
    command = [sys.executable, "-m", "mnemo.inference.trial", os.fspath(path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"keeps llama.cpp busy for over {_SECONDS} seconds"
    if child.returncode == 0:
        return ""
    said = child.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word of it"]
    if child.returncode < 0:
        return f"makes llama.cpp crash: {said[0].rpartition('/')[2]}"
    return said[-1]


def main() -> None:
    """Load the file named on the command line, embed a word, and say what is wrong with it."""
    from mnemo.inference.catalogue import ModelBroken
    from mnemo.inference.library import CPU
    from mnemo.inference.llama import load_unchecked

    try:
        backend = load_unchecked(Path(sys.argv[1]), CPU, 1)
        backend.encode([backend.tokenize("word"), []])
    except ModelBroken as broken:
        sys.exit(broken.reason)
    except Exception as problem:
        sys.exit(f"cannot be used: {problem}")


if __name__ == "__main__":
    main()
