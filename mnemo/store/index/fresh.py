"""Rows that are in the database and not yet in the text index."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import pairwise
from math import log1p
from threading import Lock

from attrs import frozen

from mnemo.store.index.columns import Columns
from mnemo.store.index.text import Weights, Words
from mnemo.store.search import Filter

K1 = 1.2
B = 0.75
"""The constants of BM25 that tantivy has."""


@frozen
class Fresh:
    """
    What the fresh rows say to a query, at one moment.

    @ivar hits: keys with their BM25 scores, best first
    @ivar hidden: the keys for which the text index must not answer: it has them as they were
    """

    hits: Sequence[tuple[int, float]]
    hidden: frozenset[int]


@frozen
class Said:
    """
    The words of a row, counted.

    @ivar counts: how often each term comes
    @ivar pairs: the terms that are neighbours
    @ivar length: how many terms there are
    """

    counts: Mapping[str, int]
    pairs: Set[tuple[str, str]]
    length: int

    @classmethod
    def of(cls, terms: Sequence[str]) -> "Said":
        """The words of C{terms}. A long text takes some milliseconds: not for the reactor."""
        counts: Counter[str] = Counter()
        pairs: set[tuple[str, str]] = set()
        # In pieces: other threads wait while one of them is counted.
        for at in range(0, len(terms), _AT_ONCE):
            counts.update(terms[at : at + _AT_ONCE])
            pairs.update(pairwise(terms[at : at + _AT_ONCE + 1]))
        return cls(counts, pairs, len(terms))


_AT_ONCE = 4096

_NOTHING = Said({}, frozenset(), 0)


class FreshRows:
    """
    A small index in memory, with the scores that the text index will give.

    C{put}, C{remove} and C{settled} are called on the reactor thread and only note what has
    moved; C{search} and C{holders} are called on any, and bring the postings in step first.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._changes: dict[int, int] = {}
        self._rows: dict[int, Said] = {}
        self._moved: set[int] = set()
        self._in_postings: set[int] = set()
        # Held by whoever looks at the postings, and so never by the reactor thread.
        self._looking = Lock()
        self._posted: dict[int, Said] = {}
        self._postings: dict[str, dict[int, int]] = {}

    def __len__(self) -> int:
        """How many changed or removed rows wait for the text index."""
        return len(self._changes)

    def put(self, key: int, said: Said, change: int) -> None:
        """Take in a row as it is since C{change}."""
        with self._lock:
            self._changes[key] = change
            self._rows[key] = said
            self._moved.add(key)

    def remove(self, key: int, change: int) -> None:
        """Note that a row is gone since C{change}."""
        with self._lock:
            self._changes[key] = change
            self._drop(key)

    def settled(self, change: int) -> None:
        """Drop what the text index has now, complete up to C{change}."""
        with self._lock:
            for key in [key for key, at in self._changes.items() if at <= change]:
                self._drop(key)
                del self._changes[key]

    def search(
        self, terms: Sequence[str], columns: Columns, wanted: Filter, limit: int, weights: Weights
    ) -> Fresh:
        """The best C{limit} rows within the filter, scored as the text index would."""
        with self._looking:
            hidden = self._brought_in_step()
            postings = {t: dict(self._postings[t]) for t in terms if t in self._postings}
            found = {key for keys in postings.values() for key in keys}
            lengths = {key: self._posted[key].length for key in found}
            documents = weights.documents + len(self._posted)
        scores = _bm25(postings, lengths, documents, weights)
        hits = [(key, scores[key]) for key in columns.matching(wanted, found)]
        hits.sort(key=lambda hit: -hit[1])
        return Fresh(hits[:limit], hidden)

    def holders(self, terms: Sequence[str]) -> tuple[int, dict[str, int]]:
        """How many rows there are, and how many of them hold each of these terms."""
        with self._looking:
            self._brought_in_step()
            return len(self._posted), {term: len(self._postings.get(term, ())) for term in terms}

    def holding(self, words: Sequence[Words], keys: Collection[int]) -> dict[int, int]:
        """
        What each of C{keys} that is fresh holds of C{words}, as
        L{mnemo.store.index.text.TextIndex.holding} says it; 0 for one that is gone.
        """
        with self._lock:
            return {key: self._held(words, key) for key in keys if key in self._changes}

    def _held(self, words: Sequence[Words], key: int) -> int:
        row = self._rows.get(key, _NOTHING)
        held = (each in (row.counts if isinstance(each, str) else row.pairs) for each in words)
        return sum(is_held << number for number, is_held in enumerate(held))

    def _drop(self, key: int) -> None:
        self._rows.pop(key, None)
        if key in self._in_postings:
            self._moved.add(key)
        else:
            self._moved.discard(key)

    def _brought_in_step(self) -> frozenset[int]:
        """
        Post what has moved. Answers what is fresh at the moment for which the postings hold.
        """
        with self._lock:
            hidden = frozenset(self._changes)
            moved = {key: self._rows.get(key) for key in self._moved}
            self._moved.clear()
            for key, said in moved.items():
                (self._in_postings.discard if said is None else self._in_postings.add)(key)
        for key, said in moved.items():
            for term in self._posted.pop(key, _NOTHING).counts:
                keys = self._postings[term]
                del keys[key]
                if not keys:
                    del self._postings[term]
            if said is not None:
                self._posted[key] = said
                for term, count in said.counts.items():
                    self._postings.setdefault(term, {})[key] = count
        return hidden


def idf(documents: int, holders: int) -> float:
    """How much a term tells that so many documents hold: the idf that cannot be negative."""
    # The index counts deleted documents among the holders until it has merged them away.
    holders = min(documents, holders)
    return log1p((documents - holders + 0.5) / (holders + 0.5))


def _bm25(
    postings: Mapping[str, Mapping[int, int]],
    lengths: Mapping[int, int],
    documents: int,
    weights: Weights,
) -> dict[int, float]:
    """
    Okapi BM25 as Lucene and tantivy have it (Robertson and Zaragoza, 2009).
    """
    scores = dict.fromkeys(lengths, 0.0)
    mean = weights.average_length or sum(lengths.values()) / max(1, len(lengths))
    for term, keys in postings.items():
        rarity = idf(documents, len(keys) + weights.frequencies.get(term, 0))
        for key, count in keys.items():
            norm = K1 * (1 - B + B * lengths[key] / mean)
            scores[key] += rarity * count * (K1 + 1) / (count + norm)
    return scores
