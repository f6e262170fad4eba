"""One process a home: an advisory lock on a file that says who holds it. Free of Twisted."""

import fcntl
import os
from pathlib import Path

import msgspec
from attrs import define, field, frozen

NAME = "mnemo.lock"


@frozen
class Holder:
    """
    The process that serves a home.

    @ivar port: 0 while it has not opened one, or where it never does
    @ivar started: seconds since the epoch
    """

    pid: int
    host: str
    port: int
    started: float

    @property
    def address(self) -> str:
        """The base of its addresses, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class HomeHeld(Exception):
    """
    Another process serves this home. Its text is one line that names it.

    @ivar holder: C{None} where it has not said who it is
    """

    def __init__(self, home: Path, holder: Holder | None) -> None:
        self.holder = holder
        who = "another process" if holder is None else f"pid {holder.pid}"
        where = f" on port {holder.port}" if holder is not None and holder.port else ""
        super().__init__(f"{home} is already served by {who}{where}")


@define
class HomeLock:
    """
    The right to serve a home, held from L{take} to L{release} or to the end of the process.

    The kernel drops the lock of a process that dies, however it dies, so what is found
    unlocked is free, whatever the file says.
    """

    home: Path
    _descriptor: int = field(default=-1, init=False)

    def take(self, holder: Holder) -> None:
        """Take the home, and write into the file who has it. Raises L{HomeHeld}."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.home / NAME, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _read(descriptor)
            os.close(descriptor)
            raise HomeHeld(self.home, found) from None
        self._descriptor = descriptor
        self.announce(holder)

    def announce(self, holder: Holder) -> None:
        """Write anew who has it, for instance when the port is known."""
        text = msgspec.json.encode(holder)
        os.pwrite(self._descriptor, text, 0)
        os.ftruncate(self._descriptor, len(text))

    def release(self) -> None:
        """Give the home back. The file stays: to remove it would race with the next holder."""
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1


def holder_of(home: Path) -> Holder | None:
    """Who serves this home now, or C{None} where nobody does or it has not said."""
    try:
        descriptor = os.open(home / NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Holder | None:
    """What the file says, or C{None} where it says nothing."""
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Holder)
    except msgspec.MsgspecError:
        return None
