"""The daemon is killed while it remembers. Two hundred rounds are C{make faults}."""

from twisted.trial.unittest import SynchronousTestCase

from tests.faults.kill import DEEDS, run


class KillTests(SynchronousTestCase):
    """C{kill -9}, with each kind of damage to an index once."""

    def test_what_was_acknowledged_is_kept_and_found(self) -> None:
        self.assertEqual(run(rounds=len(DEEDS), seed=7), 0)
