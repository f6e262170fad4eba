"""C{mnemo probe}: how faithful what is derived from memories is."""

import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from twisted.internet.defer import Deferred

from mnemo.cli.choice import Choice, choice, names_a_home
from mnemo.cli.top import Away, look
from mnemo.enrichment import probe as probing
from mnemo.enrichment.faithfulness import thresholds
from mnemo.enrichment.probe import Case, Report
from mnemo.inference.generation import GenerationFailed, GeneratorUnavailable, UnfitRequest
from mnemo.inference.servers import ServerModel
from mnemo.transports.credentials import token_of

_NAMES: Final = {
    "epr": "entities preserved",
    "fr": "fabrication",
    "ted": "template echoes",
    "sc": "schema",
    "ccs": "twins alike, at most",
    "mih": "little of little",
    "np": "numbers preserved",
}
_BOUNDS: Final = {
    "epr": ">",
    "fr": "<",
    "ted": "<=",
    "sc": ">=",
    "ccs": "<",
    "mih": ">=",
    "np": ">",
}
_COUNTED: Final = ("ted", "ccs")


@click.command()
@click.option(
    "--backend",
    default="extractive",
    metavar="WHO",
    help="extractive, local (the daemon's language model), or the address of a server with"
    " OpenAI's API, such as http://localhost:8080/v1.",
)
@click.option("--model", default="", metavar="NAME", help="Which of the server's models.")
@click.option(
    "--key", "variable", default="", metavar="VARIABLE", help="The variable with the server's key."
)
@click.option("--self", "itself", is_flag=True, help="Hold the good answers to themselves.")
@click.option(
    "--json",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    metavar="FILE",
    help="Write the report of each text there.",
)
@names_a_home
def probe(
    backend: str, model: str, variable: str, itself: bool, file: Path | None, **options: str | None
) -> None:
    """
    Measure how faithful the derived summaries are.

    The texts and good answers come with mnemo; nothing is read from the memory. Ends with 1
    where one of the seven metrics is not good enough.
    """
    of = probing.cases()
    if itself:
        report = probing.measure("the good answers", probing.gold(of), of)
    elif backend == "extractive":
        report = probing.measure(backend, probing.extracted(of), of)
    else:
        server = _server(backend, model, variable, choice(**options))
        report = probing.measure(f"{server.model} at {server.host}", _asked(server, of), of)
    _show(report)
    if file is not None:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    if not report.good:
        raise SystemExit(1)


def _show(report: Report) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{len(report.cases)} texts, {report.backend}")
    table = Table(box=None, pad_edge=False)
    for heading in ("metric", "", "measured", "wanted", ""):
        table.add_column(heading, justify="right" if heading in ("measured", "wanted") else "left")
    for name in probing.METRICS:
        wanted = getattr(thresholds(), name)
        table.add_row(
            name.upper(),
            _NAMES[name],
            _figure(name, report.metrics[name]),
            f"{_BOUNDS[name]} {_figure(name, wanted)}",
            "" if report.passed[name] else "not good enough",
        )
    Console(highlight=False, markup=False).print(table)
    console.print(f"{report.kept:.1%} of the answers pass the checks; of the others none is kept.")


def _figure(name: str, value: float) -> str:
    return f"{value:g}" if name == "ted" else f"{value:.3f}" if name in _COUNTED else f"{value:.1%}"


# -- asking a model


def _server(backend: str, model: str, variable: str, chosen: Choice) -> ServerModel:
    """The server that C{backend} names. Raises C{click.ClickException}."""
    if backend == "local":
        return _model_of_the_daemon(model, chosen)
    if not backend.startswith(("http://", "https://")):
        raise click.ClickException(
            f"{backend!r} is no backend: extractive, local and the address of a server are"
        )
    if not model:
        raise click.ClickException("say which of the server's models is meant: --model NAME")
    return ServerModel(backend.rstrip("/"), model, os.environ.get(variable, ""), variable)


def _model_of_the_daemon(model: str, chosen: Choice) -> ServerModel:
    """C{model}, or else the daemon's first that answers. Raises C{click.ClickException}."""
    try:
        place, snapshot = look(chosen)
    except Away as away:
        raise click.ClickException(str(away)) from None
    language, configured = snapshot.language, chosen.config.inference.language_model
    if not language.name:
        remedy = f"mnemo restart takes {configured}" if configured else "mnemo model use NAME"
        raise click.ClickException(f"pid {place.pid} has no language model: {remedy}")
    if language.problem:
        raise click.ClickException(language.problem)
    elsewhere = [server.model for server in snapshot.servers if server.purpose == "language"]
    # Where its own has never been in memory, a server is what answers.
    known = elsewhere if language.device is None else [language.name]
    if not model and not known:
        raise click.ClickException(
            f"the language model {language.name} is being loaded; mnemo model load waits for it"
        )
    token = token_of(chosen.config.server.tokens)
    return ServerModel(f"{place.address}/v1", model or known[0], token)


def _asked(server: ServerModel, of: tuple[Case, ...]) -> dict[str, probing.Output]:
    """What a server answers to each text. Raises C{click.ClickException}."""
    from twisted.internet import reactor

    from mnemo.inference.remote import RemoteGenerator

    outputs: dict[str, probing.Output] = {}
    problems: list[Exception] = []
    failed: dict[str, Exception] = {}
    shows = sys.stderr.isatty()
    generator = RemoteGenerator(reactor, server)

    async def work() -> None:
        try:
            for case in of:
                try:
                    outputs[case.id] = await probing.generated(generator, case)
                except (UnfitRequest, GenerationFailed, TimeoutError) as problem:
                    outputs[case.id] = {}
                    failed[case.id] = problem
                if shows:
                    click.echo(f"\r{len(outputs)} of {len(of)} texts", nl=False, err=True)
        except GeneratorUnavailable as problem:
            problems.append(problem)
        finally:
            if shows:
                click.echo(err=True)
            await generator.stop()

    _run(reactor, work())
    if len(failed) == len(of):
        problems.append(next(iter(failed.values())))
    if len(outputs) < len(of) and not problems:
        raise click.Abort
    if problems:
        raise click.ClickException(str(problems[0]))
    for text, problem in failed.items():
        click.echo(f"{text} failed: {problem}", err=True)
    return outputs


def _run(reactor: Any, work: Coroutine[Deferred[Any], Any, None]) -> None:
    """Run C{work} to its end."""
    failures: list[Any] = []

    def begin() -> None:
        done = Deferred.fromCoroutine(work)
        done.addErrback(failures.append)
        done.addBoth(lambda _: reactor.stop() if reactor.running else None)

    reactor.callWhenRunning(begin)
    reactor.run()
    for failure in failures:
        failure.raiseException()
