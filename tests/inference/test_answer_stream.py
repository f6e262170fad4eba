from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.answer_stream import AnswerStream
from mnemo.inference.text_stream import Thinking

TOOL = {"type": "function", "function": {"name": "find"}}
CALL = '<tool_call>{"name": "find", "arguments": {"a": "é"}}</tool_call>'


def fed(stream: AnswerStream, text: str) -> list[str]:
    """What is given out byte by byte, without the bytes that bring nothing."""
    given_out = [stream.feed(bytes([byte])) for byte in text.encode()]
    return list(filter(None, [*given_out, stream.finish()]))


class Answers(SynchronousTestCase):
    def test_without_tools_are_text(self) -> None:
        stream = AnswerStream()
        self.assertEqual("".join(fed(stream, f"a {CALL}")), f"a {CALL}")
        self.assertEqual((stream.text, stream.calls, stream.stopped), (f"a {CALL}", (), False))

    def test_with_tools_may_be_calls(self) -> None:
        stream = AnswerStream(tools=[TOOL])
        self.assertEqual(fed(stream, f"I look.\n{CALL}"), ["I", " l", *"ook."])
        self.assertEqual(stream.text, "I look.")
        (call,) = stream.calls
        self.assertEqual(call["function"], {"name": "find", "arguments": '{"a": "é"}'})

    def test_of_other_tools_are_text(self) -> None:
        stream = AnswerStream(tools=[{"type": "function", "function": {"name": "other"}}])
        fed(stream, CALL)
        self.assertEqual((stream.text, stream.calls), (CALL, ()))

    def test_have_neither_thoughts_nor_stop_strings(self) -> None:
        stream = AnswerStream(["END"], Thinking(), [TOOL])
        fed(stream, f"<think>{CALL}</think>\nYes.{CALL}END more")
        self.assertEqual((stream.text, len(stream.calls), stream.stopped), ("Yes.", 1, True))
