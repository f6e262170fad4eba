"""
Calls of tools in what a model has written. Pure.

Models write them as they were trained to: Hermes and Qwen in C{<tool_call>} tags, Mistral after
C{[TOOL_CALLS]}, Llama 3 as nothing but JSON.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping
from json import JSONDecoder
from secrets import choice
from string import ascii_letters, digits
from typing import Any, Final

from mnemo.inference.text_stream import may_begin

Call = Mapping[str, Any]
"""As OpenAI's API has it: C{id}, C{type}, C{function} with its C{name} and C{arguments}."""

_TAGGED: Final = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)\s*", re.DOTALL)
_MISTRAL: Final = "[TOOL_CALLS]"
_LLAMA: Final = "<|python_tag|>"
_MARKS: Final = ("<tool_call>", _MISTRAL, _LLAMA)
CALL_MARKS: Final = (*_MARKS, "</tool_call>", "[ARGS]", "[CALL_ID]")
"""What models put around calls, often as tokens of their own."""

_MISTRAL_NAMED: Final = re.compile(r"\s*([\w.-]+)\s*(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?\s*(?=\{)")


def new_id() -> str:
    """A name for a call. Mistral's templates take nothing but nine letters and digits."""
    return "".join(choice(ascii_letters + digits) for _ in range(9))


class CallStream:
    """
    The text of an answer and the calls in it, as the text comes in.

    What may be part of a call is held back until the end: all from the first mark on, or all,
    where the answer begins like JSON. What turns out to be no readable call of one of the tools
    is text.

    @ivar calls: found by L{finish}
    """

    def __init__(self, names: Collection[str], name_call: Callable[[], str] = new_id) -> None:
        """
        @param names: of the tools that were offered
        @param name_call: makes the C{id} of each call
        """
        self.calls: tuple[Call, ...] = ()
        self._names = names
        self._name_call = name_call
        self._held = ""
        self._begun = False
        self._calling = False

    def feed(self, text: str) -> str:
        """
        Take more of the answer.

        @return: what is sure to be no call
        """
        self._held += text
        if not self._begun and self._held.lstrip().startswith(("{", "[")):
            self._calling = True
        if self._calling:
            return ""
        places = [place for mark in _MARKS if (place := self._held.find(mark)) >= 0]
        self._calling = bool(places)
        end = min(places) if places else len(self._held) - len(may_begin(self._held, _MARKS))
        # The white space before a call goes with it.
        sure = self._held[:end].rstrip()
        self._held = self._held[len(sure) :]
        self._begun = self._begun or bool(sure)
        return sure

    def finish(self) -> str:
        """
        Nothing follows: find the calls.

        @return: the rest of the text
        """
        text, self._held = self._held, ""
        for read in (_tagged, _after_mistral_mark, _nothing_but_json):
            rest, found = read(text, self._names)
            if found:
                self.calls = tuple(_call(name, given, self._name_call()) for name, given in found)
                return rest.rstrip()
        return text


_NO_JSON = (ValueError, RecursionError)
"""What a text raises that is no JSON, or is nested beyond all sense."""

_Found = list[tuple[str, Any]]


def _tagged(text: str, names: Collection[str]) -> tuple[str, _Found]:
    found: _Found = []

    def take(tag: re.Match[str]) -> str:
        try:
            calls = _named([json.loads(tag[1])], names)
        except _NO_JSON:
            calls = []
        found.extend(calls)
        return "" if calls else tag[0]

    return _TAGGED.sub(take, text), found


def _after_mistral_mark(text: str, names: Collection[str]) -> tuple[str, _Found]:
    before, mark, after = text.partition(_MISTRAL)
    if not mark:
        return text, []
    try:
        if after.lstrip().startswith("["):
            return before, _named(json.loads(after), names)
        found: _Found = []
        for part in after.split(_MISTRAL):
            named = _MISTRAL_NAMED.match(part)
            if named is None:
                return text, []
            given = json.loads(part[named.end() :])
            found += _named([{"name": named[1], "arguments": given}], names)
        return before, found
    except _NO_JSON:
        return text, []


def _nothing_but_json(text: str, names: Collection[str]) -> tuple[str, _Found]:
    """Calls with nothing around them but white space and the marks between several."""
    left = text.strip().removeprefix(_LLAMA).strip()
    decoder, found = JSONDecoder(), list[Any]()
    while left:
        try:
            value, end = decoder.raw_decode(left)
        except _NO_JSON:
            return text, []
        found += value if isinstance(value, list) else [value]
        left = left[end:].lstrip(" \t\r\n;,").removeprefix(_LLAMA).lstrip()
    return "", _named(found, names)


def _named(values: Any, names: Collection[str]) -> _Found:
    """Names and arguments, if each of C{values} is a call of one of C{names}; else nothing."""
    found: _Found = []
    for value in values:
        if not isinstance(value, dict):
            return []
        given = value.get("arguments", value.get("parameters", {}))
        if value.get("name") not in names or not isinstance(given, dict):
            return []
        found.append((value["name"], given))
    return found


def _call(name: str, given: Any, call_id: str) -> Call:
    arguments = json.dumps(given, ensure_ascii=False)
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
