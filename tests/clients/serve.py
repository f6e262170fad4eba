"""The daemon as it is, with one more tool: C{wait}, which takes as long as it is told to."""

import os
from collections.abc import Mapping
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from mnemo.config_sources import load
from mnemo.service import make_service
from mnemo.tools.interfaces import CallContext, ToolDescription, ToolResult


class Wait:
    """A tool that is slow (L{mnemo.tools.interfaces.ITool})."""

    description = ToolDescription(
        "wait",
        "Wait",
        "Waits for some seconds.",
        {
            "type": "object",
            "properties": {"seconds": {"type": "number", "description": "How many."}},
            "required": ["seconds"],
            "additionalProperties": False,
        },
    )

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Wait."""
        await deferLater(reactor, arguments["seconds"])
        return ToolResult.text(f"{arguments['seconds']} seconds have passed.")


def main() -> None:
    """Serve until a signal comes."""
    daemon = make_service(load(os.environ).config, reactor, extra_tools=[Wait()])
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.callWhenRunning(daemon.startService)
    reactor.run()


if __name__ == "__main__":
    main()
