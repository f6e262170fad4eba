"""
Requests to hold against L{tests.mcp.ladder_model}: mostly valid, each wrong in a few ways.

A request is made of choices. Each choice has ordinary values, the first of which is the plainest,
and odd ones; a request that fails a test is made plainer choice by choice.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from tests.mcp.ladder_model import LEGACY, META, MODERN, NAMES, REGIONS, Asked

Choices = Mapping[str, Any]

TOOL_ARGUMENTS: Mapping[str, Any] = {"text": "hi"}
READ_THERE: Mapping[str, Any] = {"uri": "test://there"}
FILLED_IN: Mapping[str, Any] = {"name": "greet", "arguments": {"name": "Ada"}}
TYPED: Mapping[str, Any] = {
    "ref": {"type": "ref/prompt", "name": "greet"},
    "argument": {"name": "name", "value": "A"},
}
CLIENT: Mapping[str, Any] = {"name": "tester", "version": "9"}
OPENING: Mapping[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": CLIENT,
}
NO_CURSORS: list[Any] = [{"cursor": 5}, {"cursor": "zzz"}, {"cursor": "bm9uZQ=="}]

# The params of each method: good ones, then odd ones.
PARAMS: Mapping[str, tuple[list[Any], list[Any]]] = {
    "tools/call": (
        [
            {"name": "echo", "arguments": TOOL_ARGUMENTS},
            {"name": "echo"},
            {"name": "regional", "arguments": {"region": "north", "count": 5, "flag": True}},
            {"name": "regional", "arguments": {"region": "höhe"}},
            {"name": "regional", "arguments": {"region": " a ", "count": -(2**40)}},
            {"name": "regional"},
            {"name": "refusing"},
            {"name": "broken", "arguments": {}},
            {"name": "sampling"},
        ],
        [
            {"name": "nobody"},
            {"name": 5},
            {"arguments": TOOL_ARGUMENTS},
            {"name": "echo", "arguments": [1]},
            {"name": "regional", "arguments": {"region": ["north"], "count": None}},
            {"name": "echo", "requestState": "forged"},
            {"name": "echo", "requestState": 5},
        ],
    ),
    "tools/list": ([{}, {"cursor": ""}], NO_CURSORS),
    "prompts/list": ([{}], NO_CURSORS),
    "resources/list": ([{}], NO_CURSORS),
    "resources/templates/list": ([{}], NO_CURSORS),
    "prompts/get": (
        [FILLED_IN],
        [
            {"name": "greet"},
            {"name": "nobody", "arguments": {"name": "Ada"}},
            {"name": "greet", "arguments": {"name": 5}},
            {"name": "greet", "arguments": {"name": "Ada", "age": "9"}},
            {"name": "greet", "arguments": ["Ada"]},
            {**FILLED_IN, "requestState": "1.e30.x"},
        ],
    ),
    "resources/read": (
        [READ_THERE],
        [
            {"uri": "test://nowhere"},
            {"uri": "test://nowhere"},
            {"uri": ""},
            {"uri": 5},
            {},
            {**READ_THERE, "requestState": "x"},
        ],
    ),
    "completion/complete": (
        [TYPED],
        [
            {},
            {**TYPED, "ref": {"type": "ref/prompt", "name": "nobody"}},
            {**TYPED, "ref": {"type": "ref/what"}},
            {**TYPED, "argument": {"name": "age", "value": ""}},
            {**TYPED, "argument": {"name": "name"}},
        ],
    ),
    "subscriptions/listen": (
        [{"notifications": {"toolsListChanged": True}}, {"notifications": {}}],
        [{}, {"notifications": []}, {"notifications": {"toolsListChanged": 1}}],
    ),
    "logging/setLevel": ([{"level": "info"}], [{}, {"level": "loud"}, {"level": 5}]),
    "resources/subscribe": ([READ_THERE], [{}, {"uri": ""}, {"uri": 5}]),
    "resources/unsubscribe": ([READ_THERE], [{}, {"uri": ""}, {"uri": 5}]),
    "initialize": (
        [OPENING, {**OPENING, "protocolVersion": "1999-01-01"}],
        [
            {},
            {**OPENING, "protocolVersion": 5},
            {**OPENING, "capabilities": None},
            {**OPENING, "clientInfo": []},
            {**OPENING, "clientInfo": {"name": "tester"}},
            {**OPENING, "clientInfo": {"name": 5, "version": "9"}},
        ],
    ),
    "tasks/get": ([{"taskId": "t"}], [{}, {"taskId": 5}]),
    "ping": ([{}], [{}]),
    "server/discover": ([{}], [{}]),
}
KNOWN = list(PARAMS)
LESS_OFTEN = ["initialize", "resources/read", "subscriptions/listen"]
UNKNOWN = ["tasks/list", "roots/list", "sampling/createMessage", "no/such", ""]
UNKNOWN += ["notifications/initialized", "notifications/cancelled", "Tools/List"]

_OTHER_HEADERS = ["absent", "other", "twice", "case", "bad base64", "open base64"]

CHOICES: Mapping[str, tuple[list[Any], list[Any]]] = {
    "verb": (["POST"], ["GET", "GET", "GET", "DELETE", "DELETE", "PUT", "OPTIONS"]),
    "house": (["open"] * 8 + ["full", "busy"], []),
    "principal": (["local"], ["somebody"]),
    "era": (["modern", "legacy"], []),
    "version header": (
        ["same"],
        ["absent", *LEGACY, MODERN, "twice", "mixed", "padded", "base64"]
        + ["2099-01-01", "1.0", ""] * 4,
    ),
    "meta": (
        ["same"],
        [
            *["other", "absent", "text", "versionless", "number", "incapable", "null"],
            *["client", "level", "2099", "legacy"],
        ],
    ),
    "method": ([*["tools/call"] * 8, *LESS_OFTEN * 3, *KNOWN], UNKNOWN),
    "params": (["good"], ["odd", "odd", "odd", "none", "null", "list", "text"]),
    "which": (list(range(9)), []),
    "id": ([1, 0, "1", "listen:0", "", -5, 2**70], [None, 1.5, True, []]),
    "message": (
        ["request"],
        [
            *["notification", "notification", "result", "error", "nameless error", "batch"],
            *["two", "mixed batch", "quiet batch", "quiet batch", "empty batch", "long batch"],
            *["long batch", "neither", "unversioned", "jsonrpc 1", "method 5", "scalar"],
        ],
    ),
    "bytes": (
        ["plain"],
        ["empty", "cut", "latin", "nan", "bom", "two", "half pair", "huge", "deep", "deeper"],
    ),
    "method header": (["same"], [*_OTHER_HEADERS, "base64", "padded"]),
    "name header": (["same", "base64", "padded"], _OTHER_HEADERS),
    "param headers": (["same", "base64"], [*_OTHER_HEADERS, "extra"]),
    "session": (
        ["latest", "batching", "oldest"],
        ["absent", "foreign", "ended", "work", "LATEST", "", "twice", "padded"],
    ),
    "session anyway": ([False], [True]),
    "type": (
        ["application/json", "application/json; charset=utf-8", "Application/JSON"],
        ["text/plain", "absent", "twice", "application/jsonp", ""],
    ),
    "accept": (
        ["application/json, text/event-stream", "*/*", "absent", "application/*, text/*"],
        [
            *["application/json"] * 4,
            *["text/event-stream", "text/html", "application/json;q=0"],
            *["", "two lines", "APPLICATION/JSON;q=0.5", "application/mcp+json"],
        ],
    ),
    "hint": (["absent"], ["/home/a", "${PWD}", "twice"]),
    "last event": (["absent"], ["nothing", "0-0-0"]),
}

ODD = 0.025
OFTEN = {
    "params": 0.2,
    "message": 0.15,
    "version header": 0.12,
    "param headers": 0.12,
    "method header": 0.06,
    "accept": 0.1,
    "verb": 0.06,
}
"""How often a choice is an odd one: about a third of all requests are valid."""


def draw(pick: Random) -> dict[str, Any]:
    """Choices for one request."""
    return {
        name: pick.choice(odd if odd and pick.random() < OFTEN.get(name, ODD) else ordinary)
        for name, (ordinary, odd) in CHOICES.items()
    }


def plainest(choices: Choices, fails: Callable[[Choices], bool]) -> Choices:
    """Choices that fail as well, and of which none can be made ordinary."""
    found = dict(choices)
    for name, (ordinary, _) in CHOICES.items():
        for value in ordinary:
            if found[name] == value:
                break
            if fails({**found, name: value}):
                found[name] = value
                break
    return found


def made(choices: Choices) -> Asked:
    """The request that was chosen."""
    value = message(choices)
    headers = headers_for(choices, value if isinstance(value, dict) else {})
    body = encoded(choices["bytes"], value)
    return Asked(choices["verb"], headers, body, choices["principal"], choices["house"])


# -- the body


def message(choices: Choices) -> Any:
    kind, name = choices["message"], choices["id"]
    params = params_for(choices)
    request: dict[str, Any] = {"jsonrpc": "2.0", "id": name, "method": choices["method"]}
    if params is not ...:
        request["params"] = params
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = {"jsonrpc": "2.0", "id": name, "result": {}}
    odd = {"jsonrpc": "2.0", "id": 7, "method": 5}
    return {
        "request": request,
        "notification": {key: member for key, member in request.items() if key != "id"},
        "result": answer,
        "error": {"jsonrpc": "2.0", "id": name, "error": {"code": 1, "message": "no"}},
        "nameless error": {"jsonrpc": "2.0", "id": None, "error": {"code": 1, "message": "no"}},
        "batch": [request],
        "two": [request, {**request, "id": "second"}],
        "mixed batch": [note, request, odd, "text", answer],
        "quiet batch": [note, answer],
        "empty batch": [],
        "long batch": [note] * 1001,
        "neither": {"jsonrpc": "2.0", "id": name},
        "unversioned": {key: member for key, member in request.items() if key != "jsonrpc"},
        "jsonrpc 1": {**request, "jsonrpc": "1.0"},
        "method 5": {**request, "method": 5},
        "scalar": [5, "text", None, True, 1.5][choices["which"] % 5],
    }[kind]


def params_for(choices: Choices) -> Any:
    """The params, C{...} for none."""
    kind, which = choices["params"], choices["which"]
    if kind in ("null", "list", "text"):
        return {"null": None, "list": [1], "text": "text"}[kind]
    good, odd = PARAMS.get(choices["method"], ([{}], [{}]))
    if kind == "good":
        params = dict(good[which % len(good)])
    else:
        params = dict(odd[which % len(odd)]) if kind == "odd" else {}
    meta = meta_for(choices["era"], choices["meta"])
    if meta is not ...:
        params["_meta"] = meta
    return params or (... if kind == "none" else params)


def meta_for(era: str, kind: str) -> Any:
    """The metadata, C{...} for none."""
    whole = {
        META + "protocolVersion": MODERN,
        META + "clientCapabilities": {},
        META + "clientInfo": CLIENT,
    }
    if kind == "same":
        return whole if era == "modern" else ...
    if kind == "other":
        return whole if era == "legacy" else {"progressToken": 0}
    changes: dict[str, Any] = {
        "number": {META + "protocolVersion": 5},
        "null": {META + "clientCapabilities": None},
        "client": {META + "clientInfo": "me"},
        "level": {META + "logLevel": "loud"},
        "2099": {META + "protocolVersion": "2099-01-01"},
        "legacy": {META + "protocolVersion": "2025-11-25"},
    }
    left_out = {"versionless": META + "protocolVersion", "incapable": META + "clientCapabilities"}
    if kind in changes:
        return {**whole, **changes[kind]}
    if kind in left_out:
        return {name: value for name, value in whole.items() if name != left_out[kind]}
    return "text" if kind == "text" else ...


def encoded(kind: str, value: Any) -> bytes:
    """The body, as JavaScript writes it or as nobody should."""
    text = json.dumps(value)
    plain = text.encode()
    if kind == "deep" or kind == "deeper":
        # One object, and so many lists in it.
        nested = "[" * (127 if kind == "deep" else 128)
        return f'{{"deep":{nested}{"]" * len(nested)},{text[1:] or "}"}'.encode()
    return {
        "plain": plain,
        "empty": b"",
        "cut": plain[:-1],
        "latin": plain[:1] + b'"\xe9":1,' + plain[1:],
        "nan": plain[:1] + b'"n":NaN,' + plain[1:],
        "bom": b"\xef\xbb\xbf" + plain,
        "two": plain + plain,
        "half pair": plain[:1] + b'"\\ud800":"\\udfff",' + plain[1:],
        "huge": plain[:1] + b'"n":1' + b"0" * 30 + b"," + plain[1:],
    }[kind]


# -- the headers


def headers_for(choices: Choices, value: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    params = value.get("params")
    params = params if isinstance(params, dict) else {}
    method = choices["method"]
    found = {
        "content-type": _plain(choices["type"], "application/json"),
        "accept": _plain(choices["accept"], "text/event-stream"),
        "x-mnemo-project": _plain(choices["hint"], "/home/b"),
        "last-event-id": _plain(choices["last event"], ""),
        "mcp-protocol-version": _version(choices, params),
    }
    if choices["accept"] == "two lines":
        found["accept"] = ("application/json", "text/event-stream")
    wants_session = choices["era"] == "legacy" and method != "initialize"
    if wants_session or choices["session anyway"] or choices["verb"] in ("GET", "DELETE"):
        found["mcp-session-id"] = _plain(choices["session"], "latest")
    if choices["era"] == "modern":
        found["mcp-method"] = _repeated(choices["method header"], method)
        name = params.get(NAMES.get(method, "name"))
        if method in NAMES and (isinstance(name, str) or choices["name header"] == "other"):
            said = name if isinstance(name, str) else "x"
            found["mcp-name"] = _repeated(choices["name header"], said)
        arguments = params.get("arguments")
        arguments = arguments if isinstance(arguments, dict) else {}
        for header, argument in REGIONS.items():
            there = arguments.get(argument)
            if there is not None and not isinstance(there, list):
                found[header] = _repeated(choices["param headers"], _shown(there))
            elif choices["param headers"] == "extra":
                found[header] = ("north",)
    return {name: values for name, values in found.items() if values}


def _plain(choice: str, second: str) -> tuple[str, ...]:
    if choice == "absent":
        return ()
    if choice == "twice":
        return (second, second)
    return (f"  {second} ",) if choice == "padded" else (choice,)


def _version(choices: Choices, params: Mapping[str, Any]) -> tuple[str, ...]:
    choice = choices["version header"]
    meta = params.get("_meta")
    said = meta.get(META + "protocolVersion") if isinstance(meta, dict) else None
    same = said if isinstance(said, str) else MODERN
    if choices["era"] == "legacy":
        same = LEGACY[choices["which"] % 4]
        if choice == "same" and choices["method"] == "initialize":
            return ()
    if choice == "mixed":
        return (same, "2025-06-18")
    if choice == "base64":
        return (_as_base64(same),)
    return _plain(same if choice == "same" else choice, same)


def _repeated(choice: str, value: str) -> tuple[str, ...]:
    # A header holds neither spaces at its ends nor letters beyond ASCII.
    needs_base64 = value != value.strip() or not value.isascii()
    if choice == "base64" or (choice in ("same", "padded", "extra") and needs_base64):
        return (_as_base64(value),)
    return {
        "same": (value,),
        "extra": (value,),
        "padded": (f" {value}  ",),
        "absent": (),
        "other": ("other",),
        "twice": (value, value),
        "case": (value.swapcase(),),
        "bad base64": (_as_base64(value)[:-3] + "!?=",),
        "open base64": (f"=?base64?{value}",),
    }[choice]


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value}.0" if isinstance(value, int) and value > 0 else str(value)


def _as_base64(text: str) -> str:
    return f"=?base64?{b64encode(text.encode()).decode()}?="
