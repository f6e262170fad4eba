"""A process's own stdin and stdout, as lines. Free of Twisted."""

import os
import select
from collections.abc import Callable, Iterator
from threading import Lock

from attrs import define, field

POLL_SECONDS = 0.5
_CHUNK = 65536


def lines(descriptor: int, wanted: Callable[[], bool]) -> Iterator[bytes]:
    """
    Each line that arrives, blank ones left out, until the input ends.

    @param wanted: asked twice a second; when it says no, the iteration ends as well
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    begun = b""
    while wanted():
        if not poll.poll(POLL_SECONDS * 1000):
            continue
        try:
            chunk = os.read(descriptor, _CHUNK)
        except OSError:  # A socket may be reset, a descriptor may be none.
            chunk = b""
        *complete, begun = (begun + chunk).split(b"\n")
        if not chunk:
            complete.append(begun)
        yield from filter(bytes.strip, complete)
        if not chunk:
            return


def hung_up(descriptor: int, seconds: float) -> bool:
    """Wait, at most so long, for the other end of a pipe to be closed. Reads nothing."""
    poll = select.poll()
    poll.register(descriptor, 0)
    return bool(poll.poll(seconds * 1000))


def has_unread(descriptor: int) -> bool:
    """Whether there is something to read, besides the end. Reads nothing, and does not wait."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll(0))


@define
class Output:
    """
    Lines to a client, each written whole, from any thread.

    @ivar is_broken: nobody reads any more
    """

    _descriptor: int
    is_broken: bool = field(default=False, init=False)
    _lock: Lock = field(factory=Lock, init=False)

    def write(self, message: bytes) -> None:
        """Write one JSON text as a line of its own."""
        # JSON has line breaks between its tokens only, never within a string.
        rest = message.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"
        with self._lock:
            try:
                while rest and not self.is_broken:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError:
                self.is_broken = True
