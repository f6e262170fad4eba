"""Whatever arrives, the answer is well formed, and it is the one that the ladder says."""

import json
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.connection import Connection
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import LostStream, OpenStream, ResumedStream
from mnemo.mcp.streamable import Endpoint
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    EchoTool,
    FakeSessions,
    done,
    failing_tools,
    initialize_message,
    make_server,
    meta,
)

unhurried = settings(deadline=None)

STATUSES = {200, 202, 400, 404, 405, 406, 415, 503}

# The text of the library's own documents has no halves of surrogate pairs; a client's may.
texts = st.text(st.characters(), max_size=12)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
ids = st.integers() | texts

methods = st.sampled_from(
    [
        "initialize",
        "ping",
        "tools/list",
        "tools/call",
        "server/discover",
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/roots/list_changed",
        "subscriptions/listen",
        "resources/read",
        "no/such/method",
    ]
)
params: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "_meta": st.just(meta()) | st.just(meta(protocolVersion="2099-01-01")) | documents,
        "name": st.sampled_from(["echo", "broken", "refusing", "sampling", "nobody"]) | documents,
        "arguments": st.just({"text": "hi"}) | documents,
        "cursor": documents,
        "protocolVersion": st.just(LATEST_LEGACY) | documents,
        "capabilities": st.just({"roots": {}}) | documents,
        "clientInfo": st.just({"name": "a", "version": "1"}) | documents,
    },
)
messages = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | documents,
        "id": ids | documents,
        "method": methods | documents,
        "params": params | documents,
        "result": documents,
        "error": documents,
    },
)
bodies = (
    st.binary(max_size=64)
    | (documents | messages | st.lists(messages, max_size=2)).map(lambda value: dumps(value))
    | st.tuples(messages, st.integers(0, 200)).map(lambda cut: dumps(cut[0])[: cut[1]])
)


JSON = {"content-type": ("application/json",)}


def dumps(value: Any) -> bytes:
    """JSON as JavaScript writes it, which writes halves of surrogate pairs as escapes."""
    return json.dumps(value).encode()


values = st.sampled_from(
    [
        "",
        "*/*",
        "application/json",
        "text/event-stream",
        MODERN,
        LATEST_LEGACY,
        "2099-01-01",
        "tools/list",
        "tools/call",
        "echo",
        "session-1",
        "=?base64?ZWNobw==?=",
        "=?base64?!?=",
    ]
) | st.text(st.characters(codec="latin-1"), max_size=8)
odd_headers = st.dictionaries(
    st.sampled_from(
        [
            "accept",
            "content-type",
            "mcp-protocol-version",
            "mcp-method",
            "mcp-name",
            "mcp-session-id",
            "x-mnemo-project",
        ]
    ),
    st.lists(values, min_size=1, max_size=2).map(tuple),
)
headers = odd_headers | odd_headers.map(
    lambda odd: {"accept": ("*/*",), "mcp-session-id": ("session-1",), **odd, **JSON}
)


class House:
    """An endpoint with one session, C{session-1}."""

    def __init__(self) -> None:
        self.sessions = FakeSessions()
        self.defects: list[BaseException] = []
        self.server = make_server(
            self.sessions, [EchoTool(), *failing_tools()], defects=self.defects
        )
        self.endpoint = Endpoint(self.server)
        done(self.endpoint.post(Exchange("POST", JSON, dumps(initialize_message()))))


class WellFormedTests(SynchronousTestCase):
    def assertWellFormed(self, answer: bytes, body: bytes) -> Any:
        """An answer to C{body}: a JSON-RPC result or error that echoes the id, or none."""
        told = json.loads(answer)
        self.assertEqual(told["jsonrpc"], "2.0")
        self.assertEqual(
            set(told) - {"jsonrpc", "id"}, {"result"} if "result" in told else {"error"}
        )
        if "error" in told:
            self.assertIs(type(told["error"]["code"]), int)
            self.assertIs(type(told["error"]["message"]), str)
            self.assertLess(len(told["error"]["message"]), 1000)
        for word in (b"Traceback", b'File \\"', b"secret", b"mnemo/mcp"):
            self.assertNotIn(word, answer)
        if told["id"] is not None:
            sent = json.loads(body)["id"]
            self.assertEqual((type(told["id"]), told["id"]), (type(sent), sent))
        else:
            self.assertIn("error", told)
        return told

    def assertOnlyPlanted(self, defects: list[BaseException]) -> None:
        """Nothing but the tool that is meant to has a defect."""
        self.assertEqual(
            [defect for defect in defects if type(defect) is not ZeroDivisionError], []
        )

    @unhurried
    @given(headers, bodies)
    @example({}, b"")
    def test_any_post_is_answered(
        self, given_headers: dict[str, tuple[str, ...]], body: bytes
    ) -> None:
        house = House()
        reply = done(house.endpoint.post(Exchange("POST", given_headers, body)))
        self.assertIn(reply.status, STATUSES)
        if reply.status == 202:
            self.assertEqual(reply.body, b"")
        else:
            self.assertWellFormed(reply.body, body)
        self.assertOnlyPlanted(house.defects)

    @unhurried
    @given(headers)
    def test_any_get_and_delete_is_answered(
        self, given_headers: dict[str, tuple[str, ...]]
    ) -> None:
        house = House()
        for answer in (house.endpoint.get, house.endpoint.delete):
            reply = done(answer(Exchange("GET", given_headers)))
            if isinstance(reply, OpenStream | ResumedStream | LostStream):
                self.assertEqual(list(house.sessions.live), ["session-1"])
            elif reply.body:
                self.assertIn(reply.status, STATUSES)
                self.assertWellFormed(reply.body, b'{"id":null}')
        self.assertOnlyPlanted(house.defects)

    @unhurried
    @given(st.lists(bodies, max_size=5))
    @example([b'{"jsonrpc":"2.0","id":"\\ud800","method":"x"}'])
    def test_any_lines_are_answered(self, lines: list[bytes]) -> None:
        house = House()
        sent: list[bytes] = []
        connection = Connection(house.server, sent.append)
        for line in lines:
            answer = done(connection.receive(line))
            if answer is not None:
                self.assertNotIn(b"\n", answer)
                self.assertWellFormed(answer, line)
            else:
                self.assertFalse(wants_answer(line), line)
        for question in sent:
            self.assertEqual(json.loads(question)["method"], "roots/list")
        done(connection.close())
        self.assertOnlyPlanted(house.defects)

    @unhurried
    @given(ids, st.sampled_from(["tools/list", "ping", "no/such/method", "tools/call"]))
    def test_every_id_that_can_be_read_is_echoed(self, id: int | str, method: str) -> None:
        house = House()
        modern = {"jsonrpc": "2.0", "id": id, "method": method, "params": {"_meta": meta()}}
        legacy = {"jsonrpc": "2.0", "id": id, "method": method}
        for message, more in (
            (modern, {"mcp-protocol-version": (MODERN,), "mcp-method": (method,)}),
            (legacy, {"mcp-session-id": ("session-1",)}),
            (legacy, {"mcp-session-id": ("gone",)}),
            (legacy, {}),
        ):
            body = dumps(message)
            reply = done(house.endpoint.post(Exchange("POST", {**JSON, **more}, body)))
            echoed = self.assertWellFormed(reply.body, body)["id"]
            self.assertEqual((type(echoed), echoed), (type(id), id))


def wants_answer(line: bytes) -> bool:
    """Whether a line is anything but blank, a notification or a response."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return bool(line.strip())
    if not isinstance(value, dict) or value.get("jsonrpc") != "2.0":
        return True
    given_id = value.get("id")
    if "method" in value:
        return "id" in value or type(value["method"]) is not str
    return "error" not in value and (given_id is None or "result" not in value)


# -- the ladders, as a model: what is wrong with a request, in the order in which it counts

GOOD_PARAMS = {"name": "echo", "arguments": {"text": "hi"}}

METHOD_ANSWERS = {
    "tools/list": (200, None),
    "server/discover": (200, None),
    "tools/call": (200, None),
    "ping": (404, -32601),
    "initialize": (404, -32601),
    "resources/list": (404, -32601),
}

CALL_ANSWERS = {
    "echo": (200, None),
    "refusing": (200, None),
    "nobody": (400, -32602),
    "sampling": (400, -32021),
    "broken": (200, -32603),
}


class LadderTests(SynchronousTestCase):
    def assertAnswered(self, reply: Reply, status: int, code: int | None, id: object) -> None:
        told = json.loads(reply.body)
        actual = told["error"]["code"] if "error" in told else None
        self.assertEqual((reply.status, actual, told["id"]), (status, code, id), told)

    @unhurried
    @given(
        content_type=st.sampled_from(["application/json", "text/plain"]),
        accept=st.sampled_from(["*/*", "application/json", "text/html"]),
        id=st.sampled_from([0, "0", "listen:0", None, 1.5]),
        metadata=st.sampled_from(["good", "good", "good", "absent", "lacking"]),
        version=st.sampled_from([MODERN, MODERN, "2099-01-01"]),
        version_header=st.sampled_from(["same", "same", "same", "other", "twice"]),
        method=st.sampled_from(sorted(METHOD_ANSWERS)),
        method_header=st.sampled_from(["same", "same", "same", "absent", "other"]),
        tool=st.sampled_from(sorted(CALL_ANSWERS)),
        name_header=st.sampled_from(["same", "same", "absent", "other"]),
    )
    def test_a_modern_request_gets_the_answer_of_the_first_rung_that_fails(
        self,
        content_type: str,
        accept: str,
        id: Any,
        metadata: str,
        version: str,
        version_header: str,
        method: str,
        method_header: str,
        tool: str,
        name_header: str,
    ) -> None:
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method, "params": {}}
        if metadata == "good":
            message["params"]["_meta"] = meta(protocolVersion=version)
        elif metadata == "lacking":
            message["params"]["_meta"] = meta(protocolVersion=version, clientCapabilities=None)
        versions = {"same": (version,), "other": ("2098-01-01",), "twice": (version, version)}
        sent = {
            "content-type": (content_type,),
            "accept": (accept,),
            "mcp-protocol-version": versions[version_header],
        }
        if method_header != "absent":
            sent["mcp-method"] = (method if method_header == "same" else "x",)
        if method == "tools/call":
            message["params"].update(name=tool)
            if name_header != "absent":
                sent["mcp-name"] = (tool if name_header == "same" else "x",)
        reply = done(House().endpoint.post(Exchange("POST", sent, dumps(message))))

        expected: tuple[int, int | None, object]
        named_well = method != "tools/call" or name_header == "same"
        if content_type != "application/json":
            expected = 415, -32600, None
        elif accept == "text/html":
            expected = 406, -32600, None
        elif id is None or id == 1.5:
            expected = 400, -32600, None
        elif metadata != "good":
            expected = 400, -32602, id
        elif version_header != "same" or method_header != "same" or not named_well:
            expected = 400, -32020, id
        elif version != MODERN:
            expected = 400, -32022, id
        elif method == "tools/call":
            expected = *CALL_ANSWERS[tool], id
        else:
            expected = *METHOD_ANSWERS[method], id
        self.assertAnswered(reply, *expected)

    @unhurried
    @given(
        content_type=st.sampled_from(["application/json", "text/plain"]),
        accept=st.sampled_from([None, "application/json", "text/html"]),
        id=st.sampled_from([0, "0", None, True]),
        session=st.sampled_from(["session-1", "session-1", "gone", None]),
        version=st.sampled_from([None, "2024-11-05", "2025-06-18", LATEST_LEGACY]),
        method=st.sampled_from(["ping", "tools/list", "server/discover", "initialize"]),
        valid=st.booleans(),
        hint=st.sampled_from([None, "/a", "/b"]),
    )
    def test_a_legacy_request_gets_the_answer_of_the_first_rung_that_fails(
        self,
        content_type: str,
        accept: str | None,
        id: Any,
        session: str | None,
        version: str | None,
        method: str,
        valid: bool,
        hint: str | None,
    ) -> None:
        if method == "initialize":
            client = {"name": "tester", "version": "9"} if valid else None
            message = initialize_message(id, clientInfo=client)
        else:
            message = {"jsonrpc": "2.0", "id": id, "method": method}
        optional = {
            "accept": accept,
            "mcp-session-id": session,
            "mcp-protocol-version": version,
            "x-mnemo-project": hint,
        }
        sent = {"content-type": (content_type,)}
        sent |= {name: (value,) for name, value in optional.items() if value is not None}
        house = House()
        reply = done(house.endpoint.post(Exchange("POST", sent, dumps(message))))

        expected: tuple[int, int | None, object]
        if content_type != "application/json":
            expected = 415, -32600, None
        elif accept == "text/html":
            expected = 406, -32600, None
        elif id is None or id is True:
            expected = 400, -32600, None
        elif session == "gone":
            expected = 404, -32600, id
        elif session is None and method != "initialize":
            expected = 400, -32600, id
        elif method == "server/discover":
            expected = 200, -32601, id
        elif method == "initialize" and not valid:
            expected = 200, -32602, id
        else:
            expected = 200, None, id
        self.assertAnswered(reply, *expected)
        opened = method == "initialize" and expected[:2] == (200, None)
        self.assertEqual(house.sessions.made, 2 if opened else 1)
        self.assertEqual("Mcp-Session-Id" in dict(reply.headers), opened)
        if expected[0] == 200 and expected[1] is None and hint is not None:
            session_row = list(house.sessions.live.values())[-1]
            self.assertEqual(session_row.project, hint[1:])
