"""What a tool can tell and ask the client that waits for it, in each era."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred

from mnemo.mcp.client import LEVELS, LegacyClient, ModernClient
from mnemo.mcp.get_streams import OpenStream
from mnemo.tools.interfaces import CallContext, IClient, Question, ToolResult
from tests.mcp.fakes import Events, done, json, legacy_message
from tests.mcp.test_answer_stream import Posted, StreamCase

FORM = Question("elicitation/create", {"message": "Sure?", "requestedSchema": {"type": "object"}})
SAMPLE = Question("sampling/createMessage", {"messages": [], "maxTokens": 9})
YES = {"action": "accept", "content": {}}
SAID = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Paris"}}


class ProgressTests(StreamCase):
    def progress(self, token: Any, *told: float) -> list[Any]:
        async def act(context: CallContext) -> ToolResult:
            for each in told:
                context.client.progress(each)
            return ToolResult.text("done")

        self.tool.act = act
        found: list[list[Any]] = []
        for posted in (self.call(token=token), self.modern_call(token=token)):
            self.reply(posted)
            found.append(
                [
                    (m["params"]["progressToken"], m["params"]["progress"])
                    for m in posted.events.messages
                    if m.get("method") == "notifications/progress"
                ]
            )
        self.assertEqual(found[0], found[1])
        return found[0]

    def test_it_carries_the_token_as_it_came(self) -> None:
        for token in (0, "0", "", 7):
            self.assertEqual(self.progress(token, 1), [(token, 1)])

    def test_without_a_token_nobody_wants_to_know(self) -> None:
        tokens: list[Any] = [None, True, 1.5, []]
        for token in tokens:
            self.assertEqual(self.progress(token, 1), [])

    def test_it_only_grows(self) -> None:
        told = (0, 50, 50, 40, float("nan"), float("inf"), 100)
        self.assertEqual(self.progress(1, *told), [(1, 0), (1, 50), (1, 100)])


class LogTests(StreamCase):
    def setUp(self) -> None:
        super().setUp()

        async def act(context: CallContext) -> ToolResult:
            for level in LEVELS:
                context.client.log(level, {"level": level})
            return ToolResult.text("done")

        self.tool.act = act

    def told(self, posted: Posted) -> list[str]:
        self.reply(posted)
        messages = [m for m in posted.events.messages if m.get("method") == "notifications/message"]
        for message in messages:
            self.assertEqual(message["params"]["logger"], "mnemo")
            self.assertEqual(message["params"]["data"], {"level": message["params"]["level"]})
        return [message["params"]["level"] for message in messages]

    def test_a_session_hears_what_is_information_or_more_until_it_says_otherwise(self) -> None:
        self.assertEqual(self.told(self.call()), list(LEVELS[1:]))
        for place, level in enumerate(LEVELS):
            reply = self.client.post(legacy_message("logging/setLevel", level=level))
            self.assertEqual(json(reply)["result"], {})
            self.assertEqual(self.told(self.call()), list(LEVELS[place:]))

    def test_a_level_that_is_none_is_refused(self) -> None:
        for level in ("loud", "", None, 3, "INFO"):
            reply = self.client.post(legacy_message("logging/setLevel", level=level))
            self.assertEqual(json(reply)["error"]["code"], -32602)

    def test_the_level_is_the_sessions_own(self) -> None:
        self.client.post(legacy_message("logging/setLevel", level="emergency"))
        self.client = self.open()
        self.assertEqual(len(self.told(self.call())), 7)

    def test_a_stateless_client_hears_only_what_its_request_asks_for(self) -> None:
        self.assertEqual(self.told(self.modern_call()), [])
        self.assertEqual(self.told(self.modern_call(logLevel="error")), list(LEVELS[4:]))


class AskingTests(StreamCase):
    """A client with a session is asked while its call runs."""

    def setUp(self) -> None:
        super().setUp()
        self.questions: Mapping[str, Question] = {"sure": FORM}
        self.told: list[Any] = []
        self.client = self.able()

        async def act(context: CallContext) -> ToolResult:
            self.told.append(await context.client.ask(self.questions))
            return ToolResult.text("done")

        self.tool.act = act

    def able(self, version: str = "2025-11-25", **more: Any) -> Any:
        client = self.open(version)
        capabilities = more or {"elicitation": {}, "sampling": {}, "roots": {}}
        client.initialize(version=version, capabilities=capabilities)
        return client

    def answer(self, question: Any, result: Any = None, **more: Any) -> int:
        told = {"jsonrpc": "2.0", "id": question["id"], **more}
        if not more:
            told["result"] = YES if result is None else result
        return self.client.post(told).status

    def text(self, posted: Posted) -> str:
        self.reply(posted)
        return str(posted.events.messages[-1]["result"]["content"][0]["text"])

    def test_it_is_asked_on_the_stream_of_its_call(self) -> None:
        posted = self.call()
        (question,) = posted.events.messages
        self.assertEqual((question["method"], question["params"]), (FORM.method, FORM.params))
        self.assertEqual(self.answer(question), 202)
        self.assertEqual(self.told, [{"sure": YES}])
        self.assertEqual(self.text(posted), "done")

    def test_several_questions_are_asked_at_once_and_answered_in_any_order(self) -> None:
        self.questions = {"sure": FORM, "say": SAMPLE}
        posted = self.call()
        first, second = posted.events.messages
        self.answer(second, SAID)
        self.assertEqual(self.told, [])
        self.answer(first)
        self.assertEqual(self.told, [{"sure": YES, "say": SAID}])

    def test_an_error_or_a_malformed_answer_is_told_to_the_model(self) -> None:
        for more, said in (
            ({"error": {"code": -1, "message": "User rejected it"}}, "User rejected it"),
            ({"result": {"action": "maybe"}}, "malformed"),
        ):
            posted = self.call()
            self.answer(posted.events.messages[0], **more)
            self.assertIn(said, self.text(posted))
        self.assertEqual(self.told, [])

    def test_who_cannot_be_asked_is_not_asked(self) -> None:
        for client in (self.able(roots={}), self.able("2025-03-26"), self.able("2024-11-05")):
            self.client = client
            posted = self.call()
            reply = self.reply(posted)
            self.assertIn("elicitation", json(reply)["result"]["content"][0]["text"])
            self.assertEqual(posted.opened, 0)

    def test_a_client_that_takes_only_json_is_asked_on_its_standing_stream(self) -> None:
        posted = self.call(accept="application/json")
        self.assertIn("elicitation", json(self.reply(posted))["result"]["content"][0]["text"])
        stream = done(self.endpoint.get(self.client.exchange(method="GET")))
        assert isinstance(stream, OpenStream)
        events = Events()
        stream.attach(events.send, events.close)
        posted = self.call(accept="application/json")
        (question,) = (m for m in events.messages if m["method"] == "elicitation/create")
        self.answer(question)
        self.assertIn("result", json(self.reply(posted)))

    def test_a_client_that_never_answers_holds_nothing_once_it_has_cancelled(self) -> None:
        posted = self.call()
        message = {"method": "notifications/cancelled", "params": {"requestId": 1}}
        self.client.post({"jsonrpc": "2.0", **message})
        self.reply(posted)
        session = list(self.sessions.live.values())[-1]
        self.assertEqual(session.running, 0)
        dialogue = self.endpoint._dialogues[session]
        self.assertEqual((len(dialogue.outbound), dialogue.inquiries), (0, set()))

    def test_the_end_of_its_session_frees_who_waits(self) -> None:
        posted = self.call()
        done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        self.assertIn("ended", self.text(posted))

    def test_a_call_that_asks_after_the_end_is_told_so_at_once(self) -> None:
        begun: Deferred[None] = Deferred()

        async def act(context: CallContext) -> ToolResult:
            await begun
            await context.client.ask(self.questions)
            return ToolResult.text("done")

        self.tool.act = act
        posted = self.call()
        done(self.endpoint.delete(self.client.exchange(method="DELETE")))
        begun.callback(None)
        self.assertIn("ended", json(self.reply(posted))["result"]["content"][0]["text"])

    def test_a_client_that_does_not_answer_in_time_is_not_waited_for(self) -> None:
        made: list[tuple[float, Deferred[Any]]] = []

        def promise(seconds: float = 0) -> Deferred[Any]:
            made.append((seconds, Deferred()))
            return made[-1][1]

        self.server.promise = promise
        posted = self.call()
        ((seconds, waiting),) = made
        self.assertGreater(seconds, 60)
        waiting.errback(TimeoutError())
        self.assertIn("has not answered", self.text(posted))

    def test_an_answer_counts_only_in_its_own_session(self) -> None:
        posted = self.call()
        mine, self.client = self.client, self.able()
        self.answer(posted.events.messages[0])
        self.assertEqual(self.told, [])
        self.client = mine
        self.answer(posted.events.messages[0])
        self.assertEqual(len(self.told), 1)


class RootsTests(StreamCase):
    """What a client changes about its roots is not lost."""

    def setUp(self) -> None:
        super().setUp()
        self.client.initialize(capabilities={"roots": {}})
        self.session = list(self.sessions.live.values())[-1]
        self.session.project = "known"

    def change(self) -> None:
        self.client.post({"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})

    def answer(self, posted: Posted, uri: str) -> None:
        (question,) = (m for m in posted.events.messages if m.get("method") == "roots/list")
        roots = {"roots": [{"uri": uri}]}
        self.client.post({"jsonrpc": "2.0", "id": question["id"], "result": roots})

    def test_without_a_stream_it_is_asked_on_the_next_that_opens(self) -> None:
        self.change()
        posted = self.call()
        self.answer(posted, "file:///src/beta")
        self.assertEqual(self.session.project, "beta")
        methods = [message.get("method") for message in self.call().events.messages]
        self.assertNotIn("roots/list", methods)

    def test_the_next_may_be_the_standing_one(self) -> None:
        self.change()
        stream = done(self.endpoint.get(self.client.exchange(method="GET")))
        assert isinstance(stream, OpenStream)
        events = Events()
        stream.attach(events.send, events.close)
        self.assertEqual([message["method"] for message in events.messages], ["roots/list"])


class ContractTests(StreamCase):
    def test_both_are_clients_to_a_tool(self) -> None:
        self.call()
        (context,) = self.tool.contexts
        assert isinstance(context.client, LegacyClient)
        clients: list[IClient] = [
            context.client,
            ModernClient(None, None, {}, None, None),
        ]
        for client in clients:
            client.progress(1)
            client.log("info", "x")
        self.modern_call(clientCapabilities={"roots": {}})
        self.assertIsInstance(self.tool.contexts[-1].client, ModernClient)
        self.assertEqual(self.tool.contexts[-1].capabilities, {"roots": {}})
