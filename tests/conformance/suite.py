"""
The public MCP conformance suite against a real daemon, once for each revision.

It fails where a check fails that C{expected-failures-*.yml} does not name, and where one
passes that it names.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PACKAGES = ROOT / ".build" / "conformance"
MODULES = PACKAGES / "node_modules"
RESULTS = PACKAGES / "results"

SUITE = "@modelcontextprotocol/conformance"
SUITE_VERSION = "0.2.0-alpha.12"
NODE_MAJOR = 22

REVISIONS = ("2025-11-25", "2026-07-28")


def main() -> int:
    """Run everything; the exit code."""
    node = prepared()
    shutil.rmtree(RESULTS, ignore_errors=True)
    with TemporaryDirectory(prefix="mnemo-conformance-") as home, daemon(Path(home)) as url:
        verdicts = [verdict(node, url, revision) for revision in REVISIONS]
    return 0 if all(verdicts) else 1


def verdict(node: str, url: str, revision: str) -> bool:
    """Whether one revision came to what is expected; says so."""
    ended = run(node, url, revision)
    counts = Counter(
        check["status"]
        for report in (RESULTS / revision).glob("*/checks.json")
        for check in json.loads(report.read_text())
    )
    missed = counts["FAILURE"] + counts["WARNING"]
    if ended.returncode == 0:
        say(f"{revision}: {counts['SUCCESS']} checks passed, {missed} not yet, as expected")
        return True
    say(f"{revision}: not as expected; details are in {RESULTS / revision}")
    summary = ended.stdout.partition("=== SUMMARY ===")[2]
    sys.stdout.write(summary or ended.stdout)
    return False


def say(text: str) -> None:
    """A line for whoever waits."""
    sys.stdout.write(f"conformance: {text}\n")
    sys.stdout.flush()


def prepared() -> str:
    """Install what is not there yet; the path of a Node that is new enough."""
    manifest = MODULES / SUITE / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != SUITE_VERSION:
        install(f"{SUITE}@{SUITE_VERSION}")
    node = shutil.which("node")
    if node is not None and major(node) >= NODE_MAJOR:
        return node
    brought = MODULES / "node" / "bin" / "node"
    if not brought.exists():
        install(f"node@{NODE_MAJOR}")
    return str(brought)


def install(package: str) -> None:
    """Install a package of npm."""
    say(f"installing {package}")
    PACKAGES.mkdir(parents=True, exist_ok=True)
    options = ["--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"]
    command = ["npm", "install", "--prefix", str(PACKAGES), "--save-exact", *options, package]
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        sys.exit("conformance: npm is needed, and is not installed")
    except subprocess.CalledProcessError as failure:
        sys.exit(
            f"conformance: {package} could not be installed (npm ended with {failure.returncode})"
        )


def major(node: str) -> int:
    """The first number of a Node's version."""
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.removeprefix("v").partition(".")[0])


@contextmanager
def daemon(home: Path) -> Iterator[str]:
    """A daemon with a home of its own, while the block runs; its address."""
    command = [sys.executable, "-m", "tests.conformance.server", str(home)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            sys.exit("conformance: the daemon did not start")
        yield first.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def run(node: str, url: str, revision: str) -> "subprocess.CompletedProcess[str]":
    """The suite for one revision."""
    command = [
        node,
        str(MODULES / SUITE / "dist" / "index.js"),
        "server",
        *("--url", url),
        *("--suite", "all"),
        *("--spec-version", revision),
        *("--expected-failures", str(HERE / f"expected-failures-{revision}.yml")),
        *("--output-dir", str(RESULTS / revision)),
    ]
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
        env={**os.environ, "NO_COLOR": "1"},
    )


if __name__ == "__main__":
    sys.exit(main())
