"""The daemon is killed while it remembers. Two hundred rounds are C{make faults}."""

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.kill import DEEDS, run


class KillTests(SynchronousTestCase):
    """C{kill -9}, with each kind of damage to an index once."""

    def test_what_was_acknowledged_is_kept_and_found(self) -> None:
        # So few that there is a graph of vectors to damage after the first rounds.
        wrong, done = run(rounds=len(DEEDS), seed=7, small=10, longest=0.05, least=8)
        self.assertEqual(wrong, 0)
        self.assertEqual(sorted(done.values()), [1, 1, 1, 1])
