"""C{mnemo ingest}, C{mnemo import} and C{mnemo export}: memories in and out."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from mnemo.cli.calling import call_for_result
from mnemo.cli.choice import Choice, choice, names_a_home
from mnemo.config_sources import from_here
from mnemo.transfer.kinds import SYSTEMS

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

_of_project = click.option(
    "--project", metavar="P", default="", help="The project, by name or folder."
)

_dry_run = click.option("--dry-run", is_flag=True, help="Count what would be done; do nothing.")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False))
@_of_project
@_dry_run
@names_a_home
def ingest(folder: str, project: str, dry_run: bool, **options: str | None) -> None:
    """Read the files of DIR into memory; again, only what has changed."""
    arguments = {"directory": os.path.abspath(folder), "dry_run": dry_run}
    result = _call(choice(**options), "ingest_project", {**arguments, **_named(project)})
    click.echo(_text(result))


@click.command("import")
@click.argument("path", metavar="FILE|DIR", type=click.Path(exists=True))
@click.option(
    "--from", "system", type=click.Choice(SYSTEMS), help="Where it is from, if it is not seen."
)
@_of_project
@_dry_run
@names_a_home
def import_(
    path: str, system: str | None, project: str, dry_run: bool, **options: str | None
) -> None:
    """Take over what another memory system, or another mnemo, has kept."""
    arguments: dict[str, Any] = {"path": os.path.abspath(path), "dry_run": dry_run}
    if system is not None:
        arguments["system"] = system
    result = _call(choice(**options), "import_memories", {**arguments, **_named(project)})
    click.echo(_text(result))


@click.command()
@_of_project
@click.option("--format", "form", type=click.Choice(["jsonl", "markdown"]), default="jsonl")
@click.option("--out", type=click.Path(), help="Where to; else into the exports of the home.")
@names_a_home
def export(project: str, form: str, out: str | None, **options: str | None) -> None:
    """Write everything that is remembered, or all of a project, to files."""
    target = None if out is None else Path(out).expanduser().absolute()
    if target is not None and (target.exists() or target.is_symlink()):
        raise click.ClickException(f"{target} is there already")
    result = _call(choice(**options), "export", {"format": form, **_named(project)})
    if target is None:
        click.echo(_text(result))
        return
    found = result["structuredContent"]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(found["path"], target)
    except OSError as error:
        raise click.ClickException(
            f"{target} cannot be written: {error.strerror}; it is at {found['path']}"
        ) from None
    click.echo(f"{found['memories']:,} memories of {found['project']} exported to {target}")


def _named(project: str) -> dict[str, str]:
    """The project as an argument, where one is named."""
    return {"project": from_here(project) or project} if project else {}


def _call(chosen: Choice, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A call, with a bar that shows how far it is where somebody looks."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.disable = not bar.console.is_terminal
    task = bar.add_task("", total=None)

    def told(progress: Mapping[str, Any]) -> None:
        bar.update(
            task,
            completed=progress["progress"],
            total=progress.get("total"),
            description=str(progress.get("message", ""))[-50:],
        )

    try:
        with bar:
            return call_for_result(chosen, name, arguments, told)
    except KeyboardInterrupt:
        # The daemon sees that nobody waits any more, and ends the call between two files.
        click.echo("Stopped. What was done so far stays; the same command goes on.", err=True)
        raise SystemExit(INTERRUPTED) from None


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(block.get("text", "") for block in result.get("content", ()))
