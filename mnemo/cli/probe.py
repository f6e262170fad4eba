"""C{mnemo probe}: how faithful what is derived from memories is."""

import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.table import Table
from twisted.internet.defer import Deferred

from mnemo.cli.daemon import Choice, ask, choice, names_a_home
from mnemo.enrichment import probe as probing
from mnemo.enrichment.faithfulness import thresholds
from mnemo.enrichment.probe import Case, Report
from mnemo.inference.generation import GenerationFailed, GeneratorUnavailable, UnfitRequest
from mnemo.inference.servers import ServerModel
from mnemo.lock import holder_of
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
    if backend != "local":
        if not backend.startswith(("http://", "https://")):
            raise click.ClickException(
                f"{backend!r} is no backend: extractive, local and the address of a server are"
            )
        if not model:
            raise click.ClickException("say which of the server's models is meant: --model NAME")
        return ServerModel(backend.rstrip("/"), model, os.environ.get(variable, ""), variable)
    holder = holder_of(chosen.home)
    if holder is None or not holder.port:
        raise click.ClickException(f"mnemo is not running for {chosen.home}; mnemo start starts it")
    if not chosen.config.inference.language_model:
        raise click.ClickException("no language model is configured: mnemo model use NAME")
    token = token_of(chosen.config.server.tokens)
    answer = ask(holder, "/v1/models", token)
    known = [each["id"] for each in answer[1].get("data", ())] if answer else []
    if not known:
        raise click.ClickException(f"pid {holder.pid} does not say which models it has")
    return ServerModel(f"{holder.address}/v1", model or known[0], token)


def _asked(server: ServerModel, of: tuple[Case, ...]) -> dict[str, probing.Output]:
    """What a server answers to each text. Raises C{click.ClickException}."""
    from twisted.internet import reactor

    from mnemo.inference.remote import RemoteGenerator

    outputs: dict[str, probing.Output] = {}
    problems: list[Exception] = []
    refused: list[Exception] = []
    generator = RemoteGenerator(reactor, server)

    async def work() -> None:
        try:
            for case in of:
                try:
                    outputs[case.id] = await probing.generated(generator, case)
                except UnfitRequest as unfit:
                    outputs[case.id] = {}
                    refused.append(unfit)
                click.echo(f"\r{len(outputs)} of {len(of)} texts", nl=False, err=True)
        except (GeneratorUnavailable, GenerationFailed, TimeoutError) as problem:
            problems.append(problem)
        finally:
            click.echo(err=True)
            await generator.stop()

    _run(reactor, work())
    if len(refused) == len(of):
        problems.append(refused[0])
    if len(outputs) < len(of) and not problems:
        raise click.Abort
    if problems:
        raise click.ClickException(str(problems[0]))
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
