"""What a shim's client has sent and no connection has taken yet."""

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import define, field, frozen

from mnemo.mcp import jsonrpc

HOLD_SECONDS = 10.0
"""How long a message waits for a connection."""

MOST_HELD = 1000
MOST_HELD_BYTES = 32 * 1024 * 1024
"""How much may wait for one: messages, and bytes of them."""

Messages = Sequence[jsonrpc.Message | jsonrpc.Malformed]


@frozen
class Held:
    """A line that waits, the one message or the batch that it is, and since when."""

    messages: Messages
    line: bytes
    since: float

    @property
    def requests(self) -> list[jsonrpc.Request]:
        """What in it wants an answer."""
        return [message for message in self.messages if isinstance(message, jsonrpc.Request)]


@define(eq=False)
class Waiting:
    """Lines in the order in which they came."""

    _lines: deque[Held] = field(init=False, factory=deque)

    def __iter__(self) -> Iterator[Held]:
        """All of them."""
        return iter(self._lines)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._lines)

    def put(self, held: Held) -> bool:
        """Let one wait behind the others; whether there is room for it."""
        size = sum(len(each.line) for each in self._lines)
        if len(self._lines) >= MOST_HELD or size + len(held.line) > MOST_HELD_BYTES:
            return False
        self._lines.append(held)
        return True

    def put_first(self, held: Held) -> None:
        """Let one wait ahead of the others."""
        self._lines.appendleft(held)

    def remove(self, held: Held) -> None:
        """Let one wait no more."""
        self._lines.remove(held)

    def taken(self) -> list[Held]:
        """All of them, which wait no more."""
        lines, self._lines = list(self._lines), deque()
        return lines

    def late(self, now: float) -> list[Held]:
        """Those that have waited for too long, which wait no more."""
        late = [each for each in self._lines if each.since + HOLD_SECONDS <= now]
        for each in late:
            self._lines.remove(each)
        return late
