"""What went wrong, in the shape in which OpenAI's clients expect it."""

from collections.abc import Mapping
from typing import Final

import msgspec

from mnemo.inference.generation import (
    GenerationFailed,
    GeneratorUnavailable,
    Overloaded,
    UnfitRequest,
)
from mnemo.inference.interfaces import EmbedderUnavailable
from mnemo.sessions.interfaces import Busy

_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    405: "invalid_request_error",
    413: "invalid_request_error",
    421: "permission_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
_CODES: Final = {401: "invalid_api_key", 429: "rate_limit_exceeded", 503: "model_not_available"}


class ApiError(Exception):
    """
    A refusal.

    @ivar status: the HTTP status
    @ivar param: which field of the request is meant, C{None} for none
    @ivar code: by which a program knows it
    @ivar retry_after: seconds after which to ask again; C{None} where waiting does not help
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code or _CODES.get(status)
        self.retry_after = retry_after

    @property
    def content(self) -> Mapping[str, Mapping[str, str | None]]:
        """What says so, in an answer or in an event."""
        error = {
            "message": str(self),
            "type": _TYPES.get(self.status, "server_error"),
            "param": self.param,
            "code": self.code,
        }
        return {"error": error}

    @property
    def body(self) -> bytes:
        """The same, as JSON."""
        return msgspec.json.encode(self.content)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """What goes with the body."""
        if self.retry_after is not None:
            return (("Retry-After", str(max(1, round(self.retry_after)))),)
        # OpenAI's clients ask again by themselves after 429 and 5xx, unless told that it is vain.
        return (("X-Should-Retry", "false"),) if self.status in (429, 500, 503, 504) else ()


def refusal_of(problem: Exception) -> ApiError | None:
    """How a failure of a model is told to a client; C{None} for a defect of ours."""
    match problem:
        case ApiError():
            return problem
        case Busy():
            return ApiError(429, str(problem), retry_after=problem.retry_after)
        case Overloaded():
            return ApiError(429, str(problem), retry_after=problem.retry_after or 1.0)
        case GeneratorUnavailable():
            return ApiError(503, str(problem), retry_after=problem.retry_after)
        case EmbedderUnavailable():
            return ApiError(503, str(problem))
        case UnfitRequest():
            return ApiError(400, str(problem))
        case GenerationFailed():
            return ApiError(500, str(problem), code="generation_failed")
        case TimeoutError():
            return ApiError(504, str(problem) or "The time was up.", code="timeout")
    return None
