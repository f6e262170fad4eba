"""Where a text may be cut: never inside what a reader sees as one character. Pure."""

import unicodedata

_JOINER = "\u200d"


def cut(text: str, length: int) -> str:
    """
    The first C{length} code points of a text, or as many fewer as it takes to leave what a
    reader sees as one character whole: a letter and its marks, a picture made of several, a flag,
    a syllable, the end of a line (in short what
    U{https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries} keeps together).
    """
    if length >= len(text):
        return text
    while length > 0 and _together(text, length):
        length -= 1
    return text[: max(length, 0)]


def _together(text: str, at: int) -> bool:
    """Whether what stands before and after C{at} belongs together."""
    before, after = text[at - 1], text[at]
    if after.isascii():
        return before == "\r" and after == "\n"
    if _is_flag(before) and _is_flag(after):
        start = at
        while start and _is_flag(text[start - 1]):
            start -= 1
        return (at - start) % 2 == 1
    return (
        before == _JOINER
        or _extends(after)
        or ((_is_jamo(before) or "\uac00" <= before <= "\ud7a3") and _is_jamo(after))
    )


def _extends(character: str) -> bool:
    """Marks, joiners, the skin colours of pictures, and the tags that make flags."""
    return (
        character in (_JOINER, "\u200c")
        or unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_jamo(character: str) -> bool:
    """The parts of which Korean syllables are made."""
    return (
        "\u1100" <= character <= "\u11ff"
        or "\ua960" <= character <= "\ua97f"
        or "\ud7b0" <= character <= "\ud7ff"
    )
