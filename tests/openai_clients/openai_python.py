"""The openai package for Python. Run by the interpreter that has it."""

import asyncio
import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable
from functools import partial
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

BASE, TOKEN = os.environ["MNEMO_BASE"], os.environ["MNEMO_TOKEN"]
ROOM = int(os.environ["MNEMO_ROOM"])
client = OpenAI(base_url=f"{BASE}/v1", api_key=TOKEN, max_retries=0)

SAY = [{"role": "user", "content": "hello there"}]
FOR_EVER = [{"role": "user", "content": "for ever"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def running() -> int:
    """How many requests are with the models."""
    request = urllib.request.Request(f"{BASE}/health", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as response:
        return int(json.load(response)["running"])


def until_idle() -> None:
    """Fail unless nothing runs any more, soon."""
    end = time.monotonic() + 5
    while running():
        assert time.monotonic() < end, f"{running()} still run"
        time.sleep(0.02)


def lists_the_models() -> None:
    assert [model.id for model in client.models.list()] == ["talker", "fake"]
    assert client.models.retrieve("fake").owned_by == "mnemo"


def chats() -> None:
    said = client.chat.completions.create(model="talker", messages=SAY)
    assert said.choices[0].message.content == "You said: hello there", said
    assert said.choices[0].finish_reason == "stop"
    assert said.usage.total_tokens == 9
    assert said.usage.prompt_tokens_details.cached_tokens == 3


def streams_a_chat() -> None:
    stream = client.chat.completions.create(
        model="talker", messages=SAY, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "You said: hello there", text
    assert chunks[-1].usage.completion_tokens == 4
    assert chunks[-2].choices[0].finish_reason == "stop"


def streams_by_the_helper() -> None:
    with client.chat.completions.stream(model="talker", messages=SAY) as stream:
        for _ in stream:
            pass
        said = stream.get_final_completion()
    assert said.choices[0].message.content == "You said: hello there", said


def stops_at_its_limit() -> None:
    said = client.chat.completions.create(model="talker", messages=SAY, max_completion_tokens=2)
    assert said.choices[0].finish_reason == "length"


def calls_a_tool_and_goes_on() -> None:
    said = client.chat.completions.create(model="talker", messages=SAY, tools=[WEATHER])
    message = said.choices[0].message
    (call,) = message.tool_calls
    assert json.loads(call.function.arguments) == {"city": "Bern"}, call
    assert said.choices[0].finish_reason == "tool_calls"
    answer = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    said = client.chat.completions.create(
        model="talker", messages=[*SAY, message, answer], tools=[WEATHER]
    )
    assert said.choices[0].message.content == "You said: rain", said


def streams_a_call_of_a_tool() -> None:
    with client.chat.completions.stream(model="talker", messages=SAY, tools=[WEATHER]) as stream:
        for _ in stream:
            pass
        said = stream.get_final_completion()
    (call,) = said.choices[0].message.tool_calls
    assert call.function.name == "weather", call


def demands_a_call() -> None:
    choice = {"type": "function", "function": {"name": "weather"}}
    for demanded in (choice, "required"):
        said = client.chat.completions.create(
            model="talker", messages=SAY, tools=[WEATHER], tool_choice=demanded
        )
        (call,) = said.choices[0].message.tool_calls
        assert json.loads(call.function.arguments) == {"city": "Bern"}, call


def parses_what_follows_a_class() -> None:
    class Weather(BaseModel):
        city: str
        degrees: int

    said = client.chat.completions.parse(model="talker", messages=SAY, response_format=Weather)
    assert said.choices[0].message.parsed == Weather(city="Bern", degrees=7), said


def gets_log_probabilities() -> None:
    said = client.chat.completions.create(
        model="talker", messages=SAY, logprobs=True, top_logprobs=1
    )
    tokens = said.choices[0].logprobs.content
    assert [token.token for token in tokens] == ["You ", "said: ", "hello ", "there"], tokens
    assert tokens[0].top_logprobs[0].logprob == -0.5


def gets_log_probabilities_with_their_text() -> None:
    stream = client.chat.completions.create(
        model="talker", messages=SAY, stream=True, logprobs=True
    )
    choices = [chunk.choices[0] for chunk in stream]
    told = {one.delta.content: one.logprobs.content[0].token for one in choices if one.logprobs}
    assert list(told) == list(told.values()) == ["You ", "said: ", "hello ", "there"], told


def completes_a_text() -> None:
    said = client.completions.create(model="talker", prompt="once upon", logprobs=1)
    assert said.choices[0].text == "You said: once upon", said
    assert said.choices[0].logprobs.tokens[0] == "You "
    stream = client.completions.create(model="talker", prompt="once upon", stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "You said: once upon"


def embeds() -> None:
    in_base64 = client.embeddings.create(model="fake", input=["a cat", "a dog"])
    in_numbers = client.embeddings.create(
        model="fake", input=["a cat", "a dog"], encoding_format="float"
    )
    assert len(in_base64.data[0].embedding) == 64
    for one, other in zip(in_base64.data, in_numbers.data, strict=True):
        difference = max(abs(a - b) for a, b in zip(one.embedding, other.embedding, strict=True))
        assert difference < 1e-6, difference


def refusal(kind: type[openai.APIStatusError], call: Callable[[], object]) -> Any:
    """What the client raises for a call."""
    try:
        call()
    except kind as problem:
        return problem
    raise AssertionError("it was answered")


def sees_what_is_wrong() -> None:
    for kind, code, call in (
        (openai.NotFoundError, "model_not_found", {"model": "gpt-5", "messages": SAY}),
        (openai.BadRequestError, "unsupported_parameter", {"messages": SAY, "n": 2}),
        (openai.BadRequestError, None, {"messages": []}),
    ):
        asked = {"model": "talker", **call}
        problem = refusal(kind, partial(client.chat.completions.create, **asked))
        assert problem.code == code, problem
        assert problem.body["message"], problem
    stranger = OpenAI(base_url=f"{BASE}/v1", api_key="wrong", max_retries=0)
    problem = refusal(openai.AuthenticationError, stranger.models.list)
    assert "server.tokens" in problem.body["message"], problem


def leaves_a_stream_which_ends_it() -> None:
    stream = client.chat.completions.create(model="talker", messages=FOR_EVER, stream=True)
    for _, _chunk in zip(range(5), stream, strict=False):
        pass
    assert running() == 1
    stream.close()
    until_idle()


def gives_up_a_call_which_ends_it() -> None:
    try:
        client.with_options(timeout=0.3).chat.completions.create(model="talker", messages=FOR_EVER)
    except openai.APITimeoutError:
        until_idle()
    else:
        raise AssertionError("it was answered")


def is_told_when_to_come_back() -> None:
    async def ask_for_much() -> None:
        async with AsyncOpenAI(base_url=f"{BASE}/v1", api_key=TOKEN, max_retries=0) as many:
            calls = [
                asyncio.ensure_future(
                    many.chat.completions.create(model="talker", messages=FOR_EVER)
                )
                for _ in range(ROOM)
            ]
            await asyncio.sleep(0.5)
            one_more = many.chat.completions.create(model="talker", messages=SAY)
            said = (await asyncio.gather(one_more, return_exceptions=True))[0]
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
            assert isinstance(said, openai.RateLimitError), said
            assert said.response.headers["retry-after"] == "1", said

    asyncio.run(ask_for_much())
    until_idle()


def asks_for_some_at_once() -> None:
    async def ask() -> None:
        async with AsyncOpenAI(base_url=f"{BASE}/v1", api_key=TOKEN) as many:
            answers = await asyncio.gather(
                *(
                    many.chat.completions.create(
                        model="talker", messages=[{"role": "user", "content": str(number)}]
                    )
                    for number in range(5)
                )
            )
        texts = [answer.choices[0].message.content for answer in answers]
        assert texts == [f"You said: {number}" for number in range(5)], texts

    asyncio.run(ask())


failed = False
for check in (
    lists_the_models,
    chats,
    streams_a_chat,
    streams_by_the_helper,
    stops_at_its_limit,
    calls_a_tool_and_goes_on,
    streams_a_call_of_a_tool,
    demands_a_call,
    parses_what_follows_a_class,
    gets_log_probabilities,
    gets_log_probabilities_with_their_text,
    completes_a_text,
    embeds,
    sees_what_is_wrong,
    leaves_a_stream_which_ends_it,
    gives_up_a_call_which_ends_it,
    is_told_when_to_come_back,
    asks_for_some_at_once,
):
    name = f"openai for Python: {check.__name__.replace('_', ' ')}"
    try:
        check()
    except Exception as problem:
        failed = True
        print(f"FAILED {name}: {type(problem).__name__}: {problem}", flush=True)
    else:
        print(f"ok     {name}", flush=True)
sys.exit(failed)
