"""
The daemon with an C{echo} tool beside its own, for measuring: C{mnemo_server.py HOME PORT}, and
after these C{section.key=VALUE}, the value as JSON.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet import reactor

from mnemo import config_sources, service
from mnemo.tools.interfaces import CallContext, ToolDescription, ToolResult

DESCRIPTION = ToolDescription(
    name="echo",
    title="Echo",
    description="Give the text back.",
    input_schema={
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    },
    output_schema={
        "type": "object",
        "properties": {"result": {"type": "string"}},
        "required": ["result"],
    },
)


@frozen
class Echo:
    """Gives the text back, as the SDK server's tool does."""

    description: ToolDescription = DESCRIPTION

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        text = arguments["text"]
        return ToolResult.text(text, {"result": text})


def main() -> None:
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    flags: dict[str, Any] = {"home": home, "server.port": port, "log.level": "warn"}
    for word in sys.argv[3:]:
        key, _, value = word.partition("=")
        flags[key] = json.loads(value)
    daemon = service.make_service(config_sources.load({}, flags).config, reactor, [Echo()])
    daemon.startService()
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
