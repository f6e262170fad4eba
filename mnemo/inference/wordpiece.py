"""
The tokeniser of uncased BERT models.

These are the tokens the models were trained with. llama.cpp has such a tokeniser too, but
of a Korean syllable it keeps the first letter only, and it drops the vowel signs of Indian
scripts and the mark that makes an emoji of a digit, so it gives such texts the vectors of
others. What looks like a special token (C{[SEP]}) is plain text here.

The rules are those of the tokeniser published with U{https://arxiv.org/abs/1810.04805}.
"""

import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

BEGINNING: Final = "\u2581"
"""In a GGUF file this marks the pieces that begin a word."""

UNKNOWN: Final = "[UNK]"

_LONGEST_WORD: Final = 100  # a longer one is unknown to the original
_REMEMBERED_WORDS: Final = 50_000

# Those of Chinese characters: each is a word. From the authors' tokeniser.
_IDEOGRAPHS: Final = (
    range(0x3400, 0x4DC0),
    range(0x4E00, 0xA000),
    range(0xF900, 0xFB00),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2CEB0),
    range(0x2F800, 0x2FA20),
)


class WordPiece:
    """Texts to the numbers of pieces in a vocabulary."""

    def __init__(self, vocabulary: Iterable[str]) -> None:
        """
        @param vocabulary: the pieces by number, marked as in a GGUF file
        @raise ValueError: it has no L{UNKNOWN}
        """
        pieces = list(vocabulary)
        if UNKNOWN not in pieces:
            raise ValueError(f"the vocabulary has no {UNKNOWN}")
        self._unknown = [pieces.index(UNKNOWN)]
        self._beginnings = {
            piece[1:]: number for number, piece in enumerate(pieces) if piece[:1] == BEGINNING
        }
        self._continuations = {
            piece: number for number, piece in enumerate(pieces) if piece[:1] != BEGINNING
        }
        self._longest = max(map(len, pieces))
        self._spelling = _Spelling()
        self._pieces = lru_cache(_REMEMBERED_WORDS)(self._split)

    def __call__(self, text: str) -> list[int]:
        """The tokens of C{text}, without the special ones."""
        tokens: list[int] = []
        for word in text.translate(self._spelling).split():
            tokens += self._pieces(word)
        return tokens

    def _split(self, word: str) -> list[int]:
        """The longest piece that C{word} begins with, and so on."""
        if len(word) > _LONGEST_WORD:
            return self._unknown
        numbers: list[int] = []
        known, start = self._beginnings, 0
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                number = known.get(word[start:end])
                if number is not None:
                    break
            else:
                return self._unknown
            numbers.append(number)
            known, start = self._continuations, end
        return numbers


class _Spelling(dict[int, str]):
    """For C{str.translate}: how the model spells a character, with spaces where it is a word."""

    def __missing__(self, code: int) -> str:
        self[code] = spelling = _spell(chr(code))
        return spelling


def _spell(character: str) -> str:
    category = unicodedata.category(character)
    if character in "\t\n\r" or category[0] == "Z":
        return " "
    # Unassigned characters (Cn) stay: a newer Unicode may know them.
    if character == "\ufffd" or category in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if any(ord(character) in block for block in _IDEOGRAPHS):
        character = f" {character} "
    letters = unicodedata.normalize("NFD", character)
    return "".join(
        f" {letter} " if _is_punctuation(letter) else letter.lower()
        for letter in letters
        if unicodedata.category(letter) != "Mn"
    )


def _is_punctuation(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "P" or (letter.isascii() and letter in "$+<=>^`|~")
