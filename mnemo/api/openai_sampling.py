"""What both ways to ask a language model have in common, from a request to a generation."""

from collections.abc import Sequence
from typing import Any, Final

from mnemo.api.openai_errors import ApiError
from mnemo.api.openai_requests import Common, refuse
from mnemo.inference.chain import Chain
from mnemo.inference.generation import GeneratorInfo, IGenerator, Sampling
from mnemo.inference.interfaces import Priority

MOST_STOPS: Final = 16

LONGEST: Final = 2048
"""
How many tokens an answer may have where the request does not say: or half of what the model
takes, where that is less, so that there is room for the question.
"""

TIMEOUT: Final = 600.0
"""Seconds for an answer, as OpenAI's clients have it; one whose client goes away ends with it."""

_SEEDS: Final = 2**32


def sampling_of(asked: Common) -> Sampling:
    """How the next token is chosen; what is not said is as OpenAI's API has it."""
    return Sampling(
        temperature=1.0 if asked.temperature is None else asked.temperature,
        top_p=1.0 if asked.top_p is None else asked.top_p,
        frequency_penalty=asked.frequency_penalty or 0.0,
        presence_penalty=asked.presence_penalty or 0.0,
        seed=None if asked.seed is None else asked.seed % _SEEDS,
        logit_bias=_biases(asked),
    )


def stops_of(asked: Common) -> tuple[str, ...]:
    """The strings at which an answer ends. Raises L{ApiError}."""
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    if len(stops) > MOST_STOPS or "" in stops:
        raise ApiError(400, f"stop is up to {MOST_STOPS} strings, none empty.", param="stop")
    return tuple(stops)


def priority_of(asked: Common) -> Priority:
    """Whether somebody waits for it."""
    return Priority.BACKGROUND if asked.service_tier == "flex" else Priority.INTERACTIVE


def longest_answer(said: int | None, model: GeneratorInfo | None) -> int:
    """How many tokens the answer may have."""
    if said is not None:
        return said
    return LONGEST if model is None or not model.window else min(LONGEST, model.window // 2)


def refuse_many(asked: Common) -> None:
    """Raises L{ApiError} for more answers than one."""
    if asked.n not in (None, 1):
        raise refuse("n", f"n is {asked.n}, but each request has one answer; ask {asked.n} times.")


def models_of(generator: IGenerator) -> Sequence[GeneratorInfo]:
    """The language models that are known."""
    if isinstance(generator, Chain):
        return generator.models
    return [] if generator.model is None else [generator.model]


def find_model(name: str, generator: IGenerator) -> tuple[IGenerator, GeneratorInfo | None]:
    """
    The language model of this name, where there are several ahead of the others.

    @return: what to ask, and what is known of the model: C{None} while it was never loaded
    @raise ApiError: there is none, or only others
    """
    models = models_of(generator)
    if not models:
        if generator.problem:
            raise ApiError(503, generator.problem)
        return generator, None
    for model in models:
        if model.name == name:
            if isinstance(generator, Chain):
                generator = generator.preferring(name)
            return generator, model
    raise no_model(name, *(model.name for model in models))


def no_model(name: str, *instead: str) -> ApiError:
    """That there are other models."""
    others = ", ".join(map(repr, instead))
    return ApiError(
        404,
        f"There is no model {name[:200]!r} for this; there is {others}.",
        param="model",
        code="model_not_found",
    )


def usage_of(prompt: int, answer: int, reused: int) -> dict[str, Any]:
    """How many tokens it took."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {"cached_tokens": reused},
    }


def _biases(asked: Common) -> dict[int, float]:
    try:
        return {int(token): bias for token, bias in (asked.logit_bias or {}).items()}
    except ValueError:
        raise ApiError(
            400, "logit_bias has numbers of tokens as its keys.", param="logit_bias"
        ) from None
