"""
Keeps a daemon with a temporary home for as long as its own stdin is open.

It is a process by itself, so that nothing is left behind however the one ends that wants the
daemon, be it by C{kill -9}. It writes one line: C{ready URL}, or C{failed} and why.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from mnemo.cli.asking import is_ready
from mnemo.cli.daemon import READY_STEPS, STEP, last_line
from mnemo.lock import holder_of

STDIN = 0

STOP_SECONDS = 20.0
"""How long the daemon may take to stop."""


def main() -> None:
    """Keep one."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _leave)
    with (
        tempfile.TemporaryDirectory(prefix="mnemo-ci-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as complaints,
    ):
        keep(Path(folder), complaints)


def keep(home: Path, complaints: IO[bytes]) -> None:
    """
    Start a daemon, say what came of it, wait, and stop it.

    @param complaints: where it says why it does not start
    """
    options = [f"--home={home}", "--host=127.0.0.1", "--port=0"]
    daemon = subprocess.Popen(
        [sys.executable, "-P", "-m", "mnemo", "start", "--foreground", *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=complaints,
        # Other ports would be those of another daemon of the same configuration.
        env={**os.environ, "MNEMO_SERVER_LISTEN": ""},
    )
    try:
        told = outcome(daemon, home, complaints)
        if told:
            sys.stdout.write(told + "\n")
            sys.stdout.flush()
            while is_wanted(None):
                pass
    finally:
        daemon.terminate()
        try:
            daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def outcome(daemon: "subprocess.Popen[bytes]", home: Path, complaints: IO[bytes]) -> str:
    """What became of a daemon; C{""} where nobody wants it any more."""
    for _ in range(READY_STEPS):
        if not is_wanted(STEP):
            return ""
        if daemon.poll() is not None:
            complaints.seek(0)
            return f"failed {last_line(complaints.read().decode(errors='replace'))}"
        holder = holder_of(home)
        if holder is not None and holder.port and is_ready(holder):
            return f"ready {holder.address}/mcp"
    return "failed the daemon was not ready in time"


def is_wanted(seconds: float | None) -> bool:
    """Wait for so long, or until stdin is closed; whether it is still open."""
    readable, _, _ = select.select([STDIN], [], [], seconds)
    return not readable or bool(os.read(STDIN, 1024))


def _leave(number: int, frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
