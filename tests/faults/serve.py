"""The daemon as it is, but with a graph of vectors from a given size on: HOME PORT SIZE."""

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from mnemo import config_sources, core, service
from mnemo.store.sqlite.store import SqliteStore


def main(home: str, port: str, exact_limit: str) -> None:
    class Store(SqliteStore):
        """The same, with another size."""

        def __init__(self, directory: Path, reactor: Any) -> None:
            super().__init__(directory, reactor, exact_limit=int(exact_limit))

    vars(core)["SqliteStore"] = Store
    flags = {"home": Path(home), "server.port": int(port), "log.level": "warn"}
    daemon = service.make_service(config_sources.load({}, flags).config, reactor)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
