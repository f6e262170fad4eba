"""What clients send, read: the fields that mnemo knows. Others are passed over, as OpenAI's are."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

import msgspec
from attrs import field, frozen
from msgspec import Meta

from mnemo.api.openai_errors import ApiError

Asked = TypeVar("Asked")

Probability = Annotated[float, Meta(ge=0, le=1)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Penalty = Annotated[float, Meta(ge=-2, le=2)]
Bias = Annotated[float, Meta(ge=-100, le=100)]
Tokens = Annotated[int, Meta(ge=1)]
Json = Mapping[str, Any]

Role = Literal["system", "developer", "user", "assistant", "tool"]
FormatType = Literal["text", "json_object", "json_schema"]
Encoding = Literal["float", "base64"]

_CHOICES: Final = {"role": Role, "type": FormatType, "encoding_format": Encoding}
"""What the fields of these names may be."""


@frozen
class StreamOptions:
    """@ivar include_usage: whether the last event before the end says how many tokens it took"""

    include_usage: bool = False


@frozen
class SchemaFormat:
    """A JSON Schema that an answer has to follow."""

    name: str
    schema: Json | None = None


@frozen
class ResponseFormat:
    """What an answer has to look like."""

    type: FormatType
    json_schema: SchemaFormat | None = None


@frozen
class ChatMessage:
    """One turn. @ivar content: text, or parts of which each is one"""

    role: Role
    content: str | list[Json] | None = None
    name: str | None = None
    tool_calls: list[Json] | None = None
    tool_call_id: str | None = None


@frozen
class Common:
    """
    What both ways to ask a language model have.

    @ivar user: tells those apart who use the same program; each has a turn of their own
    @ivar service_tier: C{"flex"} waits behind those who wait for an answer
    """

    model: str
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: dict[str, Bias] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    service_tier: str | None = None


@frozen(kw_only=True)
class ChatRequest(Common):
    """C{POST /v1/chat/completions}"""

    messages: Annotated[list[ChatMessage], Meta(min_length=1)]
    max_completion_tokens: Tokens | None = None
    response_format: ResponseFormat | None = None
    tools: list[Json] | None = None
    tool_choice: str | Json | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None


@frozen(kw_only=True)
class CompletionRequest(Common):
    """C{POST /v1/completions}"""

    prompt: str | list[Any]
    logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    echo: bool | None = None
    suffix: str | None = None
    best_of: int | None = None


@frozen(kw_only=True)
class EmbeddingsRequest:
    """C{POST /v1/embeddings}"""

    model: str
    input: str | list[Any]
    encoding_format: Encoding = "float"
    dimensions: int | None = None
    user: str | None = field(default=None)


def read(body: bytes, wanted: type[Asked]) -> Asked:
    """The request in C{body}. Raises L{ApiError}, which names the field."""
    try:
        return msgspec.json.decode(body, type=wanted)
    except msgspec.ValidationError as problem:
        says, _, where = str(problem).partition(" - at `$")
        param = where.rstrip("`").lstrip(".") or None
        if "missing required field" in says:
            param = says.rpartition("`")[0].rpartition("`")[2]
        if says.startswith("Invalid enum value") and param:
            says += f"; one of {', '.join(get_args(_CHOICES[param.rpartition('.')[2]]))}"
        place = f" (at {param})" if param and param not in says else ""
        raise ApiError(400, f"{says}{place}.", param=param) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise ApiError(400, f"The body is not JSON in UTF-8: {problem}") from None
    except RecursionError:
        raise ApiError(400, "The body is nested too deeply.") from None


def refuse(param: str, message: str) -> ApiError:
    """That a field asks for what there is not."""
    return ApiError(400, message, param=param, code="unsupported_parameter")
