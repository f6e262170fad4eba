"""
How a stateless client is asked: its call is answered with the questions, and it calls again
with the answers and with what it was given to bring back.

What it brings back is sealed: which questions it was asked, and what it has answered before.
An answer counts only for the very question that was asked, so a tool whose question has
changed since asks anew. A client that brings answers and nothing sealed is taken at its word.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec
from attrs import define, field

from mnemo.mcp.errors import invalid_params
from mnemo.mcp.jsonrpc import Request
from mnemo.mcp.sealing import BadSeal, Sealer
from mnemo.tools.interfaces import Question

METHODS = ("tools/call", "prompts/get", "resources/read")
"""What may be answered with questions."""

_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "array": list,
}


class InputRequired(Exception):
    """
    A call cannot go on before its client has answered.

    @ivar questions: what is still to be answered
    """

    def __init__(self, questions: Mapping[str, Question]) -> None:
        super().__init__(f"To be answered first: {', '.join(questions)}")
        self.questions = questions


@define(eq=False)
class Answers:
    """
    What a client has answered, of one call.

    @ivar given: by key, the digest of the question and the answer; C{""} is any question
    @ivar accepted: the part of it that was asked for and is in order
    """

    _sealer: Sealer
    _request: Request
    _principal: str
    given: Mapping[str, tuple[str, Any]]
    accepted: dict[str, tuple[str, Any]] = field(init=False, factory=dict)

    def to(
        self, questions: Mapping[str, Question]
    ) -> tuple[Mapping[str, Mapping[str, Any]], Mapping[str, Question]]:
        """The answers to some questions, and the questions that have none."""
        told: dict[str, Mapping[str, Any]] = {}
        missing: dict[str, Question] = {}
        for key, question in questions.items():
            digest = _digest(question)
            answered, answer = self.given.get(key, ("", None))
            if answered in ("", digest) and fits(question, answer):
                told[key] = answer
                self.accepted[key] = (digest, answer)
            else:
                missing[key] = question
        return told, missing

    def result(self, questions: Mapping[str, Question]) -> dict[str, Any]:
        """The result that asks. Raises L{ProtocolError} where too much was answered before."""
        state = {
            "asked": {key: _digest(question) for key, question in questions.items()},
            "answered": self.accepted,
        }
        try:
            sealed = self._sealer.seal(state, _binding(self._request, self._principal))
        except ValueError as problem:
            raise invalid_params(f"The answers are too long: {problem}") from None
        return {
            "resultType": "input_required",
            "inputRequests": {
                key: {"method": question.method, "params": question.params}
                for key, question in questions.items()
            },
            "requestState": sealed,
        }


def answers(sealer: Sealer, request: Request, principal: str) -> Answers:
    """
    What a request brings of answers.

    Raises L{ProtocolError} where C{requestState} was not given to this caller for this call, or
    too long ago. What else is wrong with the answers is asked again.
    """
    state, responses = request.params.get("requestState"), request.params.get("inputResponses")
    if type(responses) is not dict:
        responses = {}
    if state is None:
        unbound = {key: ("", answer) for key, answer in responses.items()}
        return Answers(sealer, request, principal, unbound)
    if type(state) is not str:
        raise invalid_params("requestState must be a string")
    try:
        opened = sealer.open(state, _binding(request, principal))
    except BadSeal as bad:
        raise invalid_params(f"requestState cannot be used. {bad}") from None
    given = {key: (digest, answer) for key, (digest, answer) in opened["answered"].items()}
    for key, digest in opened["asked"].items():
        if key in responses:
            given[key] = digest, responses[key]
    return Answers(sealer, request, principal, given)


def fits(question: Question, answer: object) -> bool:
    """Whether this can be an answer to that."""
    if not isinstance(answer, dict):
        return False
    if question.method == "roots/list":
        roots = answer.get("roots")
        return isinstance(roots, list) and all(
            isinstance(root, dict) and isinstance(root.get("uri"), str) for root in roots
        )
    if question.method == "sampling/createMessage":
        return isinstance(answer.get("role"), str) and isinstance(
            answer.get("content"), dict | list
        )
    if answer.get("action") == "accept" and question.params.get("mode") != "url":
        return _is_filled_in(question.params.get("requestedSchema"), answer.get("content"))
    return answer.get("action") in ("accept", "decline", "cancel")


def _is_filled_in(schema: object, content: object) -> bool:
    """Whether a form has what it must have, of the types that it asks for."""
    if not isinstance(schema, Mapping):
        return True
    if not isinstance(content, dict) or any(
        key not in content for key in schema.get("required", ())
    ):
        return False
    return all(
        _has_type(content[key], part.get("type"))
        for key, part in schema.get("properties", {}).items()
        if key in content
    )


def _has_type(value: object, name: str | None) -> bool:
    wanted = _TYPES.get(name or "")
    if isinstance(value, bool) and name != "boolean":
        return wanted is None
    return wanted is None or isinstance(value, wanted)


def _binding(request: Request, principal: str) -> bytes:
    """What a sealed state is good for: a caller's calls of one thing with the same arguments."""
    params = request.params
    what = params.get("uri" if request.method == "resources/read" else "name")
    whole = [principal, request.method, what, params.get("arguments")]
    return sha256(_in_order(whole)).digest()


def _digest(question: Question) -> str:
    return sha256(_in_order([question.method, question.params])).hexdigest()[:32]


def _in_order(value: Any) -> bytes:
    """The same bytes for the same value, in whichever order its members came."""
    try:
        return msgspec.json.encode(value, order="deterministic")
    except UnicodeEncodeError:
        return repr(value).encode("utf-8", "backslashreplace")
