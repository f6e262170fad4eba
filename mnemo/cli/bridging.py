"""What the commands have in common that lead from a client's pipes to the daemon."""

import os
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from urllib.parse import urlsplit

import click
from attrs import frozen

from mnemo.cli.options import names_a_project
from mnemo.cli.starting import start_daemon
from mnemo.config import Config
from mnemo.config_sources import ConfigError, load
from mnemo.transports.credentials import token_of
from mnemo.transports.daemon import IChild
from mnemo.transports.upstream import Address

Launch = Callable[[], IChild | None]

ENDPOINT = "http://127.0.0.1:9999/mcp"
"""What the address of a daemon looks like."""


@frozen
class Bridge:
    """
    What is to be connected.

    @ivar address: the daemon's, where the user gave one instead of a home
    @ivar project: where the client works, or C{""}
    @ivar token: what the daemon asks for, or C{""}
    @ivar launch: starts a daemon for the home, where that is allowed
    """

    config: Config
    address: Address | None
    project: str
    token: str
    launch: Launch | None


Command = Callable[[Bridge], None]


def bridges(example: str = ENDPOINT, *schemes: str) -> Callable[[Command], Callable[..., None]]:
    """
    Give a command the options that say what it connects.

    @param example: what C{--url} looks like; its path is the one that the command speaks to
    @param schemes: what C{--url} may begin with beside C{http}
    """

    def decorated(command: Command) -> Callable[..., None]:
        @click.option("--home", metavar="DIR", help="The folder of the database.")
        @click.option("--config", "file", metavar="FILE", help="The configuration file.")
        @click.option(
            "--url",
            metavar="URL",
            envvar="MNEMO_URL",
            help=f"The daemon's address, such as {example}, instead of the home's own.",
        )
        @click.option("--no-start", is_flag=True, help="Start no daemon where none runs.")
        @names_a_project("Where the client works, if not in the current folder.")
        @wraps(command)
        def run(
            home: str | None, file: str | None, url: str | None, no_start: bool, project: str | None
        ) -> None:
            flags = {"home": home, "stdio.start_daemon": False if no_start else None}
            try:
                config = load(os.environ, flags, Path(file) if file else None).config
            except ConfigError as error:
                raise click.ClickException(str(error)) from None
            starts = config.stdio.start_daemon and not url
            bridge = Bridge(
                config,
                address_of(url, example, *schemes) if url else None,
                _current_folder() if project is None else project,
                token_of(config.server.tokens),
                partial(start_daemon, config.home, file) if starts else None,
            )
            command(bridge)

        return run

    return decorated


def address_of(url: str, example: str = ENDPOINT, *schemes: str) -> Address:
    """
    Where a daemon's URL leads: to the path of C{example}, whether that or C{/mcp} was given.

    @raise click.ClickException: nowhere
    """
    path = urlsplit(example).path
    try:
        parts = urlsplit(url)
        if parts.scheme not in (*schemes, "http") or not parts.hostname:
            raise ValueError(url)
        base = parts.path.rstrip("/").removesuffix("/mcp").removesuffix(path)
        return Address(parts.hostname, parts.port or 80, base + path)
    except ValueError:
        raise click.ClickException(f"--url must be like {example}, not {url!r}") from None


def _current_folder() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""
