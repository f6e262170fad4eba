"""
Folding of text: what looks or reads the same becomes the same characters.

Compatibility forms, ligatures and full width are resolved (Unicode NFKD), accents and vowel
points go, as do bidirectional controls and all that has no width; case stays, because it tells
where the parts of a camelCase name begin. ASCII text is its own folding.
"""

import re
from unicodedata import category, normalize

_ACCENTS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Marks that one may leave out: of Latin, Greek, Cyrillic, Hebrew and Arabic, and of symbols."""

_INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff"
    "\U0001f3fb-\U0001f3ff"  # skin tones: the emoji is found without
)
"""What has no width of its own: Unicode's Default_Ignorable_Code_Point, and skin tones."""

UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\u3005-\u3007\u3031-\u3035\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua980-\ua9ff"
    "\uaa60-\uaa7f\uac00-\ud7a3\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""
Scripts in which one does not look for spaces between words: Han, Kana, Bopomofo, Hangul, Thai,
Lao, Burmese, Khmer, Tai, Balinese, Javanese.
"""

_PLAIN = str.maketrans(
    {
        "\u2010": "-", "\u2011": "-", "\u2018": "'", "\u2019": "'", "\u02bc": "'",
        "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "Đ": "D", "đ": "d",
        "Ð": "D", "ð": "d", "Þ": "TH", "þ": "th", "Ħ": "H", "ħ": "h", "Ł": "L", "ł": "l",
        "Ŧ": "T", "ŧ": "t", "\u0131": "i",
    }
)  # fmt: skip
"""Letters whose accent is no mark in Unicode, and typographic hyphens and apostrophes."""


def _combining_marks() -> str:
    marks = {point for point in range(0x300, 0x1F000) if category(chr(point)) in ("Mn", "Mc", "Me")}
    firsts = sorted(point for point in marks if point - 1 not in marks)
    lasts = sorted(point for point in marks if point + 1 not in marks)
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in zip(firsts, lasts, strict=True))


MARKS = _combining_marks()
"""All combining marks: many scripts write vowels so, and C{\\w} of C{re} does not know them."""

_drop = re.compile(f"[{_ACCENTS}{_INVISIBLE}]+").sub
_drop_accents = re.compile(f"[{_ACCENTS}]+").sub
_shorten_marks = re.compile(f"([{MARKS}]{{8}})[{MARKS}]+").sub


def fold(text: str) -> str:
    """The folded text, in linear time."""
    if text.isascii():
        return text
    # Without what is dropped first, a long run of marks makes normalisation quadratic.
    text = _shorten_marks(r"\1", _drop("", text))
    text = _drop_accents("", normalize("NFKD", text))
    return normalize("NFC", text).translate(_PLAIN)
