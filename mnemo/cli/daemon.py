"""C{mnemo start}, C{stop}, C{restart} and C{status}: the daemon of a home, seen from outside."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import click
import msgspec
from attrs import frozen

from mnemo.cli.options import names_a_project
from mnemo.config import Config
from mnemo.config_sources import ConfigError, load
from mnemo.lock import Holder, HomeHeld, holder_of
from mnemo.observe import logs
from mnemo.observe.connect import TRANSPORTS, how_to_connect
from mnemo.transports.credentials import token_of

F = TypeVar("F", bound=Callable[..., Any])

STEP = 0.05
READY_STEPS = 2400
"""How often a daemon that starts is looked for: two minutes, since a large model takes its time."""

STOP_STEPS = 400
"""How often one that stops is looked for: twenty seconds."""

ANSWER_SECONDS = 2.0

CANNOT_START = "Cannot start: "
"""How the daemon's log begins to say why there is no daemon."""

_RUN_TWISTD = "from twisted.scripts.twistd import run; run()"

pause = Event().wait


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


def is_ready(holder: Holder) -> bool:
    """Whether a daemon serves calls."""
    answer = ask(holder, "/health/ready")
    return answer is not None and answer[0] == 200


def ask(
    holder: Holder,
    path: str,
    token: str = "",
    *,
    method: str = "GET",
    seconds: float = ANSWER_SECONDS,
) -> tuple[int, Mapping[str, Any]] | None:
    """The status and the JSON at one of a daemon's addresses; C{None} where it does not answer."""
    connection = HTTPConnection(holder.host, holder.port, timeout=seconds)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, msgspec.json.decode(response.read(), type=dict[str, Any])
    except (OSError, HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()


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


def described(report: Mapping[str, Any], address: str) -> str:
    """A report on the daemon's health, for a person."""
    model, database, test = report["model"], report["database"], report["self_test"] or {}
    language = report.get("language_model") or {}
    rows = [
        ("status", report["status"]),
        ("address", f"{address}/mcp"),
        (
            "process",
            f"pid {report['pid']}, version {report['version']}, up {span(report['uptime'])}",
        ),
        ("sessions", _counts({**report["sessions"], "streams": report["streams"]})),
        ("model", described_embedder(model)),
        *([("language", described_language(language))] if language.get("name") else ()),
        *([("gpu", described_gpu(report["gpu"]))] if report.get("gpu") else ()),
        ("waiting", _counts(report["queues"])),
        *_vectors(report.get("vectors") or {}, model.get("meanwhile")),
        ("database", f"{database['path']}, {database['bytes'] / 1e6:.1f} MB"),
        ("tools", str(report["tools"])),
        ("self-test", ", ".join(f"{leg} {told}" for leg, told in test.items() if leg != "at")),
        *(("reason", reason) for reason in report["reasons"]),
    ]
    return "\n".join(f"{name:10} {value}" for name, value in rows)


def described_embedder(model: Mapping[str, Any]) -> str:
    """A report on the embedding model, for a person."""
    if model["device"] is None:
        return f"{model['name']}, not loaded"
    weights = f"{model['bytes'] / 1e6:.0f} MB " if model.get("bytes") else ""
    return f"{model['name']}, {weights}on {model['device']}"


def described_gpu(gpu: Mapping[str, Any]) -> str:
    """A report on the GPU that a model is on, for a person."""
    if gpu["free"] is None:
        return str(gpu["name"])
    return f"{gpu['name']}, {gpu['free'] / 1e9:.1f} of {gpu['total'] / 1e9:.1f} GB free"


def described_language(model: Mapping[str, Any]) -> str:
    """A report on the language model, for a person."""
    told = [model["name"], {"none": "of a server"}.get(model["state"], model["state"])]
    if model["bytes"]:
        told += [f"{model['bytes'] / 1e6:.0f} MB on {model['device']}"]
    return ", ".join(told)


def _vectors(counts: Mapping[str, int], meanwhile: str | None) -> list[tuple[str, str]]:
    """How far the making of vectors is, where some are missing."""
    made, of = counts.get("made", 0), counts.get("of", 0)
    until = f"; until then {meanwhile} answers" if meanwhile else ""
    return [("vectors", f"{made} of {of}{until}")] if made < of else []


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def span(seconds: float) -> str:
    """A span of time in its largest units."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    told = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(told[:2]) or "0 s"
