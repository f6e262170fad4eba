"""Server-sent events, however their bytes are split."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.event_reader import LONGEST, EventReader, EventTooLong


def read(*parts: bytes) -> list[str]:
    reader = EventReader()
    return [event for part in parts for event in reader.feed(part)]


class EventReaderTests(SynchronousTestCase):
    def test_each_event_is_its_data(self) -> None:
        self.assertEqual(read(b"data: a\n\ndata:b\n\n"), ["a", "b"])

    def test_lines_of_one_event_are_joined(self) -> None:
        self.assertEqual(read(b"data: a\ndata:  b\ndata\n\n"), ["a\n b\n"])

    def test_comments_names_and_ids_are_passed_over(self) -> None:
        self.assertEqual(read(b": hello\n\nevent: x\nid: 1\ndata: a\n\nevent: y\n\n"), ["a"])

    def test_an_event_without_its_end_is_none(self) -> None:
        self.assertEqual(read(b"data: a\n"), [])

    def test_lines_end_as_they_like(self) -> None:
        for end in (b"\n", b"\r", b"\r\n"):
            self.assertEqual(read(b"data: a%bdata: b%b%bdata: c%b%b" % ((end,) * 5)), ["a\nb", "c"])

    def test_a_mark_of_the_byte_order_is_no_part_of_the_first_line(self) -> None:
        self.assertEqual(read("\ufeffdata: a\n\n".encode()), ["a"])

    def test_an_event_that_does_not_end_is_an_error(self) -> None:
        reader = EventReader()
        with self.assertRaises(EventTooLong):
            for _ in range(LONGEST // 0x10000 + 2):
                list(reader.feed(b"x" * 0x10000))

    @given(
        st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), max_size=5),
        st.sampled_from(["\n", "\r", "\r\n"]),
        st.data(),
    )
    def test_it_does_not_matter_how_the_bytes_are_split(
        self, texts: list[str], end: str, data: st.DataObject
    ) -> None:
        body = "".join(f"data: {text}{end}{end}" for text in texts).encode()
        cuts = sorted(data.draw(st.lists(st.integers(0, len(body)))))
        parts = [
            body[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(body)], strict=True)
        ]
        self.assertEqual(read(*parts), texts)
