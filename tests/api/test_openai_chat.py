"""C{/v1/chat/completions}."""

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.inference.generation import IGenerator, Message, TokenChoice, TokenText
from mnemo.inference.interfaces import Priority
from tests.api.scripted_generator import ScriptedGenerator, completion, info
from tests.api.serving import HELLO, Serving, chat
from tests.api.serving import events as read_events
from tests.transports.wire import Response

PATH = "/v1/chat/completions"
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Bern"}'},
}


class ChatTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.serving = Serving()
        self.generator = self.serving.generator

    def ask(self, **more: object) -> Response:
        return self.serving.ask(PATH, chat(**more))

    def stream(self, **more: object) -> list[Any]:
        return self.serving.stream(PATH, chat(**more))

    def expect_refusal(self, param: str | None, says: str, **more: object) -> None:
        response = self.ask(**more)
        error = response.json()["error"]
        self.assertEqual((response.status, error["param"]), (400, param), error)
        self.assertEqual(error["type"], "invalid_request_error")
        self.assertIn(says, error["message"])
        self.assertEqual(self.generator.asked, [])


class AnswerTests(ChatTestCase):
    """An answer in one."""

    def test_the_stand_in_is_a_generator(self) -> None:
        self.assertTrue(verifyObject(IGenerator, ScriptedGenerator()))

    def test_it_has_the_text_and_what_it_took(self) -> None:
        self.generator.reply = completion(reused=5)
        response = self.ask()
        said = response.json()
        self.assertEqual(response.status, 200)
        self.assertRegex(said.pop("id"), "^chatcmpl-[0-9a-f]{24}$")
        self.assertEqual(
            said,
            {
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "Hello world", "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": 7,
                    "completion_tokens": 2,
                    "total_tokens": 9,
                    "prompt_tokens_details": {"cached_tokens": 5},
                },
            },
        )

    def test_one_that_was_too_long_says_so(self) -> None:
        self.generator.reply = completion(finish="length")
        self.assertEqual(self.ask().json()["choices"][0]["finish_reason"], "length")

    def test_half_a_character_comes_with_its_own_bytes(self) -> None:
        choice = TokenChoice(TokenText.of(b"\xc3"), -0.5, ((TokenText.of(b"\xbc"), -0.5),))
        self.generator.reply = completion(choices=(choice,))
        said = self.ask(logprobs=True, top_logprobs=1).json()["choices"][0]["logprobs"]
        (token,) = said["content"]
        self.assertEqual((token["token"], token["bytes"]), ("\ufffd", [0xC3]))
        self.assertEqual(token["top_logprobs"][0]["bytes"], [0xBC])

    def test_log_probabilities_come_where_they_are_asked_for(self) -> None:
        choice = TokenChoice("Grüezi", -0.5, (("Grüezi", -0.5), ("Hoi", -1.5)))
        self.generator.reply = completion(choices=(choice,))
        said = self.ask(logprobs=True, top_logprobs=2).json()["choices"][0]["logprobs"]
        (token,) = said["content"]
        self.assertEqual(token["token"], "Grüezi")
        self.assertEqual(bytes(token["bytes"]).decode(), "Grüezi")
        self.assertEqual([one["token"] for one in token["top_logprobs"]], ["Grüezi", "Hoi"])
        self.assertEqual(self.generator.asked[0].logprobs, 2)
        self.assertIsNone(self.ask().json()["choices"][0]["logprobs"])

    def test_calls_of_tools_come_as_they_are(self) -> None:
        self.generator.reply = completion("", finish="tool_calls", tool_calls=(CALL,))
        (choice,) = self.ask(tools=[WEATHER]).json()["choices"]
        self.assertEqual(choice["message"]["tool_calls"], [CALL])
        self.assertIsNone(choice["message"]["content"])
        self.assertEqual(choice["finish_reason"], "tool_calls")
        self.assertEqual(list(self.generator.asked[0].tools), [WEATHER])


class RequestTests(ChatTestCase):
    """What the model is asked."""

    def test_a_request_that_says_little_is_as_openai_has_it(self) -> None:
        self.ask()
        (asked,) = self.generator.asked
        self.assertEqual(list(asked.prompt), [Message("user", "Say hello.")])
        self.assertEqual((asked.sampling.temperature, asked.sampling.top_p), (1.0, 1.0))
        self.assertEqual((asked.max_tokens, asked.stop, asked.schema), (2048, (), None))
        self.assertIsNone(asked.logprobs)
        self.assertIs(asked.priority, Priority.INTERACTIVE)

    def test_all_that_it_says_counts(self) -> None:
        self.ask(
            max_completion_tokens=9,
            temperature=0.3,
            top_p=0.5,
            seed=-1,
            stop=["\n", "END"],
            frequency_penalty=0.1,
            presence_penalty=-0.2,
            logit_bias={"17": -100},
            service_tier="flex",
        )
        (asked,) = self.generator.asked
        self.assertEqual((asked.max_tokens, asked.stop), (9, ("\n", "END")))
        sampling = asked.sampling
        self.assertEqual(
            (sampling.temperature, sampling.top_p, sampling.seed), (0.3, 0.5, 2**32 - 1)
        )
        self.assertEqual((sampling.frequency_penalty, sampling.presence_penalty), (0.1, -0.2))
        self.assertEqual(sampling.logit_bias, {17: -100})
        self.assertIs(asked.priority, Priority.BACKGROUND)

    def test_an_older_name_and_a_single_stop_count_as_well(self) -> None:
        self.ask(max_tokens=8, stop="END")
        self.assertEqual(
            (self.generator.asked[0].max_tokens, self.generator.asked[0].stop), (8, ("END",))
        )

    def test_an_answer_without_a_limit_leaves_room_for_the_question(self) -> None:
        self.generator.model = evolve(info(), window=1000)
        self.ask()
        self.assertEqual(self.generator.asked[0].max_tokens, 500)

    def test_parts_of_text_are_one_text_and_developers_are_the_system(self) -> None:
        parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        self.ask(messages=[{"role": "developer", "content": parts}, *HELLO])
        self.assertEqual(self.generator.asked[0].prompt[0], Message("system", "ab"))

    def test_a_conversation_with_tools_is_handed_on(self) -> None:
        self.ask(
            tools=[WEATHER],
            messages=[
                *HELLO,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "call-1", "content": "rain"},
            ],
        )
        prompt = self.generator.asked[0].prompt
        self.assertEqual(prompt[1], Message("assistant", "", {"tool_calls": [CALL]}))
        self.assertEqual(prompt[2], Message("tool", "rain", {"tool_call_id": "call-1"}))

    def test_an_object_and_a_schema_are_honoured(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        self.ask(response_format={"type": "text"})
        self.ask(response_format={"type": "json_object"})
        self.ask(
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        )
        schemas = [asked.schema for asked in self.generator.asked]
        self.assertEqual(schemas, [None, {"type": "object"}, schema])

    def test_callers_are_told_apart_by_who_and_what_they_are(self) -> None:
        for agent, user in (("a/1", None), ("a/1", "me"), ("b/1", None), ("a/1", None)):
            self.serving.ask(PATH, chat(user=user), [f"User-Agent: {agent}"])
        sessions = [asked.session for asked in self.generator.asked]
        self.assertEqual(len(set(sessions)), 3)
        self.assertEqual(sessions[0], sessions[3])


class ForcedCallTests(ChatTestCase):
    """A call that the client demands follows the function's schema, with any template."""

    NAMED = {"type": "function", "function": {"name": "weather"}}  # noqa: RUF012

    def test_the_answer_is_the_arguments(self) -> None:
        self.generator.reply = completion('{"city":"Bern"}')
        self.generator.model = evolve(info(), knows_tools=False)
        for choice in (self.NAMED, "required"):
            (said,) = self.ask(tools=[WEATHER], tool_choice=choice).json()["choices"]
            (call,) = said["message"]["tool_calls"]
            self.assertEqual(call["function"], {"name": "weather", "arguments": '{"city":"Bern"}'})
            self.assertEqual(
                (said["finish_reason"], said["message"]["content"]), ("tool_calls", None)
            )
        asked = self.generator.asked[0]
        self.assertEqual(asked.schema, WEATHER["function"]["parameters"])  # type: ignore[index]
        self.assertEqual(asked.tools, [])
        self.assertIn("weather", asked.prompt[0].content)  # type: ignore[union-attr]

    def test_it_is_streamed_at_its_end(self) -> None:
        self.generator.reply = completion('{"city": "Bern"}')
        events = self.stream(tools=[WEATHER], tool_choice=self.NAMED)
        deltas = [event["choices"][0]["delta"] for event in events[:-1]]
        self.assertEqual(deltas[0], {"role": "assistant", "content": None})
        (call,) = deltas[1]["tool_calls"]
        self.assertEqual((call["index"], call["function"]["arguments"]), (0, '{"city": "Bern"}'))
        self.assertEqual(events[-2]["choices"][0]["finish_reason"], "tool_calls")

    def test_one_that_was_too_long_is_said_to_be(self) -> None:
        self.generator.reply = completion('{"city', finish="length")
        (said,) = self.ask(tools=[WEATHER], tool_choice=self.NAMED).json()["choices"]
        self.assertEqual(said["finish_reason"], "length")

    def test_no_tools_are_offered_where_none_may_be_called(self) -> None:
        self.ask(tools=[WEATHER], tool_choice="none")
        self.assertEqual(list(self.generator.asked[0].tools), [])


class StreamTests(ChatTestCase):
    """An answer as events."""

    def test_it_comes_piece_by_piece(self) -> None:
        events = self.stream()
        self.assertEqual(events.pop(), "[DONE]")
        self.assertEqual({event["object"] for event in events}, {"chat.completion.chunk"})
        self.assertEqual(len({event["id"] for event in events}), 1)
        choices = [event["choices"][0] for event in events]
        self.assertEqual(
            [choice["delta"] for choice in choices],
            [
                {"role": "assistant", "content": ""},
                {"content": "Hello "},
                {"content": "world"},
                {},
            ],
        )
        self.assertEqual(
            [choice["finish_reason"] for choice in choices], [None, None, None, "stop"]
        )

    def test_each_piece_is_on_its_way_at_once(self) -> None:
        self.generator.reply = None
        connection = self.serving.send(PATH, chat(stream=True))
        (asked,) = self.generator.waiting
        self.assertEqual(connection.taken(), b"")
        asked.say("Hel")
        self.assertIn(b'"content":"Hel"', connection.taken())
        asked.say("lo")
        self.assertIn(b'"content":"lo"', connection.taken())
        asked.end(completion("Hello"))
        self.assertIn(b"[DONE]", connection.taken())

    def test_the_tokens_are_counted_where_that_is_asked_for(self) -> None:
        events = self.stream(stream_options={"include_usage": True})
        self.assertEqual(events[-2]["choices"], [])
        self.assertEqual(events[-2]["usage"]["total_tokens"], 9)
        self.assertNotIn("usage", self.stream()[-2])

    def test_calls_of_tools_and_log_probabilities_come_at_the_end(self) -> None:
        self.generator.reply = completion(
            "", finish="tool_calls", tool_calls=(CALL,), choices=(TokenChoice("x", -1.0),)
        )
        events = self.stream(tools=[WEATHER], logprobs=True)
        calls = events[-3]["choices"][0]["delta"]["tool_calls"]
        self.assertEqual(calls, [{"index": 0, **CALL}])
        end = events[-2]["choices"][0]
        self.assertEqual(end["finish_reason"], "tool_calls")
        self.assertEqual(end["logprobs"]["content"][0]["token"], "x")

    def test_log_probabilities_come_with_the_text_of_their_tokens(self) -> None:
        self.generator.reply = None
        connection = self.serving.send(PATH, chat(stream=True, logprobs=True))
        choices = [TokenChoice(text, -0.5) for text in ("Hel", "lo", " wor", "ld")]
        (asked,) = self.generator.waiting
        asked.choose(*choices[:2])
        asked.choose(choices[2])
        asked.end(completion("Hello world", choices=tuple(choices)))
        told = [event["choices"][0] for event in read_events(connection) if event != "[DONE]"]
        tokens = [
            [token["token"] for token in (choice["logprobs"] or {"content": []})["content"]]
            for choice in told
        ]
        self.assertEqual(tokens, [[], ["Hel", "lo"], [" wor"], ["ld"]])
        self.assertEqual([choice["finish_reason"] for choice in told][-2:], [None, "stop"])

    def test_they_do_not_where_nobody_asks_for_them(self) -> None:
        self.generator.reply = None
        connection = self.serving.send(PATH, chat(stream=True))
        (asked,) = self.generator.waiting
        asked.choose(TokenChoice("Hello", -0.5))
        asked.end(completion("Hello", choices=(TokenChoice("Hello", -0.5),)))
        told = [event["choices"][0] for event in read_events(connection) if event != "[DONE]"]
        self.assertEqual([choice["logprobs"] for choice in told], [None] * 3)

    def test_an_empty_answer_is_a_stream_all_the_same(self) -> None:
        self.generator.reply = completion("")
        events = self.stream()
        self.assertEqual(events[0]["choices"][0]["delta"]["role"], "assistant")
        self.assertEqual(events[-1], "[DONE]")


class RefusalTests(ChatTestCase):
    """What is not served is refused by a line that says what is."""

    def test_more_answers_than_one(self) -> None:
        self.expect_refusal("n", "ask 2 times", n=2)

    def test_what_is_no_request(self) -> None:
        for param, says, more in (
            ("messages", "length >= 1", {"messages": []}),
            (
                "messages[0].role",
                "Invalid enum value 'king'; one of system, developer, user, assistant, tool",
                {"messages": [{"role": "king"}]},
            ),
            ("max_tokens", "Expected `int | null`", {"max_tokens": "many"}),
            ("temperature", "<= 2", {"temperature": 3}),
            ("stop", "none empty", {"stop": [""]}),
            ("logit_bias", "numbers of tokens", {"logit_bias": {"the": 1}}),
            (
                "response_format.json_schema.schema",
                "is missing",
                {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            ),
            (
                "messages[0].content",
                "text alone",
                {
                    "messages": [
                        {"role": "user", "content": [{"type": "image_url", "image_url": {}}]}
                    ]
                },
            ),
            ("tools[0]", "is no function", {"tools": [{"type": "browser"}]}),
            ("tool_choice", "one of the functions", {"tools": [WEATHER], "tool_choice": "all"}),
        ):
            self.expect_refusal(param, says, **more)

    def test_a_field_that_is_missing_is_named(self) -> None:
        response = self.serving.ask(PATH, {"messages": HELLO})
        error = response.json()["error"]
        self.assertEqual((response.status, error["param"]), (400, "model"))

    def test_what_is_no_json(self) -> None:
        connection = self.serving.connect()
        connection.request("POST", PATH, b"{not json")
        response = connection.response()
        self.assertEqual(response.status, 400)
        self.assertIn("not JSON", response.json()["error"]["message"])

    def test_what_is_nested_beyond_all_sense(self) -> None:
        connection = self.serving.connect()
        connection.request("POST", PATH, b'{"unknown":' + b"[" * 50_000)
        response = connection.response()
        self.assertEqual(response.status, 400)
        self.assertIn("nested", response.json()["error"]["message"])

    def test_tools_where_the_template_knows_none(self) -> None:
        self.generator.model = evolve(info(), knows_tools=False)
        self.expect_refusal("tools", "knows no tools", tools=[WEATHER])
