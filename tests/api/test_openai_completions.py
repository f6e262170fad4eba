"""C{/v1/completions}."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import TokenChoice
from tests.api.scripted_generator import NAME, completion
from tests.api.serving import Serving, events
from tests.transports.wire import Response

PATH = "/v1/completions"


class CompletionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.serving = Serving()
        self.generator = self.serving.generator

    def ask(self, **more: object) -> Response:
        return self.serving.ask(PATH, {"model": NAME, "prompt": "Once upon", **more})

    def test_the_rest_of_a_text_comes_in_one(self) -> None:
        said = self.ask(max_tokens=5, temperature=0).json()
        self.assertEqual(said["object"], "text_completion")
        self.assertEqual(
            said["choices"],
            [{"index": 0, "text": "Hello world", "logprobs": None, "finish_reason": "stop"}],
        )
        self.assertEqual(said["usage"]["total_tokens"], 9)
        (asked,) = self.generator.asked
        self.assertEqual((asked.prompt, asked.max_tokens), ("Once upon", 5))

    def test_without_a_limit_it_is_as_short_as_openai_has_it(self) -> None:
        self.ask(prompt=["Once"])
        self.assertEqual(
            (self.generator.asked[0].prompt, self.generator.asked[0].max_tokens), ("Once", 16)
        )

    def test_it_comes_piece_by_piece(self) -> None:
        events = self.serving.stream(PATH, {"model": NAME, "prompt": "x"})
        texts = [event["choices"][0]["text"] for event in events[:-1]]
        self.assertEqual((texts, events[-1]), (["Hello ", "world", ""], "[DONE]"))
        self.assertEqual(events[-2]["choices"][0]["finish_reason"], "stop")

    def test_log_probabilities_are_in_columns(self) -> None:
        choices = (TokenChoice("ab", -0.5, (("ab", -0.5),)), TokenChoice("c", -1.0))
        self.generator.reply = completion("abc", choices=choices)
        self.assertEqual(
            self.ask(logprobs=1).json()["choices"][0]["logprobs"],
            {
                "tokens": ["ab", "c"],
                "token_logprobs": [-0.5, -1.0],
                "top_logprobs": [{"ab": -0.5}, {}],
                "text_offset": [0, 2],
            },
        )

    def test_in_a_stream_they_come_with_the_text_and_say_where_it_is(self) -> None:
        self.generator.reply = None
        asking = {"model": NAME, "prompt": "x", "stream": True, "logprobs": 0}
        connection = self.serving.send(PATH, asking)
        choices = tuple(TokenChoice(text, -0.5) for text in ("ab", "c", "d"))
        (asked,) = self.generator.waiting
        asked.choose(*choices[:2])
        asked.end(completion("abcd", choices=choices))
        told = [event["choices"][0]["logprobs"] for event in events(connection)[:-1]]
        found = [(each["tokens"], each["text_offset"]) for each in told]
        self.assertEqual(found, [(["ab", "c"], [0, 2]), (["d"], [3])])

    def test_what_there_is_not_is_refused(self) -> None:
        for param, says, more in (
            ("n", "ask 3 times", {"n": 3}),
            ("best_of", "one answer", {"best_of": 2}),
            ("echo", "does not repeat", {"echo": True}),
            ("suffix", "at its end", {"suffix": "x"}),
            ("prompt", "send text", {"prompt": [1, 2]}),
            ("prompt", "2 texts", {"prompt": ["a", "b"]}),
        ):
            response = self.ask(**more)
            error = response.json()["error"]
            self.assertEqual((response.status, error["param"]), (400, param))
            self.assertIn(says, error["message"])
        self.assertEqual(self.generator.asked, [])
