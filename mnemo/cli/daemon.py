"""C{mnemo start}, C{stop}, C{restart} and C{status}: the daemon of a home, seen from outside."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event

import click

from mnemo.cli.asking import ask, is_ready
from mnemo.cli.choice import Choice, choice, names_a_home, says_how_to_serve
from mnemo.cli.report import described
from mnemo.lock import Holder, HomeHeld, holder_of
from mnemo.observe import logs
from mnemo.observe.connect import how_to_connect
from mnemo.transports.credentials import token_of

STEP = 0.05
READY_STEPS = 2400
"""How often a daemon that starts is looked for: two minutes, since a large model takes its time."""

STOP_STEPS = 400
"""How often one that stops is looked for: twenty seconds."""

CANNOT_START = "Cannot start: "
"""How the daemon's log begins to say why there is no daemon."""

_RUN_TWISTD = "from twisted.scripts.twistd import run; run()"

pause = Event().wait


@click.command()
@click.option("--foreground", is_flag=True, help="Stay in this terminal until Ctrl-C.")
@names_a_home
@says_how_to_serve
def start(foreground: bool, **options: str | None) -> None:
    """Start the daemon, and say how to connect."""
    chosen = choice(**options)
    if foreground:
        run_here(chosen)
    else:
        launch(chosen)


@click.command()
@names_a_home
def stop(**options: str | None) -> None:
    """Stop the daemon."""
    end(choice(**options))


@click.command()
@names_a_home
@says_how_to_serve
def restart(**options: str | None) -> None:
    """Stop the daemon and start it with these options."""
    chosen = choice(**options)
    end(chosen)
    launch(chosen)


@click.command()
@names_a_home
def status(**options: str | None) -> None:
    """Show how the daemon is. Exits with 1 where none runs."""
    chosen = choice(**options)
    holder = holder_of(chosen.home)
    if holder is None:
        raise click.ClickException(f"mnemo is not running for {chosen.home}; mnemo start starts it")
    if not holder.port:
        raise click.ClickException(f"{chosen.home} is held by pid {holder.pid}, without a port")
    answer = ask(holder, "/health", token_of(chosen.config.server.tokens))
    if answer is None:
        raise click.ClickException(f"pid {holder.pid} does not answer on {holder.address}")
    if answer[0] == 401:
        raise click.ClickException(f"pid {holder.pid} asks for a token; set server.tokens to it")
    click.echo(described(answer[1], holder.address))


@click.command()
@click.argument("port", type=click.IntRange(1, 65535), required=False)
@names_a_home
def health(port: int | None, **options: str | None) -> None:
    """
    Say whether calls are served, for scripts: exits with 0 where they are, with 1 where not.

    PORT is that of a daemon on this machine, if it is not that of the home.
    """
    holder = Holder(0, "127.0.0.1", port, 0.0) if port else holder_of(choice(**options).home)
    answer = ask(holder, "/health/ready") if holder is not None and holder.port else None
    if holder is None or answer is None:
        where = "for this home" if holder is None else f"on {holder.address}"
        raise click.ClickException(f"mnemo does not answer {where}")
    said = f"{answer[1].get('status')} on {holder.address}"
    if answer[0] != 200:
        raise click.ClickException(said)
    click.echo(said)


# -- what they do


def run_here(chosen: Choice) -> None:
    """Become the daemon."""
    from twisted.scripts.twistd import run

    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "mnemo", "start", *chosen.flags]
    run()


def launch(chosen: Choice) -> None:
    """Start a daemon in the background, and wait until it serves."""
    holder = holder_of(chosen.home)
    if holder is not None:
        raise click.ClickException(str(HomeHeld(chosen.home, holder)))
    chosen.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    pid_file = chosen.home / "mnemo.pid"
    # The lock has just said that nobody is there, whatever process has that number by now.
    pid_file.unlink(missing_ok=True)
    log = chosen.home / logs.NAME
    seen = log.stat().st_size if log.exists() else 0
    command = [sys.executable, "-P", "-c", _RUN_TWISTD, f"--pidfile={pid_file}"]
    command += ["mnemo", "start", *chosen.flags]
    twistd = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    if twistd.returncode:
        raise click.ClickException(last_line(twistd.stderr.decode(errors="replace")))
    for _ in range(READY_STEPS):
        holder = holder_of(chosen.home)
        if holder is not None and holder.port and is_ready(holder):
            lines = how_to_connect(
                holder.address,
                chosen.home,
                chosen.config_file,
                chosen.transport,
                bool(chosen.config.server.tokens),
            )
            click.echo(lines, nl=False)
            return
        if holder is None and not pid_file.exists():
            raise click.ClickException(complaint(log, seen))
        pause(STEP)
    raise click.ClickException(f"the daemon is not ready yet; {log} says what it does")


def end(chosen: Choice) -> None:
    """Stop the daemon, if there is one, and wait until it has gone."""
    holder = holder_of(chosen.home)
    if holder is None:
        click.echo(f"mnemo is not running for {chosen.home}")
        return
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended by itself
    except PermissionError:
        raise click.ClickException(f"pid {holder.pid} belongs to another user") from None
    for _ in range(STOP_STEPS):
        now = holder_of(chosen.home)
        if now is None or now.pid != holder.pid:
            click.echo(f"mnemo has stopped (pid {holder.pid})")
            return
        pause(STEP)
    raise click.ClickException(
        f"pid {holder.pid} has not stopped after {STOP_STEPS * STEP:.0f} s;"
        f" kill -9 {holder.pid} ends it, and loses nothing that was acknowledged"
    )


def complaint(log: Path, seen: int) -> str:
    """Why a daemon did not start, by what it has logged after C{seen} bytes."""
    try:
        with log.open("rb") as file:
            file.seek(seen)
            new = file.read().decode(errors="replace")
    except OSError:
        new = ""
    _, found, reason = new.rpartition(CANNOT_START)
    return last_line(reason.splitlines()[0]) if found else f"the daemon did not start; see {log}"


def last_line(text: str) -> str:
    """The last line of what a program had to say, without its own name."""
    lines = text.strip().splitlines() or ["it did not say why"]
    return lines[-1].removeprefix("mnemo: ")
