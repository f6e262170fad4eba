"""What is asked of every system in the comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from attrs import frozen

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384

SHOWN = 10
"""How many memories a search asks for."""


class System(Protocol):
    """A running system with one empty store."""

    def begin(self, session: str) -> None:
        """A conversation begins, in which things will be said."""

    def remember(self, text: str, session: str) -> str:
        """
        Keep a text.

        @param session: the conversation it was said in, empty where it has no name
        @return: the id it has in the system; empty where it refused a text that it has already
        """

    def search(self, question: str) -> Sequence[str]:
        """The ids of at most L{SHOWN} memories, best first."""

    def settle(self) -> None:
        """Until nothing is left to do in the background."""


@frozen
class Place:
    """
    Where a system runs.

    @ivar folder: its own, empty
    @ivar embeddings: the base address of an OpenAI-compatible server with L{MODEL}, asked by
        nobody else
    """

    folder: Path
    embeddings: str
