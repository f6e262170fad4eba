from tests.resources.room import ResourceTestCase
from tests.understanding.room import DAY, POOL, let_look, studying_of


class Patterns(ResourceTestCase):
    def setUp(self) -> None:
        super().setUp()
        studying = studying_of(self)
        studying.start()
        self.addCleanup(lambda: self.done(studying.stop()))
        self.kept_ones = []
        for number, text in enumerate(POOL):
            self.session = self.open_session(f"s{number}")
            self.kept_ones.append(self.kept(text))
            self.clock.advance(DAY)
        let_look(self)
        (found,) = self.call("get_patterns")["patterns"]
        self.pattern = found["id"]

    def test_a_pattern_is_shown_with_its_evidence_word_for_word(self) -> None:
        said = self.read(f"mnemo://pattern/{self.pattern}")
        self.assertIn("- evidence: 5 memories of 5 occasions, 2023-11-14", said)
        for each, text in zip(self.kept_ones, POOL, strict=True):
            self.assertIn(f"### {each}: general", said)
            self.assertIn(text, said)

    def test_one_that_was_dismissed_can_still_be_read_and_says_so(self) -> None:
        self.call("dismiss_pattern", pattern_id=self.pattern)
        self.assertIn("- kind: theme, dismissed", self.read(f"mnemo://pattern/{self.pattern}"))

    def test_what_is_not_there_is_told(self) -> None:
        self.assertIn("get_patterns lists them", self.missing("mnemo://pattern/p404"))

    def test_ids_are_completed(self) -> None:
        self.assertEqual(self.completed("pattern", ""), [self.pattern])
        self.assertEqual(self.completed("pattern", "x"), [])
