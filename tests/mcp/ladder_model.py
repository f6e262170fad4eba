"""
What an HTTP request of either era is to be answered, said naively.

One C{if} after the other, in the order in which the protocol counts what is wrong: the first
that holds decides. Written from the specification and independent of the code it is held
against, down to reading the body with the standard library.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from tests.mcp.ladder_reading import accepted, decoded, only, read, repeats

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"
META = "io.modelcontextprotocol/"
LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
MOST_IN_A_BATCH = 1000

LISTINGS = ("tools/list", "prompts/list", "resources/list", "resources/templates/list")
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
NAMES |= {"tasks/get": "taskId", "tasks/update": "taskId", "tasks/cancel": "taskId"}
ASKABLE = ("tools/call", "prompts/get", "resources/read")
IN_A_SESSION = (*ASKABLE, "resources/list", "completion/complete")

SESSIONS = {
    "latest": ("local", "2025-11-25"),
    "batching": ("local", "2025-03-26"),
    "oldest": ("local", "2024-11-05"),
    "foreign": ("somebody", "2025-11-25"),
}
"""The live sessions: whose they are, and the version agreed on."""

REGIONS = {"mcp-param-region": "region", "mcp-param-count": "count", "mcp-param-flag": "flag"}
"""Headers that must repeat arguments of the tool C{regional}."""

RUNGS = [
    "verb",
    "era",
    "type",
    "accept",
    "json",
    "message",
    "notification",
    "notification version",
    "response",
    "batch",
    "metadata",
    "headers",
    "version",
    "param headers",
    "method",
    "params",
    "capability",
    "defect",
    "tool failure",
    "full",
    "busy",
    "silent listener",
    "listening",
    "served",
    "no session",
    "dead session",
    "legacy batch",
    "batch too long",
    "batch answered",
    "batch taken",
    "opening",
    "opened",
    "legacy full",
    "legacy method",
    "legacy params",
    "legacy resource",
    "legacy defect",
    "legacy busy",
    "legacy tool failure",
    "legacy served",
    "taken",
    "stream accept",
    "stream",
    "ended",
]
"""All that a verdict may be for."""


@frozen
class Asked:
    """
    A request, and the state of the house: C{"open"}, C{"full"} of sessions, or C{"busy"}.
    """

    verb: str
    headers: Mapping[str, tuple[str, ...]]
    body: bytes
    principal: str = "local"
    house: str = "open"


@frozen
class Verdict:
    """
    The answer.

    @ivar rung: what decided
    @ivar code: of the error; C{None} for none; of a batch, one for each answer
    @ivar id: which the answer echoes
    @ivar allow: the verbs that a 405 names
    """

    rung: str
    status: int
    code: Any = None
    id: Any = None
    allow: str = ""


def verdict(asked: Asked) -> Verdict:
    """What this is to be answered."""
    headers = asked.headers
    said = headers.get("mcp-protocol-version")
    modern = said is not None and not all(value.strip() in LEGACY for value in said)
    if asked.verb not in ("POST", "GET", "DELETE"):
        allow = "POST" if modern else "GET, POST, DELETE"
        return Verdict("verb", 405, -32600, allow=allow)
    if asked.verb != "POST" and modern:
        return Verdict("era", 405, -32600, allow="POST")
    if asked.verb == "GET":
        if "text/event-stream" not in accepted(headers):
            return Verdict("stream accept", 406, -32600)
        return without_session(asked, None) or Verdict("stream", 200)
    if asked.verb == "DELETE":
        return without_session(asked, None) or Verdict("ended", 200)
    types = headers.get("content-type", ())
    if len(types) != 1 or types[0].split(";")[0].strip().lower() != "application/json":
        return Verdict("type", 415, -32600)
    if "application/json" not in accepted(headers):
        return Verdict("accept", 406, -32600)
    try:
        value = read(asked.body)
    except ValueError:
        return Verdict("json", 400, -32700)
    if isinstance(value, list):
        return Verdict("batch", 400, -32600) if modern else batch(asked, value)
    wrong = malformed(value)
    if wrong is not None:
        return wrong
    params = value.get("params") or {}
    if "method" not in value:
        if modern:
            return Verdict("response", 400, -32600)
        return without_session(asked, None) or Verdict("taken", 202)
    if "id" not in value:
        if not modern:
            return without_session(asked, None) or Verdict("taken", 202)
        if said is not None and len(said) != 1:
            return Verdict("headers", 400, -32020)
        if said is not None and said[0].strip() != MODERN:
            return Verdict("notification version", 400, -32022)
        return Verdict("notification", 202)
    meta = params.get("_meta")
    claims = isinstance(meta, dict) and META + "protocolVersion" in meta
    if modern or claims:
        return modern_request(asked, value["method"], params, value["id"])
    return legacy_request(asked, value["method"], params, value["id"])


# -- the modern ladder, from metadata on


def modern_request(asked: Asked, method: str, params: Mapping[str, Any], id: Any) -> Verdict:
    headers, meta = asked.headers, params.get("_meta")
    if not isinstance(meta, dict):
        return Verdict("metadata", 400, -32602, id)
    version = meta.get(META + "protocolVersion")
    if not isinstance(version, str):
        return Verdict("metadata", 400, -32602, id)
    if not isinstance(meta.get(META + "clientCapabilities"), dict):
        return Verdict("metadata", 400, -32602, id)
    if not isinstance(meta.get(META + "clientInfo", {}), dict):
        return Verdict("metadata", 400, -32602, id)
    if META + "logLevel" in meta and meta[META + "logLevel"] not in LEVELS:
        return Verdict("metadata", 400, -32602, id)
    if only(headers, "mcp-protocol-version") != version:
        return Verdict("headers", 400, -32020, id)
    if only(headers, "mcp-method") != method:
        return Verdict("headers", 400, -32020, id)
    if method in NAMES:
        name = params.get(NAMES[method])
        if isinstance(name, str) and decoded(only(headers, "mcp-name")) != name:
            return Verdict("headers", 400, -32020, id)
        if not isinstance(name, str) and "mcp-name" in headers:
            return Verdict("headers", 400, -32020, id)
    if version != MODERN:
        return Verdict("version", 400, -32022, id)
    if method == "tools/call" and params.get("name") == "regional":
        arguments = {} if params.get("arguments") is None else params["arguments"]
        if isinstance(arguments, dict) and not all(
            repeats(headers, header, arguments.get(name)) for header, name in REGIONS.items()
        ):
            return Verdict("param headers", 400, -32020, id)
    if method not in (*LISTINGS, *IN_A_SESSION, "server/discover", "subscriptions/listen"):
        return Verdict("method", 404, -32601, id)
    if not fits(method, params):
        return Verdict("params", 400, -32602, id)
    if method in ASKABLE and params.get("requestState") is not None:
        return Verdict("params", 400, -32602, id)
    if method == "subscriptions/listen":
        if "text/event-stream" not in accepted(headers):
            return Verdict("silent listener", 406, -32600, id)
        return Verdict("listening", 200, None, id)
    if method in IN_A_SESSION and asked.house == "full":
        return Verdict("full", 503, -32603, id)
    if method in IN_A_SESSION and asked.house == "busy":
        if method == "tools/call":
            return Verdict("tool failure", 200, None, id)
        return Verdict("busy", 503, -32603, id)
    if method == "resources/read" and params["uri"] != "test://there":
        return Verdict("params", 400, -32602, id)
    if method == "tools/call" and params["name"] == "sampling":
        return Verdict("capability", 400, -32021, id)
    if method == "tools/call" and params["name"] == "broken":
        return Verdict("defect", 200, -32603, id)
    if method == "tools/call" and params["name"] == "refusing":
        return Verdict("tool failure", 200, None, id)
    return Verdict("served", 200, None, id)


# -- the legacy ladder


def without_session(asked: Asked, id: Any) -> Verdict | None:
    """Why there is no session for this, if there is none."""
    given = asked.headers.get("mcp-session-id", ())
    if len(given) != 1:
        return Verdict("no session", 400, -32600, id)
    owner, _ = SESSIONS.get(given[0].strip(), (None, ""))
    if owner != asked.principal:
        return Verdict("dead session", 404, -32600, id)
    return None


def legacy_request(asked: Asked, method: str, params: Mapping[str, Any], id: Any) -> Verdict:
    if method == "initialize":
        if "mcp-session-id" in asked.headers:
            wrong = without_session(asked, id)
            if wrong is not None:
                return wrong
        client = params.get("clientInfo")
        if not isinstance(params.get("protocolVersion"), str):
            return Verdict("opening", 200, -32602, id)
        if not isinstance(params.get("capabilities"), dict):
            return Verdict("opening", 200, -32602, id)
        if not isinstance(client, dict):
            return Verdict("opening", 200, -32602, id)
        if not isinstance(client.get("name"), str) or not isinstance(client.get("version"), str):
            return Verdict("opening", 200, -32602, id)
        if asked.house == "full":
            return Verdict("legacy full", 503, -32603, id)
        return Verdict("opened", 200, None, id)
    wrong = without_session(asked, id)
    if wrong is not None:
        return wrong
    version = SESSIONS[asked.headers["mcp-session-id"][0].strip()][1]
    return in_session(asked.house, version, method, params, id)


def in_session(
    house: str, version: str, method: str, params: Mapping[str, Any], id: Any
) -> Verdict:
    if method == "ping":
        return Verdict("legacy served", 200, None, id)
    if method == "logging/setLevel":
        if params.get("level") not in LEVELS:
            return Verdict("legacy params", 200, -32602, id)
        return Verdict("legacy served", 200, None, id)
    if method in ("resources/subscribe", "resources/unsubscribe"):
        if not isinstance(params.get("uri"), str) or params["uri"] == "":
            return Verdict("legacy params", 200, -32602, id)
        return Verdict("legacy served", 200, None, id)
    if method not in (*LISTINGS, *IN_A_SESSION):
        return Verdict("legacy method", 200, -32601, id)
    if method == "completion/complete" and version == "2024-11-05":
        return Verdict("legacy method", 200, -32601, id)
    if not fits(method, params):
        return Verdict("legacy params", 200, -32602, id)
    if method in IN_A_SESSION and house == "busy":
        if method == "tools/call":
            return Verdict("legacy tool failure", 200, None, id)
        return Verdict("legacy busy", 200, -32603, id)
    if method == "resources/read" and params["uri"] != "test://there":
        return Verdict("legacy resource", 200, -32002, id)
    if method == "tools/call" and params["name"] == "broken":
        return Verdict("legacy defect", 200, -32603, id)
    if method == "tools/call" and params["name"] in ("refusing", "sampling"):
        return Verdict("legacy tool failure", 200, None, id)
    return Verdict("legacy served", 200, None, id)


def batch(asked: Asked, values: list[Any]) -> Verdict:
    wrong = without_session(asked, None)
    if wrong is not None:
        return wrong
    version = SESSIONS[asked.headers["mcp-session-id"][0].strip()][1]
    if version != "2025-03-26":
        return Verdict("legacy batch", 400, -32600)
    if not values:
        return Verdict("legacy batch", 400, -32600)
    if len(values) > MOST_IN_A_BATCH:
        return Verdict("batch too long", 400, -32600)
    answers: list[Verdict] = []
    for value in values:
        broken = malformed(value)
        if broken is not None:
            answers.append(broken)
        elif "method" in value and "id" in value:
            if value["method"] == "initialize":
                return Verdict("legacy batch", 400, -32600)
            params = value.get("params") or {}
            told = in_session(asked.house, version, value["method"], params, value["id"])
            answers.append(told)
    if not answers:
        return Verdict("batch taken", 202)
    codes, ids = tuple(each.code for each in answers), tuple(each.id for each in answers)
    return Verdict("batch answered", 200, codes, ids)


# -- what both have


def malformed(value: Any) -> Verdict | None:
    """Why this is no message of JSON-RPC, if it is none."""
    if not isinstance(value, dict):
        return Verdict("message", 400, -32600)
    if value.get("jsonrpc") != "2.0":
        return Verdict("message", 400, -32600)
    given = value.get("id")
    if "method" not in value and "error" in value and given is None:
        return None
    if "id" in value and (isinstance(given, bool) or not isinstance(given, int | str)):
        return Verdict("message", 400, -32600)
    if "method" not in value:
        if "id" in value and ("result" in value or "error" in value):
            return None
        return Verdict("message", 400, -32600, given)
    if not isinstance(value["method"], str):
        return Verdict("message", 400, -32600, given)
    if not isinstance(value.get("params"), dict | None):
        return Verdict("message", 400, -32602, given)
    return None


def fits(method: str, params: Mapping[str, Any]) -> bool:
    """Whether params are what the method takes, as far as they alone can tell."""
    if method in LISTINGS:
        return params.get("cursor") is None or params["cursor"] == ""
    arguments = {} if params.get("arguments") is None else params["arguments"]
    if method == "tools/call":
        known = ("echo", "refusing", "broken", "sampling", "regional")
        return params.get("name") in known and isinstance(arguments, dict)
    if method == "prompts/get":
        return params.get("name") == "greet" and arguments == {"name": "Ada"}
    if method == "resources/read":
        return isinstance(params.get("uri"), str) and params["uri"] != ""
    if method == "completion/complete":
        ref = params.get("ref")
        return ref == {"type": "ref/prompt", "name": "greet"} and params.get("argument") == {
            "name": "name",
            "value": "A",
        }
    if method == "subscriptions/listen":
        notifications = params.get("notifications")
        return isinstance(notifications, dict) and isinstance(
            notifications.get("toolsListChanged", False), bool
        )
    return True
