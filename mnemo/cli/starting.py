"""Starting a daemon from a process that goes on with something else meanwhile."""

import fcntl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from attrs import define

from mnemo.transports.daemon import Unreachable

LOCK = "starting.lock"


@define
class Starting:
    """C{mnemo start} while it runs."""

    _process: "subprocess.Popen[bytes]"
    _said: IO[bytes]

    def failure(self) -> str | None:
        """Why there is no daemon though it has ended; C{None} while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0:
            return "The mnemo daemon was started and has ended again; its log says why."
        self._said.seek(0)
        last = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
        return last.removeprefix("Error: ") or f"`mnemo start` ended with {code}."


def start_daemon(home: Path, file: str | None) -> Starting | None:
    """
    Begin to start the daemon, detached; C{None} while another process does.

    Who starts it holds a lock, which C{mnemo start} inherits and keeps until it has ended.

    @raise Unreachable: it cannot even be begun
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(home / LOCK, "wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return _start(home, file, lock.fileno())
    except BlockingIOError:
        return None
    except OSError as problem:
        raise Unreachable(f"A daemon cannot be started: {problem}") from None


def _start(home: Path, file: str | None, inherited: int) -> Starting:
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process that reads it
    command = [sys.executable, "-P", "-m", "mnemo", "start", f"--home={home}"]
    process = subprocess.Popen(
        [*command, f"--config={file}"] if file else command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,
        pass_fds=(inherited,),
    )
    return Starting(process, said)
