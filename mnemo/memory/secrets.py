"""
Keys, tokens and passwords in a text, found before it is stored. Pure.

What is found is replaced by a mark, C{[secret: aws access key]}, so that the sense of the text
stays and the secret does not. What stands between C{<private>} and C{</private>} goes too.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from attrs import evolve, frozen

from mnemo.memory.secret_patterns import (
    BLOCK,
    BLOCK_BODY,
    BLOCK_END,
    BLOCK_LINE,
    PATTERNS,
    Pattern,
)

PRIVATE: Final = "[private]"
"""The mark of what stood in private tags."""

_PIECE = 4_096
"""Characters that are looked at in one go: other threads need not wait longer."""

_OVERLAP = 1_024
"""How far a secret may reach into the next piece before it is measured anew."""

_LONGEST_BLOCK = 20_000
"""Characters within which a private key has to end."""

_tag = re.compile(r"<(/?)private(?:\s[^<>]{0,100})?>", re.IGNORECASE)

_line_end = re.compile(r"[\r\n]")

_placeholder = re.compile(
    r"(?i)your|example|placeholder|dummy|change.?me|redacted|x{3}|\*{3}|\.{3}|…"
    r"|^(?:user|username|pass|passw(?:or)?d|pwd|secret|token|api.?key|null|none|true|false|string)$"
    r"|^[$%&@#]?[{(<\[]|[$%][({]|%[sdr]|^\$\w+$|^(?:https?://|file:|\.{0,2}/)|\[secret:"
)

_word = re.compile(r"[A-Za-z_][A-Za-z_-]*[0-9]{0,1}")
_dotted = re.compile(r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+")
_constant = re.compile(r"[A-Z][A-Z_]*")
_variable = re.compile(r"[A-Z][A-Z0-9_]*=\Z")

_SHORTEST = {"password": 6, "api key": 12, "token": 12}
_SHORTEST_BARE = {"password": 6, "api key": 16, "token": 16}


@frozen
class Secret:
    """
    Where in a text a secret stands.

    @ivar kind: what it is, in a few words
    """

    kind: str
    start: int
    end: int


@frozen
class Hidden:
    """
    A text as it may be stored.

    @ivar kinds: how many secrets of which kind are marks now
    @ivar private: how many private passages are
    @ivar empty: whether nothing else is left, though there was something
    """

    text: str
    kinds: Mapping[str, int]
    private: int = 0
    empty: bool = False

    def counting(self, others: Iterable["Hidden"]) -> "Hidden":
        """The same text, with what was taken out of C{others} counted as well."""
        counted = Counter(self.kinds)
        private = self.private
        for each in others:
            counted.update(each.kinds)
            private += each.private
        return evolve(self, kinds=dict(sorted(counted.items())), private=private)


def hidden(text: str) -> Hidden:
    """C{text} without its secrets and private passages. Takes time in proportion to its length."""
    passages = list(_private(text))
    public = _replaced(text, ((start, end, PRIVATE) for start, end in passages))
    empty = bool(passages) and not public.replace(PRIVATE, "").strip()
    secrets = find_secrets(public)
    marks = ((each.start, each.end, f"[secret: {each.kind}]") for each in secrets)
    kinds = Counter(each.kind for each in secrets)
    return Hidden(_replaced(public, marks), dict(sorted(kinds.items())), len(passages), empty)


def without_private(text: str) -> str:
    """C{text} with a mark for each private passage, and as many lines as before."""
    return _replaced(
        text,
        (
            (start, end, PRIVATE + "".join(_line_end.findall(text, start, end)))
            for start, end in _private(text)
        ),
    )


def find_secrets(text: str) -> list[Secret]:
    """The secrets in C{text}, in its order; none overlaps another."""
    found = list(_blocks(text))
    lowered = text.lower()
    for pattern in PATTERNS:
        if pattern.may_be_in(lowered):
            found += _matches(pattern, text)
    merged: list[Secret] = []
    # The sort is stable: among those that begin at one place the earlier pattern is first.
    for secret in sorted(found, key=lambda each: each.start):
        last = merged[-1] if merged else None
        if last is not None and secret.start < last.end:
            merged[-1] = Secret(last.kind, last.start, max(last.end, secret.end))
        else:
            merged.append(secret)
    return merged


def _private(text: str) -> Iterator[tuple[int, int]]:
    """Where private passages stand, with their tags; one that is not closed reaches to the end."""
    depth = start = 0
    for tag in _tag.finditer(text):
        if not tag[1]:
            start = start if depth else tag.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                yield start, tag.end()
    if depth:
        yield start, len(text)


def _replaced(text: str, marks: Iterable[tuple[int, int, str]]) -> str:
    """C{text} with a mark in the place of each span."""
    parts: list[str] = []
    at = 0
    for start, end, mark in marks:
        parts += (text[at:start], mark)
        at = end
    parts.append(text[at:])
    return "".join(parts)


def _blocks(text: str) -> Iterator[Secret]:
    """Private keys as files hold them, whole or cut off."""
    at = 0
    while begin := BLOCK.search(text, at):
        limit = begin.end() + _LONGEST_BLOCK
        following = BLOCK.search(text, begin.end(), limit)
        if following:
            limit = following.start()
        ended = BLOCK_END.search(text, begin.end(), limit)
        body = ended or BLOCK_BODY.match(text, begin.end(), limit)
        at = body.end() if body else begin.end()
        # Whoever only names the line tells no secret.
        if BLOCK_LINE.search(text, begin.end(), at):
            yield Secret("private key", begin.start(), at)


def _matches(pattern: Pattern, text: str) -> Iterator[Secret]:
    at = 0
    while at < len(text):
        end = at + _PIECE
        reached = end
        for match in pattern.pattern.finditer(text, at, end + _OVERLAP):
            if match.start() >= end:
                break
            if match.end() == end + _OVERLAP:
                match = pattern.pattern.match(text, match.start()) or match
            reached = max(reached, match.end())
            secret = _secret(pattern, match)
            if secret is not None:
                yield secret
        at = reached


def _secret(pattern: Pattern, match: re.Match[str]) -> Secret | None:
    """What is secret of a match, if anything is."""
    text = match.string
    if pattern.whole:
        start, end = match.span()
        beside = text[start - 1 : start] + text[end : end + 1]
        alone = not any(each.isalnum() for each in beside)
        return Secret(pattern.kind, start, end) if alone else None
    group = match.lastgroup
    if group is None:
        return Secret(pattern.kind, *match.span())
    start, end = match.span(group)
    if group == "said":
        end = start + len(match[group].rstrip(".,;:!?)"))
    kind = pattern.kind or _named(match)
    value = text[start:end]
    return Secret(kind, start, end) if _tells(kind, group, value, match, end) else None


def _named(match: re.Match[str]) -> str:
    if match["password"]:
        return "password"
    return "api key" if match["key"] else "token"


def _tells(kind: str, group: str, value: str, match: re.Match[str], end: int) -> bool:
    """Whether a value where a secret would stand is one, and not a word, a name or a gap."""
    if _placeholder.search(value):
        return False
    if group == "value":
        return kind != "bearer token" or _mixed(value)
    bare = group == "bare"
    following = match.string[end : end + 1]
    if bare and (following in ("(", "[", "{", ".") or _dotted.fullmatch(value)):
        return False
    if len(value) < (_SHORTEST_BARE if bare else _SHORTEST)[kind]:
        return False
    if kind == "password" and value.isdigit():
        return True
    if bare and _variable.search(match.string[max(0, match.start() - 64) : match.start(group)]):
        return not _constant.fullmatch(value) and not value.isdigit()
    return _mixed(value) and not (bare and _word.fullmatch(value) and "_" in value)


def _mixed(value: str) -> bool:
    """Whether letters stand among digits or signs, as in no word."""
    letters = any(each.isalpha() for each in value)
    return letters and any(each.isdigit() or each in "!@#$%^&*+=?~|" for each in value)
