"""Memories as the store would give them."""

from typing import Any

from attrs import evolve

from mnemo.memory.salience import fades
from mnemo.store.records import Memory

PLAIN = Memory(
    key=1,
    id="m1",
    version=1,
    text="some words",
    type="general",
    source="mcp",
    project="",
    session="s1",
    salience=0.7,
    fades=0.0,
    created=0.0,
    updated=0.0,
    archived=False,
    embedded=True,
)


def memory(**changes: Any) -> Memory:
    """A general memory, which fades when one of its salience and age does."""
    changes = {"updated": changes.get("created", 0.0)} | changes
    made = evolve(PLAIN, **changes)
    if "fades" in changes:
        return made
    return evolve(made, fades=fades(made.type, made.salience, made.updated))
