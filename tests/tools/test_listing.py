from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.budget import Cost, cost_of
from mnemo.tools.listing import fitted, some_of
from mnemo.tools.patterns import Patterns, PatternView, pattern_as_text

VIEW = PatternView(
    id="p1",
    title="billing",
    type="theme",
    strength=0.5,
    description="x" * 300,
    source_id="m1",
    count=3,
    occasions=2,
    first_seen="2024-01-01T00:00:00Z",
    last_seen="2024-01-02T00:00:00Z",
    evidence=["m1"],
)


class Fitting(SynchronousTestCase):
    def test_as_many_are_listed_as_there_is_room_for_and_the_rest_is_counted(self) -> None:
        whole = Patterns(project="p", patterns=[VIEW] * 50, waiting=0)
        for tokens in (300, 1000, 5000):
            cut = fitted(whole, "patterns", Cost.allowed(tokens))
            self.assertLessEqual(cost_of(cut).tokens, tokens)
            self.assertEqual(len(cut.patterns) + (cut.omitted or 0), 50)
            self.assertTrue(cut.patterns)
            self.assertIn(f"{cut.omitted} more", cut.text())

    def test_where_there_is_room_for_all_nothing_is_omitted(self) -> None:
        whole = Patterns(project="p", patterns=[VIEW] * 2, waiting=0)
        self.assertEqual(fitted(whole, "patterns", Cost.allowed(5000)), whole)

    def test_beside_something_else_come_the_first_that_there_is_room_for(self) -> None:
        one = Cost.of(pattern_as_text(VIEW), VIEW)
        self.assertEqual(some_of([VIEW] * 3, pattern_as_text, one + one), [VIEW] * 2)
        self.assertEqual(some_of([VIEW], pattern_as_text, Cost(0, 0)), [])
