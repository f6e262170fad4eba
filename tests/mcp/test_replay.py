"""What is kept of a session's streams, and how a client takes one up again."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import replay
from mnemo.mcp.replay import Journal, Track, request_of
from tests.mcp.fakes import Events


class TrackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.journal = Journal()
        self.track = self.journal.open()
        self.events = Events()
        self.track.begin(self.events)

    def found(self, id: str) -> tuple[Track, int]:
        found = self.journal.find(id)
        assert found is not None
        return found

    def resume(self, id: str) -> Events:
        track, number = self.found(id)
        events = Events()
        track.resume(events, number)
        return events

    def ids(self, events: Events) -> list[str]:
        return [event[1] for event in events.events]

    def test_it_begins_with_where_it_is_and_nothing_else(self) -> None:
        ((message, first, retry),) = self.events.events
        self.assertEqual((message, retry), (b"", 1000))
        self.assertEqual(self.found(first), (self.track, 0))

    def test_every_event_has_an_id_of_its_own(self) -> None:
        other, events = self.journal.open(), Events()
        other.begin(events)
        for track in (self.track, other, self.track):
            track.send(b"1")
        ids = self.ids(self.events) + self.ids(events)
        self.assertEqual(len(set(ids)), 5)

    def test_what_came_after_an_event_is_sent_again_and_then_what_is_to_come(self) -> None:
        for message in (b"1", b"2", b"3"):
            self.track.send(message)
        self.track.lost(self.events)
        self.track.send(b"4")
        again = self.resume(self.ids(self.events)[1])
        self.assertEqual(again.messages, [2, 3, 4])
        self.track.send(b"5")
        self.assertEqual(again.messages, [2, 3, 4, 5])
        self.assertEqual(self.events.messages, [1, 2, 3])

    def test_of_another_stream_nothing_is_sent(self) -> None:
        other = self.journal.open()
        other.begin(Events())
        other.send(b"9")
        self.assertEqual(self.resume(self.ids(self.events)[0]).messages, [])

    def test_what_is_over_is_sent_again_and_ends(self) -> None:
        self.track.send(b"1")
        self.track.close()
        self.assertEqual(self.events.closed, 1)
        again = self.resume(self.ids(self.events)[0])
        self.assertEqual((again.messages, again.closed), ([1], 1))

    def test_a_connection_that_was_taken_over_is_ended(self) -> None:
        again = self.resume(self.ids(self.events)[0])
        self.assertEqual((self.events.closed, again.closed), (1, 0))
        self.track.lost(self.events)
        self.track.send(b"1")
        self.assertEqual(again.messages, [1])

    def test_a_client_that_is_let_go_is_told_when_to_come_back(self) -> None:
        self.track.send(b"1")
        self.track.release(0.25)
        self.assertEqual(self.events.events[-1], (b"", "", 250))
        self.assertEqual(self.events.closed, 1)
        self.track.send(b"2")
        self.assertEqual(self.resume(self.ids(self.events)[1]).messages, [2])

    def test_ids_that_are_none_of_ours_name_nothing(self) -> None:
        ours = self.ids(self.events)[0]
        mark = ours.partition("-")[0]
        strange = [
            "",
            "x",
            "-",
            f"{ours}x",
            f"x{ours}",
            f"{mark}-7-0",
            f"{mark}-0-",
            f"{mark}-0--1",
        ]
        strange += [f"{mark}-0.x-0", f"{mark}-0.-0"]
        for each in (*strange, f"{mark}-0-" + "9" * 10, f"{mark}-0-²"):
            self.assertIsNone(self.journal.find(each), each)
        self.assertIsNone(Journal().find(ours))


class RequestTests(SynchronousTestCase):
    """The id of an event says whose stream it is, even when nothing else is known of it."""

    def first(self, request: Any) -> str:
        events = Events()
        Journal().open(request).begin(events)
        return events.events[0][1]

    def test_a_request_is_named(self) -> None:
        for request in (0, 7, "0", "", "listen:0", "ärger-\n", "x" * 150):
            self.assertEqual(request_of(self.first(request)), request)

    def test_one_whose_id_is_very_long_is_not(self) -> None:
        self.assertIsNone(request_of(self.first("x" * 300)))

    def test_a_stream_of_no_request_names_none(self) -> None:
        self.assertIsNone(request_of(self.first(None)))

    @given(st.text(alphabet="0123456789abcdef-.=_W10", max_size=30))
    def test_whatever_comes_names_none_or_an_id(self, id: str) -> None:
        self.assertIn(type(request_of(f"0123abcd-0.{id}-1")), (type(None), int, str))


class BoundTests(SynchronousTestCase):
    """However much is sent, only so much is kept."""

    def test_the_oldest_events_are_forgotten(self) -> None:
        journal = Journal()
        first, second = journal.open(), journal.open()
        first.send(b"1")
        first.close()
        for _ in range(replay.EVENTS):
            second.send(b"2")
        self.assertEqual((journal.events, len(journal)), (replay.EVENTS, 1))
        self.assertIsNone(journal.find(f"{journal.mark}-0-0"))

    def test_the_latest_is_kept_whatever_its_size(self) -> None:
        journal = Journal()
        track = journal.open()
        track.send(b"1")
        track.send(b"x" * (replay.BYTES + 1))
        self.assertEqual((journal.events, len(track.events)), (1, 1))

    def test_a_stream_without_an_event_leaves_nothing(self) -> None:
        journal = Journal()
        for _ in range(10):
            journal.open().close()
        self.assertEqual(len(journal), 0)

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 100_000), st.booleans())))
    def test_the_sums_are_right(self, steps: list[tuple[int, int, bool]]) -> None:
        journal = Journal()
        tracks = [journal.open() for _ in range(4)]
        for which, size, close in steps:
            tracks[which].send(b"x" * size)
            if close:
                tracks[which].close()
                tracks[which] = journal.open()
            kept = [message for track in journal._tracks.values() for _, message in track.events]
            self.assertEqual(journal.events, len(kept))
            self.assertEqual(journal.bytes, sum(map(len, kept)))
            self.assertTrue(journal.bytes <= replay.BYTES or journal.events == 1)
            self.assertLessEqual(len(journal), len(kept) + 4)
