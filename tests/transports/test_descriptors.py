"""The limit of open files."""

import resource

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.descriptors import WANTED, allow_many


class LimitTests(SynchronousTestCase):
    def setUp(self) -> None:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, limits)
        self.hard = limits[1]
        self.highest = WANTED if self.hard == resource.RLIM_INFINITY else min(WANTED, self.hard)

    def allowed(self) -> int:
        """How many there may be."""
        allow_many()
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def test_it_is_raised_as_far_as_is_wanted_and_may_be(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, self.hard))
        self.assertEqual(self.allowed(), self.highest)

    def test_it_is_never_lowered(self) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.hard, self.hard))
        self.assertEqual(self.allowed(), self.hard)
