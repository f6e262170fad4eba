"""Which daemon the options of a command name."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from attrs import frozen

from mnemo.cli.options import names_a_project
from mnemo.config import Config
from mnemo.config_sources import ConfigError, load
from mnemo.observe.connect import TRANSPORTS

F = TypeVar("F", bound=Callable[..., Any])


@frozen
class Choice:
    """
    A daemon, as the options name it.

    @ivar flags: the options themselves, to be handed on
    @ivar transport: which one to tell the user of
    """

    config: Config
    config_file: Path
    flags: tuple[str, ...]
    transport: str

    @property
    def home(self) -> Path:
        """The home that it serves."""
        return self.config.home


def choice(**options: str | None) -> Choice:
    """What the options, the environment and the file choose. Raises C{click.ClickException}."""
    file = Path(options["config"]) if options["config"] else None
    flags = {
        "home": options["home"],
        "server.host": options.get("host"),
        "server.port": options.get("port"),
        "sessions.project": options.get("project"),
    }
    try:
        loaded = load(os.environ, flags, file)
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    for warning in loaded.warnings:
        click.echo(f"mnemo: {warning}", err=True)
    given = tuple(f"--{name}={value}" for name, value in options.items() if value is not None)
    return Choice(loaded.config, loaded.file, given, options.get("transport") or "http")


def names_a_home(command: F) -> F:
    """The options that say whose daemon is meant."""
    home = click.option("--home", metavar="DIR", help="The folder of the database.")
    config = click.option("--config", metavar="FILE", help="The configuration file.")
    return config(home(command))


def says_how_to_serve(command: F) -> F:
    """The options that say where a daemon listens, and for which project if nobody says."""
    port = click.option("--port", metavar="N", help="The port to listen on; 0 takes a free one.")
    host = click.option("--host", metavar="ADDRESS", help="The address to listen on.")
    transport = click.option(
        "--transport",
        type=click.Choice(list(TRANSPORTS)),
        help="What to say how to connect by. Every transport is served.",
    )
    project = names_a_project("The project of sessions that say none: a folder, or a name.")
    return host(port(transport(project(command))))
