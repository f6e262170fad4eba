"""
A daemon that offers the fixtures beside its own tools.

C{python -m tests.conformance.server HOME} says on standard output where it serves, as every
daemon does.
"""

import sys
from pathlib import Path

from twisted.internet import reactor

from mnemo.config import Config, ServerConfig
from mnemo.service import make_service
from tests.conformance.fixtures import FIXTURES


def main() -> None:
    """Serve on any free port until a signal comes. No model is needed, so none is looked for."""
    home = Path(sys.argv[1])
    config = Config(home=home, models=home / "models", server=ServerConfig(port=0))
    service = make_service(config, reactor, FIXTURES)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(service.startService)
    reactor.run()


if __name__ == "__main__":
    main()
