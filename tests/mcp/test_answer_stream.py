"""When the answer to a POST becomes a stream, and what flows on it."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.answer_stream import AnswerStream
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import AnyStream, LostStream, OpenStream, ResumedStream
from mnemo.mcp.streamable import Endpoint
from mnemo.tools.interfaces import CallContext, ToolError, ToolResult
from tests.mcp.fakes import (
    MODERN,
    ActingTool,
    Client,
    Events,
    FakeSessions,
    WaitingTool,
    done,
    exchange,
    json,
    legacy_message,
    make_server,
    meta,
    modern_exchange,
    modern_message,
)

Act = Callable[[CallContext], Awaitable[ToolResult]]


class Posted(AnswerStream):
    """A POST on its way, with what the transport has for it."""

    can_stream = True

    def __init__(self, endpoint: Endpoint, asked: Exchange) -> None:
        super().__init__()
        self.events = Events()
        self.opened = 0
        self.call: Deferred[Reply] | None = None
        self.call = Deferred.fromCoroutine(endpoint.post(asked, self))
        self.call.addCallback(self._replied)

    def open_sink(self) -> Events:
        self.opened += 1
        return self.events

    def _replied(self, reply: Reply) -> Reply:
        if self.begun:
            self.finish(reply.body)
        return reply

    def cancel(self) -> None:
        assert self.call is not None
        self.call.cancel()

    @property
    def ids(self) -> list[str]:
        return [event[1] for event in self.events.events]


class StreamCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.defects: list[BaseException] = []
        self.wait = WaitingTool()
        self.tool = ActingTool(self.tell)
        self.server = make_server(self.sessions, [self.tool, self.wait], defects=self.defects)
        self.endpoint = Endpoint(self.server)
        self.client = self.open()

    async def tell(self, context: CallContext) -> ToolResult:
        context.client.progress(1, 2, "half")
        return ToolResult.text("done")

    def open(self, version: str = "2025-11-25") -> Client:
        client = Client(self.endpoint)
        client.initialize(version=version)
        return client

    def post(self, asked: Exchange) -> Posted:
        return Posted(self.endpoint, asked)

    def call(self, name: str = "act", id: Any = 1, token: Any = 0, **headers: Any) -> Posted:
        params = {"name": name, "_meta": {"progressToken": token}}
        message = legacy_message("tools/call", id, **params)
        return self.post(self.client.exchange(message, **headers))

    def modern_call(self, name: str = "act", token: Any = "t", **more: Any) -> Posted:
        message = modern_message("tools/call", name=name, _meta=meta(**more))
        message["params"]["_meta"]["progressToken"] = token
        return self.post(modern_exchange(message))

    def reply(self, posted: Posted) -> Reply:
        assert posted.call is not None
        return self.successResultOf(posted.call)


class BeginningTests(StreamCase):
    """It stays JSON for as long as there is nothing else to say."""

    def test_a_call_that_tells_nothing_is_answered_as_json(self) -> None:
        async def act(context: CallContext) -> ToolResult:
            return ToolResult.text("done")

        self.tool.act = act
        for posted in (self.call(), self.modern_call()):
            reply = self.reply(posted)
            self.assertEqual((reply.status, posted.opened), (200, 0))
            self.assertEqual(json(reply)["result"]["content"][0]["text"], "done")

    def test_the_first_message_makes_it_a_stream_and_the_answer_ends_it(self) -> None:
        for posted, token in ((self.call(), 0), (self.modern_call(), "t")):
            self.reply(posted)
            told, answer = posted.events.messages
            self.assertEqual(told["method"], "notifications/progress")
            self.assertEqual(
                told["params"],
                {"progressToken": token, "progress": 1, "total": 2, "message": "half"},
            )
            self.assertEqual(answer["result"]["content"][0]["text"], "done")
            self.assertEqual((posted.opened, posted.events.closed), (1, 1))

    def test_what_is_wrong_before_has_its_status(self) -> None:
        for changes, status in (
            ({"name": "nobody"}, 400),
            ({"name": 1}, 400),
        ):
            message = modern_message("tools/call", **changes)
            posted = self.post(modern_exchange(message, mcp_name=str(changes["name"])))
            self.assertEqual((self.reply(posted).status, posted.opened), (status, 0))

    def test_what_is_wrong_afterwards_is_the_last_event(self) -> None:
        async def act(context: CallContext) -> ToolResult:
            context.client.progress(1)
            raise ZeroDivisionError("a secret")

        self.tool.act = act
        for posted in (self.call(), self.modern_call()):
            self.reply(posted)
            self.assertEqual(posted.events.messages[-1]["error"]["code"], -32603)
            self.assertEqual(posted.events.messages[-1]["id"], 1)
            self.assertEqual(posted.events.closed, 1)

    def test_a_client_that_takes_only_json_gets_only_that(self) -> None:
        posted = self.call(accept="application/json")
        self.assertIn("result", json(self.reply(posted)))
        posted.begin()
        self.assertEqual(posted.opened, 0)

    def test_the_transport_may_begin_it_while_a_call_is_silent(self) -> None:
        for posted in (self.call("wait"), self.modern_call("wait")):
            posted.begin()
            posted.begin()
            self.wait.calls.popleft().callback(ToolResult.text("late"))
            self.assertEqual(posted.opened, 1)
            (answer,) = posted.events.messages
            self.assertEqual(answer["result"]["content"][0]["text"], "late")

    def test_what_opens_a_session_is_never_one(self) -> None:
        posted = self.post(exchange(legacy_message("ping")))
        posted.begin()
        self.assertEqual((self.reply(posted).status, posted.opened), (400, 0))


class EventIdTests(StreamCase):
    """Since 2025-11-25 a session's events can be asked for again."""

    def test_the_first_event_says_where_the_stream_is(self) -> None:
        posted = self.call()
        self.assertEqual(posted.events.events[0][0], b"")
        self.assertEqual(posted.events.events[0][2], 1000)
        self.assertEqual(len(set(posted.ids)), 3)
        self.assertNotIn("", posted.ids)

    def test_no_other_version_has_ids(self) -> None:
        for version in ("2024-11-05", "2025-03-26", "2025-06-18"):
            self.client = self.open(version)
            posted = self.call()
            self.assertEqual(posted.ids, ["", ""], version)
        self.assertEqual(self.modern_call().ids, ["", ""])


class ResumingTests(StreamCase):
    """A client comes back for the rest of a stream that broke."""

    def come_back(self, id: str) -> tuple[AnyStream, Events]:
        asked = self.client.exchange(method="GET", accept="text/event-stream", last_event_id=id)
        stream = done(self.endpoint.get(asked))
        assert not isinstance(stream, Reply)
        events = Events()
        stream.attach(events.send, events.close)
        return stream, events

    def test_a_call_whose_client_has_gone_ends_and_its_answer_is_kept(self) -> None:
        posted = self.call("wait")
        posted.begin()
        posted.lost()
        self.wait.calls.popleft().callback(ToolResult.text("late"))
        stream, events = self.come_back(posted.ids[0])
        self.assertIsInstance(stream, ResumedStream)
        self.assertEqual(events.messages[0]["result"]["content"][0]["text"], "late")
        self.assertEqual((posted.events.messages, events.closed), ([], 1))

    def test_a_call_that_still_runs_goes_on_where_its_client_is(self) -> None:
        posted = self.call("wait")
        posted.begin()
        posted.lost()
        stream, events = self.come_back(posted.ids[0])
        self.assertEqual((events.events, events.closed), ([], 0))
        (session,) = self.sessions.live.values()
        self.assertEqual(session.streams, 1)
        self.wait.calls.popleft().callback(ToolResult.text("late"))
        self.assertEqual((len(events.messages), events.closed), (1, 1))
        stream.detach()
        self.assertEqual(session.streams, 0)

    def test_a_tool_may_let_its_client_go_and_come_back(self) -> None:
        waiting: Deferred[None] = Deferred()

        async def act(context: CallContext) -> ToolResult:
            context.client.release(0.5)
            await waiting
            return ToolResult.text("here")

        self.tool.act = act
        posted = self.call()
        first, last = posted.events.events
        self.assertEqual((first[0], last), (b"", (b"", "", 500)))
        self.assertEqual(posted.events.closed, 1)
        _, events = self.come_back(posted.ids[0])
        waiting.callback(None)
        self.assertEqual(events.messages[0]["id"], 1)
        self.assertEqual(events.closed, 1)

    def test_nobody_is_let_go_who_could_not_come_back(self) -> None:
        async def act(context: CallContext) -> ToolResult:
            context.client.release(0.5)
            return ToolResult.text("here")

        self.tool.act = act
        self.client = self.open("2025-06-18")
        for posted in (self.call(), self.modern_call()):
            self.assertEqual((self.reply(posted).status, posted.opened), (200, 0))

    def test_another_session_and_another_process_say_that_the_answer_is_lost(self) -> None:
        posted = self.call(id="one")
        _, standing = self.come_back("")
        self.client = self.open()
        for _ in range(2):
            stream, events = self.come_back(posted.ids[0])
            self.assertIsInstance(stream, LostStream)
            (answer,) = events.messages
            self.assertEqual((answer["id"], answer["error"]["code"]), ("one", -32603))
            self.assertEqual((events.closed, standing.closed), (1, 0))
            stream.detach()
            self.client.endpoint = self.endpoint = Endpoint(self.server)

    def test_the_standing_stream_goes_on_as_well(self) -> None:
        _, first = self.come_back("")
        self.server.subscriptions.list_changed("tools")
        self.server.subscriptions.list_changed("prompts")
        stream, again = self.come_back(first.events[1][1])
        self.assertIsInstance(stream, OpenStream)
        self.assertEqual(first.closed, 1)
        methods = [message["method"] for message in again.messages]
        self.assertEqual(methods, ["notifications/prompts/list_changed"])

    def test_a_session_that_has_ended_keeps_nothing(self) -> None:
        posted = self.call()
        done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        asked = self.client.exchange(method="GET", last_event_id=posted.ids[0])
        reply = done(self.endpoint.get(asked))
        assert isinstance(reply, Reply)
        self.assertEqual(reply.status, 404)
        self.assertEqual(len(self.endpoint._dialogues), 0)

    def test_streams_that_come_and_go_leave_nothing(self) -> None:
        for _ in range(10):
            self.come_back("")[0].detach()
        (dialogue,) = self.endpoint._dialogues.values()
        assert dialogue.journal is not None
        self.assertEqual(len(dialogue.journal), 1)


class CancellingTests(StreamCase):
    """A client takes a request back."""

    def cancel(self, id: Any, **more: Any) -> int:
        params = {"requestId": id, **more}
        message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
        return self.client.post(message).status

    def test_a_call_stops_and_its_post_is_answered(self) -> None:
        posted = self.call("wait", 0)
        (session,) = self.sessions.live.values()
        self.assertEqual((session.running, len(self.endpoint.running)), (1, 1))
        self.assertEqual(self.cancel(0, reason="changed my mind"), 202)
        reply = self.reply(posted)
        self.assertEqual((reply.status, json(reply)["error"]["code"]), (200, -32800))
        self.assertTrue(self.wait.calls.popleft().called)
        self.assertEqual((session.running, len(self.endpoint.running), self.defects), (0, 0, []))

    def test_a_stream_that_has_begun_ends_with_the_same(self) -> None:
        posted = self.call("wait")
        posted.begin()
        self.cancel(1)
        self.assertEqual(posted.events.messages[-1]["error"]["code"], -32800)
        self.assertEqual(posted.events.closed, 1)

    def test_unknown_and_finished_requests_are_passed_over(self) -> None:
        posted = self.call("wait", 1)
        self.call(id=2)
        others: list[Any] = ["1", 2, 3, None, {}, True]
        for other in others:
            self.assertEqual(self.cancel(other), 202)
        assert posted.call is not None
        self.assertNoResult(posted.call)

    def test_a_request_of_another_session_is_not_stopped(self) -> None:
        posted = self.call("wait", 1)
        self.client = self.open()
        self.cancel(1)
        assert posted.call is not None
        self.assertNoResult(posted.call)

    def test_what_the_daemon_cancels_is_not_the_clients_doing(self) -> None:
        posted = self.call("wait", 1)
        assert posted.call is not None
        posted.call.cancel()
        self.failureResultOf(posted.call, CancelledError)
        self.assertEqual(len(self.endpoint.running), 0)


class BatchTests(StreamCase):
    """Version 2025-03-26 has batches."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.open("2025-03-26")

    def batch(self, *messages: Any) -> Posted:
        return self.post(self.client.exchange(msgspec.json.encode(messages)))

    def test_every_request_is_answered(self) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        posted = self.batch(legacy_message("ping", "a"), note, legacy_message("nope", 2), 7)
        answers = json(self.reply(posted))
        self.assertEqual([answer["id"] for answer in answers], ["a", 2, None])
        codes = [answer.get("error", {}).get("code") for answer in answers]
        self.assertEqual(codes, [None, -32601, -32600])

    def test_what_wants_no_answer_gets_none(self) -> None:
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        reply = self.reply(self.batch(note, {"jsonrpc": "2.0", "id": "r", "result": {}}))
        self.assertEqual((reply.status, reply.body), (202, b""))

    def test_nothing_and_too_much_and_an_initialize_are_refused(self) -> None:
        for messages in (
            [],
            [legacy_message("ping")] * 1001,
            [legacy_message("ping"), legacy_message("initialize")],
        ):
            reply = self.reply(self.batch(*messages))
            self.assertEqual((reply.status, json(reply)["error"]["code"]), (400, -32600))

    def test_what_a_call_tells_goes_ahead_of_the_answers(self) -> None:
        params = {"name": "act", "_meta": {"progressToken": 1}}
        posted = self.batch(legacy_message("tools/call", 1, **params), legacy_message("ping", 2))
        told, answers = posted.events.messages
        self.assertEqual(told["method"], "notifications/progress")
        self.assertEqual([answer["id"] for answer in answers], [1, 2])

    def test_without_a_session_there_is_none(self) -> None:
        reply = self.reply(self.post(exchange([legacy_message("ping")])))
        self.assertEqual(reply.status, 400)
        modern = exchange([modern_message("tools/list")], mcp_protocol_version=MODERN)
        self.assertEqual(self.reply(self.post(modern)).status, 400)


class ErrorTests(StreamCase):
    def test_a_refusal_of_the_tool_is_a_result(self) -> None:
        async def act(context: CallContext) -> ToolResult:
            context.client.progress(1)
            raise ToolError("Say it otherwise")

        self.tool.act = act
        answer = self.call().events.messages[-1]
        self.assertTrue(answer["result"]["isError"])
