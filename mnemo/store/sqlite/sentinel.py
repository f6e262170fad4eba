"""What is planted in both indexes so that a search leg can show that it works."""

import numpy as np

from mnemo.store.index.text import Document
from mnemo.store.records import NEVER, Memory
from mnemo.store.search import Filter
from mnemo.store.vectors import Vector

KEY = 0
"""The sentinel's key in both indexes. The database counts from 1, so it has no such row."""

TERM = "\x00sentinel"
"""The one word of its text. No text that is analysed has it."""

MEMORY = Memory(
    key=KEY,
    id="",
    version=1,
    text="",
    type="general",
    source="",
    project=TERM,
    session="",
    salience=-1.0,
    fades=NEVER,
    created=0.0,
    updated=0.0,
    archived=False,
    embedded=True,
)
"""Its salience is below every memory's: a filter that does not ask for that passes it over."""

DOCUMENT = Document(MEMORY, (TERM,))


def vector(dimensions: int) -> Vector:
    """Its vector: along the first axis, where no model puts a text."""
    made = np.zeros(dimensions, dtype=np.float32)
    made[0] = 1.0
    return made


def alone(now: float) -> Filter:
    """A filter that lets nothing else through."""
    return Filter(now=now, project=TERM, min_salience=-1.0)
