from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.text_stream import TextStream, Thinking

PIECES = st.sampled_from(
    ["a", "b", "ab", "\n", " ", "é", "😀", "<think>", "</think>", "<thi", "nk>", "</", "STOP", "ST"]
)
BYTES = st.one_of(
    st.lists(PIECES).map(lambda pieces: "".join(pieces).encode()),
    st.lists(st.one_of(PIECES.map(str.encode), st.binary(max_size=4))).map(b"".join),
)
STOPS = st.lists(st.sampled_from(["STOP", "ab", "b", "\n\n", "😀", "TO", "</"]), max_size=3)
THINKING = st.sampled_from([None, Thinking(), Thinking(opened=True), Thinking("<", ">")])


def whole(data: bytes, stop: list[str], thinking: Thinking | None) -> tuple[str, bool]:
    """What the text is, seen from its end."""
    text = data.decode("utf-8", "replace")
    if thinking is not None:
        thought = thinking.opened
        text = thinking.begin + text if thought else text
        while text.lstrip().startswith(thinking.begin):
            _, _, text = text.partition(thinking.begin)
            _, closed, text = text.partition(thinking.end)
            text = text.lstrip() if closed else ""
    for end in range(len(text) + 1):
        starts = [end - len(each) for each in stop if text[:end].endswith(each)]
        if starts:
            return text[: min(starts)], True
    return text, False


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(places)]


def fed(stream: TextStream, *tokens: str | bytes) -> list[str]:
    """What is given out with each token, and at the end."""
    read = [token.encode() if isinstance(token, str) else token for token in tokens]
    return [*map(stream.feed, read), stream.finish()]


class Streams(SynchronousTestCase):
    @given(BYTES, st.lists(st.integers(0, 1000), max_size=12), STOPS, THINKING)
    def test_however_the_bytes_are_split_the_text_is_that_of_the_whole(
        self, data: bytes, cuts: list[int], stop: list[str], thinking: Thinking | None
    ) -> None:
        stream = TextStream(stop, thinking)
        given_out = [stream.feed(piece) for piece in pieces(data, cuts)]
        given_out.append(stream.finish())
        self.assertEqual(("".join(given_out), stream.stopped), whole(data, stop, thinking))
        self.assertEqual(stream.text, "".join(given_out))

    def test_a_character_is_given_out_when_its_last_byte_has_come(self) -> None:
        smile = "😀".encode()
        self.assertEqual(
            fed(TextStream(), b"a" + smile[:2], smile[2:3], smile[3:] + b"b"),
            ["a", "", "😀b", ""],
        )

    def test_a_character_that_never_ends_is_replaced_at_the_end(self) -> None:
        self.assertEqual(fed(TextStream(), b"a", "é".encode()[:1]), ["a", "", "\ufffd"])

    def test_bytes_that_are_no_text_are_replaced(self) -> None:
        self.assertEqual(fed(TextStream(), b"a\xff\xfeb"), ["a\ufffd\ufffdb", ""])


class StopStrings(SynchronousTestCase):
    def test_one_that_spans_tokens_never_shows(self) -> None:
        stream = TextStream(["END."])
        self.assertEqual(fed(stream, "The E", "N", "D", ". More"), ["The ", "", "", "", ""])
        self.assertTrue(stream.stopped)
        self.assertEqual(stream.text, "The ")

    def test_what_only_began_like_one_is_given_out_as_soon_as_that_is_sure(self) -> None:
        stream = TextStream(["END."])
        self.assertEqual(fed(stream, "E", "N", "DING"), ["", "", "ENDING", ""])
        self.assertFalse(stream.stopped)

    def test_what_began_like_one_at_the_end_is_text(self) -> None:
        self.assertEqual(fed(TextStream(["END."]), "the EN"), ["the ", "EN"])

    def test_of_several_the_one_that_is_complete_first_counts(self) -> None:
        stream = TextStream(["long one", "ng"])
        fed(stream, "a long one")
        self.assertEqual(stream.text, "a lo")

    def test_an_empty_one_stops_nothing(self) -> None:
        stream = TextStream([""])
        self.assertEqual(fed(stream, "text"), ["text", ""])
        self.assertFalse(stream.stopped)

    def test_after_one_nothing_is_taken(self) -> None:
        stream = TextStream(["."])
        stream.feed(b"a.b")
        self.assertEqual((stream.feed(b"c"), stream.finish(), stream.text), ("", "", "a"))


class Thoughts(SynchronousTestCase):
    def test_what_is_thought_first_is_not_in_the_text(self) -> None:
        self.assertEqual(
            fed(TextStream((), Thinking()), "\n<th", "ink>hm", "</think", ">\n", "\nYes", "."),
            ["", "", "", "", "Yes", ".", ""],
        )

    def test_an_answer_without_one_is_given_out_as_it_is(self) -> None:
        self.assertEqual(fed(TextStream((), Thinking()), " Yes"), [" Yes", ""])

    def test_a_thought_that_never_ends_leaves_nothing(self) -> None:
        self.assertEqual(fed(TextStream((), Thinking()), "<think>hm </thin"), ["", ""])

    def test_a_thought_may_have_begun_in_the_prompt(self) -> None:
        stream = TextStream((), Thinking(opened=True))
        self.assertEqual(fed(stream, "hm</think>Yes"), ["Yes", ""])

    def test_a_marker_within_the_answer_is_text(self) -> None:
        stream = TextStream((), Thinking())
        fed(stream, "It writes <think> first.</think>")
        self.assertEqual(stream.text, "It writes <think> first.</think>")

    def test_a_stop_string_in_a_thought_stops_nothing(self) -> None:
        stream = TextStream(["\n"], Thinking())
        fed(stream, "<think>a\nb</think>\n\nYes\nNo")
        self.assertEqual((stream.text, stream.stopped), ("Yes", True))

    def test_other_marks_can_be_named(self) -> None:
        stream = TextStream((), Thinking("[THINK]", "[/THINK]"))
        fed(stream, "[THINK]hm[/THINK]Yes")
        self.assertEqual(stream.text, "Yes")
