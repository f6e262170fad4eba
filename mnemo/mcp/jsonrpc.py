"""
JSON-RPC 2.0: bytes to messages and back, for whatever bytes arrive.

msgspec reads nearly everything. What it refuses though it is JSON (an escaped half of a
surrogate pair, a number beyond 64 bits) is read again by the standard library, so that its
sender gets an answer with the right id.
"""

import json
import re
from collections.abc import Mapping, Sequence
from math import isinf
from typing import Any

import msgspec
from attrs import field, frozen

from mnemo.mcp.errors import PARSE_ERROR, ProtocolError, invalid_params, invalid_request

Id = int | str

MAX_DEPTH = 128
"""How deep a message may be nested."""

SLOW_LIMIT = 512 * 1024
"""Bytes of the largest message that is read a second time, by the slower parser."""

_HALF_PAIR = re.compile("[\ud800-\udfff]")
_HALF_PAIR_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


@frozen
class Request:
    """A call that wants an answer. C{params} is empty where the member is absent."""

    id: Id
    method: str
    params: Mapping[str, Any]


@frozen
class Notification:
    """A call that wants none."""

    method: str
    params: Mapping[str, Any]


@frozen
class Response:
    """
    The answer to a request of ours; C{result} is C{None} where it is an error, C{id} too where
    the client could not tell what it answers.

    @ivar error: what the client says of its error; C{""} where it is none
    """

    id: Id | None
    result: Any
    error: str = ""


Message = Request | Notification | Response


@frozen
class Malformed:
    """
    What came instead of a message.

    @ivar id: the id to answer under, or C{None} where none could be read
    """

    problem: ProtocolError
    id: Id | None = field(default=None)


@frozen
class Batch(Malformed):
    """
    Several messages at once, which only one version takes; to the others they are malformed.

    @ivar values: the members, each what JSON can hold
    """

    values: Sequence[Any] = field(default=())


def parse(data: bytes) -> Message | Malformed:
    """The message in C{data}, or what is wrong with it. Never raises."""
    try:
        value = decode(data)
    except ProtocolError as problem:
        return Malformed(problem)
    if type(value) is list:
        refused = invalid_request("A batch is not supported: send one JSON object at a time")
        return Batch(refused, values=value)
    return read(value)


def read(value: Any) -> Message | Malformed:
    """The message that a value decoded from JSON is, or what is wrong with it. Never raises."""
    if type(value) is not dict:
        return Malformed(invalid_request("Not a JSON-RPC message: send one JSON object at a time"))
    if value.get("jsonrpc") != "2.0":
        return Malformed(invalid_request('Not a JSON-RPC message: "jsonrpc" must be "2.0"'))
    return _classify(value)


def _classify(value: dict[str, Any]) -> Message | Malformed:
    given = value.get("id")
    if "error" in value and "method" not in value and given is None:
        return Response(None, None, _told(value["error"]))
    if type(given) is not int and type(given) is not str and "id" in value:
        return Malformed(invalid_request("The id must be a string or an integer"))
    if "method" not in value:
        if given is None or ("result" not in value and "error" not in value):
            return Malformed(invalid_request("Neither a request nor a response"), given)
        return Response(given, value.get("result"), _told(value.get("error")))
    method = value["method"]
    if type(method) is not str:
        return Malformed(invalid_request("The method must be a string"), given)
    params = value.get("params")
    if params is None:
        params = {}
    elif type(params) is not dict:
        return Malformed(invalid_params("params must be an object"), given)
    if given is None:
        return Notification(method, params)
    return Request(given, method, params)


def _told(error: object) -> str:
    """What a response's error says, at least that it is one."""
    if error is None:
        return ""
    message = error.get("message") if isinstance(error, dict) else None
    return message[:1024] if isinstance(message, str) and message else "an error without a message"


def result(id: Id, encoded: bytes) -> bytes:
    """The answer to a request, from a result that is JSON already."""
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (encode(id), encoded)


def error(id: Id | None, problem: ProtocolError) -> bytes:
    """The refusal of a request, or of something that was none."""
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (encode(id), encode(refusal(problem)))


def refusal(problem: ProtocolError) -> dict[str, Any]:
    """The error object of a refusal."""
    told: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.data is not None:
        told["data"] = problem.data
    return told


def notification(method: str, params: Mapping[str, Any]) -> bytes:
    """A notification of ours."""
    return encode({"jsonrpc": "2.0", "method": method, "params": params})


def request(id: Id, method: str, params: Mapping[str, Any]) -> bytes:
    """A request of ours."""
    return encode({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def encode(value: Any) -> bytes:
    """
    JSON in UTF-8. Half of a surrogate pair, which UTF-8 cannot hold, stays an escape.
    """
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def decode(data: bytes) -> Any:
    """The JSON in some bytes. Raises L{ProtocolError}."""
    try:
        value = _decode(data)
    except UnicodeDecodeError:
        raise ProtocolError(PARSE_ERROR, "The message is not UTF-8") from None
    except RecursionError:
        raise _too_deep() from None
    except msgspec.DecodeError as problem:
        if not _worth_a_second_look(data, problem):
            raise ProtocolError(PARSE_ERROR, f"Not JSON: {problem}") from None
        value = _read_slowly(data)
    # Nothing is nested deeper than it has brackets; few messages have this many.
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise _too_deep()
    return value


def _worth_a_second_look(data: bytes, problem: msgspec.DecodeError) -> bool:
    if len(data) > SLOW_LIMIT:
        return False
    return isinstance(problem, msgspec.ValidationError) or bool(_HALF_PAIR_ESCAPE.search(data))


def _read_slowly(data: bytes) -> Any:
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
        if type(value) is not dict:
            return value
        # The id is echoed as it came; everything else must be text that can be kept.
        return {
            name: member if name == "id" else _storable(member) for name, member in value.items()
        }
    except RecursionError:
        raise _too_deep() from None
    except ValueError:
        raise ProtocolError(PARSE_ERROR, "Not JSON, or a number is out of range") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF_PAIR.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    if isinstance(value, float) and isinf(value):
        raise ValueError("a number is out of range")
    return value


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True


def _too_deep() -> ProtocolError:
    return ProtocolError(PARSE_ERROR, f"The message is nested deeper than {MAX_DEPTH} levels")
