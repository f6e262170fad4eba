"""
A daemon that offers the fixtures beside what is its own.

C{python -m tests.conformance.server HOME} says on standard output where it serves, as every
daemon does.
"""

import sys
from pathlib import Path

from twisted.internet import reactor

from mnemo.config import Config, ServerConfig
from mnemo.service import make_service
from tests.conformance import (
    asking_fixtures,
    changing_fixtures,
    prompt_fixtures,
    resource_fixtures,
    task_fixtures,
    telling_fixtures,
    tool_fixtures,
)

TOOLS = (
    *tool_fixtures.TOOLS,
    *telling_fixtures.TOOLS,
    *asking_fixtures.TOOLS,
    *task_fixtures.TOOLS,
)


def main() -> None:
    """Serve on any free port until a signal comes. No model is needed, so none is looked for."""
    home = Path(sys.argv[1])
    service = make_service(
        Config(home=home, models=home / "models", server=ServerConfig(port=0)),
        reactor,
        extra_tools=TOOLS,
        extra_prompts=prompt_fixtures.PROMPTS,
        extra_resources=resource_fixtures.RESOURCES,
        dynamic=frozenset({"tools", "prompts"}),
    )
    server = service.core.server
    for trigger in changing_fixtures.triggers(server):
        server.add_tool(trigger)
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(service.startService)
    reactor.run()


if __name__ == "__main__":
    main()
