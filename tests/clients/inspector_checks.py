"""The Inspector's command line, as its page has it."""

import shlex
import signal
from collections.abc import Iterator
from functools import partial

from tests.clients.checks import Bench, Check, expect
from tests.clients.pages import block
from tests.clients.processes import Outcome

SECONDS = 40.0
ERAS = ("legacy", "auto", "modern")


def inspector(bench: Bench) -> Iterator[Check]:
    """Each command of the page, in each era that it can be in; restarts; giving up."""
    for era in ERAS:
        more = f"--protocol-era {era}"
        yield Check(
            f"Inspector, http, {era}: lists the tools, and finds nothing wrong with them",
            partial(strict, bench, more),
        )
        yield Check(
            f"Inspector, http, {era}: recalls, before and after kill -9",
            partial(recalls, bench, era, more),
        )
    yield Check(
        f"Inspector, http, {ERAS[-1]}: is interrupted in a call, which frees its slot",
        partial(interrupted, bench),
    )
    yield Check("Inspector, sse: lists the tools", partial(lists, bench, "--transport sse"))
    yield Check("Inspector, stdio: lists the tools", partial(lists, bench, "--cli mnemo mcp"))


GROUPS = (inspector,)


def strict(bench: Bench, more: str) -> None:
    """List the tools, with a look at their schemas."""
    done = run(bench, page(bench, "--strict"), *more.split())
    expect('"remember"', done.text)
    assert "error" not in done.text.partition("{")[0].lower(), done.text[:2000]


def lists(bench: Bench, part: str) -> None:
    """The page's command that has this in it."""
    expect('"remember"', run(bench, page(bench, part)).text)


def recalls(bench: Bench, era: str, more: str) -> None:
    """Remember by one process, recall by another, with a dead daemon in between."""
    text = f"The {era} inspector drinks its tea cold."
    command = page(bench, "--tool-name recall")
    remember = shlex.join(shlex.split(command)[:-4])
    arguments = ("--tool-name", "remember", "--tool-arg", f"text={text}")
    run(bench, remember, *arguments, *more.split())
    bench.daemon.restart()
    expect(text, run(bench, command, *more.split()).text)


def interrupted(bench: Bench) -> None:
    """Kill the process in the middle of a call."""
    command = shlex.split(page(bench, "--tool-name recall"))[:-4]
    arguments = ["--tool-name", "wait", "--tool-arg", "seconds=60", "--protocol-era", ERAS[-1]]
    process = bench.processes.start(
        [*program(bench, command), *arguments],
        bench.daemon.environment,
        bench.folder,
        bench.folder / "interrupted.txt",
    )
    bench.daemon.expect_running(1)
    process.send_signal(signal.SIGINT)
    process.wait(SECONDS)
    bench.daemon.expect_running(0)


def page(bench: Bench, part: str) -> str:
    """The command of the page that has this in it."""
    return block("inspector", part, bench.port)


def program(bench: Bench, command: list[str]) -> list[str]:
    """The page's command, with what is installed here in place of C{npx}."""
    npx, package, *rest = command
    assert (npx, package.rpartition("@")[0]) == ("npx", "@modelcontextprotocol/inspector"), command
    return [str(bench.clients.node), str(bench.clients.inspector), *rest]


def run(bench: Bench, command: str, *more: str) -> Outcome:
    """Run a command of the page to its end. Fail unless that is a good one."""
    done = bench.processes.run(
        [*program(bench, shlex.split(command)), *more],
        bench.daemon.environment,
        bench.folder,
        bench.folder / f"inspector-{len(list(bench.folder.iterdir()))}.txt",
        SECONDS,
    )
    assert done.code == 0, f"exit code {done.code}; it wrote:\n{done.text[-2000:]}"
    return done
