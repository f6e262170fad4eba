"""Memories and vectors to put into a store."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mnemo.store.records import NEVER, NewMemory
from mnemo.store.search import Candidate, Filter
from mnemo.store.sqlite.store import SqliteStore
from mnemo.store.vectors import Unembedded, Vector
from tests.store.inline import result_of

DIMENSIONS = 8

NOW = 1_000.0

ALL = Filter(now=NOW)


def new(id: str, text: str = "some words", **fields: Any) -> NewMemory:
    """A memory about to be kept: a decision of the project C{p}, unless the fields say else."""
    defaults: dict[str, Any] = {
        "type": "decision",
        "source": "agent",
        "project": "p",
        "session": "",
        "salience": 0.5,
        "fades": NEVER,
        "created": 100.0,
    }
    return NewMemory(id=id, text=text, **{**defaults, **fields})


def word(number: int) -> str:
    """A word of its own for each number: one that is neither cut into parts nor stemmed."""
    return "z" + str(number).translate(str.maketrans("0123456789", "bcdfghjkmp"))


def direction(*numbers: float) -> Vector:
    """A unit vector along these numbers, filled up with zeros."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[1 : len(numbers) + 1] = numbers
    made: Vector = vector / np.linalg.norm(vector)
    return made


def embed(store: SqliteStore, vectors: Mapping[str, Vector]) -> None:
    """Give memories vectors, by their ids."""
    memories = result_of(store.get(list(vectors)))
    result_of(
        store.vectors.put(
            [(Unembedded(each.key, each.version, each.text), vectors[each.id]) for each in memories]
        )
    )


def found(
    store: SqliteStore,
    text: str = "",
    vector: Vector | None = None,
    wanted: Filter = ALL,
    limit: int = 10,
) -> dict[str, Candidate]:
    """What a search finds, by the ids."""
    answer = result_of(store.search(text, vector, wanted, limit))
    return {each.memory.id: each for each in answer.candidates}


def problems(store: SqliteStore, text: str = "", vector: Vector | None = None) -> tuple[str, ...]:
    """What a search says of its legs."""
    return result_of(store.search(text, vector, ALL, 10)).problems
