"""The daemon as it is, but with a graph of vectors from a given size on: HOME PORT SIZE."""

import sys
from functools import partial
from pathlib import Path

from twisted.internet import reactor

from mnemo import config, service


def main(home: str, port: str, exact_limit: str) -> None:
    flags = {"home": Path(home), "server.port": int(port), "log.level": "warn"}
    service.SqliteStore = partial(  # type: ignore[misc, assignment]
        service.SqliteStore, exact_limit=int(exact_limit)
    )
    daemon = service.make_service(config.load({}, flags).config, reactor)
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
