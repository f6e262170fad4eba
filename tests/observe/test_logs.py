"""The lines of the log."""

from pathlib import Path

from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mnemo.observe import logs
from mnemo.observe.logs import LogInHome, brief_line_of, line_of


def failure() -> Failure:
    """Something that went wrong."""
    try:
        raise ZeroDivisionError("division by zero")
    except ZeroDivisionError:
        return Failure()


class LineTests(SynchronousTestCase):
    """An event as a line."""

    def event(self, **more: object) -> dict[str, object]:
        event: dict[str, object] = {
            "log_time": 0.0,
            "log_level": LogLevel.info,
            "log_namespace": "mnemo.x",
            "log_format": "{what} happened",
            "what": "it",
        }
        return {**event, **more}

    def test_it_has_a_time_a_level_a_name_and_a_text(self) -> None:
        line = line_of(self.event())
        assert line is not None
        self.assertRegex(
            line, r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} info +mnemo\.x: it happened\n$"
        )

    def test_braces_in_a_value_are_text(self) -> None:
        self.assertIn("{secret} happened", str(line_of(self.event(what="{secret}"))))

    def test_a_text_of_several_lines_cannot_pass_for_several_events(self) -> None:
        line = line_of(self.event(what="a\n1970-01-01 00:00:00+0000 critical mnemo.x: b"))
        assert line is not None
        self.assertIn("\n    1970", line)

    def test_a_failure_has_its_traceback(self) -> None:
        line = line_of(self.event(log_failure=failure()))
        assert line is not None
        self.assertIn("Traceback", line)
        self.assertIn("division by zero", line)

    def test_for_a_terminal_a_failure_is_its_message(self) -> None:
        line = brief_line_of(self.event(log_failure=failure()))
        assert line is not None
        self.assertNotIn("Traceback", line)
        self.assertTrue(line.endswith("it happened [division by zero]\n"))

    def test_an_event_that_says_nothing_is_no_line(self) -> None:
        self.assertIsNone(line_of({"log_time": 0.0}))
        self.assertIsNone(brief_line_of({"log_time": 0.0}))


class LogInHomeTests(SynchronousTestCase):
    """The log file of a home."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.publisher = LogPublisher()
        self.log = Logger(namespace="mnemo.x", observer=self.publisher)

    def file(self, level: str = "info") -> LogInHome:
        file = LogInHome(self.home, level, self.publisher)
        file.start()
        self.addCleanup(file.stop)
        return file

    def text(self) -> str:
        return (self.home / logs.NAME).read_text("utf-8")

    def test_it_keeps_what_is_at_or_above_the_level(self) -> None:
        self.file("warn")
        self.log.info("small")
        self.log.warn("large")
        self.log.error("larger")
        self.assertNotIn("small", self.text())
        self.assertIn("large\n", self.text())
        self.assertIn("larger\n", self.text())

    def test_it_is_the_users_alone(self) -> None:
        self.file()
        self.assertEqual((self.home / logs.NAME).stat().st_mode & 0o777, 0o600)

    def test_it_goes_on_where_the_last_process_ended(self) -> None:
        first = self.file()
        self.log.info("one")
        first.stop()
        self.log.info("nobody hears this")
        self.file()
        self.log.info("two")
        self.assertEqual(len(self.text().splitlines()), 2)

    def test_any_script_is_written(self) -> None:
        self.file()
        self.log.info("{text}", text="Käse 乳酪")
        self.assertIn("Käse 乳酪", self.text())

    def test_a_full_file_is_put_aside(self) -> None:
        self.patch(logs, "LONGEST", 1000)
        self.file()
        for number in range(100):
            self.log.info("event {number}", number=number)
        kept = sorted(path.name for path in self.home.iterdir())
        self.assertEqual(kept, [logs.NAME] + [f"{logs.NAME}.{n}" for n in (1, 2, 3)])

    def test_ending_it_twice_is_ending_it_once(self) -> None:
        file = self.file()
        file.stop()
        file.stop()
