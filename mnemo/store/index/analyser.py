"""
What the words of a text are: the same for what is indexed and for what is asked.

A text is folded (L{mnemo.store.index.folding}), cut into tokens, and each token becomes terms:
a plain word its English stem, an identifier, path, version or address itself and its parts, a
run of a script that has no spaces its characters and pairs of neighbours, an emoji itself. How
a name is joined does not matter: C{snake_case}, C{snake-case} and C{snakeCase} are one term.

Pure, in time linear in the text; every table kept is bounded.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from unicodedata import category

from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

from mnemo.store.index.folding import MARKS, UNSPACED, fold

ANALYSER_VERSION = 1
"""Raised whenever the terms of any text change, so that text indexes are rebuilt."""

MAX_TERM = 128
"""Longer terms are cut to this many characters: a blob is found by how it begins."""

_MAX_CACHED = 48
"""Longer tokens are analysed each time, so that the cache stays small."""

_MAX_PARTS = 12
"""A word with more humps than this is no camelCase name, but a blob."""

_BITE = 4096
"""So much is scanned at a time: the scan holds the interpreter lock."""

_GAPS = ' \n\t"()[]{}<>;|'
"""No token has these."""

_SYMBOLS = ("So", "Sc", "Sm")

# A token is words that are joined by connectors: never two dots in a row (an ellipsis), a comma
# only between digits. A dot before it belongs to it (.env, .NET), and so do ++ and # behind it.
# Possessive quantifiers keep the scan linear.
_ASCII_WORD = "[a-zA-Z0-9]"
_WORD = rf"(?:[^\W_]|[{MARKS}])"
_TOKEN = (
    r"\.?+{w}++(?:(?:(?!\.\.)[-_.'/\\:@=?&+#%~]|(?<=[0-9]),(?=[0-9])){{1,3}}{w}++)*+(?:\+\+|#)?+"
)

_ascii_tokens = re.compile(_TOKEN.format(w=_ASCII_WORD)).findall
_tokens = re.compile(
    _TOKEN.format(w=_WORD)
    + "|[\U0001f1e6-\U0001f1ff]{2}"  # a flag is a pair of letters
    + r"|[^\x00-\x7f\s]"
).findall
_split_unspaced = re.compile(f"([{UNSPACED}]+)").split

_outer = re.compile(r"([/\\:@=?&+#%~,]+)")
_joiners = re.compile("[-_']+")
_version = re.compile(r"[vV]?([0-9]+(?:\.[0-9]+)+)")
_thousands = re.compile("(?<![0-9])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_clitic = re.compile("(?<=[a-z])'(?:s|m|re|ve|ll|d|t)(?![a-z0-9])", re.IGNORECASE)
_humps = re.compile("[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+").findall
_hexadecimal = re.compile("(?=.*[0-9])[0-9a-fA-F]{4,}").fullmatch

_english = TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stemmer("english")).build()

_STOP_WORDS = """
    a about above after again all also am an and any are aren't as at be because been before
    being below between both but by can can't could couldn't did didn't do does doesn't doing
    don't down during each few for from further had hadn't has hasn't have haven't having he
    he's her here hers him his how i i'd i'll i'm i've if in into is isn't it it's its itself
    just let's me more most my myself no nor not now of off on once only or other our ours out
    over own same she she's should shouldn't so some such than that that's the their theirs them
    then there there's these they they're this those through to too under until up us very was
    wasn't we we're we've were weren't what what's when where which while who whom why will with
    won't would wouldn't you you're you've your yours
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that tell nothing of a text in English."""


def terms(text: str) -> list[str]:
    """The terms of a text, with repeats, in order. None is longer than L{MAX_TERM}."""
    made: list[str] = []
    for token, unspaced in _cut(text):
        if unspaced:
            made.extend(token)
            made.extend(map("".join, pairwise(token)))
        else:
            made.extend(_terms_of(token))
    return made


def query_terms(text: str) -> list[str]:
    """
    The terms to look for, each once: no stop words, unless there is nothing else.

    Of a run without spaces only the pairs of neighbours are asked for, which say more than its
    characters; the characters are there for the run of one.
    """
    cut = list(_cut(text))
    telling = [each for each in cut if each[0].lower() not in STOP_WORDS]
    made: list[str] = []
    for token, unspaced in telling or cut:
        if not unspaced:
            made.extend(_terms_of(token))
        elif len(token) == 1:
            made.append(token)
        else:
            made.extend(map("".join, pairwise(token)))
    return list(dict.fromkeys(made))


def _cut(text: str) -> Iterator[tuple[str, bool]]:
    """The tokens of a text, and whether each is a run of a script without spaces."""
    for piece in map(fold, _bites(text)):
        if piece.isascii():
            for token in _ascii_tokens(piece):
                yield token, False
            continue
        for number, run in enumerate(_split_unspaced(piece)):
            if number % 2:
                yield run, True
                continue
            for token in _tokens(run):
                if len(token) > 1 or token.isalnum() or category(token) in _SYMBOLS:
                    yield token, False


def _bites(text: str) -> Iterator[str]:
    """A long text in pieces that are cut where no token is, where there is such a place."""
    start = 0
    while len(text) - start > _BITE:
        limit = start + _BITE
        end = max(text.rfind(gap, start + _BITE // 2, limit) for gap in _GAPS)
        yield text[start : limit if end < 0 else end]
        # One character again where it had to be a word, for the pair across the cut.
        start = limit - 1 if end < 0 else end
    yield text[start:]


def _terms_of(token: str) -> tuple[str, ...]:
    if len(token) > _MAX_CACHED:
        return tuple(map(_stem, _words(token)))
    return _cached_terms_of(token)


@lru_cache(maxsize=1 << 16)
def _cached_terms_of(token: str) -> tuple[str, ...]:
    return tuple(map(_stem, _words(token)))


def _stem(word: str) -> str:
    if word.isascii() and word.isalpha() and len(word) <= _MAX_CACHED:
        stemmed: list[str] = _english.analyze(word)
        return stemmed[0]
    return word[:MAX_TERM]


def _words(token: str) -> list[str]:
    """The words of a token before stemming, in lower case: the whole, then its parts."""
    if token.isalpha() and (token.islower() or token.isupper() or token.istitle()):
        return [token.casefold()]
    if "," in token:
        token = _thousands.sub(lambda number: number[0].replace(",", ""), token)
    if "'" in token:
        token = _clitic.sub("", token)
    bare = token.rstrip("+#")
    pieces = _outer.split(bare)
    parts = [_dotted(piece) for piece in pieces[::2]]
    if bare != token:
        parts[-1].insert(0, parts[-1][0] + token[len(bare) :])
    words = [word for part in parts for word in part]
    if len(parts) == 1:
        return words
    pieces[::2] = [part[0] if part else "" for part in parts]
    return ["".join(pieces).replace("\\", "/"), *words]


def _dotted(name: str) -> list[str]:
    """A name that may have dots: the whole first; a version also bare, and by how it starts."""
    parts = [part for piece in name.split(".") if (part := _joined(piece))]
    words = [word for part in parts for word in part]
    whole = ".".join(part[0] for part in parts)
    version = _version.search(name) if len(name) <= MAX_TERM else None
    if version is not None:
        numbers = version[1].split(".")
        starts = [".".join(numbers[:count]) for count in range(min(len(numbers), 4), 1, -1)]
        around = name[: version.start()], name[version.end() :]
        rest = [word for piece in around for word in _dotted(piece.strip(".'-_"))]
        words = list(dict.fromkeys([whole, *starts, *rest]))
    elif len(parts) > 1:
        words.insert(0, whole)
    return ["." + whole, *words] if name.startswith(".") and words else words


def _joined(name: str) -> list[str]:
    """A name that may be joined by hyphens and the like: the whole written as one word first."""
    pieces = [piece for piece in _joiners.split(name) if piece]
    words = [word for piece in pieces for word in _humped(piece)]
    return ["".join(pieces).casefold(), *words] if len(pieces) > 1 else words


def _humped(word: str) -> list[str]:
    """A word that may be camelCase or end in a number: the whole first."""
    whole = word.casefold()
    if not word.isascii() or len(word) > MAX_TERM or _hexadecimal(word):
        return [whole]
    humps = _humps(word)
    if len(humps) == 1 or len(humps) > _MAX_PARTS:
        return [whole]
    return [whole, *(hump.lower() for hump in humps if len(hump) > 1 or hump.isdigit())]
