"""
Codex and Gemini CLI, set up as their pages say. They have no model here, so they come as far as
the connection, which each makes before anything else.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.clients.checks import Bench, Check, expect
from tests.clients.model_stub import ModelStub
from tests.clients.pages import block
from tests.clients.processes import Outcome
from tests.clients.tested_daemon import until

SECONDS = 60.0

NO_MODEL = """\
model = "none"
model_provider = "none"

[model_providers.none]
name = "none"
base_url = "%s"
request_max_retries = 0
stream_max_retries = 0

"""


def codex(bench: Bench) -> Iterator[Check]:
    """Codex: each command and file of its page, but for the token."""
    yield Check("Codex: the page's command adds the server", partial(codex_adds, bench))
    for transport, part in (("http", "env_http_headers"), ("stdio", 'command = "mnemo"')):
        yield Check(
            f"Codex, {transport}: connects, and the daemon knows where it works",
            partial(codex_connects, bench, part),
        )


def gemini_cli(bench: Bench) -> Iterator[Check]:
    """Gemini CLI: each command and file of its page."""
    for says, part in (("command", "gemini mcp add"), ("file", "httpUrl"), ("file, stdio", "args")):
        yield Check(
            f"Gemini CLI: with the page's {says}, it connects",
            partial(gemini_connects, bench, part),
        )


GROUPS = (codex, gemini_cli)


def codex_adds(bench: Bench) -> None:
    """Add, and list."""
    added = run(bench, bench.clients.codex, block("codex", "codex mcp add", bench.port))
    assert added.code == 0, added.text
    expect(
        f"http://127.0.0.1:{bench.port}/mcp", run(bench, bench.clients.codex, "codex mcp list").text
    )


def codex_connects(bench: Bench, part: str) -> None:
    """Have it begin a conversation, which ends for want of a model."""
    settings = bench.folder / ".codex"
    settings.mkdir(exist_ok=True)
    stub = ModelStub()
    stub.start()
    model = NO_MODEL % stub.url("none")
    (settings / "config.toml").write_text(model + block("codex", part, bench.port))
    log = bench.folder / ".mnemo" / "mnemo.log"
    before = len(log.read_text())
    try:
        said = run(bench, bench.clients.codex, "codex exec --skip-git-repo-check hello")
    finally:
        stub.stop()
    met = re.compile("of codex-mcp-client has ended .*: project project,")
    until(lambda: bool(met.search(log.read_text(), before)), said.text, seconds=10.0)


def gemini_connects(bench: Bench, part: str) -> None:
    """Have it list its servers."""
    settings = bench.folder / ".gemini" / "settings.json"
    settings.unlink(missing_ok=True)
    given = block("gemini-cli", part, bench.port)
    if given.startswith("gemini"):
        added = run(bench, bench.clients.gemini_cli, given)
        assert added.code == 0, added.text
    else:
        settings.write_text(given)
    trusted = {"GEMINI_CLI_TRUST_WORKSPACE": "true"}
    listed = run(bench, bench.clients.gemini_cli, "gemini mcp list", trusted).text
    line = next((line for line in listed.splitlines() if " mnemo: " in line), listed)
    expect("- Connected", line)


def run(bench: Bench, program: Path, line: str, more: Mapping[str, str] = {}) -> Outcome:
    """Run a command line of a page to its end, in a folder that is a project."""
    project = bench.folder / "project"
    project.mkdir(exist_ok=True)
    environment = {**bench.daemon.environment, "PWD": str(project), **more}
    return bench.processes.run(
        [str(bench.clients.node), str(program), *shlex.split(line)[1:]],
        environment,
        project,
        bench.folder / f"said-{len(list(bench.folder.iterdir()))}.txt",
        SECONDS,
    )
