"""
What serving costs: mnemo beside a server built on the C{mcp} SDK, in one run, interleaved.

Requests a second of the same trivial tool by every transport; session start; the memory of idle
sessions and streams; C{remember} and C{recall} with the real embedding model at two sizes of
memory.
"""

import argparse
import json
import os
import platform
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import servers
from rates import http_rates, other_rates, session_start
from remembering import remembering
from residence import idle_sessions, idle_streams, open_and_close

RATIO = 4
"""How many times the SDK's requests a second Streamable HTTP has to serve."""


def bars(figures: dict[str, Any], largest: int) -> list[tuple[str, bool]]:
    """Each promise, and whether it is kept."""
    kept = []
    for name, row in figures["http"].items():
        kept.append(
            (f"{name}: {row['ratio']} times the SDK, at least {RATIO}", row["ratio"] >= RATIO)
        )
        ours, theirs = row["mnemo"]["p99_ms"], row["mcp SDK"]["p99_ms"]
        kept.append((f"{name}: p99 {ours:.1f} ms, the SDK's {theirs:.1f}", ours <= theirs))
    start = figures["session_start"]["mnemo"]["p99_ms"]
    kept.append((f"session start p99 {start:.1f} ms, under 20", start < 20))
    for what, title in (("idle_sessions", "session"), ("idle_streams", "stream")):
        size = figures[what]["mnemo"]
        kept.append((f"{size:.1f} KiB an idle {title}, under 32", size < 32))
    growth = figures["open_and_close"]
    kept.append(
        (f"{growth:.0f} KiB grown by sessions that came and went, under 1024", growth < 1024)
    )
    for name, limit in (("remember", 15), ("recall", 30)):
        p99 = figures["memory"][str(largest)][name]["p99_ms"]
        kept.append((f"{name} p99 {p99:.1f} ms at {largest:,}, under {limit}", p99 < limit))
    return kept


def section(title: str, run: Callable[[], Any]) -> Any:
    print(title, flush=True)
    return run()


def measured(quick: bool) -> tuple[dict[str, Any], int]:
    """All figures, and the larger size of memory."""
    rounds, seconds, starts = (2, 0.4, 40) if quick else (5, 2.0, 500)
    sizes, calls = ((1_000, 4_000), 100) if quick else ((1_000, 100_000), 1_000)
    sessions, closed = (300, 500) if quick else (1_000, 10_000)
    figures: dict[str, Any] = {
        "machine": f"{os.cpu_count()} cores, {platform.platform()}, Python {sys.version.split()[0]}"
    }
    print(figures["machine"])
    # Of fresh processes: what a load has freed would hide what a session takes.
    with servers.mnemo() as ours, servers.sdk() as theirs:
        figures["idle_sessions"] = section(
            "memory of an idle session", lambda: idle_sessions([ours, theirs], sessions)
        )
    with servers.mnemo() as ours, servers.sdk() as theirs:
        figures["idle_streams"] = section(
            "memory of an idle stream", lambda: idle_streams([ours, theirs], sessions)
        )
    with servers.mnemo() as ours:
        figures["open_and_close"] = section(
            "sessions that come and go", lambda: open_and_close(ours, closed)
        )
    with servers.mnemo() as ours, servers.sdk() as theirs:
        pair = [ours, theirs]
        figures["http"] = section("requests a second", lambda: http_rates(pair, rounds, seconds))
        figures["other"] = section(
            "the other transports", lambda: other_rates(pair, max(1, rounds // 2), seconds)
        )
        figures["session_start"] = section(
            "initialize to first result", lambda: session_start(pair, starts)
        )
    figures["memory"] = section(
        "remember and recall", lambda: {str(size): remembering(size, calls) for size in sizes}
    )
    return figures, sizes[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="under a minute, smaller sizes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 where a bar is missed")
    options = parser.parse_args()
    # A thousand connections, for this process and for those that it starts.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    figures, largest = measured(options.quick)
    kept = bars(figures, largest)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    for text, met in kept:
        print(f"{'kept  ' if met else 'MISSED'} {text}")
    count = sum(met for _, met in kept)
    print(f"serve: {count} of {len(kept)} bars kept")
    return int(options.check and count < len(kept))


if __name__ == "__main__":
    sys.exit(main())
