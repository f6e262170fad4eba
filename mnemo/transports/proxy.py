"""
A thin stdio server: what a client writes goes to the daemon, what the daemon answers comes back.

Many clients that speak stdio so cost one model and one memory between them. Each of them has a
process of this, so it does without Twisted: blocking sockets, and a thread for each message
that is waiting for its answer.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from threading import Condition, Event
from typing import Any

from attrs import define, field

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import INTERNAL_ERROR
from mnemo.mcp.modern import claimed
from mnemo.transports.daemon import Daemon, Unreachable
from mnemo.transports.proxied_session import ProxiedSession
from mnemo.transports.upstream import Lost, NotSent, Reply, Wire, decoded, repeated
from mnemo.transports.workers import Workers

MOST_AT_ONCE = 64
"""
Messages on their way at once; later ones wait. More than the calls that a session may have
running and waiting, so that a ping gets through beside them.
"""


@define(eq=False)
class _Call:
    """
    A message on its way.

    @ivar held: set when what has to be answered first has been
    @ivar done: set when this one has been
    """

    message: jsonrpc.Message
    line: bytes
    held: Event
    done: Event = field(factory=Event)
    wire: Wire | None = None
    is_cancelled: bool = False

    @property
    def id(self) -> jsonrpc.Id | None:
        """The id to answer under; C{None} for what wants no answer."""
        return self.message.id if isinstance(self.message, jsonrpc.Request) else None

    @property
    def method(self) -> str:
        """C{""} for an answer to a request of the daemon's."""
        return "" if isinstance(self.message, jsonrpc.Response) else self.message.method

    @property
    def params(self) -> Mapping[str, Any]:
        """Empty for an answer to a request of the daemon's."""
        return {} if isinstance(self.message, jsonrpc.Response) else self.message.params

    @property
    def is_modern(self) -> bool:
        """Whether it says its protocol version itself."""
        return claimed(self.params)

    def has_id(self, id: Any) -> bool:
        """Whether C{id} is this one's: 0 and "0" and 0.0 are three."""
        return self.id is not None and type(self.id) is type(id) and self.id == id

    def cut(self) -> None:
        """Break it off."""
        if self.wire is not None:
            self.wire.cut()


class Proxy:
    """
    One client's conversation with the daemon.

    @ivar _calls: the messages on their way; guarded by C{_moving}, as is cutting their wires
    @ivar _answered: set when the last C{initialize} has been answered
    @ivar _read_only: the names of the tools that were listed as such
    """

    def __init__(
        self,
        daemon: Daemon,
        project: str,
        say: Callable[[bytes], None],
        log: Callable[[str], None],
        closing: Event,
        token: str = "",
    ) -> None:
        """
        @param project: where the client works; the daemon finds the project by it
        @param say: writes a message to the client
        @param log: tells a person something
        @param closing: set when this ends
        @param token: what the daemon asks for, or C{""}
        """
        self._daemon = daemon
        self._headers: dict[str, str | bytes] = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if "\n" not in project and "\r" not in project:
            self._headers["X-Mnemo-Project"] = project.encode("utf-8", "surrogateescape")
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._say = say
        self._log = log
        self._closing = closing
        self._session = ProxiedSession(daemon, self._headers, say, closing)
        self._workers = Workers(MOST_AT_ONCE)
        self._calls: list[_Call] = []
        self._moving = Condition()
        self._answered = Event()
        self._answered.set()
        self._read_only: set[str] = set()

    def take(self, line: bytes) -> None:
        """A line came from the client. Called from one thread only; does not block."""
        message = jsonrpc.parse(line)
        if isinstance(message, jsonrpc.Malformed):
            self._say(jsonrpc.error(message.id, message.problem))
            return
        call = _Call(message, line, self._answered)
        if call.method == "notifications/cancelled" and self._cancel(call.params.get("requestId")):
            return
        if call.method == "initialize":
            self._answered = call.done
        with self._moving:
            self._calls.append(call)
        self._workers.submit(partial(self._carry, call))

    def close(self, grace: float) -> None:
        """
        End the conversation, and the session with it.

        @param grace: seconds in which what is on its way may still be answered
        """
        with self._moving:
            self._moving.wait_for(lambda: not self._calls, grace)
            self._closing.set()
            for call in self._calls:
                call.cut()
        self._workers.stop()
        self._session.end()

    def _cancel(self, id: Any) -> bool:
        """
        Break off a modern request: over HTTP, closing its connection is what cancels it.

        False where there is no such request; what the client said is then for the daemon.
        """
        with self._moving:
            found = [call for call in self._calls if call.is_modern and call.has_id(id)]
            for call in found:
                call.is_cancelled = True
                call.cut()
        return bool(found)

    def _carry(self, call: _Call, wire: Wire) -> None:
        """Take one message to the daemon, and what it answers back. In a thread of its own."""
        call.wire = wire
        try:
            call.held.wait()
            if not call.is_cancelled:
                self._pass(call, wire)
        except Lost:
            self._fail(
                call,
                "The connection to the mnemo daemon broke before it answered. "
                "It may or may not have done what was asked: look before you repeat it.",
            )
        except (NotSent, Unreachable) as problem:
            self._fail(call, str(problem))
        except Exception as defect:
            self._log(f"{call.method}: {defect!r}")
            self._fail(call, "Internal error in `mnemo mcp`")
        finally:
            call.done.set()
            with self._moving:
                self._calls.remove(call)
                self._moving.notify_all()

    def _pass(self, call: _Call, wire: Wire) -> None:
        name = str(call.params.get("name"))
        is_repeatable = call.method != "tools/call" or name in self._read_only
        if call.is_modern:
            headers = {**self._headers, **repeated(call.method, call.params)}
            reply = self._daemon.post(wire, headers, call.line, is_repeatable)
        elif call.method == "initialize":
            reply = self._session.begin(wire, call.line)
        elif call.id is None and not self._session.is_open:
            return  # There is nobody to tell, and it wants no answer.
        else:
            reply = self._session.post(wire, call.line, is_repeatable)
            if call.method == "notifications/initialized":
                self._session.listen()
        self._relay(call, reply)

    def _relay(self, call: _Call, reply: Reply) -> None:
        """Hand to the client what the daemon answered."""
        for data in reply.messages:
            value = decoded(data)
            if "method" in value:
                self._say(data)
            elif call.id is None:
                self._log(f"{call.method}: {_problem(value, reply)['message']}")
            else:
                is_own = "id" in value and call.has_id(value["id"])
                if call.method == "tools/list":
                    self._read_only.update(_read_only(value))
                self._say(data if is_own else _error(call.id, _problem(value, reply)))
                return
        if call.id is not None:
            self._say(_error(call.id, _problem({}, reply)))

    def _fail(self, call: _Call, problem: str) -> None:
        if call.id is not None and not call.is_cancelled and not self._closing.is_set():
            self._say(_error(call.id, {"code": INTERNAL_ERROR, "message": problem}))


def _read_only(listing: dict[str, Any]) -> Iterator[str]:
    """The names of the listed tools that change nothing, and so may be called twice."""
    result = listing.get("result")
    for tool in result.get("tools", ()) if isinstance(result, dict) else ():
        if (tool.get("annotations") or {}).get("readOnlyHint") is True:
            yield tool["name"]


def _problem(value: dict[str, Any], reply: Reply) -> dict[str, Any]:
    """The error in a refusal of the daemon's, whatever shape it has."""
    error = value.get("error")
    if isinstance(error, dict) and "code" in error and "message" in error:
        return error
    said = (
        error if isinstance(error, str) else f"The mnemo daemon answered with HTTP {reply.status}."
    )
    return {"code": INTERNAL_ERROR, "message": said}


def _error(id: jsonrpc.Id, error: dict[str, Any]) -> bytes:
    return jsonrpc.encode({"jsonrpc": "2.0", "id": id, "error": error})
