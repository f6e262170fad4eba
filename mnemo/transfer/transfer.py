"""Everything that comes in and goes out, put together."""

from pathlib import Path

from attrs import define, field

from mnemo.memory.memories import Memories
from mnemo.transfer.exporting import Exporting
from mnemo.transfer.importing import Importing
from mnemo.transfer.ingest import Ingesting
from mnemo.transfer.thread import InThread
from mnemo.transfer.training import Training


@define(eq=False)
class Transfer:
    """
    What the tools work with.

    @ivar home: below which exports are written
    """

    _memories: Memories
    home: Path
    _in_thread: InThread
    ingesting: Ingesting = field(init=False)
    importing: Importing = field(init=False)
    exporting: Exporting = field(init=False)
    training: Training = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.ingesting = Ingesting(self._memories, self.home, self._in_thread)
        self.importing = Importing(self._memories, self._in_thread)
        self.exporting = Exporting(self._memories, self.home, self._in_thread)
        self.training = Training(self._memories, self.home, self._in_thread)
