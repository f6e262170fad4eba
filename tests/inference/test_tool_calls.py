import json
from itertools import count, pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.tool_calls import CallStream, new_id

NAMES = ("find", "list-all")

DEEP = "[" * 50_000
"""JSON that is nested beyond all sense."""


def told(*pieces: str) -> tuple[list[str], list[tuple[str, object]]]:
    """What is given out with each piece and at the end, and the calls."""
    stream = CallStream(NAMES)
    given_out = [*map(stream.feed, pieces), stream.finish()]
    calls = [each["function"] for each in stream.calls]
    return given_out, [(each["name"], json.loads(each["arguments"])) for each in calls]


def read(text: str) -> tuple[str, list[tuple[str, object]]]:
    """The text and the calls."""
    given_out, calls = told(text)
    return "".join(given_out), calls


class Calls(SynchronousTestCase):
    def test_are_as_the_api_has_them(self) -> None:
        numbers = count(1)
        text = '<tool_call>{"name": "find", "arguments": {"what": "é"}}</tool_call>'
        stream = CallStream(NAMES, lambda: f"call{next(numbers)}")
        stream.feed(text)
        stream.finish()
        self.assertEqual(
            stream.calls,
            (
                {
                    "id": "call1",
                    "type": "function",
                    "function": {"name": "find", "arguments": '{"what": "é"}'},
                },
            ),
        )

    def test_have_a_name_of_nine_letters_and_digits(self) -> None:
        self.assertRegex(new_id(), "^[A-Za-z0-9]{9}$")
        self.assertNotEqual(new_id(), new_id())


class Tagged(SynchronousTestCase):
    def test_one(self) -> None:
        text = 'Let me look.\n<tool_call>\n{"name": "find", "arguments": {"a": 1}}\n</tool_call>'
        self.assertEqual(read(text), ("Let me look.", [("find", {"a": 1})]))

    def test_several(self) -> None:
        text = (
            '<tool_call>{"name": "find", "arguments": {}}</tool_call>\n'
            '<tool_call>{"name": "list-all", "arguments": {"b": [2]}}</tool_call>'
        )
        self.assertEqual(read(text), ("", [("find", {}), ("list-all", {"b": [2]})]))

    def test_one_whose_tag_was_not_closed(self) -> None:
        text = '<tool_call>\n{"name": "find", "arguments": {}}'
        self.assertEqual(read(text), ("", [("find", {})]))

    def test_what_cannot_be_read_stays_text(self) -> None:
        for text in (
            '<tool_call>{"name": "find", "argum</tool_call>',
            '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>',
            '<tool_call>{"name": "find", "arguments": [1]}</tool_call>',
            "<tool_call>[]</tool_call>",
            f"<tool_call>{DEEP}</tool_call>",
        ):
            self.assertEqual(read(text), (text, []))


class Llama(SynchronousTestCase):
    def test_one(self) -> None:
        text = '{"name": "find", "parameters": {"a": 1}}'
        self.assertEqual(read(text), ("", [("find", {"a": 1})]))
        self.assertEqual(read(f"<|python_tag|>{text}\n"), ("", [("find", {"a": 1})]))

    def test_several(self) -> None:
        one = '{"name": "find", "parameters": {}}'
        for text in (f"{one}; {one}", f"[{one}, {one}]", f"{one}\n{one}"):
            self.assertEqual(read(text), ("", [("find", {}), ("find", {})]))

    def test_other_json_is_text(self) -> None:
        for text in ('{"name": "Ada", "parameters": {}}', '{"a": 1}', "12", "[]", "", DEEP):
            self.assertEqual(read(text), (text, []))

    def test_json_within_text_is_text(self) -> None:
        text = 'Like this: {"name": "find", "parameters": {}}'
        self.assertEqual(read(text), (text, []))


class Mistral(SynchronousTestCase):
    def test_a_list(self) -> None:
        text = '[TOOL_CALLS] [{"name": "find", "arguments": {"a": 1}, "id": "abcdefghi"}]'
        self.assertEqual(read(text), ("", [("find", {"a": 1})]))

    def test_each_by_its_name(self) -> None:
        text = 'Looking.[TOOL_CALLS]find[ARGS]{"a": 1}[TOOL_CALLS]list-all{}'
        self.assertEqual(read(text), ("Looking.", [("find", {"a": 1}), ("list-all", {})]))

    def test_what_cannot_be_read_stays_text(self) -> None:
        for text in (
            '[TOOL_CALLS] [{"name": "fi',
            "[TOOL_CALLS]find",
            "[TOOL_CALLS] [{}]",
            f"[TOOL_CALLS]{DEEP}",
            f"[TOOL_CALLS]find{DEEP}",
        ):
            self.assertEqual(read(text), (text, []))


class Streams(SynchronousTestCase):
    def test_text_is_given_out_until_a_call_may_begin(self) -> None:
        call = '{"name": "find", "arguments": {}}</tool_call>'
        self.assertEqual(
            told("Let me", " look.\n", "<tool", "_call>", call, "\nDone. "),
            (["Let me", " look.", "", "", "", "", "\nDone."], [("find", {})]),
        )

    def test_what_only_looked_like_one_is_given_out_later(self) -> None:
        self.assertEqual(told("a <tool", "box> ", "b"), (["a", " <toolbox>", " b", ""], []))
        self.assertEqual(told('{"a"', ": 1}"), (["", "", '{"a": 1}'], []))

    def test_json_further_on_is_given_out(self) -> None:
        self.assertEqual(told("So: ", "{}"), (["So:", " {}", ""], []))

    @given(
        st.lists(
            st.sampled_from(
                [
                    *("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "<|python_tag|>", "[ARGS]"),
                    *('{"name": "find"', ', "arguments": {}', "}", "[", "]", ";", " text ", "find"),
                    *('{"name": "find", "arguments": {}}', "\n"),
                ]
            )
        ).map("".join),
        st.lists(st.integers(0, 300)),
    )
    def test_however_the_text_is_split_the_answer_is_that_of_the_whole(
        self, text: str, cuts: list[int]
    ) -> None:
        places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
        given_out, calls = told(*(text[a:b] for a, b in pairwise(places)))
        self.assertEqual(("".join(given_out), calls), read(text))
        self.assertTrue(calls or "".join(given_out) == text)
