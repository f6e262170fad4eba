"""What can be wrong with a server, in words that say what mends it."""

from typing import Any

import msgspec
from twisted.internet import error
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers

from mnemo.inference.servers import ServerModel

_SHOWN = 300


class ServerDown(Exception):
    """
    It was not reached, or does not serve now. Its text is one line.

    @ivar retry_after: seconds after which to ask again; C{None} where the server does not say
    @ivar again: whether the same request may be sent again
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, again: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.again = again


class ServerBusy(ServerDown):
    """It has too much to do."""


class RequestRefused(Exception):
    """It does not serve this request. Its text is what the server says."""


class AnswerBroken(Exception):
    """It failed at this request, or its answer cannot be read."""


def unreachable(server: ServerModel, problem: Exception) -> ServerDown:
    """That it was not reached, or hung up before it answered."""
    why: BaseException = problem
    if isinstance(problem, ResponseFailed) and problem.reasons:
        why = problem.reasons[0].value
    known = (error.ConnectError, error.TimeoutError, error.DNSLookupError, error.ConnectionClosed)
    says = " ".join(str(why).split()).rstrip(".")[:_SHOWN] or type(why).__name__
    return ServerDown(f"{server.host} does not answer: {says}", again=isinstance(why, known))


def refused(
    server: ServerModel, status: int, headers: Headers, body: bytes
) -> ServerDown | RequestRefused | AnswerBroken:
    """That it answered with another status than 200."""
    host, says = server.host, _says(body)
    retry_after = _retry_after(headers)
    if status == 429:
        return ServerBusy(
            f"{host} has too much to do: {says}",
            retry_after=retry_after,
            again=retry_after is not None,
        )
    if status == 503:
        return ServerDown(
            f"{host} does not serve now: {says}",
            retry_after=retry_after,
            again=retry_after is not None,
        )
    if status in (401, 403):
        mend = f"see {server.variable}" if server.variable else "name its variable by key="
        return ServerDown(f"{host} does not accept the key ({status}); {mend}: {says}")
    if status == 404:
        return ServerDown(f"{host} has no {server.model!r} at {server.address}: {says}")
    if status < 400:
        return ServerDown(f"{host} answers {status}; name the address that it points to")
    if status < 500:
        return RequestRefused(f"{host} refuses the request ({status}): {says}")
    return AnswerBroken(f"{host} failed ({status}): {says}")


def _says(body: bytes) -> str:
    """The message in an answer, in one line."""
    try:
        content: Any = msgspec.json.decode(body)
        problem = content.get("error", content)
        text = problem if isinstance(problem, str) else problem["message"]
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError, UnicodeDecodeError):
        text = body.decode("utf-8", "replace")
    return " ".join(str(text).split())[:_SHOWN] or "it does not say why"


def _retry_after(headers: Headers) -> float | None:
    """The seconds of C{Retry-After}; a date there is passed over, since clocks differ."""
    (said, *_) = headers.getRawHeaders("Retry-After", [""])
    try:
        seconds = float(said)
    except ValueError:
        return None
    return seconds if 0 <= seconds < 1e6 else None
