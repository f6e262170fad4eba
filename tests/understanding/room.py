"""A real store and what studies it, without threads."""

from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import numpy as np
from twisted.internet.defer import Deferred, maybeDeferred

from mnemo.config import UnderstandingConfig
from mnemo.inference.generation import IGenerator
from mnemo.inference.none import NoGenerator
from mnemo.store.records import Memory, Type
from mnemo.store.studies import Work
from mnemo.store.understanding import Abstraction, Node, Pattern
from mnemo.understanding.studying import LOOK, REST, Studying
from tests.memory.room import MemoryTestCase

T = TypeVar("T")

ALL = UnderstandingConfig(patterns=True, gists=True)
PATTERNS = UnderstandingConfig(patterns=True)
GISTS = UnderstandingConfig(gists=True)

DAY = 86400.0

IDS = {kind: count(1) for kind in ("p", "a", "lease")}

POOL = (
    "The connection pool of the billing service runs out at night.",
    "Again the connection pool of the billing service runs out.",
    "The connection pool of the billing service runs out after a deploy.",
    "At night the connection pool of the billing service runs out again.",
    "After a deploy the connection pool of the billing service runs out again.",
)
"""The same trouble over and over; every two of these are near each other."""

OTHERS = (
    "Ferries to Stornoway leave at half past ten.",
    "Sourdough wants twelve hours in the fridge.",
    "Marmots whistle when eagles circle overhead.",
)
"""Near nothing."""


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """The caller's own thread."""
    return maybeDeferred(work)


def node(key: int, *vector: float, **changes: Any) -> Node:
    """A memory with a vector of length 1 in this direction."""
    given = np.array(vector, np.float32)
    kind: Type = changes.pop("type", "general")
    return Node(
        key=key,
        id=f"m{key}",
        version=1,
        project=changes.get("project", "p"),
        session=changes.get("session", "s"),
        type=kind,
        salience=0.7,
        fades=changes.get("fades", 1e9),
        created=changes.get("created", 1000.0 * key),
        vector=given / np.float32(np.linalg.norm(given)),
    )


def studying_of(
    case: MemoryTestCase,
    wanted: UnderstandingConfig = PATTERNS,
    generator: IGenerator | None = None,
) -> Studying:
    """What studies the memories of a test, which is not started."""
    return Studying(
        case.store,
        case.embedder,
        generator or NoGenerator(),
        case.clock,
        at_once,
        lambda kind: f"{kind}{next(IDS[kind])}",
        wanted,
        case.memories.written,
    )


def let_look(case: MemoryTestCase) -> None:
    """Let what studies look until all that is due is done."""
    # The first look may be one that began before time leapt.
    for _ in range(2):
        case.clock.advance(LOOK)
        for _ in range(20):
            case.clock.advance(REST)


class UnderstandingTestCase(MemoryTestCase):
    """Memories, and a way to study them."""

    def studying(
        self,
        wanted: UnderstandingConfig = ALL,
        generator: IGenerator | None = None,
        start: bool = True,
    ) -> Studying:
        made = studying_of(self, wanted, generator)
        if start:
            made.start()
            self.addCleanup(lambda: self.done(made.stop()))
        return made

    def look(self) -> None:
        """Let it look until all that is due is done."""
        let_look(self)

    def recurring(self, texts: tuple[str, ...] = POOL, **changes: Any) -> list[Memory]:
        """Memories of sessions of their own, a day apart."""
        made = []
        for number, text in enumerate(texts):
            made.append(self.remember(text, **{"session": f"of {number} {text}"} | changes))
            self.clock.advance(DAY)
        return made

    def patterns(self, dismissed: bool = False, **changes: Any) -> list[Pattern]:
        found: list[Pattern] = self.done(
            self.store.understanding.patterns(dismissed=dismissed, **changes)
        )
        return found

    def abstractions(self, dismissed: bool = False) -> list[Abstraction]:
        found: list[Abstraction] = self.done(
            self.store.understanding.abstractions(dismissed=dismissed)
        )
        return found

    def waiting(self, work: Work = "patterns") -> int:
        waiting: int = self.done(self.store.studies.counts(work)).waiting
        return waiting
