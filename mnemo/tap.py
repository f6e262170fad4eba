"""C{twistd mnemo}: the daemon's options, and the service they make."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from twisted.application.service import IService
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from mnemo.config_sources import ConfigError, from_here, load
from mnemo.lock import HomeHeld, holder_of
from mnemo.observe.connect import TRANSPORTS


class StartOptions(UsageOptions):
    """What C{start} takes. Each wins over the environment and the configuration file."""

    optParameters: ClassVar = [
        ["config", None, None, "The configuration file, instead of mnemo.toml in the home."],
        ["home", None, None, "The folder of the database, the log and mnemo.toml."],
        ["host", None, None, "The address to listen on."],
        ["port", None, None, "The TCP port to listen on; 0 takes any free one."],
        ["project", None, None, "The project of sessions that say none: a folder, or a name."],
        ["transport", None, None, "What to say how to connect by; every transport is served."],
    ]

    def opt_project_root(self, project: str) -> None:
        """The same as --project."""
        self["project"] = project

    def opt_project_file(self, project: str) -> None:
        """The same as --project."""
        self["project"] = project

    def opt_project_from_cwd(self) -> None:
        """The current folder is the project."""
        self["project"] = os.getcwd()

    def postOptions(self) -> None:  # noqa: N802
        """Raises C{UsageError}."""
        if self["transport"] not in (None, *TRANSPORTS):
            raise UsageError(f"--transport must be one of {', '.join(TRANSPORTS)}")


class Options(UsageOptions):
    """What C{twistd mnemo} takes."""

    synopsis = "[start [options]]"
    longdesc = "One memory, one model, every coding agent on the machine."
    subCommands: ClassVar = [["start", None, StartOptions, "Run the daemon."]]
    defaultSubCommand = "start"


def makeService(options: Options) -> IService:
    """
    The daemon that the options ask for. Nothing of it is started yet.

    What keeps it from starting and can be seen already ends the process with one line.
    """
    chosen = options.subOptions
    flags = {
        "home": chosen["home"],
        "server.host": chosen["host"],
        "server.port": chosen["port"],
        "sessions.project": from_here(chosen["project"]),
    }
    file = Path(chosen["config"]) if chosen["config"] else None
    try:
        loaded = load(os.environ, flags, file)
    except ConfigError as error:
        raise SystemExit(f"mnemo: {error}") from None
    holder = holder_of(loaded.config.home)
    if holder is not None:
        raise SystemExit(f"mnemo: {HomeHeld(loaded.config.home, holder)}")

    from twisted.internet import reactor

    from mnemo.observe.logs import to_terminal
    from mnemo.service import make_service

    service = make_service(loaded.config, reactor)
    service.config_file = loaded.file
    service.transport = chosen["transport"] or service.transport
    twistd: Mapping[str, object] = options.parent or {}
    if not any(twistd.get(name) for name in ("logger", "logfile", "syslog")):
        # A terminal is no place for all that is logged. The log file in the home is.
        service.observer = to_terminal()
    return service
