"""Peers that mean harm, over real sockets, against a daemon in a process of its own."""

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.attacks import ATTACKS
from tests.faults.hostile import GROWTH, a_daemon, suffered


class HostilePeerTests(SynchronousTestCase):
    """How much slower others become is measured by C{make faults}."""

    def test_others_are_served_and_nothing_is_kept(self) -> None:
        with a_daemon() as daemon:
            for name in ATTACKS:
                outcome = suffered(daemon, name, turns=1, seconds=0.3, pause=0.02)
                self.assertLess(outcome.growth, GROWTH, outcome)
                self.assertEqual(outcome.left, {}, outcome)
