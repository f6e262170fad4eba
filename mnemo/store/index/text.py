"""The text index on disk: BM25 by tantivy, with the filter inside the query."""

import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import cast

import numpy as np
import tantivy
from attrs import frozen
from tantivy import FieldType, Occur, Query

from mnemo.store.index.analyser import ANALYSER_VERSION
from mnemo.store.index.damage import check_files
from mnemo.store.records import Memory
from mnemo.store.search import Filter

SCHEMA_VERSION = 2
_VERSION = ANALYSER_VERSION * 1000 + SCHEMA_VERSION

_HEAP_BYTES = 30_000_000

# Documents that are no memories carry this word, under which nothing else is kept.
_MARKER = "marker"


Words = str | tuple[str, str]
"""A term, or two terms that follow each other."""

_BITS = 24
"""So many bits a score holds: it is a number of single precision."""


class IndexBroken(Exception):
    """The text index cannot answer or take anything more. Its text is one line."""


@frozen
class Document:
    """A memory to be indexed, and the terms of its text (L{mnemo.store.index.analyser.terms})."""

    memory: Memory
    terms: Sequence[str]


@frozen
class Weights:
    """
    What BM25 knows of the whole collection.

    @ivar documents: how many the index holds
    @ivar average_length: terms in a document
    @ivar frequencies: in how many documents each asked term is
    """

    documents: int
    average_length: float
    frequencies: dict[str, int]


@frozen
class _Snapshot:
    """The index as of one commit."""

    searcher: tantivy.Searcher
    average_length: float


class TextIndex:
    """
    The terms of forgotten memories lie in a field of their own, so that a search without a
    filter is a plain union of terms, which tantivy ends early.

    C{open}, C{commit}, C{rebuild} and C{close} are called on the index thread, C{search},
    C{holding} and C{weights} on any.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._schema = _schema()
        self._index: tantivy.Index | None = None
        self._writer: tantivy.IndexWriter | None = None
        self._snapshot: _Snapshot | None = None

    def open(self) -> int:
        """
        The change number up to which the index is complete; 0 where it was made anew, since
        it was missing, damaged or of another version.

        @raise IndexBroken: it cannot even be made anew, or is open already
        """
        try:
            check_files(self._directory)
            with _guarded():
                self._attach()
                return self._complete()
        except (IndexBroken, OSError, ValueError) as error:
            with suppress(IndexBroken):
                self.close()
            if "LockBusy" in str(error):
                # Nothing is wrong with it, but another has it open.
                raise
        with _guarded():
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory.mkdir(parents=True)
            self._attach()
        self.commit((), (), 0)
        return 0

    def commit(self, documents: Sequence[Document], removed: Sequence[int], change: int) -> None:
        """Replace or add these, drop C{removed}, and be complete up to C{change}; durable."""
        with _guarded():
            writer = self._writing()
            gone = [*(each.memory.key for each in documents), *removed]
            if gone:
                writer.delete_documents_by_query(self._keys(gone))
            for document in documents:
                writer.add_document(_tantivy_document(document))
            self._finish(writer, change)

    def rebuild(self, documents: Iterable[Document], change: int) -> None:
        """
        Hold C{documents} alone, and nothing of what was there before.

        Deleted documents leave traces of their terms in an index until tantivy merges them
        away: this is how a purged memory provably leaves. Searches go on meanwhile, and where
        C{documents} raises, all stays as it was.
        """
        with _guarded():
            writer = self._writing()
            writer.delete_all_documents()
        try:
            # An error in making the documents is none of the index.
            for document in documents:
                with _guarded():
                    writer.add_document(_tantivy_document(document))
        except BaseException:
            with _guarded():
                writer.rollback()
            raise
        with _guarded():
            self._finish(writer, change)
            writer.garbage_collect_files()

    def search(
        self, terms: Sequence[str], wanted: Filter, limit: int, hidden: Collection[int] = ()
    ) -> list[tuple[int, float]]:
        """The best C{limit} keys within the filter with their BM25 scores, best first."""
        if not terms or limit < 1:
            return []
        with _guarded():
            searcher = self._current().searcher
            query = self._query(terms, wanted, hidden)
            hits = searcher.search(query, limit, count=False).hits
            keys = searcher.fast_field_values("key", [address for _, address in hits])
            return [(cast(int, key), score) for key, (score, _) in zip(keys, hits, strict=True)]

    def holding(
        self, words: Sequence[Words], keys: Sequence[int], archived: bool
    ) -> dict[int, int]:
        """
        What each of C{keys} holds of C{words}: bit I{n} is set where it has the I{n}th.

        Keys that are unknown, or hold none, may be left out.

        @param words: a pair only where its terms are among them as well
        """
        numbered = {word: number for number, word in enumerate(words)}
        field = "archived_terms" if archived else "terms"
        with _guarded():
            terms: dict[Words, int] = {
                each: number for each, number in numbered.items() if isinstance(each, str)
            }
            held = self._held(field, terms, keys)
            # Whether two terms follow each other costs more than whether they are there, and
            # most memories do not have both.
            pairs: dict[Words, int] = {}
            both: set[int] = set()
            for each, number in numbered.items():
                if not isinstance(each, str):
                    mask = 1 << numbered[each[0]] | 1 << numbered[each[1]]
                    having = [key for key, bits in held.items() if bits & mask == mask]
                    if having:
                        pairs[each] = number
                        both.update(having)
            for key, bits in self._held(field, pairs, list(both)).items():
                held[key] |= bits
        return held

    def _held(self, field: str, asked: Mapping[Words, int], keys: Sequence[int]) -> dict[int, int]:
        """
        For each of C{keys} the bits of what it holds of C{asked}, which says which bit is whose.

        One search of the keys brings some of them at once, as the sum of scores that are powers
        of two.
        """
        held: dict[int, int] = {}
        if not keys:
            return held
        searcher = self._current().searcher
        chosen = [(Occur.Should, Query.term_query(self._schema, "key", key)) for key in keys]
        scope = (Occur.Must, Query.const_score_query(Query.boolean_query(chosen), 0.0))
        words, numbers = list(asked), np.array(list(asked.values()), np.int64)
        for start in range(0, len(words), _BITS):
            here = slice(start, start + _BITS)
            clauses = [
                (Occur.Should, Query.const_score_query(self._words(field, word), 2.0**place))
                for place, word in enumerate(words[here])
            ]
            found = searcher.search(Query.boolean_query([scope, *clauses]), len(keys), count=False)
            where = searcher.fast_field_values("key", [address for _, address in found.hits])
            sums = np.array([score for score, _ in found.hits], np.int64)
            there = sums[:, None] >> np.arange(len(clauses)) & 1
            for key, bits in zip(where, (there << numbers[here]).sum(axis=1).tolist(), strict=True):
                held[cast(int, key)] = held.get(cast(int, key), 0) | bits
        return held

    def weights(self, terms: Sequence[str]) -> Weights:
        """What L{mnemo.store.index.fresh.FreshRows} needs to score as this index does."""
        with _guarded():
            now = self._current()
            frequencies = {term: now.searcher.doc_freq("terms", term) for term in terms}
            return Weights(now.searcher.num_docs, now.average_length, frequencies)

    def close(self) -> None:
        """Let go of files and threads; merges come to their end. Drops what is not committed."""
        writer, self._writer = self._writer, None
        self._snapshot = self._index = None
        if writer is not None:
            with _guarded():
                # Rolling back first would let go of merges that still write.
                writer.wait_merging_threads()

    # -- the parts of it

    def _attach(self) -> None:
        self._index = tantivy.Index(self._schema, str(self._directory))
        self._writer = self._index.writer(_HEAP_BYTES, 1)
        self._look()

    def _complete(self) -> int:
        """What the marker says. Raises L{IndexBroken} where there is none of this version."""
        searcher = self._current().searcher
        query = Query.term_query(self._schema, "kind", _MARKER)
        addresses = [address for _, address in searcher.search(query, 2).hits]
        if searcher.fast_field_values("version", addresses) != [_VERSION]:
            raise IndexBroken("the text index is of another version")
        return cast(int, searcher.fast_field_values("change", addresses)[0])

    def _finish(self, writer: tantivy.IndexWriter, change: int) -> None:
        """Commit, with a marker that says how far this goes, in the same commit."""
        writer.delete_documents_by_term("kind", _MARKER)
        marker = tantivy.Document()
        marker.add_text("kind", _MARKER)
        marker.add_unsigned("version", _VERSION)
        marker.add_unsigned("change", change)
        writer.add_document(marker)
        writer.commit()
        self._look()

    def _look(self) -> None:
        assert self._index is not None
        self._index.reload()
        searcher = self._index.searcher()
        mean = searcher.aggregate(Query.all_query(), {"mean": {"avg": {"field": "length"}}})
        self._snapshot = _Snapshot(searcher, mean["mean"]["value"] or 0.0)

    def _writing(self) -> tantivy.IndexWriter:
        if self._writer is None:
            raise IndexBroken("the text index is closed")
        return self._writer

    def _current(self) -> _Snapshot:
        snapshot = self._snapshot
        if snapshot is None:
            raise IndexBroken("the text index is closed")
        return snapshot

    # -- queries

    def _query(self, terms: Sequence[str], wanted: Filter, hidden: Collection[int]) -> Query:
        field = "archived_terms" if wanted.state == "archived" else "terms"
        asked = [(Occur.Should, Query.term_query(self._schema, field, term)) for term in terms]
        clauses = [(Occur.Must, Query.boolean_query(asked))]
        # A filter adds nothing to the score.
        clauses += [
            (Occur.Must, Query.const_score_query(clause, 0.0)) for clause in self._filters(wanted)
        ]
        if hidden:
            clauses.append((Occur.MustNot, self._keys(hidden)))
        if wanted.exclude_concepts:
            clauses.append((Occur.MustNot, self._concepts(wanted.exclude_concepts)))
        return clauses[0][1] if len(clauses) == 1 else Query.boolean_query(clauses)

    def _words(self, field: str, words: Words) -> Query:
        if isinstance(words, str):
            return Query.term_query(self._schema, field, words)
        return Query.phrase_query(self._schema, field, list(words))

    def _filters(self, wanted: Filter) -> Iterator[Query]:
        for field in ("project", "source", "session"):
            value = getattr(wanted, field)
            if value is not None:
                yield Query.term_query(self._schema, field, _raw(value))
        if wanted.types:
            types = [_raw(each) for each in wanted.types]
            yield Query.term_set_query(self._schema, "type", types)
        if wanted.concepts:
            yield self._concepts(wanted.concepts)
        if wanted.state in ("active", "fading"):
            fading = wanted.state == "fading"
            low, high = (None, wanted.now) if fading else (wanted.now, None)
            yield self._range("fades", low, high, include_lower=False, include_upper=True)
        if wanted.since is not None or wanted.until is not None:
            yield self._range("created", wanted.since, wanted.until)
        if wanted.min_salience > 0:
            yield self._range("salience", wanted.min_salience, None)

    def _range(
        self,
        field: str,
        low: float | None,
        high: float | None,
        include_lower: bool = True,
        include_upper: bool = False,
    ) -> Query:
        # Tantivy wants a side without a bound to be inclusive.
        lower, upper = include_lower or low is None, include_upper or high is None
        return Query.range_query(self._schema, field, FieldType.Float, low, high, lower, upper)

    def _keys(self, keys: Collection[int]) -> Query:
        return Query.term_set_query(self._schema, "key", list(keys))

    def _concepts(self, concepts: Iterable[str]) -> Query:
        return Query.term_set_query(
            self._schema, "concepts", [_raw(concept.casefold()) for concept in concepts]
        )


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    for name in ("terms", "archived_terms"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="position")
    for name in ("project", "source", "session", "type", "concepts", "kind"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in ("salience", "fades", "created"):
        builder.add_float_field(name, fast=True)
    builder.add_unsigned_field("key", indexed=True, fast=True)
    for name in ("length", "version", "change"):
        builder.add_unsigned_field(name, fast=True)
    return builder.build()


def _tantivy_document(document: Document) -> tantivy.Document:
    memory = document.memory
    made = tantivy.Document()
    made.add_unsigned("key", memory.key)
    made.add_text("archived_terms" if memory.archived else "terms", " ".join(document.terms))
    if not memory.archived:
        made.add_unsigned("length", len(document.terms))
    made.add_text("project", _raw(memory.project))
    made.add_text("source", _raw(memory.source))
    made.add_text("session", _raw(memory.session))
    made.add_text("type", _raw(memory.type))
    for concept in memory.concepts:
        made.add_text("concepts", _raw(concept.casefold()))
    made.add_float("salience", memory.salience)
    made.add_float("fades", memory.fades)
    made.add_float("created", memory.created)
    return made


def _raw(value: str) -> str:
    """A value as a term: never empty, since an empty term is none."""
    return "=" + value


@contextmanager
def _guarded() -> Iterator[None]:
    """Make one exception of all that tantivy raises, its panics included."""
    try:
        yield
    except IndexBroken:
        raise
    except Exception as error:
        raise IndexBroken(f"the text index failed: {_one_line(error)}") from error
    except BaseException as error:
        # A panic in Rust is no Exception, so that nobody takes it for one of Python's.
        if type(error).__name__ != "PanicException":
            raise
        raise IndexBroken(f"the text index panicked: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
