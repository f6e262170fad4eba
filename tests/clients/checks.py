"""What is checked, how it is named, and how it is run: groups side by side, each in its order."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import define, frozen

from tests.clients.packages import Clients
from tests.clients.processes import Processes
from tests.clients.tested_daemon import TestedDaemon

AT_ONCE = 3


@frozen
class Check:
    """
    Something that a client has to manage.

    @ivar name: a line that says who manages what
    @ivar run: raises where it does not
    """

    name: str
    run: Callable[[], object]


@define
class Bench:
    """
    What a group works with.

    @ivar folder: its own, the home folder of all that it starts
    """

    folder: Path
    clients: Clients
    processes: Processes
    daemon: TestedDaemon

    @property
    def port(self) -> int:
        """The daemon's port."""
        return self.daemon.port

    def expect_one_model(self) -> None:
        """Fail unless the daemon has loaded a model, once."""
        health = self.daemon.ask("/health")
        assert health is not None, "the daemon does not answer"
        loads = health["model"]["loads"]
        assert loads == 1, f"{loads} model loads; {'; '.join(health['reasons'])}"


Group = Callable[[Bench], Iterator[Check]]
"""The checks of a group, in order; each is run before the next is asked for."""


def run_groups(groups: Sequence[Group], folder: Path, clients: Clients) -> int:
    """Run every check and say how it went; whether all passed is the exit code."""
    with Processes(str(folder)) as processes, ThreadPoolExecutor(AT_ONCE) as pool:

        def run(group: Group) -> list[bool]:
            own = folder / group.__name__
            own.mkdir()
            return run_group(group, Bench(own, clients, processes, TestedDaemon(own, processes)))

        outcomes = [passed for group in pool.map(run, groups) for passed in group]
    print(f"{sum(outcomes)} passed, {len(outcomes) - sum(outcomes)} failed")
    return 0 if all(outcomes) else 1


def run_group(group: Group, bench: Bench) -> list[bool]:
    """Run the checks of one group, on one daemon: which of them passed."""
    outcomes = [passes(Check(f"{group.__name__}: the daemon starts", bench.daemon.start))]
    if all(outcomes):
        outcomes += [passes(check) for check in group(bench)]
    return outcomes


def passes(check: Check) -> bool:
    """Run one check, and say in a line how it went."""
    began = time.monotonic()
    try:
        check.run()
    except Exception as problem:
        print(f"FAILED {check.name}: {problem or type(problem).__name__}", flush=True)
        return False
    print(f"ok     {check.name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def expect(wanted: str, text: str) -> None:
    """Fail unless C{wanted} is in C{text}."""
    assert wanted in text, f"{wanted!r} is not in {text[:2000]!r}"
