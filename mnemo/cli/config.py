"""C{mnemo config}: what is set, and by what."""

import os
from operator import attrgetter
from pathlib import Path

import click

from mnemo.config_reference import shown
from mnemo.config_sources import KEYS, ConfigError, load

HIDDEN = "********"


@click.group()
def config() -> None:
    """What mnemo is told by its file, the environment and flags."""


@config.command()
@click.option("--home", metavar="DIR", help="The folder of the database.")
@click.option("--config", "file", metavar="FILE", help="The configuration file.")
def show(home: str | None, file: str | None) -> None:
    """Print each value in force, and where it came from."""
    try:
        loaded = load(os.environ, {"home": home}, Path(file) if file else None)
    except ConfigError as problem:
        raise click.ClickException(str(problem)) from None
    for warning in loaded.warnings:
        click.echo(f"mnemo: {warning}", err=True)
    rows = [(key, _shown(key, attrgetter(key)(loaded.config)), loaded.origins[key]) for key in KEYS]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    for key, value, origin in rows:
        click.echo(f"{key:{widths[0]}}  {value:{widths[1]}}  {origin}")
    click.echo(f"\nThe file is {loaded.file}{'' if loaded.file.exists() else ', not written yet'}.")


def _shown(key: str, value: object) -> str:
    """A value; of a list of secrets, whose they are."""
    if KEYS[key].metadata.get("secret") and isinstance(value, tuple):
        value = tuple("".join([*entry.rpartition(":")[:2], HIDDEN]) for entry in value)
    return shown(value)
