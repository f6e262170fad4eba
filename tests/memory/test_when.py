from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.when import Time, nearness, times

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC).timestamp()
"""A Wednesday."""


def on(year: int, month: int, day: int) -> float:
    return datetime(year, month, day, 9, tzinfo=UTC).timestamp()


def span(start: date, end: date) -> Time:
    return Time(start=start, end=end)


class Reading(SynchronousTestCase):
    def assertReads(self, text: str, *expected: Time) -> None:
        self.assertEqual(times(text, NOW), expected, text)

    def test_dates_as_they_are_written(self) -> None:
        for text in ("8 May, 2023", "the 8th of May 2023", "May 8, 2023", "May 8th 2023"):
            self.assertReads(f"what was said on {text}?", Time(2023, 5, 8))
        self.assertReads("the release of 2023-05-08 failed", Time(2023, 5, 8))
        self.assertReads("on Dec. 24", Time(None, 12, 24))
        self.assertReads("on 3 Sept 2022", Time(2022, 9, 3))

    def test_a_year_may_be_left_out(self) -> None:
        self.assertReads("what happened on 8 May?", Time(None, 5, 8))

    def test_months_and_years_alone(self) -> None:
        self.assertReads("what did we do in June?", Time(None, 6))
        self.assertReads("the trip of July 2023", Time(2023, 7))
        self.assertReads("who joined in 2022?", Time(2022))

    def test_may_and_march_are_words_as_well(self) -> None:
        self.assertReads("may I march on?")
        self.assertReads("what may have happened in May?", Time(None, 5))

    def test_a_date_hides_its_month_and_year(self) -> None:
        self.assertReads("in May, on 8 May 2023, in 2023", Time(2023, 5, 8))

    def test_spans_from_now(self) -> None:
        for text, start, end in (
            ("today", date(2024, 5, 15), date(2024, 5, 15)),
            ("yesterday", date(2024, 5, 14), date(2024, 5, 14)),
            ("this week", date(2024, 5, 13), date(2024, 5, 15)),
            ("last week", date(2024, 5, 6), date(2024, 5, 12)),
            ("last weekend", date(2024, 5, 11), date(2024, 5, 12)),
            ("this month", date(2024, 5, 1), date(2024, 5, 15)),
            ("last month", date(2024, 4, 1), date(2024, 4, 30)),
            ("last year", date(2023, 1, 1), date(2023, 12, 31)),
            ("past week", date(2024, 5, 8), date(2024, 5, 15)),
            ("last friday", date(2024, 5, 10), date(2024, 5, 10)),
            ("last wednesday", date(2024, 5, 8), date(2024, 5, 8)),
            ("3 days ago", date(2024, 5, 12), date(2024, 5, 12)),
            ("two weeks ago", date(2024, 4, 28), date(2024, 5, 4)),
        ):
            self.assertReads(f"what did we decide {text}?", span(start, end))

    def test_what_is_no_time_is_none(self) -> None:
        for text in ("", "version 3.11 on port 2023", "decide", "13/14"):
            self.assertReads(text)

    @given(st.text(), st.floats(allow_nan=False))
    def test_anything_is_read(self, text: str, now: float) -> None:
        times(text, now)


class Nearness(SynchronousTestCase):
    def test_the_day_itself_is_nearest_and_the_week_after_it_near(self) -> None:
        day = Time(2023, 5, 8)
        self.assertEqual(nearness(day, on(2023, 5, 8)), 1.0)
        self.assertAlmostEqual(nearness(day, on(2023, 5, 10)), 0.8)
        self.assertEqual(nearness(day, on(2023, 5, 7)), 0.3)
        self.assertEqual(nearness(day, on(2023, 5, 20)), 0.0)
        self.assertEqual(nearness(day, on(2024, 5, 8)), 0.0)

    def test_without_a_year_any_year_will_do(self) -> None:
        self.assertEqual(nearness(Time(None, 5, 8), on(2021, 5, 8)), 1.0)

    def test_a_month_is_near_throughout_and_a_year_by_half(self) -> None:
        self.assertEqual(nearness(Time(2023, 5), on(2023, 5, 31)), 1.0)
        self.assertEqual(nearness(Time(2023, 5), on(2023, 6, 1)), 0.0)
        self.assertEqual(nearness(Time(2023), on(2023, 6, 1)), 0.5)

    def test_a_span_is_near_throughout(self) -> None:
        week = span(date(2024, 5, 6), date(2024, 5, 12))
        self.assertEqual(nearness(week, on(2024, 5, 9)), 1.0)
        self.assertAlmostEqual(nearness(week, on(2024, 5, 14)), 0.8)

    def test_a_day_that_no_year_has_is_near_nothing(self) -> None:
        self.assertEqual(nearness(Time(2023, 2, 30), on(2023, 2, 28)), 0.0)

    @given(st.text(), st.floats(allow_nan=False))
    def test_it_is_0_to_1(self, text: str, made: float) -> None:
        for time in times(f"{text} in May, last week, 8 May 2023", NOW):
            self.assertTrue(0.0 <= nearness(time, made) <= 1.0)
