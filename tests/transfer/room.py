"""A memory with a folder beside it, and everything on one thread."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

from mnemo.store.records import Memory
from mnemo.store.search import Filter
from mnemo.transfer.ingest import Ingested
from mnemo.transfer.transfer import Transfer
from tests.memory.room import MemoryTestCase

T = TypeVar("T")


def here(work: Callable[[], T], /) -> Deferred[T]:
    """Do it on the caller's thread."""
    return maybeDeferred(work)


class TransferTestCase(MemoryTestCase):
    """
    @ivar folder: empty, with a C{.git} in it
    """

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).absolute() / "pond"
        (self.folder / ".git").mkdir(parents=True)
        self.home = Path(self.mktemp()).absolute()
        self.transfer = Transfer(self.memories, self.home, here)
        self.ingesting = self.transfer.ingesting
        self.told: list[tuple[int, int, str]] = []

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def ingest(self, folder: Path | None = None, *, dry_run: bool = False) -> Ingested:
        asked = str(folder or self.folder)
        work = self.ingesting.ingest(asked, "pond", dry_run, lambda *told: self.told.append(told))
        result: Ingested = self.done(work)
        return result

    def all_memories(self, state: str | None = None) -> list[Memory]:
        """What is kept, oldest first."""
        wanted = Filter(now=self.clock.seconds(), state=state)  # type: ignore[arg-type]
        found: list[Memory] = self.done(self.store.newest(wanted, 10_000))
        return found[::-1]

    def texts(self, state: str | None = None) -> list[str]:
        return [memory.text for memory in self.all_memories(state)]
