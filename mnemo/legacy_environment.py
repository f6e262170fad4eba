"""
The C{EXAI_WS_*} variables of an older WebSocket daemon, read as mnemo's keys where there is one.

People copied them from examples, so a value may have blanks around it and a comment behind it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from attrs import frozen

KEYS: Final = {
    "EXAI_WS_HOST": "server.host",
    "EXAI_WS_PORT": "server.port",
    "EXAI_WS_TOKEN": "server.tokens",
    "EXAI_WS_BACKPRESSURE": "sessions.waiting",
    "EXAI_WS_SESSION_MAX_INFLIGHT": "sessions.running",
}
"""The key that each sets. The variable of mnemo's own for that key wins."""

LOG_LEVEL: Final = "LOG_LEVEL"
"""Sets C{log.level}, but only beside an C{EXAI_WS_*} variable: alone it may be anybody's."""

_PREFIX = "EXAI_WS_"
_COMMENT = re.compile(r"(?:^|\s)#.*$", re.DOTALL)
_LEVELS = {"warning": "warn", "critical": "error"}


@frozen
class Alias:
    """
    What a variable says.

    @ivar variable: its name
    @ivar key: the key that it sets
    @ivar text: its value, as a variable of mnemo's own would have it
    """

    variable: str
    key: str
    text: str


def read(environ: Mapping[str, str], warn: Callable[[str], object]) -> Iterator[Alias]:
    """
    The keys that are set here. A variable with nothing in it sets none.

    @param warn: told a line for each value that was mended, and each variable that does nothing
    """
    given = sorted(name for name in environ if name.startswith(_PREFIX))
    if given and LOG_LEVEL in environ:
        given.append(LOG_LEVEL)
    for name in given:
        key = "log.level" if name == LOG_LEVEL else KEYS.get(name)
        if key is None:
            known = ", ".join((*KEYS, LOG_LEVEL))
            warn(f"{name} does nothing here; these do: {known}")
            continue
        text = _mended(name, environ[name], warn)
        if text:
            yield Alias(name, key, _levelled(text) if name == LOG_LEVEL else text)


def _mended(name: str, text: str, warn: Callable[[str], object]) -> str:
    """The value without what a file of variables may have around it."""
    mended = _COMMENT.sub("", text).strip()
    if mended != text:
        # Not the value: it may be a token.
        warn(f"{name} has blanks or a comment around its value; they are passed over")
    return mended


def _levelled(text: str) -> str:
    level = text.lower()
    return _LEVELS.get(level, level)
