"""Asking a client that keeps no connection: by the answer to its call."""

from collections.abc import Mapping
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.input_required import fits
from mnemo.mcp.sealing import Sealer
from mnemo.mcp.streamable import Endpoint
from mnemo.tools.interfaces import CallContext, PromptResult, Question, ToolError, ToolResult
from tests.mcp.fakes import (
    ActingTool,
    FakePrompt,
    FakeSessions,
    described,
    done,
    greeting,
    json,
    make_server,
    meta,
    modern_exchange,
    modern_message,
    of_principal,
)

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name"],
}
NAME = Question("elicitation/create", {"message": "Who?", "requestedSchema": SCHEMA})
ROOTS = Question("roots/list")
ABLE: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
ALICE = {"action": "accept", "content": {"name": "Alice"}}
NOWHERE: dict[str, Any] = {"roots": []}


class AskingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.defects: list[BaseException] = []
        self.now = 1000.0
        self.questions: list[Mapping[str, Question]] = [{"who": NAME}]
        self.tool = ActingTool(self.ask)
        other = ActingTool(self.ask, described("other"))
        server = make_server(FakeSessions(), [self.tool, other], defects=self.defects)
        server.sealer = Sealer(b"k" * 32, lambda: self.now)
        self.server = server
        self.endpoint = Endpoint(server)

    async def ask(self, context: CallContext) -> ToolResult:
        told: dict[str, Any] = {}
        for questions in self.questions:
            told.update(await context.client.ask(questions))
        return ToolResult.text("done", told)

    def call(self, principal: str = "local", capabilities: Any = None, **params: Any) -> Any:
        """What is answered to a call of the tool."""
        able = ABLE if capabilities is None else capabilities
        params = {"name": "act", "_meta": meta(clientCapabilities=able), **params}
        asked = modern_exchange(modern_message("tools/call", **params))
        return json(done(self.endpoint.post(of_principal(asked, principal))))

    def asked(self, **more: Any) -> tuple[dict[str, Any], str]:
        """What it is asked, and the state that it is to bring back."""
        result = self.call(**more)["result"]
        self.assertEqual(result["resultType"], "input_required")
        return result["inputRequests"], result["requestState"]

    def assertRefused(self, answer: Any) -> None:
        self.assertEqual(answer["error"]["code"], -32602)


class RoundTests(AskingCase):
    def test_the_questions_are_the_answer(self) -> None:
        requests, state = self.asked()
        self.assertEqual(
            requests, {"who": {"method": "elicitation/create", "params": dict(NAME.params)}}
        )
        self.assertTrue(state)

    def test_with_the_answers_the_call_goes_through(self) -> None:
        _, state = self.asked()
        answer = self.call(requestState=state, inputResponses={"who": ALICE})
        self.assertEqual(answer["result"]["structuredContent"], {"who": ALICE})
        self.assertEqual(answer["result"]["resultType"], "complete")

    def test_what_was_answered_before_need_not_be_said_again(self) -> None:
        self.questions = [{"who": NAME}, {"where": ROOTS}]
        _, state = self.asked()
        requests, state = self.asked(requestState=state, inputResponses={"who": ALICE})
        self.assertEqual(list(requests), ["where"])
        answer = self.call(requestState=state, inputResponses={"where": NOWHERE})
        self.assertEqual(answer["result"]["structuredContent"], {"who": ALICE, "where": NOWHERE})

    def test_what_is_missing_is_asked_again(self) -> None:
        self.questions = [{"who": NAME, "where": ROOTS}]
        _, state = self.asked()
        requests, state = self.asked(requestState=state, inputResponses={"where": NOWHERE})
        self.assertEqual(list(requests), ["who"])
        answer = self.call(requestState=state, inputResponses={"who": ALICE})
        self.assertEqual(len(answer["result"]["structuredContent"]), 2)

    def test_what_nobody_asked_for_is_passed_over(self) -> None:
        _, state = self.asked()
        responses = {"who": ALICE, "extra": {"action": "accept"}, "more": 7}
        answer = self.call(requestState=state, inputResponses=responses)
        self.assertEqual(answer["result"]["structuredContent"], {"who": ALICE})

    def test_what_is_malformed_is_asked_again(self) -> None:
        _, state = self.asked()
        several: list[Any] = [None, [], "x", {"who": 7}, {"who": {}}, {"who": {"action": "maybe"}}]
        for odd in several:
            requests, _ = self.asked(requestState=state, inputResponses=odd)
            self.assertEqual(list(requests), ["who"])

    def test_an_answer_counts_only_for_the_question_that_was_asked(self) -> None:
        _, state = self.asked()
        self.questions = [{"who": Question(NAME.method, {**NAME.params, "message": "Forget it?"})}]
        requests, _ = self.asked(requestState=state, inputResponses={"who": ALICE})
        self.assertEqual(requests["who"]["params"]["message"], "Forget it?")

    def test_answers_without_a_state_are_taken_for_what_they_are(self) -> None:
        answer = self.call(inputResponses={"who": ALICE})
        self.assertEqual(answer["result"]["structuredContent"], {"who": ALICE})

    def test_a_tool_that_has_its_answers_may_still_refuse(self) -> None:
        async def ask(context: CallContext) -> ToolResult:
            await context.client.ask({"who": NAME})
            raise ToolError("Not you")

        self.tool.act = ask
        answer = self.call(inputResponses={"who": ALICE})
        self.assertTrue(answer["result"]["isError"])


class StateTests(AskingCase):
    """What a client brings back is its own, for this call, for a while."""

    def test_a_state_that_was_tampered_with_is_refused(self) -> None:
        _, state = self.asked()
        for other in (state[:-1] + "x" * (state[-1] != "x"), state + "A", "nonsense", "", 7):
            self.assertRefused(self.call(requestState=other, inputResponses={"who": ALICE}))

    def test_it_is_good_for_a_while(self) -> None:
        _, state = self.asked()
        self.now += 601
        self.assertRefused(self.call(requestState=state))

    def test_it_is_good_for_one_caller_and_one_call(self) -> None:
        _, state = self.asked(arguments={"a": 1, "b": 2})
        refused: list[dict[str, Any]] = [
            {"principal": "somebody", "arguments": {"a": 1, "b": 2}},
            {"arguments": {"a": 1, "b": 3}},
            {"arguments": {"a": 1}},
            {"name": "other", "arguments": {"a": 1, "b": 2}},
        ]
        for changed in refused:
            self.assertRefused(self.call(requestState=state, **changed))
        answer = self.call(
            requestState=state, arguments={"b": 2, "a": 1}, inputResponses={"who": ALICE}
        )
        self.assertIn("result", answer)

    def test_a_server_with_another_key_refuses_it(self) -> None:
        _, state = self.asked()
        self.server.sealer = Sealer(b"z" * 32, lambda: self.now)
        self.assertRefused(self.call(requestState=state))

    def test_answers_that_are_too_long_to_be_kept_are_refused(self) -> None:
        self.questions = [{"who": NAME}, {"where": ROOTS}]
        long = {"action": "accept", "content": {"name": "x" * 70_000}}
        self.assertRefused(self.call(inputResponses={"who": long}))


class CapabilityTests(AskingCase):
    """Nobody is asked what it has not said that it can be asked."""

    def test_what_is_missing_is_told(self) -> None:
        self.questions = [{"who": NAME, "where": ROOTS}]
        error = self.call(capabilities={"sampling": {}})["error"]
        self.assertEqual(error["code"], -32021)
        self.assertEqual(error["data"]["requiredCapabilities"], {"elicitation": {}, "roots": {}})

    def test_a_url_needs_more_than_forms(self) -> None:
        url = Question("elicitation/create", {"mode": "url", "message": "m", "url": "https://x"})
        self.questions = [{"who": url}]
        error = self.call()["error"]
        needed: dict[str, Any] = {"elicitation": {"url": {}}}
        self.assertEqual(error["data"]["requiredCapabilities"], needed)
        answer = self.call(capabilities=needed)
        self.assertEqual(answer["result"]["resultType"], "input_required")

    def test_without_a_key_nobody_can_be_asked(self) -> None:
        self.server.sealer = None
        self.assertEqual(self.call()["error"]["code"], -32021)


class PromptTests(AskingCase):
    """Prompts may ask as well."""

    def test_a_prompt_is_answered_with_questions(self) -> None:
        class Asking(FakePrompt):
            async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
                told = await context.client.ask({"who": NAME})
                return PromptResult([{"role": "user", "content": told["who"]["content"]}])

        server = make_server(prompts=[Asking(greeting())])
        endpoint = Endpoint(server)

        def get(**more: Any) -> Any:
            params = {"name": "greet", "_meta": meta(clientCapabilities=ABLE), **more}
            params.setdefault("arguments", {"name": "x"})
            message = modern_message("prompts/get", **params)
            return json(done(endpoint.post(modern_exchange(message))))

        first = get()["result"]
        self.assertEqual(first["resultType"], "input_required")
        again = get(requestState=first["requestState"], inputResponses={"who": ALICE})
        self.assertEqual(again["result"]["messages"][0]["content"], {"name": "Alice"})


class FitTests(SynchronousTestCase):
    """What can be an answer to what."""

    def test_forms(self) -> None:
        for content in ({"name": "A"}, {"name": "A", "age": 3}, {"name": "A", "more": []}):
            self.assertTrue(fits(NAME, {"action": "accept", "content": content}), content)
        odd: list[Any] = [None, [], {}, {"name": 1}, {"name": "A", "age": 1.5}]
        for content in [*odd, {"name": "A", "age": True}, {"name": None}]:
            self.assertFalse(fits(NAME, {"action": "accept", "content": content}), content)
        for action in ("decline", "cancel"):
            self.assertTrue(fits(NAME, {"action": action}))
        strange: list[Any] = [None, [], {}, {"action": None}, {"action": "yes"}]
        for answer in strange:
            self.assertFalse(fits(NAME, answer))

    def test_numbers(self) -> None:
        schema = {"type": "object", "properties": {"n": {"type": "number"}}}
        asked = Question("elicitation/create", {"requestedSchema": schema})
        for number, right in ((1, True), (1.5, True), (True, False), ("1", False)):
            answer = {"action": "accept", "content": {"n": number}}
            self.assertEqual(fits(asked, answer), right, number)

    def test_the_words_of_a_model(self) -> None:
        asked = Question("sampling/createMessage")
        text = {"type": "text", "text": "Paris"}
        self.assertTrue(fits(asked, {"role": "assistant", "content": text, "model": "m"}))
        odd: list[Any] = [{}, {"role": "assistant"}, {"role": 1, "content": text}]
        for answer in [*odd, {"content": text}]:
            self.assertFalse(fits(asked, answer))

    def test_roots(self) -> None:
        self.assertTrue(fits(ROOTS, {"roots": [{"uri": "file:///x"}]}))
        odd: list[Any] = [{}, {"roots": None}, {"roots": [1]}, {"roots": [{"uri": 1}]}]
        for answer in odd:
            self.assertFalse(fits(ROOTS, answer))
