"""Several messages at once, as version 2025-03-26 has them, and no other."""

from collections.abc import Awaitable, Callable

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import invalid_request
from mnemo.mcp.jsonrpc import Batch, Malformed, Message, Request

VERSION = "2025-03-26"

LIMIT = 1000
"""How many messages one batch may hold."""


def messages(batch: Batch, version: str) -> list[Message | Malformed]:
    """
    The messages of a batch, in its order.

    Raises L{ProtocolError} where the version of the session knows none, where it is empty, too
    large, or opens a session.
    """
    if version != VERSION:
        raise batch.problem
    if not batch.values:
        raise invalid_request("The batch is empty")
    if len(batch.values) > LIMIT:
        raise invalid_request(f"A batch may hold {LIMIT} messages")
    found = [jsonrpc.read(value) for value in batch.values]
    if any(isinstance(each, Request) and each.method == "initialize" for each in found):
        raise invalid_request("initialize cannot be part of a batch")
    return found


async def answer(
    found: list[Message | Malformed], take: Callable[[Message], Awaitable[bytes | None]]
) -> bytes | None:
    """
    The answers of a batch, C{None} where it wants none.

    @param take: gives the answer to one message
    """
    answers = []
    for message in found:
        if isinstance(message, Malformed):
            told: bytes | None = jsonrpc.error(message.id, message.problem)
        else:
            told = await take(message)
        if told is not None:
            answers.append(told)
    return b"[" + b",".join(answers) + b"]" if answers else None
