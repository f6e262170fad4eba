"""What works in the background waits while somebody waits for an answer."""

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.courtesy import PATIENCE, QUIET, Courtesy, at_once


class CourtesyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.courtesy = Courtesy(self.clock, QUIET)

    def test_where_nobody_waits_it_goes_on_at_once(self) -> None:
        self.successResultOf(self.courtesy.turn())
        self.successResultOf(at_once())

    def test_it_waits_while_a_call_is_answered_and_a_while_after_it(self) -> None:
        with self.courtesy.call():
            turn = self.courtesy.turn()
        self.assertNoResult(turn)
        self.clock.advance(QUIET / 2)
        self.assertNoResult(turn)
        self.clock.advance(QUIET / 2)
        self.successResultOf(turn)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_calls_in_a_row_count_as_one(self) -> None:
        turn: Deferred[None] | None = None
        for _ in range(3):
            with self.courtesy.call():
                turn = turn or self.courtesy.turn()
            self.clock.advance(0.9 * QUIET)
            self.assertNoResult(turn)
        self.clock.advance(QUIET)
        assert turn is not None
        self.successResultOf(turn)

    def test_the_last_of_several_calls_at_once_counts(self) -> None:
        with self.courtesy.call():
            with self.courtesy.call():
                pass
            self.clock.advance(2 * QUIET)
            turn = self.courtesy.turn()
            self.assertNoResult(turn)
        self.clock.advance(QUIET)
        self.successResultOf(turn)

    def test_it_gets_somewhere_even_under_load(self) -> None:
        with self.courtesy.call():
            turn = self.courtesy.turn()
            self.clock.advance(PATIENCE)
            self.successResultOf(turn)

    def test_each_piece_of_work_aside_waits_for_its_turn(self) -> None:
        done: list[str] = []
        aside = self.courtesy.before(lambda work: succeed(work()))
        with self.courtesy.call():
            answer = aside(lambda: done.append("work"))
            self.assertEqual(done, [])
        self.clock.advance(QUIET)
        self.successResultOf(answer)
        self.assertEqual(done, ["work"])

    def test_who_is_cancelled_leaves_no_timer(self) -> None:
        with self.courtesy.call():
            turn = self.courtesy.turn()
            turn.addErrback(lambda _: None)
            turn.cancel()
        self.courtesy.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
