"""C{mnemo ci -- COMMAND}: a daemon for one command, with nothing in it before and nothing after."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from threading import Thread
from typing import IO

import click

from mnemo.cli.interruptions import BY_SIGNAL, Interruptions, Told
from mnemo.config_sources import ConfigError, load

NO_DAEMON = 125
NOT_EXECUTABLE = 126
NOT_FOUND = 127
"""Exit codes as shells and C{env} have them; C{NO_DAEMON} is what C{timeout} says of itself."""

PATIENCE_SECONDS = 5.0
"""How long a command that was told to end may take, before it is killed."""

TERMINAL_SECONDS = 1.0
"""How long a command has for the Ctrl-C that its terminal told it of."""


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    options_metavar="",
)
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def ci(command: tuple[str, ...]) -> None:
    """
    Run COMMAND with a daemon of its own, whose address is in MNEMO_URL.

    The daemon has a free port, an empty home and the models of this machine. When the command
    has ended so has the daemon, and its home is gone. The exit code is the command's.
    """
    try:
        models = load(os.environ).config.models
    except ConfigError as error:
        _complain(str(error))
        sys.exit(NO_DAEMON)
    interruptions = Interruptions()
    interruptions.listen()
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-m", "mnemo.cli.keeper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "MNEMO_MODELS": str(models)},
        # What the terminal tells the command is not for the daemon.
        start_new_session=True,
    )
    assert keeper.stdin is not None
    assert keeper.stdout is not None
    try:
        code = run(command, keeper.stdout, interruptions)
    finally:
        interruptions.ignore()
        keeper.stdin.close()
        keeper.wait()
    sys.exit(code)


def run(command: Sequence[str], keeper: IO[bytes], interruptions: Interruptions) -> int:
    """
    Run a command when the daemon is there, and see to its end.

    @param keeper: what the daemon's keeper says: C{ready} and the address, or what is wrong
    """
    word, _, rest = keeper.readline().decode().strip().partition(" ")
    if word != "ready":
        _complain(rest or "there is no daemon, and it did not say why")
        return NO_DAEMON
    process = None
    try:
        with interruptions.held_back():
            process = subprocess.Popen(command, env={**os.environ, "MNEMO_URL": rest})
        code = _code_of(process)
    except Told as told:
        if process is None:
            raise
        interruptions.ignore()
        code = end(process, told.number)
    except FileNotFoundError:
        _complain(f"{command[0]}: no such command")
        return NOT_FOUND
    except OSError as problem:
        _complain(f"{command[0]}: {problem.strerror}")
        return NOT_EXECUTABLE
    return code if code >= 0 else BY_SIGNAL - code


def end(process: "subprocess.Popen[bytes]", number: int) -> int:
    """Have a process ended by the signal that came; killed, if it takes too long."""
    # Ctrl-C in a terminal has reached it already, and twice would be another thing.
    if number != signal.SIGINT or not _ends(process, TERMINAL_SECONDS):
        process.send_signal(number)
    if not _ends(process, PATIENCE_SECONDS):
        process.kill()
    return process.wait()


def _code_of(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a process in a thread: a signal could lose what C{waitpid} has just said."""
    waiting = Thread(target=process.wait, daemon=True)
    waiting.start()
    waiting.join()
    return process.wait()


def _ends(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _complain(text: str) -> None:
    click.echo(f"mnemo ci: {text}", err=True)
