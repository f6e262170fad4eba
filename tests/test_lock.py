"""Who serves a home."""

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.lock import NAME, Holder, HomeHeld, HomeLock, holder_of

ME = Holder(os.getpid(), "127.0.0.1", 9999, 1000.0)


class HomeLockTests(SynchronousTestCase):
    """The lock of a home. Two descriptors of one process are as good as two processes."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.lock = HomeLock(self.home)
        self.addCleanup(self.lock.release)

    def test_a_home_that_is_not_there_is_made_for_its_user_alone(self) -> None:
        self.lock.take(ME)
        self.assertEqual(stat.S_IMODE(self.home.stat().st_mode), 0o700)
        self.assertEqual(stat.S_IMODE((self.home / NAME).stat().st_mode), 0o600)

    def test_nobody_holds_a_home_that_is_not_there(self) -> None:
        self.assertIsNone(holder_of(self.home))

    def test_the_holder_can_be_seen(self) -> None:
        self.lock.take(ME)
        self.assertEqual(holder_of(self.home), ME)

    def test_a_second_is_refused_and_told_pid_and_port(self) -> None:
        self.lock.take(ME)
        refusal = self.assertRaises(HomeHeld, HomeLock(self.home).take, ME)
        self.assertEqual(refusal.holder, ME)
        self.assertIn(f"pid {os.getpid()} on port 9999", str(refusal))

    def test_one_without_a_port_is_named_by_its_pid(self) -> None:
        self.lock.take(Holder(os.getpid(), "", 0, 1000.0))
        refusal = self.assertRaises(HomeHeld, HomeLock(self.home).take, ME)
        self.assertTrue(str(refusal).endswith(f"pid {os.getpid()}"))

    def test_one_that_has_not_said_who_it_is_is_held_all_the_same(self) -> None:
        self.lock.take(ME)
        (self.home / NAME).write_text("")
        refusal = self.assertRaises(HomeHeld, HomeLock(self.home).take, ME)
        self.assertIsNone(refusal.holder)

    def test_a_refused_one_takes_nothing_away(self) -> None:
        self.lock.take(ME)
        self.assertRaises(HomeHeld, HomeLock(self.home).take, ME)
        self.assertEqual(holder_of(self.home), ME)

    def test_a_released_home_is_free(self) -> None:
        self.lock.take(ME)
        self.lock.release()
        self.assertIsNone(holder_of(self.home))
        second = HomeLock(self.home)
        second.take(ME)
        second.release()

    def test_what_a_killed_process_wrote_does_not_hold(self) -> None:
        self.home.mkdir()
        (self.home / NAME).write_text('{"pid":1,"host":"127.0.0.1","port":1,"started":0.0}')
        self.assertIsNone(holder_of(self.home))
        self.lock.take(ME)
        self.assertEqual(holder_of(self.home), ME)

    def test_a_shorter_announcement_leaves_nothing_of_a_longer_one(self) -> None:
        self.lock.take(ME)
        shorter = Holder(1, "", 0, 0.0)
        self.lock.announce(shorter)
        self.assertEqual(holder_of(self.home), shorter)

    def test_looking_leaves_the_lock_as_it_was(self) -> None:
        self.lock.take(ME)
        self.lock.release()
        holder_of(self.home)
        self.lock.take(ME)

    def test_releasing_twice_is_releasing_once(self) -> None:
        self.lock.take(ME)
        self.lock.release()
        self.lock.release()

    def test_the_address_of_an_ipv6_host_has_brackets(self) -> None:
        self.assertEqual(Holder(1, "::1", 9, 0.0).address, "http://[::1]:9")
        self.assertEqual(ME.address, "http://127.0.0.1:9999")
