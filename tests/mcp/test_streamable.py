"""The endpoint: which status and which error each HTTP request gets, in both eras."""

import gc
from typing import Any
from weakref import ref

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import AnyStream, OpenStream
from mnemo.mcp.streamable import Endpoint
from mnemo.tools.interfaces import ITool
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    Client,
    EchoTool,
    FakeSessions,
    Resolver,
    WaitingTool,
    done,
    exchange,
    failing_tools,
    initialize_message,
    json,
    legacy_message,
    make_server,
    meta,
    modern_exchange,
    modern_message,
    of_principal,
)


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.resolver = Resolver()
        self.defects: list[BaseException] = []
        self.echo, self.wait = EchoTool(), WaitingTool()
        offered: list[ITool] = [self.echo, self.wait, *failing_tools()]
        self.endpoint = Endpoint(make_server(self.sessions, offered, self.resolver, self.defects))

    def post(self, asked: Exchange) -> Reply:
        return done(self.endpoint.post(asked))

    def assertAnswer(
        self, reply: Reply | AnyStream, status: int, code: int | None, id: object
    ) -> None:
        """The status, the error's code (L{None} for a result) and the id."""
        assert isinstance(reply, Reply)
        self.assertEqual(reply.status, status, reply.body)
        self.assertIn(("Content-Type", "application/json"), reply.headers)
        body = json(reply)
        self.assertEqual(body["jsonrpc"], "2.0")
        self.assertEqual((type(body["id"]), body["id"]), (type(id), id))
        if code is None:
            self.assertIn("result", body)
        else:
            self.assertEqual(body["error"]["code"], code, body)
            self.assertTrue(body["error"]["message"])

    def assertEmpty(self, reply: Reply, status: int) -> None:
        self.assertEqual((reply.status, reply.body), (status, b""))


LISTING = modern_message("tools/list")
CALL = modern_message("tools/call", name="echo", arguments={"text": "hi"})


class ModernLadderTests(EndpointTests):
    """The rungs in their order: the first that fails is the answer."""

    def refused(self, status: int, code: int, asked: Exchange, id: object = 1) -> Any:
        reply = self.post(asked)
        self.assertAnswer(reply, status, code, id)
        self.assertEqual((self.sessions.made, self.defects), (0, []))
        return json(reply)["error"]

    def test_only_post_is_allowed(self) -> None:
        for method, answer in (("GET", self.endpoint.get), ("DELETE", self.endpoint.delete)):
            reply = done(answer(exchange(method=method, mcp_protocol_version=MODERN)))
            assert isinstance(reply, Reply)
            self.assertAnswer(reply, 405, -32600, None)
            self.assertIn(("Allow", "POST"), reply.headers)
        reply = self.endpoint.refuse(exchange(method="PUT", mcp_protocol_version=MODERN))
        self.assertAnswer(reply, 405, -32600, None)
        self.assertIn(("Allow", "POST"), reply.headers)

    def test_the_body_must_be_declared_as_json(self) -> None:
        for content_type in (None, "text/plain", "application/xml"):
            asked = modern_exchange(LISTING, content_type=content_type)
            self.refused(415, -32600, asked, id=None)

    def test_the_client_must_take_json(self) -> None:
        for accept in ("text/event-stream", "text/html", "application/json;q=0"):
            self.refused(406, -32600, modern_exchange(LISTING, accept=accept), id=None)

    def test_an_odd_accept_header_is_no_reason_to_refuse(self) -> None:
        for accept in (None, "", "*/*", "application/json", "application/json, application/x"):
            self.assertAnswer(self.post(modern_exchange(LISTING, accept=accept)), 200, None, 1)

    def test_invalid_json(self) -> None:
        for body in (b"", b"{", b"\xff", b"NaN"):
            asked = exchange(body, mcp_protocol_version=MODERN, mcp_method="tools/list")
            self.refused(400, -32700, asked, id=None)

    def test_what_is_no_request(self) -> None:
        for body in (
            [],
            [LISTING],
            {**LISTING, "id": None},
            {**LISTING, "id": 1.5},
            {**LISTING, "id": True},
            {**LISTING, "jsonrpc": "1.0"},
            {"id": 1, "method": "tools/list"},
            {"jsonrpc": "2.0", "id": 1, "result": {}},
        ):
            asked = exchange(body, mcp_protocol_version=MODERN, mcp_method="tools/list")
            self.refused(400, -32600, asked, id=None)

    def test_a_notification_is_accepted_and_dropped(self) -> None:
        for method in ("notifications/cancelled", "notifications/initialized", "whatever"):
            notification = {"jsonrpc": "2.0", "method": method}
            asked = exchange(notification, mcp_protocol_version=MODERN, mcp_method=method)
            self.assertEmpty(self.post(asked), 202)

    def test_a_notification_of_an_unsupported_version_is_refused(self) -> None:
        notification = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        for version in ("2099-01-01", ""):
            asked = exchange(notification, mcp_protocol_version=version)
            self.refused(400, -32022, asked, id=None)

    def test_metadata_must_be_there(self) -> None:
        capabilities = "io.modelcontextprotocol/clientCapabilities"
        absences: list[Any] = [
            None,
            {},
            "text",
            [],
            meta(protocolVersion=None),
            meta(clientCapabilities=None),
            meta(protocolVersion=20260728),
            {**meta(), capabilities: None},
            {**meta(), capabilities: []},
            meta(clientInfo="tester"),
            meta(logLevel="loud"),
            meta(logLevel=["debug"]),
            {**meta(), "mnemo/session": ""},
            {**meta(), "mnemo/session": "a b"},
            {**meta(), "mnemo/session": "é"},
            {**meta(), "mnemo/session": "x" * 129},
            {**meta(), "mnemo/session": 5},
        ]
        for given in absences:
            asked = modern_exchange(modern_message("tools/list", _meta=given))
            self.refused(400, -32602, asked)
        self.refused(400, -32602, modern_exchange(legacy_message("tools/list")))
        self.refused(400, -32602, modern_exchange({**LISTING, "params": []}))

    def test_metadata_comes_before_the_headers_and_the_version(self) -> None:
        broken = modern_message("tools/list", _meta=meta(clientCapabilities=None))
        self.refused(400, -32602, modern_exchange(broken, mcp_method="tools/call"))
        self.refused(400, -32602, modern_exchange(broken, mcp_protocol_version="2099-01-01"))

    def test_what_metadata_may_leave_out(self) -> None:
        for given in (meta(clientInfo=None), meta(clientInfo={}), meta(logLevel="debug")):
            asked = modern_exchange(modern_message("tools/list", _meta=given))
            self.assertAnswer(self.post(asked), 200, None, 1)

    def test_headers_must_repeat_the_body(self) -> None:
        for message, changes in (
            (LISTING, {"mcp_method": None}),
            (LISTING, {"mcp_method": "tools/call"}),
            (LISTING, {"mcp_method": ("tools/list", "tools/list")}),
            (LISTING, {"mcp_protocol_version": None}),
            (LISTING, {"mcp_protocol_version": "2025-11-25"}),
            (LISTING, {"mcp_protocol_version": "2099-01-01"}),
            (LISTING, {"mcp_protocol_version": (MODERN, MODERN)}),
            (CALL, {"mcp_name": None}),
            (CALL, {"mcp_name": "other"}),
            (CALL, {"mcp_name": ("echo", "echo")}),
            (CALL, {"mcp_name": "=?base64?!?="}),
        ):
            self.refused(400, -32020, modern_exchange(message, **changes))

    def test_headers_come_before_the_version(self) -> None:
        future = modern_message("tools/list", _meta=meta(protocolVersion="2099-01-01"))
        asked = modern_exchange(future, mcp_protocol_version="2099-01-01", mcp_method="x")
        self.refused(400, -32020, asked)

    def test_an_unsupported_version_is_told_the_supported_ones(self) -> None:
        for version in ("2099-01-01", "2025-11-25", "DRAFT-2026-v1"):
            for method in ("tools/list", "no/such/method"):
                message = modern_message(method, _meta=meta(protocolVersion=version))
                asked = modern_exchange(message, mcp_protocol_version=version)
                problem = self.refused(400, -32022, asked)
                self.assertEqual(problem["data"], {"supported": [MODERN], "requested": version})

    def test_methods_that_are_unknown_removed_or_not_declared(self) -> None:
        for method in (
            "initialize",
            "ping",
            "logging/setLevel",
            "resources/subscribe",
            "resources/unsubscribe",
            "resources/list",
            "prompts/list",
            "completion/complete",
            "subscriptions/listen",
            "tasks/get",
            "no/such/method",
            "",
        ):
            message = modern_message(method)
            self.refused(404, -32601, modern_exchange(message))

    def test_params_that_do_not_fit(self) -> None:
        for params in (
            {"name": "nobody"},
            {"name": "echo", "arguments": []},
            {"name": "echo", "arguments": "text"},
            {},
        ):
            self.refused(400, -32602, modern_exchange(modern_message("tools/call", **params)))
        self.refused(400, -32602, modern_exchange(modern_message("tools/list", cursor="x")))

    def test_a_capability_that_the_client_lacks(self) -> None:
        reply = self.post(modern_exchange(modern_message("tools/call", name="sampling")))
        self.assertAnswer(reply, 400, -32021, 1)
        self.assertEqual(json(reply)["error"]["data"], {"requiredCapabilities": {"sampling": {}}})

    def test_a_defect_is_200_and_says_nothing_of_the_inside(self) -> None:
        reply = self.post(modern_exchange(modern_message("tools/call", name="broken")))
        self.assertAnswer(reply, 200, -32603, 1)
        self.assertNotIn(b"secret", reply.body)
        self.assertEqual(len(self.defects), 1)

    def test_a_failed_call_is_a_result(self) -> None:
        for message in (
            modern_message("tools/call", name="refusing"),
            modern_message("tools/call", name="echo", arguments={"text": 1}),
        ):
            reply = self.post(modern_exchange(message))
            self.assertAnswer(reply, 200, None, 1)
            self.assertTrue(json(reply)["result"]["isError"])

    def test_no_room_for_a_work_session_is_503_with_a_time_to_try_again(self) -> None:
        self.sessions.limit = 0
        reply = self.post(modern_exchange(CALL))
        self.assertAnswer(reply, 503, -32603, 1)
        self.assertIn(("Retry-After", "60"), reply.headers)
        self.assertAnswer(self.post(modern_exchange(LISTING)), 200, None, 1)


class ModernTests(EndpointTests):
    def test_discover_tells_versions_capabilities_and_instructions(self) -> None:
        result = json(self.post(modern_exchange(modern_message("server/discover"))))["result"]
        self.assertEqual(
            result,
            {
                "supportedVersions": [MODERN],
                "capabilities": {"tools": {}},
                "instructions": "Remember things.",
                "resultType": "complete",
                "ttlMs": 3_600_000,
                "cacheScope": "private",
                "_meta": {
                    "io.modelcontextprotocol/serverInfo": {"name": "mnemo", "version": "1.2.3"}
                },
            },
        )

    def test_ids_are_echoed_with_their_type(self) -> None:
        for given in (0, "0", -1, "", "listen:0", 2**70):
            for message in (modern_message("tools/list", given), modern_message("x", given)):
                self.assertEqual(json(self.post(modern_exchange(message)))["id"], given)

    def test_a_session_header_is_ignored_and_none_is_given(self) -> None:
        reply = self.post(modern_exchange(CALL, mcp_session_id="gone"))
        self.assertAnswer(reply, 200, None, 1)
        self.assertNotIn("Mcp-Session-Id", dict(reply.headers))

    def test_only_a_call_makes_a_work_session(self) -> None:
        self.post(modern_exchange(LISTING))
        self.post(modern_exchange(modern_message("server/discover")))
        self.assertEqual(self.sessions.made, 0)
        self.post(modern_exchange(CALL))
        self.post(modern_exchange(CALL))
        self.assertEqual(self.sessions.made, 1)

    def test_a_call_knows_its_session_its_project_and_the_clients_capabilities(self) -> None:
        message = modern_message(
            "tools/call", name="echo", _meta=meta(clientCapabilities={"roots": {}})
        )
        self.post(of_principal(modern_exchange(message, x_mnemo_project="/src/alpha"), "ann"))
        (context,) = self.echo.contexts
        self.assertEqual(context.capabilities, {"roots": {}})
        opening = context.session.opening
        self.assertEqual(
            (opening.version, opening.client, opening.client_version, opening.principal),
            (MODERN, "tester", "9", "ann"),
        )
        self.assertEqual((opening.project, context.session.project), ("alpha", "alpha"))

    def test_a_result_gives_the_handle_by_which_a_request_may_name_its_work_session(self) -> None:
        reply = self.post(modern_exchange(CALL))
        handle = json(reply)["result"]["_meta"]["mnemo/session"]
        another = {"clientInfo": {"name": "another", "version": "1"}}
        for given, made in (({"mnemo/session": handle}, 1), ({}, 2)):
            message = modern_message("tools/call", name="echo", _meta={**meta(**another), **given})
            self.post(modern_exchange(message))
            self.assertEqual(self.sessions.made, made)
        self.assertEqual([c.session.id for c in self.echo.contexts][:2], [handle, handle])

    def test_a_handle_may_be_any_visible_ascii(self) -> None:
        for handle in ("!", "~" * 128):
            message = modern_message(
                "tools/call", name="echo", _meta={**meta(), "mnemo/session": handle}
            )
            self.assertAnswer(self.post(modern_exchange(message)), 200, None, 1)

    def test_a_project_is_asked_about_once(self) -> None:
        for _ in range(3):
            self.post(modern_exchange(CALL, x_mnemo_project="/src/alpha"))
        self.assertEqual(self.resolver.asked, ["/src/alpha"])

    def test_a_client_that_goes_cancels_its_call(self) -> None:
        message = modern_message("tools/call", name="wait")
        call = Deferred.fromCoroutine(self.endpoint.post(modern_exchange(message)))
        (session,) = self.sessions.live.values()
        self.assertEqual(session.running, 1)
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.assertTrue(self.wait.calls[0].called)
        self.assertEqual((session.running, self.defects), (0, []))


class LegacyLadderTests(EndpointTests):
    def test_initialize_opens_a_session(self) -> None:
        for version in versions.LEGACY:
            reply = self.post(exchange(initialize_message(version=version)))
            self.assertAnswer(reply, 200, None, 0)
            self.assertIn(dict(reply.headers)["Mcp-Session-Id"], self.sessions.live)
            self.assertEqual(
                json(reply)["result"],
                {
                    "protocolVersion": version,
                    "capabilities": {"tools": {}, "logging": {}},
                    "serverInfo": {"name": "mnemo", "version": "1.2.3"},
                    "instructions": "Remember things.",
                },
            )

    def test_another_version_gets_the_latest_legacy_one(self) -> None:
        for version in ("1999-01-01", MODERN, "2099-01-01", ""):
            reply = self.post(exchange(initialize_message(version=version)))
            self.assertEqual(json(reply)["result"]["protocolVersion"], LATEST_LEGACY)

    def test_initialize_may_carry_a_legacy_version_header(self) -> None:
        asked = exchange(initialize_message(), mcp_protocol_version="2025-06-18")
        self.assertAnswer(self.post(asked), 200, None, 0)

    def test_initialize_with_a_modern_header_is_modern(self) -> None:
        asked = exchange(initialize_message(), mcp_protocol_version=MODERN)
        self.assertAnswer(self.post(asked), 400, -32602, 0)

    def test_an_initialize_that_is_not_valid_opens_nothing(self) -> None:
        changes: list[dict[str, Any]] = [
            {"protocolVersion": None},
            {"protocolVersion": 1},
            {"capabilities": None},
            {"capabilities": []},
            {"capabilities": {"experimental": {"x": "y" * 8192}}},
            {"clientInfo": None},
            {"clientInfo": {}},
            {"clientInfo": {"name": "x"}},
            {"clientInfo": {"name": 1, "version": "1"}},
        ]
        for broken in changes:
            reply = self.post(exchange(initialize_message(**broken)))
            self.assertAnswer(reply, 200, -32602, 0)
            self.assertNotIn("Mcp-Session-Id", dict(reply.headers))
        self.assertAnswer(self.post(exchange(legacy_message("initialize"))), 200, -32602, 1)
        self.assertEqual(self.sessions.made, 0)

    def test_a_full_house_is_503_with_a_time_to_try_again(self) -> None:
        self.sessions.limit = 0
        reply = self.post(exchange(initialize_message()))
        self.assertAnswer(reply, 503, -32603, 0)
        self.assertIn(("Retry-After", "60"), reply.headers)

    def test_initialize_within_a_live_session_opens_another(self) -> None:
        client = Client(self.endpoint)
        client.initialize()
        first = client.headers["mcp_session_id"]
        self.assertAnswer(client.initialize(), 200, None, 0)
        self.assertNotEqual(client.headers["mcp_session_id"], first)

    def test_without_a_session_id_everything_but_initialize_is_400(self) -> None:
        headers: list[dict[str, Any]] = [{}, {"mcp_session_id": ("a", "b")}]
        for header in headers:
            for message, expected in (
                (legacy_message("tools/list"), 1),
                (legacy_message("ping", "p"), "p"),
                (legacy_message("server/discover", 0), 0),
                ({"jsonrpc": "2.0", "method": "notifications/initialized"}, None),
                ({"jsonrpc": "2.0", "id": "r", "result": {}}, None),
            ):
                self.assertAnswer(self.post(exchange(message, **header)), 400, -32600, expected)
            for method, answer in (("GET", self.endpoint.get), ("DELETE", self.endpoint.delete)):
                self.assertAnswer(
                    done(answer(exchange(method=method, **header))), 400, -32600, None
                )

    def test_an_unknown_session_is_404(self) -> None:
        header: dict[str, Any] = {"mcp_session_id": "gone"}
        for message, expected in (
            (legacy_message("tools/list"), 1),
            (initialize_message(), 0),
            ({"jsonrpc": "2.0", "method": "notifications/initialized"}, None),
            ({"jsonrpc": "2.0", "id": "r", "result": {}}, None),
        ):
            reply = self.post(exchange(message, **header))
            self.assertAnswer(reply, 404, -32600, expected)
            self.assertEqual(json(reply)["error"]["message"], "Session not found")
        for method, answer in (("GET", self.endpoint.get), ("DELETE", self.endpoint.delete)):
            self.assertAnswer(done(answer(exchange(method=method, **header))), 404, -32600, None)

    def test_a_session_is_unknown_to_another_principal(self) -> None:
        client = Client(self.endpoint)
        client.initialize()
        asked = of_principal(client.exchange(legacy_message("ping")), "somebody")
        self.assertAnswer(self.post(asked), 404, -32600, 1)

    def test_a_work_session_is_no_session_of_the_legacy_era(self) -> None:
        handle = json(self.post(modern_exchange(CALL)))["result"]["_meta"]["mnemo/session"]
        reply = self.post(exchange(legacy_message("ping"), mcp_session_id=handle))
        self.assertAnswer(reply, 404, -32600, 1)

    def test_a_version_that_is_no_legacy_one_is_400(self) -> None:
        client = Client(self.endpoint)
        client.initialize()
        for version in ("2099-01-01", "nonsense"):
            reply = client.post(legacy_message("tools/list"), mcp_protocol_version=version)
            self.assertEqual(reply.status, 400)

    def test_a_batch_is_refused_but_where_the_version_has_it(self) -> None:
        for version in versions.LEGACY:
            client = Client(self.endpoint)
            client.initialize(version=version)
            reply = client.post([legacy_message("ping")])
            if version == "2025-03-26":
                self.assertEqual(json(reply), [{"jsonrpc": "2.0", "id": 1, "result": {}}])
            else:
                self.assertAnswer(reply, 400, -32600, None)

    def test_other_verbs_are_405(self) -> None:
        for method in ("PUT", "PATCH", "OPTIONS", "HEAD"):
            reply = self.endpoint.refuse(exchange(method=method))
            self.assertAnswer(reply, 405, -32600, None)
            self.assertIn(("Allow", "GET, POST, DELETE"), reply.headers)


class LegacyTests(EndpointTests):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(self.endpoint)
        self.client.initialize()
        (self.session,) = self.sessions.live.values()

    def test_a_request_within_a_session(self) -> None:
        post = self.client.post
        self.assertEqual(json(post(legacy_message("ping", "0")))["id"], "0")
        self.assertEqual(json(post(legacy_message("ping", 0)))["result"], {})
        self.assertEqual(len(json(post(legacy_message("tools/list")))["result"]["tools"]), 5)
        call = legacy_message("tools/call", name="echo", arguments={"text": "hi"})
        self.assertEqual(json(post(call))["result"]["content"], [{"type": "text", "text": "hi"}])
        self.assertIs(self.echo.contexts[0].session, self.session)

    def test_requests_are_served_before_the_initialized_notification(self) -> None:
        self.assertAnswer(self.client.post(legacy_message("tools/list")), 200, None, 1)

    def test_any_legacy_version_header_or_none_will_do(self) -> None:
        for version in (*versions.LEGACY, None):
            reply = self.client.post(legacy_message("ping"), mcp_protocol_version=version)
            self.assertAnswer(reply, 200, None, 1)

    def test_method_headers_do_not_make_a_request_modern(self) -> None:
        call = legacy_message("tools/call", name="echo")
        reply = self.client.post(call, mcp_method="tools/call", mcp_name="another")
        self.assertAnswer(reply, 200, None, 1)

    def test_errors_of_methods_are_200(self) -> None:
        for message, code in (
            (legacy_message("no/such/method"), -32601),
            (legacy_message("server/discover"), -32601),
            (legacy_message("resources/list"), -32601),
            (legacy_message("tools/call", name="nobody"), -32602),
            (legacy_message("tools/call", name="echo", arguments=[]), -32602),
            (legacy_message("tools/list", cursor="x"), -32602),
            (legacy_message("tools/call", name="broken"), -32603),
        ):
            self.assertAnswer(self.client.post(message), 200, code, 1)

    def test_notifications_and_responses_are_accepted_without_a_body(self) -> None:
        for message in (
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
            {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
            {"jsonrpc": "2.0", "method": "whatever"},
            {"jsonrpc": "2.0", "id": "r", "result": {}},
            {"jsonrpc": "2.0", "id": "r", "error": {"code": -1, "message": "no"}},
            {"jsonrpc": "2.0", "id": None, "error": {"code": -1, "message": "no"}},
        ):
            self.assertEmpty(self.client.post(message), 202)

    def test_delete_ends_the_session_and_then_it_is_404(self) -> None:
        reply = done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        self.assertEmpty(reply, 200)
        self.assertEqual(self.sessions.ended, [(self.session.id, "deleted")])
        self.assertAnswer(self.client.post(legacy_message("ping")), 404, -32600, 1)
        reply = done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        self.assertAnswer(reply, 404, -32600, None)

    def test_the_project_of_initialize_is_the_sessions(self) -> None:
        client = Client(self.endpoint, {"x_mnemo_project": "/src/alpha"})
        client.initialize()
        client.post(legacy_message("ping"))
        self.assertEqual(list(self.sessions.live.values())[-1].project, "alpha")
        self.assertEqual(self.resolver.asked, ["/src/alpha"])

    def test_any_later_request_may_say_another(self) -> None:
        for message, project in (
            (legacy_message("ping"), "alpha"),
            ({"jsonrpc": "2.0", "method": "notifications/initialized"}, "beta"),
        ):
            self.client.post(message, x_mnemo_project=f"/src/{project}")
            self.assertEqual(self.session.project, project)
        done(self.endpoint.get(self.client.exchange(method="GET", x_mnemo_project="/gamma")))
        self.assertEqual(self.session.project, "gamma")

    def test_a_defect_beside_any_request_is_told_too(self) -> None:
        async def broken(hint: str) -> str:
            raise ZeroDivisionError("a secret")

        self.endpoint.server.projects.resolve = broken
        notification = {"jsonrpc": "2.0", "method": "whatever"}
        reply = self.client.post(notification, x_mnemo_project="/a")
        self.assertAnswer(reply, 200, -32603, None)
        self.assertNotIn(b"secret", reply.body)
        self.assertEqual(len(self.defects), 1)


class StreamTests(EndpointTests):
    """The stream of a GET, and what is asked on it."""

    def open(self, capabilities: Any = None, **headers: object) -> None:
        self.client = Client(self.endpoint, headers)
        self.client.initialize(capabilities={"roots": {}} if capabilities is None else capabilities)
        self.session = list(self.sessions.live.values())[-1]

    def get(self, **headers: object) -> tuple[OpenStream, list[Any], list[str]]:
        """An attached stream, what it sent, and whether it was closed from this side."""
        headers.setdefault("accept", "text/event-stream")
        stream = done(self.endpoint.get(self.client.exchange(method="GET", **headers)))
        sent: list[Any] = []
        closed: list[str] = []
        assert isinstance(stream, OpenStream)

        def send(message: bytes, id: str = "", retry: int | None = None) -> None:
            if message:
                sent.append(msgspec.json.decode(message))

        stream.attach(send, lambda: closed.append(""))
        return stream, sent, closed

    def answer(self, question: Any, *uris: str) -> Reply:
        roots = {"roots": [{"uri": uri} for uri in uris]}
        return self.client.post({"jsonrpc": "2.0", "id": question["id"], "result": roots})

    def test_a_get_must_take_events(self) -> None:
        self.open()
        asked = self.client.exchange(method="GET", accept="application/json")
        self.assertAnswer(done(self.endpoint.get(asked)), 406, -32600, None)
        for accept in (None, "*/*", "text/event-stream"):
            asked = self.client.exchange(method="GET", accept=accept)
            self.assertIsInstance(done(self.endpoint.get(asked)), OpenStream)

    def test_a_session_with_a_stream_is_not_idle(self) -> None:
        self.open()
        stream, _, _ = self.get()
        self.assertEqual(self.session.streams, 1)
        finds = self.sessions.finds
        stream.detach()
        self.assertEqual(self.session.streams, 0)
        self.assertEqual(self.sessions.finds, finds + 1)
        stream.detach()
        self.assertEqual(self.session.streams, 0)

    def test_the_newest_stream_replaces_the_older(self) -> None:
        self.open()
        older, _, older_closed = self.get()
        newer, _, newer_closed = self.get()
        self.assertEqual((older_closed, newer_closed), ([""], []))
        older.detach()
        self.assertEqual(self.session.streams, 1)
        newer.detach()
        self.assertEqual((self.session.streams, newer_closed), (0, []))

    def test_the_end_of_the_session_ends_its_stream(self) -> None:
        self.open()
        _, _, closed = self.get()
        done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        self.assertEqual((closed, self.session.streams), ([""], 0))

    def test_a_client_with_roots_is_asked_where_it_works(self) -> None:
        self.open()
        _, sent, _ = self.get()
        (question,) = sent
        self.assertEqual(question["method"], "roots/list")
        self.assertEmpty(self.answer(question, "file:///home/me/proj", "file:///other"), 202)
        self.assertEqual(self.session.project, "proj")

    def test_a_client_without_roots_is_not_asked(self) -> None:
        self.open(capabilities={})
        _, sent, _ = self.get()
        self.client.post({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        self.assertEqual(sent, [])

    def test_a_client_whose_project_is_known_is_not_asked(self) -> None:
        self.open(x_mnemo_project="/src/alpha")
        _, sent, _ = self.get()
        self.client.post({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        self.assertEqual((sent, self.session.project), ([], "alpha"))

    def test_it_is_asked_again_when_its_roots_change(self) -> None:
        self.open()
        _, sent, _ = self.get()
        self.answer(sent[0], "file:///a")
        self.client.post({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
        self.answer(sent[1], "file:///b")
        self.assertEqual((len(sent), self.session.project), (2, "b"))

    def test_what_a_header_says_counts_more_than_roots(self) -> None:
        self.open()
        _, sent, _ = self.get()
        self.client.post(legacy_message("ping"), x_mnemo_project="/src/alpha")
        self.answer(sent[0], "file:///b")
        self.assertEqual(self.session.project, "alpha")

    def test_a_client_that_never_answers_hinders_nothing(self) -> None:
        self.open()
        stream, sent, _ = self.get()
        self.assertAnswer(self.client.post(legacy_message("tools/list")), 200, None, 1)
        stream.detach()
        self.assertEmpty(self.answer(sent[0], "file:///late"), 202)
        self.assertEqual(self.session.project, "")

    def test_odd_answers_change_nothing(self) -> None:
        self.open()
        results: list[Any] = [None, {}, [], {"roots": []}, {"roots": [1]}, {"roots": [{"uri": 1}]}]
        for result in results:
            stream, sent, _ = self.get()
            answer = {"jsonrpc": "2.0", "id": sent[0]["id"], "result": result}
            self.assertEmpty(self.client.post(answer), 202)
            stream.detach()
        self.assertEqual((self.session.project, self.defects), ("", []))

    def test_an_answer_counts_only_in_the_session_that_was_asked(self) -> None:
        self.open()
        first = self.client, self.session
        _, sent, _ = self.get()
        self.open()
        self.get()
        self.assertEmpty(self.answer(sent[0], "file:///stolen"), 202)
        self.assertEqual((first[1].project, self.session.project), ("", ""))

    def test_nothing_keeps_a_session_that_has_gone(self) -> None:
        self.open()
        stream, _, _ = self.get()
        stream.detach()
        done(self.sessions.end(self.session, "idle"))
        gone = ref(self.session)
        del self.session, stream
        gc.collect()
        self.assertIsNone(gone())
