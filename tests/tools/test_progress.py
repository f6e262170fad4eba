from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.progress import Progress
from tests.tools.room import AskedClient, ToolTestCase


class Telling(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.client = AskedClient()
        self.progress = Progress(self.client, self.clock, 100)

    def test_four_times_a_second_is_enough(self) -> None:
        for _ in range(90):
            self.clock.advance(1 / 32)
            self.progress.one_more("so far")
        self.assertEqual([done for done, _, _ in self.client.told], list(range(8, 90, 8)))
        self.assertEqual(self.client.told[0], (8, 100, "so far"))

    def test_what_is_done_at_once_is_not_worth_a_word(self) -> None:
        for number in range(101):
            self.progress.reached(number)
        self.assertEqual(self.client.told, [])

    def test_nothing_is_hidden_in_what_is_told(self) -> None:
        self.clock.advance(9)
        self.progress.reached(1, "a\u202eb.txt")
        self.assertEqual(self.client.told, [(1, 100, "a\\u202eb.txt")])

    def test_the_end_is_told_by_the_answer(self) -> None:
        self.clock.advance(9)
        self.progress.reached(100)
        self.assertEqual(self.client.told, [])


class Batch(ToolTestCase):
    def test_a_slow_batch_says_how_many_are_answered(self) -> None:
        self.client = client = AskedClient()
        search = self.store.search

        def slow(*asked: object) -> object:
            self.clock.advance(0.3)
            return search(*asked)  # type: ignore[arg-type]

        self.patch(self.store, "search", slow)
        self.call("batch_recall", queries=[{"query": "a"}, {"query": "b"}, {"query": "c"}])
        self.assertEqual([done for done, _, _ in client.told], [1, 2])
