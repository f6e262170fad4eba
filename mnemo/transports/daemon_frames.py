"""
The frames of the daemon's dialect: how each is read, and how each looks that answers it.

A frame is a JSON object in a text message. C{op} says what it is; the frames of one call have
its C{request_id}.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import ProtocolError
from mnemo.tools.interfaces import ToolDescription, ToolResult

RequestId = int | str

Frame = dict[str, Any]

ACCEPTED = "accepted, awaiting session capacity"
"""What the first progress frame of a call says."""

_SUFFIX = re.compile(r"[_-]EXAI[_-]WS$")


class Unreadable(Exception):
    """The message is no frame. Its text says in one line what it is instead."""


@frozen
class Hello:
    """
    How a client of the dialect begins.

    @ivar spelling: the member that says so, C{op} or C{type}; the answer has the same
    @ivar session_id: the session it would like to go on with, or C{""}
    """

    spelling: str
    session_id: str
    token: str
    client: str
    client_version: str


def read(message: bytes) -> Any:
    """The JSON of a message. Raises L{Unreadable}."""
    try:
        return jsonrpc.decode(message)
    except ProtocolError as problem:
        raise Unreadable(problem.message) from None


def write(frame: Mapping[str, Any]) -> bytes:
    """The message of a frame."""
    return jsonrpc.encode(frame)


# -- what comes


def is_rpc(frame: object) -> bool:
    """Whether this is plain MCP: a JSON-RPC message, or a batch of such."""
    return isinstance(frame, list) or (isinstance(frame, dict) and "jsonrpc" in frame)


def hello(frame: object) -> Hello | None:
    """The greeting in a frame, in either spelling; C{None} where it is something else."""
    if not isinstance(frame, dict):
        return None
    spelling = next((name for name in ("op", "type") if frame.get(name) == "hello"), None)
    if spelling is None:
        return None
    about = frame.get("clientInfo")
    about = about if isinstance(about, dict) else {}
    return Hello(
        spelling,
        _text(frame.get("session_id")),
        _text(frame.get("token")) or _text(frame.get("auth_token")),
        _text(about.get("name"))[:128],
        _text(about.get("version"))[:128],
    )


def request_id(frame: Mapping[str, Any]) -> RequestId | None:
    """
    What a frame wants to be answered under, C{None} where it does not say.

    @raise Unreadable: where it says it by what is neither text nor a whole number
    """
    given = frame.get("request_id")
    if given is None:
        given = frame.get("id")
    if given is not None and type(given) is not str and type(given) is not int:
        raise Unreadable("The request_id must be a string or an integer")
    return given


def called(frame: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """
    The tool and the arguments of a call, in either spelling.

    @raise Unreadable: where it is no call
    """
    tool = frame.get("tool")
    said = {**tool, **frame} if isinstance(tool, dict) else frame
    name = said.get("name")
    if not isinstance(name, str):
        raise Unreadable("A call needs the name of a tool, a string")
    arguments = said.get("arguments")
    if arguments is None:
        arguments = {}
    if not isinstance(arguments, dict):
        raise Unreadable("The arguments of a call must be an object")
    return name, arguments


def plain_name(name: str) -> str:
    """The name of a tool without the suffix by which clients tell servers apart."""
    return _SUFFIX.sub("", name)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


# -- what goes


def hello_ack(spelling: str, session_id: str) -> Frame:
    """The client may go on."""
    return {spelling: "hello_ack", "ok": True, "session_id": session_id}


def hello_refused(spelling: str, error: str) -> Frame:
    """The client may not go on: the connection closes."""
    return {spelling: "hello_ack", "ok": False, "error": error}


def problem(code: str, message: str, **more: Any) -> Frame:
    """What went wrong."""
    return {"code": code, "message": message, **more}


def error(id: RequestId | None, problem: Frame) -> Frame:
    """A frame was not understood, or not done. It ends no call that runs."""
    return {"op": "error", "request_id": id, "message": problem["message"], "error": problem}


def listing(id: RequestId, tools: Iterable[ToolDescription], now: float) -> Frame:
    """The tools there are."""
    listed = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
        for tool in tools
    ]
    return {"op": "list_tools_res", "request_id": id, "tools": listed, "timestamp": now}


def progress(id: RequestId, name: str, now: float, **more: Any) -> Frame:
    """A call has not been forgotten."""
    return {"op": "progress", "request_id": id, "name": name, "t": now, **more}


def acknowledged(id: RequestId, name: str, timeout: float) -> Frame:
    """A call begins; it takes at most so many seconds from now."""
    return {
        "op": "call_tool_ack",
        "request_id": id,
        "accepted": True,
        "timeout": timeout,
        "name": name,
    }


def result(id: RequestId, outcome: ToolResult) -> Frame:
    """What a call brought. A tool that failed says so in words, and by an C{error}."""
    texts = [_shown(block) for block in outcome.content] or [""]
    joined = "\n".join(texts)
    frame: Frame = {
        "op": "call_tool_res",
        "request_id": id,
        "outputs": [{"type": "text", "text": text} for text in texts],
        "text": joined,
    }
    if outcome.is_error:
        frame["error"] = problem("EXEC_ERROR", joined)
    return frame


def failed(id: RequestId, problem: Frame) -> Frame:
    """A call that brought nothing."""
    return {**result(id, ToolResult.text(problem["message"])), "error": problem}


def health(id: RequestId, report: Mapping[str, Any], now: float, capacity: int) -> Frame:
    """
    How the daemon is.

    @param report: what C{/health} says
    @param capacity: how many calls may run at once
    """
    sessions = report["sessions"]
    told = {
        "t": now,
        "pid": report["pid"],
        "status": report["status"],
        "sessions": sessions["live"],
        "global_capacity": capacity,
        "global_inflight": sessions["running"],
        "uptime_human": uptime(report["uptime"]),
        "tool_count": report["tools"],
    }
    return {"op": "health_res", "request_id": id, "ok": True, "health": told}


def uptime(seconds: float) -> str:
    """A span of time as hours, minutes and seconds: C{"26:03:09"}."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _shown(block: Mapping[str, Any]) -> str:
    """A content block as text: what is none as the JSON of it."""
    if block.get("type") == "text":
        return str(block["text"])
    return jsonrpc.encode(block).decode()
