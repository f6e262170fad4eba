"""Calling a tool of the daemon from a terminal, which answers what the tool asks."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click
import msgspec

from mnemo import __version__
from mnemo.cli.choice import Choice
from mnemo.lock import holder_of
from mnemo.mcp.modern import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mnemo.mcp.versions import MODERN
from mnemo.transports.credentials import token_of
from mnemo.transports.daemon import Home
from mnemo.transports.upstream import Lost, NotSent, Wire, decoded, repeated

_META = {
    PROTOCOL_VERSION: MODERN[-1],
    CLIENT_INFO: {"name": "mnemo-cli", "version": __version__},
    CLIENT_CAPABILITIES: {"elicitation": {"form": {}}},
    "progressToken": 1,
}

Told = Callable[[Mapping[str, Any]], None]
"""Told of the progress of a call: C{progress}, and perhaps C{total} and C{message}."""

ROUNDS = 5
"""How often a tool may ask before that is given up."""


def say_progress(told: Mapping[str, Any]) -> None:
    """Say how far a call is, a line each time."""
    click.echo(told.get("message", ""), err=True)


def call_tool(
    chosen: Choice, name: str, arguments: Mapping[str, Any], told: Told = say_progress
) -> str:
    """
    What a tool of the daemon of a home says. Raises C{click.ClickException}.

    The tool's questions are asked in the terminal; where nobody answers there, it is told so.
    """
    result = call_for_result(chosen, name, arguments, told)
    return "\n".join(block.get("text", "") for block in result.get("content", ()))


def call_for_result(
    chosen: Choice, name: str, arguments: Mapping[str, Any], told: Told = say_progress
) -> dict[str, Any]:
    """
    What a call comes to, likewise.

    @param told: told of the progress, as the protocol has it
    """
    params: dict[str, Any] = {"name": name, "arguments": arguments, "_meta": _META}
    for _ in range(ROUNDS):
        result = _result(chosen, params, told)
        if result.get("resultType") != "input_required":
            if result.get("isError"):
                said = (block.get("text", "") for block in result.get("content", ()))
                raise click.ClickException("\n".join(said))
            return result
        asked = result.get("inputRequests", {})
        params["inputResponses"] = {key: answer(each["params"]) for key, each in asked.items()}
        params["requestState"] = result.get("requestState")
    raise click.ClickException("the daemon asks again and again")


def answer(form: Mapping[str, Any]) -> dict[str, Any]:
    """What the user enters in a form of C{elicitation/create}."""
    click.echo(form["message"])
    try:
        content = {
            name: _entered(field) for name, field in form["requestedSchema"]["properties"].items()
        }
    except click.Abort:
        click.echo()
        return {"action": "cancel"}
    return {"action": "accept", "content": content}


def _entered(field: Mapping[str, Any]) -> Any:
    if field["type"] == "boolean":
        return click.confirm(field["title"], default=field.get("default", False))
    return click.prompt(field["title"], default="", show_default=False)


def _result(chosen: Choice, params: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """The result of a call."""
    for message in map(decoded, _messages(chosen, params)):
        if message.get("method") == "notifications/progress":
            told(message["params"])
        elif "error" in message:
            raise click.ClickException(message["error"]["message"])
        elif isinstance(message.get("result"), dict):
            found: dict[str, Any] = message["result"]
            return found
    raise click.ClickException("the daemon has not answered")


def _messages(chosen: Choice, params: Mapping[str, Any]) -> Iterator[bytes]:
    holder, address = holder_of(chosen.home), Home(chosen.home).address()
    if holder is None or address is None:
        raise click.ClickException(f"mnemo is not running for {chosen.home}; mnemo start starts it")
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        **repeated("tools/call", params),
    }
    if token := token_of(chosen.config.server.tokens):
        headers["Authorization"] = f"Bearer {token}"
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    wire = Wire()
    try:
        reply = wire.send(address, "POST", headers, msgspec.json.encode(message))
        if reply.status == 401:
            raise click.ClickException(
                f"pid {holder.pid} asks for a token; set server.tokens to it"
            )
        yield from reply.messages
    except (Lost, NotSent) as problem:
        raise click.ClickException(f"pid {holder.pid} does not answer: {problem}") from None
    finally:
        wire.close()
