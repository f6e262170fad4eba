"""C{mnemo top}: what the models of a daemon are doing, in a terminal."""

import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from select import select
from threading import Event

import click
import msgspec
from rich.console import Console
from rich.live import Live
from rich.text import Text

from mnemo.cli.asking import ask
from mnemo.cli.choice import Choice, choice, names_a_home
from mnemo.cli.interruptions import Interruptions, Told
from mnemo.cli.top_frame import Place, frame
from mnemo.inference.snapshot import Snapshot
from mnemo.lock import holder_of
from mnemo.transports.credentials import token_of
from mnemo.transports.inference_address import PATH

WIDTH = 120
"""Of a frame that goes to no terminal, in characters."""

pause = Event().wait


class Away(Exception):
    """There is nothing to show. Its text is one line that says why."""


@click.command()
@click.option("--once", is_flag=True, help="Show it once, and end. Exits with 1 where none runs.")
@click.option("--json", "as_json", is_flag=True, help="Once, for programs.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="From one look to the next.",
)
@names_a_home
def top(once: bool, as_json: bool, interval: float, **options: str | None) -> None:
    """
    Show what the models do, for whom, and who waits for what.

    It goes on until q or Ctrl-C; where the output is no terminal, it is shown once.
    """
    chosen = choice(**options)
    console = Console(highlight=False, markup=False)
    if once or as_json or not console.is_terminal:
        show_once(chosen, console, as_json)
        return
    signals = Interruptions()
    signals.listen()
    try:
        with keys() as pressed:
            watch(chosen, console, lambda: "q" in pressed(interval))
    except Told as told:
        if told.number != signal.SIGINT:
            raise


def show_once(chosen: Choice, console: Console, as_json: bool) -> None:
    """Show it as it is now. Raises C{click.ClickException} where there is nothing to show."""
    try:
        place, snapshot = look(chosen)
    except Away as away:
        raise click.ClickException(str(away)) from None
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(snapshot)).decode())
        return
    if console.is_terminal:
        console.print(frame(place, snapshot))
        return
    plain = Console(highlight=False, markup=False, width=WIDTH)
    with plain.capture() as shown:
        plain.print(frame(place, snapshot))
    for line in shown.get().splitlines():
        click.echo(line.rstrip())


def watch(chosen: Choice, console: Console, over: Callable[[], bool]) -> None:
    """
    Show it again and again, also while no daemon runs.

    @param over: waits until it is time for the next look; whether there is none
    """
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(frame(*look(chosen)), refresh=True)
            except Away as away:
                live.update(Text(str(away)), refresh=True)
            if over():
                return


def look(chosen: Choice) -> tuple[Place, Snapshot]:
    """What a daemon says. Raises L{Away}."""
    holder = holder_of(chosen.home)
    if holder is None or not holder.port:
        raise Away(f"mnemo is not running for {chosen.home}; mnemo start starts it")
    answer = ask(holder, PATH, token_of(chosen.config.server.tokens))
    if answer is None:
        raise Away(f"pid {holder.pid} does not answer on {holder.address}")
    status, said = answer
    if status == 401:
        raise Away(f"pid {holder.pid} asks for a token; set server.tokens to it")
    try:
        return Place(holder.address, holder.pid), msgspec.convert(said, Snapshot)
    except msgspec.ValidationError:
        raise Away(
            f"pid {holder.pid} is of another version than this command; mnemo restart mends that"
        ) from None


@contextmanager
def keys() -> Iterator[Callable[[float], str]]:
    """
    The keys of the terminal, which shows none of them.

    What it gives waits for some so many seconds, and answers C{""} where none came.
    """
    if not sys.stdin.isatty():
        yield _no_key
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def pressed(seconds: float) -> str:
        ready, _, _ = select([sys.stdin], [], [], seconds)
        return os.read(keyboard, 64).decode("utf-8", "replace") if ready else ""

    try:
        tty.setcbreak(keyboard)
        yield pressed
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _no_key(seconds: float) -> str:
    pause(seconds)
    return ""
