"""
A language model for Claude Code that says what a script has it say.

It answers C{POST /NAME/v1/messages} by the script of that name: a tool call for each step, in
order, then some text. How far a conversation is shows in the tool results that it carries.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from attrs import define, field, frozen


def _nothing() -> None:
    """What happens before most steps."""


@frozen
class Step:
    """
    A tool call.

    @ivar before: done before the model asks for it
    """

    tool: str
    arguments: Mapping[str, Any]
    before: Callable[[], object] = _nothing


@define
class Script:
    """
    What one process is to do, and what came of it.

    @ivar offered: the tools that it was shown
    @ivar results: the text of each tool's result, by step
    """

    steps: Sequence[Step]
    offered: set[str] = field(factory=set)
    results: dict[int, str] = field(factory=dict)
    _begun: set[int] = field(factory=set)

    def next_block(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the model says next."""
        self.offered.update(tool["name"] for tool in request.get("tools", ()))
        for block in _tool_results(request):
            self.results[int(block["tool_use_id"].removeprefix("toolu_"))] = _text(block)
        number = len(self.results)
        if not request.get("tools") or number >= len(self.steps):
            return {"type": "text", "text": "Done."}
        step = self.steps[number]
        if number not in self._begun:
            self._begun.add(number)
            step.before()
        return {
            "type": "tool_use",
            "id": f"toolu_{number}",
            "name": step.tool,
            "input": dict(step.arguments),
        }


@define(eq=False)
class ModelStub:
    """The endpoint."""

    scripts: dict[str, Script] = field(factory=dict)
    _server: ThreadingHTTPServer = field(init=False)

    def start(self) -> None:
        """Listen on a free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.scripts))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def url(self, name: str) -> str:
        """The base URL for the process that follows this script."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"


def _handler(scripts: Mapping[str, Script]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
            _, name, *rest = self.path.partition("?")[0].split("/")
            if rest == ["v1", "messages", "count_tokens"]:
                self._send(200, "application/json", json.dumps({"input_tokens": 1}))
            elif rest == ["v1", "messages"] and name in scripts:
                message = _message(scripts[name].next_block(request), request)
                if request.get("stream"):
                    self._send(200, "text/event-stream", "".join(_events(message)))
                else:
                    self._send(200, "application/json", json.dumps(message))
            else:
                self._send(404, "application/json", json.dumps({"type": "error"}))

        def do_GET(self) -> None:
            self._send(404, "application/json", json.dumps({"type": "error"}))

        def do_HEAD(self) -> None:
            self._send(200, "application/json", "")

        def _send(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _tool_results(request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for message in request.get("messages", ()):
        if isinstance(message["content"], list):
            yield from (block for block in message["content"] if block["type"] == "tool_result")


def _text(block: Mapping[str, Any]) -> str:
    content = block.get("content", "")
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _message(block: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_stub",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", "stub"),
        "content": [block],
        "stop_reason": "tool_use" if block["type"] == "tool_use" else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _events(message: dict[str, Any]) -> Iterator[str]:
    """The same message as the events of a stream."""
    (block,) = message["content"]
    if block["type"] == "text":
        start = {**block, "text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        start = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    end = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    for kind, rest in (
        ("message_start", {"message": {**message, "content": [], "stop_reason": None}}),
        ("content_block_start", {"index": 0, "content_block": start}),
        ("content_block_delta", {"index": 0, "delta": delta}),
        ("content_block_stop", {"index": 0}),
        ("message_delta", {"delta": end, "usage": {"output_tokens": 1}}),
        ("message_stop", {}),
    ):
        yield f"event: {kind}\ndata: {json.dumps({'type': kind, **rest})}\n\n"
