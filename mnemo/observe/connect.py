"""What somebody who starts a daemon wants to know: how to connect, and where things are."""

import json
from pathlib import Path

from mnemo.observe.logs import NAME


def how_to_connect(address: str, home: Path, config_file: Path) -> str:
    """
    Some lines for a terminal.

    @param address: the base of the daemon's addresses, without a slash at the end
    """
    url = f"{address}/mcp"
    entry = json.dumps({"type": "http", "url": url}, separators=(",", ":"))
    absent = "" if config_file.exists() else "  (not there: the defaults hold)"
    return (
        f"mnemo serves {url}\n"
        f"\n"
        f"  Claude Code   claude mcp add --transport http mnemo {url}\n"
        f"  others        {entry}\n"
        f"\n"
        f"  data          {home}\n"
        f"  config        {config_file}{absent}\n"
        f"  log           {home / NAME}\n"
    )
