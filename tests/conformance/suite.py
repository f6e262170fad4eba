"""
The public MCP conformance suite against a real daemon: every run that it has, for every
revision that it knows.

It fails where one check fails or warns, scored or not, and where C{docs/conformance.md} does not
say what was found; C{--report} writes that page.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import frozen

from tests import npm
from tests.conformance import report

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / ".build" / "conformance"
PAGE = ROOT / "docs" / "conformance.md"

SUITE = "@modelcontextprotocol/conformance"
NEW = "0.2.0-alpha.12"
OLD = "0.1.16"

RUN_SECONDS = 300.0

Check = Mapping[str, Any]
Checks = Mapping[str, Sequence[Check]]
"""What was checked, by scenario."""


@frozen
class Run:
    """
    One run of the suite.

    @ivar version: the suite's
    @ivar options: what it is to run
    """

    version: str
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in the page."""
        return f"{self.version} {' '.join(self.options)}"

    @property
    def folder(self) -> Path:
        """Where its results lie afterwards."""
        return RESULTS / "-".join((self.version, *self.options)).replace("--", "")


RUNS = (
    *(Run(NEW, ("--requirements", revision)) for revision in ("2025-11-25", "2026-07-28")),
    *(
        Run(NEW, ("--suite", "all", "--spec-version", revision))
        for revision in ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
    ),
    Run(OLD, ("--suite", "all")),
)


def main() -> int:
    """Run everything; the exit code."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--report", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    asked = options.parse_args()
    shutil.rmtree(RESULTS, ignore_errors=True)
    found: dict[str, Checks] = {}
    try:
        node = npm.node()
        suites = {version: npm.package(SUITE, version) for version in (NEW, OLD)}
    except npm.NotInstalled as problem:
        say(str(problem))
        return 1
    with TemporaryDirectory(prefix="mnemo-conformance-") as home, daemon(Path(home)) as url:
        for run in RUNS:
            found[run.name] = checks_of(run, node, suites[run.version], url)
            tell(run, found[run.name])
    page = report.page(found)
    if asked.report:
        PAGE.write_text(page)
    elif PAGE.read_text() != page:
        say(f"{PAGE.relative_to(ROOT)} is not up to date: make conformance ARGS=--report")
        return 1
    return 1 if any(missed(checks) for checks in found.values()) else 0


def missed(checks: Checks) -> list[str]:
    """A line for each check that failed or warned."""
    return [
        f"{check['status']} {scenario}: {check['id']}: {check.get('errorMessage', '')}"
        for scenario, results in checks.items()
        for check in results
        if check["status"] in ("FAILURE", "WARNING")
    ]


def tell(run: Run, checks: Checks) -> None:
    """Say how a run went."""
    passed = sum(check["status"] == "SUCCESS" for results in checks.values() for check in results)
    wrong = missed(checks)
    say(f"{run.name}: {len(checks)} scenarios, {passed} checks passed, {len(wrong)} not")
    for line in wrong:
        say(f"  {line}")


def say(text: str) -> None:
    """A line for whoever waits."""
    print(f"conformance: {text}", flush=True)


def checks_of(run: Run, node: Path, suite: Path, url: str) -> Checks:
    """Make a run. A scenario that left no results counts as one failure."""
    command = [str(node), str(suite / "dist" / "index.js"), "server", "--url", url]
    done = subprocess.run(
        [*command, *run.options, "--output-dir", str(run.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_SECONDS,
        env={**os.environ, "NO_COLOR": "1"},
    )
    (RESULTS / f"{run.folder.name}.txt").write_text(done.stdout)
    scenarios = re.findall(r"=== Running scenario: (\S+) ===", done.stdout)
    if not scenarios:
        return {"(start)": [{"id": "run", "status": "FAILURE", "errorMessage": done.stdout[-500:]}]}
    return {scenario: results_of(run.folder, scenario) for scenario in scenarios}


def results_of(folder: Path, scenario: str) -> Sequence[Check]:
    """What a scenario checked."""
    written = list(folder.glob(f"server-{scenario}-[0-9][0-9][0-9][0-9]-*/checks.json"))
    if not written:
        return [{"id": scenario, "status": "FAILURE", "errorMessage": "it left no results"}]
    checks: Sequence[Check] = json.loads(written[0].read_text())
    return checks


@contextmanager
def daemon(home: Path) -> Iterator[str]:
    """
    A daemon with a home of its own, while the block runs; its address. What it says of the defect
    that one fixture has goes to a file.
    """
    command = [sys.executable, "-m", "tests.conformance.server", str(home)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    with open(RESULTS / "daemon.txt", "w") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            sys.exit(f"conformance: the daemon did not start; see {errors.name}")
        yield first.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=30)


if __name__ == "__main__":
    sys.exit(main())
