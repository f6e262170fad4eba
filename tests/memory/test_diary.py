from datetime import UTC, datetime

from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.diary import time_alone
from mnemo.memory.query import understand

NOW = 1_700_000_000.0
"""Tuesday, 14 November 2023, 22:13 UTC."""


def asked(text: str) -> tuple[str, str] | None:
    """The first day, and the one after the last."""
    span = time_alone(text, understand(text, NOW), NOW)
    if span is None:
        return None
    start, end = (datetime.fromtimestamp(each, UTC).date().isoformat() for each in span)
    return start, end


class TimeAlone(SynchronousTestCase):
    def test_what_was_done_in_a_time_asks_for_that_time(self) -> None:
        for text, span in (
            ("what did I note today?", ("2023-11-14", "2023-11-15")),
            ("What happened yesterday?", ("2023-11-13", "2023-11-14")),
            ("what did we do last week?", ("2023-11-06", "2023-11-13")),
            ("yesterday", ("2023-11-13", "2023-11-14")),
            ("what\u2019s been going on this month", ("2023-11-01", "2023-11-15")),
            ("What happened on 8 May 2023?", ("2023-05-08", "2023-05-09")),
            ("what happened on 24 December?", ("2022-12-24", "2022-12-25")),
        ):
            self.assertEqual(asked(text), span, text)

    def test_what_asks_for_anything_else_is_no_such_question(self) -> None:
        for text in (
            "what did Ann say about the port yesterday?",
            "what did we decide last week?",
            "what happened to port 8080 today?",
            "what happened?",
            "what did we do in May 2023?",
            "what happened on 31 February 2023?",
            "was it today or yesterday?",
            "",
        ):
            self.assertIsNone(asked(text), text)
