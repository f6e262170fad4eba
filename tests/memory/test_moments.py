from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.moments import NotAMoment, iso, since, until

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC).timestamp()
FIRST = datetime(2026, 11, 1, tzinfo=UTC).timestamp()


class Moments(SynchronousTestCase):
    def test_a_date_begins_at_midnight_utc(self) -> None:
        self.assertEqual(since("2026-11-01", NOW), FIRST)

    def test_until_a_date_means_the_whole_of_it(self) -> None:
        self.assertEqual(until("2026-11-01", NOW), FIRST + 86400)

    def test_a_time_without_a_zone_is_utc(self) -> None:
        self.assertEqual(since("2026-11-01T09:30:00", NOW), FIRST + 9.5 * 3600)
        self.assertEqual(until("2026-11-01T09:30:00", NOW), FIRST + 9.5 * 3600)

    def test_a_zone_is_heeded(self) -> None:
        self.assertEqual(since("2026-11-01T09:30:00Z", NOW), FIRST + 9.5 * 3600)
        self.assertEqual(since("2026-11-01T09:30:00+02:00", NOW), FIRST + 7.5 * 3600)

    def test_a_number_is_hours_ago(self) -> None:
        self.assertEqual(since(24, NOW), NOW - 86400)
        self.assertEqual(until(0.5, NOW), NOW - 1800)

    def test_anything_else_is_refused_with_what_is_accepted(self) -> None:
        for odd in ("yesterday", "2026-13-01", "", "2026-11-01T25:00", "24"):
            error = self.assertRaises(NotAMoment, since, odd, NOW)
            self.assertIn("ISO 8601", str(error))
            self.assertIn(repr(odd), str(error))

    @given(st.text())
    def test_no_text_does_worse_than_be_refused(self, text: str) -> None:
        try:
            since(text, NOW)
            until(text, NOW)
        except NotAMoment:
            pass

    @given(st.integers(0, 10**11))
    def test_what_is_shown_is_read_back(self, seconds: int) -> None:
        self.assertEqual(since(iso(seconds), NOW), seconds)
