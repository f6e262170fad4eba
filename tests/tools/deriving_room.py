"""A room of tools in which a test derives what a worker would in the background."""

from mnemo.store.jobs import DerivedField, Finished
from tests.tools.room import ToolTestCase


class DerivingTestCase(ToolTestCase):
    def derive(self, **fields: object) -> None:
        """Let fields be derived from the oldest memory that waits."""
        (claim,) = self.done(self.store.jobs.claim("one", 9e9, 9e9, 1))
        made = tuple(
            DerivedField(name, value, "fake", "1", {"epr": 0.5, "refused": "it lies"})
            for name, value in fields.items()
        )
        self.done(self.store.jobs.finish([Finished(claim, made, "fake 1")], 60.0))
