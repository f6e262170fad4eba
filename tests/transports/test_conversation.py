"""One client on a line both ways: whose calls run side by side."""

from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.connection import Connection
from mnemo.tools.interfaces import CallContext, Question, ToolResult
from mnemo.transports.conversation import END_SECONDS, Conversation
from tests.mcp.fakes import (
    ActingTool,
    EchoTool,
    FakeResources,
    FakeSessions,
    WaitingTool,
    described,
    initialize_message,
    legacy_message,
    make_server,
    meta,
    modern_message,
)

FORM = Question("elicitation/create", {"message": "Sure?", "requestedSchema": {"type": "object"}})


class ConversationCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.sessions = FakeSessions()
        self.wait = WaitingTool()
        self.sent: list[Any] = []
        self.idles: list[None] = []
        self.methods: list[str] = []
        server = make_server(
            self.sessions,
            [EchoTool(), self.wait, *self.acting()],
            resources=[FakeResources()],
            dynamic=frozenset({"tools"}),
        )
        self.server = server
        self.connection = Connection(server, self.send)
        self.conversation = Conversation(self.connection, self.send, self.clock)
        self.conversation.on_idle = lambda: self.idles.append(None)
        self.conversation.on_request = self.methods.append

    def acting(self) -> list[ActingTool]:
        async def tell(context: CallContext) -> ToolResult:
            context.client.progress(1)
            context.client.log("warning", "careful")
            return ToolResult.text("told")

        async def ask(context: CallContext) -> ToolResult:
            answer = await context.client.ask({"sure": FORM})
            return ToolResult.text(answer["sure"]["action"])

        return [ActingTool(tell, described("tell")), ActingTool(ask, described("ask"))]

    def send(self, message: bytes) -> None:
        self.assertNotIn(b"\n", message)
        self.sent.append(msgspec.json.decode(message))

    def receive(self, *messages: Any) -> None:
        for message in messages:
            raw = message if isinstance(message, bytes) else msgspec.json.encode(message)
            self.conversation.receive(raw)

    def heard(self) -> list[Any]:
        sent, self.sent = self.sent, []
        return sent

    def call(self, id: Any, name: str = "wait") -> dict[str, Any]:
        return legacy_message("tools/call", id, name=name, _meta={"progressToken": 0})

    def note(self, method: str, **params: Any) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": params}

    def open(self, **capabilities: Any) -> None:
        self.receive(initialize_message(capabilities=capabilities), self.note("initialized"))
        self.heard()


class MessageTests(ConversationCase):
    def test_calls_run_side_by_side_and_each_answer_has_its_id(self) -> None:
        self.open()
        self.receive(self.call(1), self.call("1"), legacy_message("ping", 2))
        self.assertEqual([m["id"] for m in self.heard()], [2])
        self.assertFalse(self.conversation.idle)
        second, first = self.wait.calls.pop(), self.wait.calls.pop()
        second.callback(ToolResult.text("b"))
        first.callback(ToolResult.text("a"))
        self.assertEqual([m["id"] for m in self.heard()], ["1", 1])
        self.assertTrue(self.conversation.idle)

    def test_it_is_told_when_nothing_is_left_to_be_answered(self) -> None:
        self.open()
        self.idles.clear()
        self.receive(self.call(1), legacy_message("ping", 2))
        self.assertEqual(self.idles, [])
        self.wait.calls.popleft().callback(ToolResult.text("a"))
        self.assertEqual(self.idles, [None])

    def test_requests_are_told_before_they_begin(self) -> None:
        self.receive(initialize_message(), self.note("initialized"), self.call(1), b"{")
        self.assertEqual(self.methods, ["initialize", "tools/call"])

    def test_blank_lines_mean_nothing_and_nonsense_is_answered(self) -> None:
        self.receive(b" \r\n", b"", b"nonsense")
        self.assertEqual([m["error"]["code"] for m in self.heard()], [-32700])

    def test_a_cancelled_call_is_not_answered_and_gives_its_slot_back(self) -> None:
        self.open()
        self.receive(self.call(1), self.call("1"))
        others: list[Any] = [None, 7, True, {}]
        for other in others:
            self.receive(self.note("cancelled", requestId=other))
        (session,) = self.sessions.live.values()
        self.assertEqual(session.running, 2)
        self.receive(self.note("cancelled", requestId="1"))
        self.assertEqual((session.running, self.heard()), (1, []))
        self.assertFalse(self.wait.calls[0].called)

    def test_a_batch_is_answered_where_its_version_has_it(self) -> None:
        self.receive(initialize_message(version="2025-03-26"))
        self.heard()
        self.receive([legacy_message("ping", 1), self.note("initialized"), self.call(2, "echo")])
        ((first, second),) = self.heard()
        self.assertEqual((first["id"], second["id"]), (1, 2))
        self.receive(initialize_message(), [legacy_message("ping", 1)])
        self.assertEqual(self.heard()[1]["error"]["code"], -32600)


class TellingTests(ConversationCase):
    """What a call tells and asks goes out on the same line."""

    def test_progress_and_log_come_before_the_answer(self) -> None:
        self.open()
        self.receive(self.call(1, "tell"))
        methods = [message.get("method", "the answer") for message in self.heard()]
        self.assertEqual(methods, ["notifications/progress", "notifications/message", "the answer"])

    def test_a_modern_request_says_itself_what_it_wants_to_know(self) -> None:
        message = modern_message("tools/call", name="tell", _meta=meta(logLevel="error"))
        message["params"]["_meta"]["progressToken"] = "p"
        self.receive(message)
        methods = [message.get("method", "the answer") for message in self.heard()]
        self.assertEqual(methods, ["notifications/progress", "the answer"])

    def test_a_question_is_answered_while_its_call_waits(self) -> None:
        self.open(elicitation={})
        self.receive(self.call(1, "ask"))
        (question,) = self.heard()
        self.assertEqual(question["method"], "elicitation/create")
        result = {"action": "decline"}
        self.receive({"jsonrpc": "2.0", "id": question["id"], "result": result})
        (answer,) = self.heard()
        self.assertEqual(answer["result"]["content"][0]["text"], "decline")

    def test_a_modern_client_is_asked_by_the_answer(self) -> None:
        able = meta(clientCapabilities={"elicitation": {}})
        self.receive(modern_message("tools/call", name="ask", _meta=able))
        (answer,) = self.heard()
        self.assertEqual(answer["result"]["resultType"], "input_required")
        self.receive(
            modern_message(
                "tools/call",
                2,
                name="ask",
                _meta=able,
                requestState=answer["result"]["requestState"],
                inputResponses={"sure": {"action": "cancel"}},
            )
        )
        self.assertEqual(self.heard()[0]["result"]["content"][0]["text"], "cancel")

    def test_resources_and_lists_that_change_are_told(self) -> None:
        self.open()
        self.receive(legacy_message("resources/subscribe", uri="mnemo://a"))
        self.heard()
        self.server.subscriptions.resource_updated("mnemo://a")
        self.server.subscriptions.list_changed("tools")
        self.assertEqual(
            [message["method"] for message in self.heard()],
            ["notifications/resources/updated", "notifications/tools/list_changed"],
        )

    def test_one_who_never_said_initialize_is_told_as_well(self) -> None:
        self.connection.version = "2025-06-18"
        self.receive(
            self.call(1, "tell"), legacy_message("resources/subscribe", 2, uri="mnemo://a")
        )
        self.assertEqual(len(self.heard()), 4)
        self.server.subscriptions.resource_updated("mnemo://a")
        self.assertEqual(self.heard()[0]["method"], "notifications/resources/updated")
        self.receive(legacy_message("logging/setLevel", 3, level="emergency"), self.call(4, "tell"))
        self.assertEqual([m.get("id", "progress") for m in self.heard()], [3, "progress", 4])


class ListeningTests(ConversationCase):
    def listen(self) -> None:
        self.receive(
            modern_message("subscriptions/listen", 9, notifications={"toolsListChanged": True})
        )

    def test_one_who_listens_is_told_until_it_cancels(self) -> None:
        self.listen()
        self.server.subscriptions.list_changed("tools")
        self.receive(self.note("cancelled", requestId=9))
        self.server.subscriptions.list_changed("tools")
        self.assertEqual(
            [message["method"] for message in self.heard()],
            ["notifications/subscriptions/acknowledged", "notifications/tools/list_changed"],
        )
        self.assertTrue(self.conversation.idle)

    def test_at_the_end_it_is_answered(self) -> None:
        self.listen()
        self.heard()
        self.successResultOf(Deferred.fromCoroutine(self.conversation.end()))
        (answer,) = self.heard()
        self.assertEqual((answer["id"], answer["result"]["resultType"]), (9, "complete"))


class EndTests(ConversationCase):
    def test_it_ends_the_session_and_cancels_what_runs(self) -> None:
        self.open()
        (session,) = self.sessions.live.values()
        self.assertEqual(session.streams, 1)
        self.receive(self.call(1))
        self.successResultOf(Deferred.fromCoroutine(self.conversation.end()))
        self.assertTrue(self.wait.calls.popleft().called)
        self.assertEqual(self.sessions.ended, [(session.id, "closed")])
        self.assertEqual((session.running, session.streams, self.sent), (0, 0, []))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_does_not_give_up_is_not_waited_for_long(self) -> None:
        stubborn: Deferred[ToolResult] = Deferred(lambda _: None)
        stubborn.cancel = lambda: None  # type: ignore[method-assign]
        self.open()
        self.receive(self.call(1))
        self.conversation._running[stubborn] = 2
        ended = Deferred.fromCoroutine(self.conversation.end())
        self.assertNoResult(ended)
        self.clock.advance(END_SECONDS)
        self.successResultOf(ended)

    def test_who_waits_for_an_answer_is_freed(self) -> None:
        self.open(elicitation={})
        self.receive(self.call(1, "ask"))
        (session,) = self.sessions.live.values()
        self.successResultOf(Deferred.fromCoroutine(self.conversation.end()))
        self.assertEqual(session.running, 0)

    def test_nothing_is_sent_afterwards(self) -> None:
        self.open()
        self.successResultOf(Deferred.fromCoroutine(self.conversation.end()))
        self.server.subscriptions.list_changed("tools")
        self.assertEqual(self.sent, [])
