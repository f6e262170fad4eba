"""A room of tools whose memories are looked at for patterns."""

from typing import Any

from tests.tools.room import ToolTestCase
from tests.understanding.room import DAY, POOL, let_look, studying_of


class PatternTestCase(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.memories.studies_patterns = True
        self.studying = studying_of(self)
        self.studying.start()
        self.addCleanup(lambda: self.done(self.studying.stop()))

    def recurring(self, texts: tuple[str, ...] = POOL, **arguments: Any) -> list[str]:
        kept = []
        for number, text in enumerate(texts):
            self.session = self.open_session(f"of {number} {text}")
            kept.append(self.kept(text, **arguments))
            self.clock.advance(DAY)
        return kept

    def look(self) -> None:
        let_look(self)
