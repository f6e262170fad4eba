"""C{/v1/chat/completions}: what is asked of a model by a chat, and how the answer is told."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mnemo.api.answers import Told, new_id
from mnemo.api.openai_errors import ApiError
from mnemo.api.openai_requests import ChatMessage, ChatRequest, Json, refuse
from mnemo.api.openai_sampling import (
    TIMEOUT,
    longest_answer,
    priority_of,
    refuse_many,
    sampling_of,
    stops_of,
)
from mnemo.inference.generation import (
    Completion,
    Generation,
    GeneratorInfo,
    Message,
    TokenChoice,
    TokenText,
)


def generation_of(asked: ChatRequest, model: GeneratorInfo | None, session: str) -> Generation:
    """What is asked of the model. Raises L{ApiError}."""
    refuse_many(asked)
    tools, forced = _tools(asked)
    if forced is not None and asked.response_format is not None and _schema(asked) is not None:
        raise refuse("tool_choice", "tool_choice and response_format each ask for another form.")
    if tools and model is not None and not model.knows_tools:
        raise refuse("tools", f"The chat template of {model.name} knows no tools.")
    messages = [_message(message, at) for at, message in enumerate(asked.messages)]
    if forced is not None:
        messages.insert(0, _told_to_call(forced))
    return Generation(
        prompt=messages,
        max_tokens=longest_answer(asked.max_completion_tokens or asked.max_tokens, model),
        sampling=sampling_of(asked),
        stop=stops_of(asked),
        schema=_schema(asked) if forced is None else forced.get("parameters") or {"type": "object"},
        tools=tools,
        logprobs=(asked.top_logprobs or 0) if asked.logprobs else None,
        priority=priority_of(asked),
        session=session,
        timeout=TIMEOUT,
    )


class ChatTold(Told):
    """
    How the answer to a chat is told.

    Where it has to be a call of one function, its text is that call's arguments.
    """

    def __init__(self, asked: ChatRequest, model: str, created: int) -> None:
        options = asked.stream_options
        super().__init__(
            new_id("chatcmpl"), model, created, options is not None and options.include_usage
        )
        forced = _tools(asked)[1]
        self._function = None if forced is None else str(forced["name"])
        self._logprobs = bool(asked.logprobs)

    kind = "chat.completion"
    chunk_kind = "chat.completion.chunk"

    def first(self) -> Sequence[Mapping[str, Any]]:
        """That somebody speaks."""
        return [_choice({"role": "assistant", "content": None if self._function else ""})]

    def piece(self, text: str, choices: Sequence[TokenChoice]) -> Mapping[str, Any] | None:
        """A piece of the text."""
        return None if self._function else self._with(choices, _choice({"content": text}))

    def last(
        self, completion: Completion, choices: Sequence[TokenChoice]
    ) -> Sequence[Mapping[str, Any]]:
        """What is known at the end."""
        calls = [{"index": at, **call} for at, call in enumerate(self._calls(completion))]
        parts = [_choice({"tool_calls": calls})] if calls else []
        return [*parts, self._with(choices, _choice({}, self._finish(completion)))]

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        """The answer in one."""
        calls = self._calls(completion)
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None
            if self._function or (calls and not completion.text)
            else completion.text,
            "refusal": None,
        }
        if calls:
            message["tool_calls"] = calls
        choices = {"content": _token_choices(completion.choices), "refusal": None}
        return {
            "index": 0,
            "message": message,
            "logprobs": choices if self._logprobs else None,
            "finish_reason": self._finish(completion),
        }

    def _with(self, choices: Sequence[TokenChoice], choice: dict[str, Any]) -> dict[str, Any]:
        """C{choice} with log probabilities, where they are wanted and there are some."""
        if self._logprobs and choices:
            choice["logprobs"] = {"content": _token_choices(choices), "refusal": None}
        return choice

    def _calls(self, completion: Completion) -> Sequence[Mapping[str, Any]]:
        if self._function is None:
            return completion.tool_calls
        function = {"name": self._function, "arguments": completion.text}
        return [{"id": new_id("call"), "type": "function", "function": function}]

    def _finish(self, completion: Completion) -> str:
        calls = self._function is not None and completion.finish == "stop"
        return "tool_calls" if calls else completion.finish


def _message(message: ChatMessage, at: int) -> Message:
    more = {
        name: value
        for name, value in (
            ("name", message.name),
            ("tool_calls", message.tool_calls),
            ("tool_call_id", message.tool_call_id),
        )
        if value is not None
    }
    # OpenAI's newer models are told by the developer what others are told by the system.
    role = "system" if message.role == "developer" else message.role
    return Message(role, _text(message.content, f"messages[{at}].content"), more)


def _text(content: str | Sequence[Json] | None, param: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    for part in content:
        if part.get("type") != "text" or not isinstance(part.get("text"), str):
            raise refuse(param, f"{param} has a part that is no text; the model reads text alone.")
    return "".join(part["text"] for part in content)


def _schema(asked: ChatRequest) -> Json | None:
    wanted = asked.response_format
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_object":
        return {"type": "object"}
    if wanted.json_schema is None or wanted.json_schema.schema is None:
        param = "response_format.json_schema.schema"
        raise ApiError(400, f"{param} is missing.", param=param)
    return wanted.json_schema.schema


def _tools(asked: ChatRequest) -> tuple[Sequence[Json], Json | None]:
    """
    What the model may call, and the function that it has to call. Raises L{ApiError}.
    """
    tools = asked.tools or []
    functions = [_function(tool, at) for at, tool in enumerate(tools)]
    choice = asked.tool_choice
    if choice in (None, "auto"):
        return tools, None
    if choice == "none":
        return [], None
    if choice == "required" and len(functions) == 1:
        return [], functions[0]
    named = choice.get("function") if isinstance(choice, Mapping) else None
    name = named.get("name") if isinstance(named, Mapping) else None
    for function in functions:
        if function["name"] == name:
            return [], function
    raise refuse(
        "tool_choice",
        'tool_choice is "none", "auto", one of the functions, or "required" where there is one.',
    )


def _function(tool: Json, at: int) -> Json:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        raise refuse(f"tools[{at}]", f"tools[{at}] is no function, of which alone there are tools.")
    if not isinstance(function.get("name"), str) or not function["name"]:
        raise ApiError(400, f"tools[{at}].function.name is missing.", param=f"tools[{at}]")
    if not isinstance(function.get("parameters", {}), Mapping | None):
        raise ApiError(400, f"tools[{at}].function.parameters is no schema.", param=f"tools[{at}]")
    return function


def _told_to_call(function: Json) -> Message:
    says = function.get("description") or ""
    schema = msgspec.json.encode(function.get("parameters") or {}).decode()
    return Message(
        "system",
        f"Answer with a JSON object: the arguments of a call of the function {function['name']}."
        f" {says}\nTheir JSON Schema: {schema}",
    )


def _choice(delta: Mapping[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}


def _token_choices(choices: Sequence[TokenChoice]) -> list[dict[str, Any]]:
    return [
        {
            **_token(choice.text, choice.logprob),
            "top_logprobs": [_token(text, logprob) for text, logprob in choice.likeliest],
        }
        for choice in choices
    ]


def _token(text: str, logprob: float) -> dict[str, Any]:
    raw = text.raw if isinstance(text, TokenText) else text.encode("utf-8", "replace")
    return {"token": str(text), "logprob": logprob, "bytes": list(raw)}
