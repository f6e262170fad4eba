"""What is being answered, and how a later message stops it."""

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.running import Running


@define(eq=False)
class Call:
    stopped: int = 0

    def give_up(self) -> None:
        self.stopped += 1


class RunningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.running = Running()
        self.call = Call()
        self.running.begin("s", 1, self.call)

    def test_a_request_is_stopped_once(self) -> None:
        self.running.cancel("s", 1)
        self.running.cancel("s", 1)
        self.assertEqual((self.call.stopped, len(self.running)), (1, 0))

    def test_ids_are_of_a_session_and_of_a_type(self) -> None:
        self.running.cancel("t", 1)
        others: list[object] = ["1", True, 1.0, None, {}]
        for other in others:
            self.running.cancel("s", other)
        self.assertEqual(self.call.stopped, 0)

    def test_what_is_over_is_not_stopped(self) -> None:
        self.running.end("s", 1, self.call)
        self.running.end("s", 1, self.call)
        self.running.cancel("s", 1)
        self.assertEqual((self.call.stopped, len(self.running)), (0, 0))

    def test_of_two_under_one_id_the_later_can_be_stopped(self) -> None:
        later = Call()
        self.running.begin("s", 1, later)
        self.running.end("s", 1, self.call)
        self.running.cancel("s", 1)
        self.assertEqual((self.call.stopped, later.stopped), (0, 1))
