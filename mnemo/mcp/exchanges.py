"""An HTTP request and its answer, as the protocol sees them."""

from attrs import frozen

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import ProtocolError
from mnemo.mcp.headers import Headers

RETRY_SECONDS = 60
"""After how long a client that found no room for its session may try again."""

_JSON = ("Content-Type", "application/json")


@frozen
class Exchange:
    """
    An HTTP request.

    @ivar headers: the values of each header, by its name in lower case
    @ivar principal: whose credential it came with
    """

    method: str
    headers: Headers
    body: bytes = b""
    principal: str = "local"


@frozen
class Reply:
    """A complete HTTP answer, but for the headers that the transport adds."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


ACCEPTED = Reply(202)
"""The answer to what wants none."""


def json_reply(body: bytes, *extra: tuple[str, str]) -> Reply:
    """The answer to a request that was served."""
    return Reply(200, body, (_JSON, *extra))


def refused(id: jsonrpc.Id | None, problem: ProtocolError, *extra: tuple[str, str]) -> Reply:
    """The answer to a request that was not."""
    if problem.status == 503:
        extra = (*extra, ("Retry-After", str(RETRY_SECONDS)))
    return Reply(problem.status, jsonrpc.error(id, problem), (_JSON, *extra))
