"""Programs of npm that tests run: exact versions, each in a folder of its own under C{.build}."""

import json
import platform
import shutil
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".build" / "npm"

NODE = "22.23.3"
"""The Node that is brought along where there is none that is new enough."""

_ENOUGH = (22, 19)


class NotInstalled(Exception):
    """Something cannot be installed. Its text says what the installer said."""


def package(name: str, version: str) -> Path:
    """The folder of a package, installed first where it is not."""
    folder = FOLDER / f"{name.replace('/', '-').removeprefix('@')}-{version}"
    installed = folder / "node_modules" / name
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        quietly = ("--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")
        # Not every npm runs the scripts of packages; none is needed, so none runs.
        fixed = ("--save-exact", "--ignore-scripts")
        run("npm", "install", "--prefix", str(folder), *quietly, *fixed, f"{name}@{version}")
        (folder / "complete").touch()
    return installed


def version_of(folder: Path) -> str:
    """The version of an installed package."""
    return str(json.loads((folder / "package.json").read_text())["version"])


def node() -> Path:
    """A Node that is new enough, installed first where there is none."""
    found = shutil.which("node")
    if found is not None and _version(found) >= _ENOUGH:
        return Path(found)
    system = platform.system().lower()
    kind = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    prefix = "node-bin" if (system, kind) == ("darwin", "arm64") else "node"
    return package(f"{prefix}-{system}-{kind}", NODE) / "bin" / "node"


def run(*command: str) -> None:
    """Run an installer. Raises L{NotInstalled}."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    except OSError as problem:
        raise NotInstalled(f"{command[0]}: {problem}") from None
    if done.returncode:
        raise NotInstalled(f"{' '.join(command)}:\n{done.stdout[-2000:]}")


def _version(program: str) -> tuple[int, ...]:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return tuple(map(int, said.stdout.strip().removeprefix("v").split(".")))
