"""
The names of memories in a mirror of files: C{project/type/first-words-id}.

A name has topics, separated by C{/}, and is referred to as C{mem:NAME}. Pure.
"""

import re
import unicodedata
from typing import Final

from mnemo.store.records import Memory

REFERENCE: Final = "mem:"

_LONGEST_TOPIC = 60
"""Characters of one topic: file systems take 255 bytes, and a character may have four."""

_LONGEST = 1_000

_NO_PROJECT = "no-project"

_OUTSIDE_WORDS = re.compile(r"[\W_]+")


class BadName(ValueError):
    """A name that could lead astray. Its text is one line that says why."""


def check_name(name: str) -> str:
    """
    C{name}, if it can only lead to one place below whatever it is looked up in.

    @raise BadName: it is empty, absolute, has an empty topic, C{.} or C{..}, or a character that
        a file system could take for something else
    """
    if not name or len(name) > _LONGEST:
        raise BadName(f"a name has 1 to {_LONGEST:,} characters")
    shown = ascii(name[:60])
    if name.startswith(("/", "~")) or re.match(r"[A-Za-z]:", name):
        raise BadName(f"{shown} is absolute; a name is not")
    if "\\" in name or any(unicodedata.category(each)[0] == "C" for each in name):
        raise BadName(f"{shown} holds a character that no name has")
    for topic in name.split("/"):
        if topic in ("", ".", "..") or topic != topic.strip():
            raise BadName(f'{shown} has a part between slashes that is empty, "." or ".."')
        if len(topic.encode()) > 250:
            raise BadName(f"{shown} has a part between slashes that is too long")
    return name


def name_of(memory: Memory) -> str:
    """The name of a memory, which no other has: its id ends it."""
    first = memory.text.strip().partition("\n")[0]
    words = slug(first)
    last = f"{words}-{memory.id}" if words else memory.id
    return check_name(f"{slug(memory.project) or _NO_PROJECT}/{memory.type}/{last}")


def slug(text: str) -> str:
    """The words of a text, as many as a name takes, in small letters and with dashes between."""
    plain = unicodedata.normalize("NFKC", text[: 4 * _LONGEST_TOPIC]).casefold()
    dashed = _OUTSIDE_WORDS.sub("-", plain).strip("-")
    while len(dashed) > _LONGEST_TOPIC or len(dashed.encode()) > 3 * _LONGEST_TOPIC:
        dashed = dashed[:-1]
    return dashed.strip("-")
