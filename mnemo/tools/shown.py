"""
Characters that hide or reorder text, made visible. Pure.

What is remembered is kept word for word, so it may hold characters that a reader does not see
and a model obeys all the same, or that let a line read differently from what it says
(U{https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing}, CVE-2021-42574). Answers
show them as C{\\u202e}.
"""

import re
from typing import Any

_HIDING = (
    "\u00ad\u034f"  # soft hyphen, grapheme joiner
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls
    "\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff"  # no width
    "\u3164\uffa0"  # Korean letters that are blank
    "\ufff9-\ufffb"  # annotations beside the text
    "\U000e0000-\U000e007f"  # tags: a copy of ASCII that nobody sees
)

_JOINERS = "\u200c\u200d"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"

# Joiners belong to words of some scripts and to pictures made of several; not into ASCII. A
# selector picks the form of the one character before it. Many of either can carry any text.
_SEEN = f"[^\x00-\x7f{_HIDING}{_JOINERS}]"
_DRAWN = f"[^\x00-\x7f{_HIDING}{_JOINERS}{_SELECTORS}]"
_CHOSEN = f"(?:[0-9#*]|{_DRAWN})"

_hidden = re.compile(
    f"[{_HIDING}]"
    f"|[{_JOINERS}](?:(?!{_DRAWN})|(?<!{_SEEN}[{_JOINERS}])"
    f"|(?<=[{_SELECTORS}][{_JOINERS}])(?<!{_CHOSEN}[{_SELECTORS}][{_JOINERS}]))"
    f"|[{_SELECTORS}](?<!{_CHOSEN}[{_SELECTORS}])"
)


def shown(text: str) -> str:
    """C{text} with nothing hidden in it."""
    return text if text.isascii() else _hidden.sub(_escaped, text)


def shown_all(value: Any) -> Any:
    """C{value}, as JSON has it, with nothing hidden in any of its texts and keys."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {shown(key): shown_all(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shown_all(each) for each in value]
    return value


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
