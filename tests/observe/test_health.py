"""What the daemon says of its condition."""

import os

import msgspec
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from mnemo.observe.health import INTERVAL, PATIENCE, RETRY, Health

WELL = {"text": "", "vector": ""}


class HealthTestCase(SynchronousTestCase):
    """The health of a daemon whose parts a test speaks for."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.problems: list[str] = []
        self.outcome: Deferred[dict[str, str]] = succeed(WELL)
        self.tested: list[float] = []
        self.health = Health(
            self.clock, "1.2.3", lambda: {"tools": 14}, lambda: self.problems, self.examined
        )
        self.health.stage = "serving"

    def examined(self, now: float) -> Deferred[dict[str, str]]:
        self.tested.append(now)
        return self.outcome

    def start(self) -> Deferred[None]:
        self.addCleanup(self.health.stop)
        return self.health.start()


class StatusTests(HealthTestCase):
    """The condition in a word."""

    def test_it_is_the_stage_until_calls_are_served(self) -> None:
        self.problems.append("no model")
        for stage in ("starting", "stopping"):
            self.health.stage = stage
            self.assertEqual((self.health.status, self.health.serving), (stage, False))

    def test_all_is_well(self) -> None:
        self.assertEqual((self.health.status, self.health.reasons()), ("ok", []))

    def test_a_part_that_is_down_degrades_it(self) -> None:
        self.problems.append("no model; fetch one")
        self.assertEqual(self.health.status, "degraded")
        self.assertEqual(self.health.reasons(), ["no model; fetch one"])
        self.assertTrue(self.health.serving)

    def test_a_leg_that_fails_its_test_degrades_it(self) -> None:
        self.outcome = succeed({"text": "", "vector": "the sentinel was not found"})
        self.start()
        self.assertEqual(self.health.status, "degraded")
        self.assertEqual(self.health.reasons(), ["the sentinel was not found"])

    def test_a_problem_that_a_leg_repeats_is_said_once(self) -> None:
        self.problems.append("no model")
        self.outcome = succeed({"text": "", "vector": "no model"})
        self.start()
        self.assertEqual(self.health.reasons(), ["no model"])


class ReportTests(HealthTestCase):
    """The whole report."""

    def test_it_has_an_outcome_as_soon_as_it_has_started(self) -> None:
        self.outcome = Deferred()
        started = self.start()
        self.assertNoResult(started)
        self.outcome.callback(WELL)
        self.successResultOf(started)
        self.assertIsNotNone(self.health.report()["self_test"])

    def test_a_self_test_that_hangs_delays_the_start_by_its_patience(self) -> None:
        self.outcome = Deferred()
        started = self.start()
        self.clock.advance(PATIENCE)
        self.successResultOf(started)
        self.assertEqual(self.health.status, "degraded")

    def test_a_start_that_is_stopped_is_over(self) -> None:
        self.outcome = Deferred()
        started = self.start()
        self.health.stop()
        self.successResultOf(started)

    def test_it_says_who_it_is_and_for_how_long(self) -> None:
        self.clock.advance(12.5)
        report = self.health.report()
        self.assertEqual(report["version"], "1.2.3")
        self.assertEqual(report["pid"], os.getpid())
        self.assertEqual(report["uptime"], 12.5)
        self.assertEqual(report["tools"], 14)

    def test_two_lives_have_two_boot_ids(self) -> None:
        other = Health(self.clock, "1.2.3", dict, list, self.examined)
        self.assertNotEqual(self.health.boot, other.boot)

    def test_it_has_no_self_test_before_the_first(self) -> None:
        self.assertIsNone(self.health.report()["self_test"])

    def test_it_has_the_last_self_test(self) -> None:
        self.outcome = succeed({"text": "", "vector": "gone"})
        self.start()
        self.assertEqual(
            self.health.report()["self_test"], {"at": 1000.0, "text": "ok", "vector": "gone"}
        )

    def test_it_is_json(self) -> None:
        self.start()
        self.assertIn(b'"status":"ok"', msgspec.json.encode(self.health.report()))


class SelfTestTests(HealthTestCase):
    """When the legs are tested, and what is made of it."""

    def test_it_is_at_the_start_and_at_every_interval_and_not_when_asked(self) -> None:
        self.start()
        self.health.report()
        self.assertEqual(self.tested, [1000.0])
        self.clock.pump([RETRY] * 24)
        self.assertEqual(self.tested, [1000.0, 1060.0, 1120.0])

    def test_a_leg_that_is_down_is_tested_more_often(self) -> None:
        self.outcome = succeed({"text": "being rebuilt", "vector": ""})
        self.start()
        self.clock.pump([RETRY])
        self.outcome = succeed(WELL)
        self.clock.pump([RETRY] * 3)
        self.assertEqual(self.tested, [1000.0, 1005.0, 1010.0])
        self.assertEqual(self.health.status, "ok")

    def test_no_two_run_at_once(self) -> None:
        self.outcome = Deferred()
        self.start()
        self.clock.advance(PATIENCE - 1)
        self.assertEqual(self.tested, [1000.0])

    def test_one_that_does_not_answer_has_failed(self) -> None:
        self.outcome = Deferred()
        self.start()
        self.clock.advance(PATIENCE)
        self.assertEqual(self.health.status, "degraded")
        self.assertIn("did not answer", self.health.reasons()[0])

    def test_one_that_raises_has_failed_and_the_next_is_made(self) -> None:
        self.outcome = fail(ZeroDivisionError("a secret"))
        self.start()
        self.assertEqual(self.health.status, "degraded")
        self.assertNotIn("secret", self.health.reasons()[0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.outcome = succeed(WELL)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.health.status, "ok")

    def test_it_ends_with_the_daemon_though_one_runs(self) -> None:
        self.outcome = Deferred()
        self.health.start()
        self.health.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_leg_that_goes_down_or_comes_back_is_logged_once(self) -> None:
        with capturedLogs() as events:
            self.start()
            self.outcome = succeed({"text": "gone", "vector": ""})
            self.clock.pump([INTERVAL, INTERVAL])
            self.outcome = succeed(WELL)
            self.clock.pump([INTERVAL, INTERVAL])
        self.assertEqual([e["log_level"] for e in events], [LogLevel.warn, LogLevel.info])
