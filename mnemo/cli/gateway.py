"""C{mnemo gateway}: ask a headless Claude Code that has the daemon's memory."""

import json
import os
import sys
from functools import partial
from threading import Event

import click

from mnemo.cli.bridging import address_of
from mnemo.cli.interruptions import Interruptions
from mnemo.cli.starting import start_daemon
from mnemo.config import Config
from mnemo.config_sources import ConfigError, load
from mnemo.gateway import NoAgent, call_agent
from mnemo.transports.credentials import token_of
from mnemo.transports.daemon import Daemon, Home, Unreachable, Url

NOT_FOUND = 127


@click.command()
@click.argument("prompt")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(0, min_open=True),
    default=60.0,
    show_default=True,
    help="When Claude Code is killed.",
)
@click.option(
    "--max-turns",
    metavar="N",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many turns it may take.",
)
def gateway(prompt: str, timeout: float, max_turns: int) -> None:
    """
    Ask Claude Code PROMPT, and print its answer as JSON.

    It runs without a terminal, and has the tools of the daemon that MNEMO_URL names, or else
    that of the home. Exits with 1 where the answer is an error.
    """
    interruptions = Interruptions()
    interruptions.listen()
    try:
        config = load(os.environ).config
        url = url_of(config, os.environ.get("MNEMO_URL"))
        token = token_of(config.server.tokens)
        answer = call_agent(
            prompt,
            timeout,
            url=url,
            token=token,
            max_turns=max_turns,
            uninterrupted=interruptions.held_back,
        )
    except NoAgent as problem:
        click.echo(f"Error: {problem}", err=True)
        sys.exit(NOT_FOUND)
    except (ConfigError, Unreachable) as problem:
        raise click.ClickException(str(problem)) from None
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    if isinstance(answer, dict) and (answer.get("error") or answer.get("is_error")):
        sys.exit(1)


def url_of(config: Config, given: str | None) -> str:
    """The endpoint of a daemon that answers. Raises L{Unreachable}."""
    place = Url(address_of(given)) if given else Home(config.home)
    launch = None
    if config.stdio.start_daemon and not given:
        launch = partial(start_daemon, config.home, None)
    address = Daemon(place, launch, Event().wait).reach(patience=0)
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"http://{host}:{address.port}{address.path}"
