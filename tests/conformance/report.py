"""C{docs/conformance.md}, from what the suite found."""

from collections.abc import Mapping, Sequence
from typing import Any

Found = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
"""What was checked, by run and by scenario."""

HEAD = """\
# Conformance

mnemo is run against the public conformance suite of the Model Context Protocol,
[`@modelcontextprotocol/conformance`](https://github.com/modelcontextprotocol/conformance), with
every scenario that the suite has for servers: those that count for a revision, those that are
pending, and those of the tasks extension. No check fails and none warns; there is no list of
expected failures.

    make conformance

installs the suite (npm, and a Node that is new enough where there is none), starts a daemon that
offers the suite's fixtures beside mnemo's own tools, makes the runs below against it and fails
where one check fails or warns, or where this page does not say what was found.
`make conformance ARGS=--report` writes this page anew. The fixtures are in `tests/conformance`.

## Runs

"""

TABLE = """
## Scenarios

Each number is how many checks of the scenario passed in the run of that letter. A dot says that
the scenario is not part of it, and *skipped* that the suite has no check for it yet.

"""


def page(found: Found) -> str:
    """The whole page."""
    letters = dict(zip("ABCDEFGHIJ", found, strict=False))
    runs = ["| | suite | options | scenarios | checks passed | failed or warned |", rule(6)]
    for letter, name in letters.items():
        suite, _, options = name.partition(" ")
        checks = [check["status"] for results in found[name].values() for check in results]
        wrong = checks.count("FAILURE") + checks.count("WARNING")
        passed = checks.count("SUCCESS")
        runs.append(row(letter, suite, f"`{options}`", len(found[name]), passed, wrong))
    scenarios = dict.fromkeys(scenario for results in found.values() for scenario in results)
    table = [row("scenario", *letters), rule(1 + len(letters))]
    for scenario in scenarios:
        cells = [cell(found[name].get(scenario)) for name in letters.values()]
        table.append(row(f"`{scenario}`", *cells))
    return "\n".join([HEAD + "\n".join(runs), TABLE + "\n".join(table), ""])


def cell(checks: Sequence[Mapping[str, Any]] | None) -> str:
    """What one scenario came to in one run."""
    if checks is None:
        return "·"
    passed = sum(check["status"] == "SUCCESS" for check in checks)
    wrong = sum(check["status"] in ("FAILURE", "WARNING") for check in checks)
    if not passed and not wrong:
        return "skipped"
    return f"{passed}, {wrong} not" if wrong else str(passed)


def row(*cells: object) -> str:
    """A line of a table."""
    return f"| {' | '.join(map(str, cells))} |"


def rule(columns: int) -> str:
    """The line below a table's head."""
    return "|" + " --- |" * columns
