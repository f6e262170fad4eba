"""Questions that ask for a time alone, such as "what did I note today?". Pure."""

import re
from typing import Final

from mnemo.memory.query import Query
from mnemo.memory.when import bounds, without_times
from mnemo.store.index.analyser import STOP_WORDS

_words = re.compile(r"\w+(?:'\w+)*").findall

_DOINGS: Final = """
    anything everything something happen happened happening happens going went done work worked
    working note noted notes noting remember remembered remembering memories memory
"""
_TELL_NOTHING: Final = STOP_WORDS | frozenset(_DOINGS.split())


def time_alone(text: str, query: Query, now: float) -> tuple[float, float] | None:
    """
    The beginning and end of the one time that a question asks for, where it asks for nothing
    else; C{None} for every other question.

    @param query: what was understood of C{text}
    @param now: the time of asking; times are seconds since the epoch
    """
    if len(query.times) != 1:
        return None
    rest = without_times(text).replace("\u2019", "'").lower()
    if not _TELL_NOTHING.issuperset(_words(rest)):
        return None
    return bounds(query.times[0], now)
