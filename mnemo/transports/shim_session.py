"""
A client's conversation that outlives its connections to the daemon. No socket, no timer, no clock.

What is sent while there is no connection is held for a while. What a broken connection leaves
unanswered is answered with an error, and never sent again: the daemon may have done it.
"""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from attrs import evolve

from mnemo.mcp import jsonrpc
from mnemo.mcp.errors import INTERNAL_ERROR, ProtocolError
from mnemo.transports.shim_waiting import Held, Messages, Waiting

OWN_ID = "mnemo-shim"
"""
The id of the shim's own requests. While one of them is unanswered there is no other on the
connection, so it may be an id of the client's as well.
"""

BROKEN = (
    "The connection to the mnemo daemon broke before it answered. "
    "It may or may not have done what was asked: look before you repeat it."
)

_REMEMBERED = (
    "initialize",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
)
"""What changes what the daemon knows of the client. The parameters of others may be large."""

_INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'

Key = tuple[type, Any]
"""What tells an id from every other: 0 and "0" are two."""


class ILink(Protocol):
    """A connection to the daemon."""

    @property
    def is_up(self) -> bool:
        """Whether messages still get through."""

    def send(self, message: bytes) -> None:
        """Send a message."""

    def drop(self) -> None:
        """Close the connection, since it is good for nothing."""


class ShimSession:
    """
    What the client and the daemon have told each other, as far as it still matters.

    @ivar problem: why there is no connection, in a line for the user
    @ivar _running: the client's requests that the daemon has and has not answered
    @ivar _asked: the ids of the daemon's requests that the client has not answered
    @ivar _kept: what a new connection has to be told before anything else can go on: how the
        client began, and what it subscribed to
    @ivar _replay: what of that it has not been told yet
    """

    def __init__(self, say: Callable[[bytes], None], log: Callable[[str], None]) -> None:
        """
        @param say: writes a message to the client
        @param log: tells a person something
        """
        self.problem = ""
        self._say = say
        self._log = log
        self._link: ILink | None = None
        self._is_ready = False
        self._waiting = Waiting()
        self._running: dict[Key, jsonrpc.Request] = {}
        self._asked: set[Key] = set()
        self._kept: dict[tuple[str, Any], jsonrpc.Request] = {}
        self._is_initialized = False
        self._replay: deque[jsonrpc.Request] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether the client waits for nothing."""
        return not self._running and not any(held.requests for held in self._waiting)

    @property
    def is_held_up(self) -> bool:
        """Whether a message waits for a connection."""
        return bool(self._waiting)

    # -- what the client says

    def from_client(self, line: bytes, now: float) -> None:
        """
        The client sent a message.

        @param now: seconds on the clock of L{expire}
        """
        message = jsonrpc.parse(line)
        if isinstance(message, jsonrpc.Batch):
            self._take([jsonrpc.read(value) for value in message.values], line, now)
        elif isinstance(message, jsonrpc.Malformed):
            self._say(jsonrpc.error(message.id, message.problem))
        elif isinstance(message, jsonrpc.Response):
            self._answer(message, line)
        elif isinstance(message, jsonrpc.Request) or not self._is_settled(message):
            self._take([message], line, now)

    def _take(self, messages: Messages, line: bytes, now: float) -> None:
        if self._is_ready and self._link is not None and self._link.is_up:
            self._send(self._link, messages, line)
        else:
            self._hold(Held(messages, line, now))

    def _answer(self, message: jsonrpc.Response, line: bytes) -> None:
        """The answer to a request of the daemon's: another daemon would not know what it means."""
        key = _key(message.id)
        if key in self._asked and self._link is not None and self._link.is_up:
            self._asked.discard(key)
            self._link.send(line)

    def _is_settled(self, message: jsonrpc.Notification) -> bool:
        """Forget what it cancels, if it does; whether the daemon need not hear of it."""
        if message.method != "notifications/cancelled":
            return False
        key = _key(message.params.get("requestId"))
        for held in self._waiting:
            if [_key(request.id) for request in held.requests] == [key]:
                self._waiting.remove(held)
                return True
        return self._running.pop(key, None) is None

    def _send(self, link: ILink, messages: Messages, line: bytes) -> None:
        for message in messages:
            if isinstance(message, jsonrpc.Request):
                if message.method == "initialize":
                    self._kept.clear()
                    self._is_initialized = False
                wanted = message if message.method in _REMEMBERED else evolve(message, params={})
                self._running[_key(message.id)] = wanted
            elif isinstance(message, jsonrpc.Notification):
                self._is_initialized |= message.method == "notifications/initialized"
        link.send(line)

    # -- what the daemon says

    def from_daemon(self, data: bytes) -> None:
        """The daemon sent a message."""
        members = _members(data)
        concern = [self._concerns_client(member) for member in members]
        if any(concern):
            self._say(data)
        elif not members:
            self._log("the daemon sent what is no message")

    def _concerns_client(self, value: dict[str, Any]) -> bool:
        """Note what the daemon said, and whether the client is to hear it."""
        key = _key(value.get("id"))
        if "method" in value:
            if "id" in value:
                self._asked.add(key)
            return True
        if self._replay and not self._is_ready:
            self._replayed(value)
            return False
        if key in self._running:
            self._keep(self._running.pop(key), value)
            return True
        if value.get("id") is None:
            return True
        # A second answer under one id would be taken for that of a later request.
        self._log(f"the daemon answered what nobody asked: {_told(value)}")
        return False

    def _keep(self, request: jsonrpc.Request, answer: dict[str, Any]) -> None:
        """Note what the daemon now knows, and another would not."""
        if "result" not in answer:
            return
        uri = str(request.params.get("uri"))
        if request.method in ("initialize", "logging/setLevel"):
            self._kept[request.method, None] = request
        elif request.method == "resources/subscribe":
            self._kept[request.method, uri] = request
        elif request.method == "resources/unsubscribe":
            self._kept.pop(("resources/subscribe", uri), None)

    # -- connections

    def opened(self, link: ILink) -> None:
        """There is a connection."""
        self._link = link
        self.problem = ""
        begins_anew = any(any(map(_is_initialize, held.requests)) for held in self._waiting)
        self._replay = deque(() if begins_anew else self._kept.values())
        self._replay_next(link)

    def closed(self, now: float) -> None:
        """
        The connection has gone. Every request that it leaves behind is answered.

        Only C{initialize} is tried again: it does nothing but open a session, which has gone.
        """
        self._link = None
        self._is_ready = False
        self._replay.clear()
        self._asked.clear()
        running, self._running = self._running, {}
        for request in running.values():
            if _is_initialize(request):
                line = jsonrpc.request(request.id, request.method, request.params)
                self._waiting.put_first(Held([request], line, now))
            else:
                self._fail(request, BROKEN)

    def _replay_next(self, link: ILink) -> None:
        if self._replay:
            request = self._replay[0]
            link.send(jsonrpc.request(OWN_ID, request.method, request.params))
            return
        self._is_ready = True
        for held in self._waiting.taken():
            self._send(link, held.messages, held.line)

    def _replayed(self, answer: dict[str, Any]) -> None:
        request, link = self._replay.popleft(), self._link
        assert link is not None
        if "result" not in answer:
            self._log(f"{request.method}: {_told(answer)}")
            if _is_initialize(request):
                self.give_up(f"The mnemo daemon refused a session: {_told(answer)}")
                link.drop()
                return
        elif _is_initialize(request) and self._is_initialized:
            link.send(_INITIALIZED)
        self._replay_next(link)

    # -- waiting

    def expire(self, now: float) -> None:
        """Refuse what has waited for too long."""
        late = self._waiting.late(now)
        for held in late:
            self._refuse(held, self.problem or "The mnemo daemon does not answer.")
        if late and self._link is not None:
            # It has had its time to open the session.
            self._link.drop()

    def give_up(self, problem: str) -> None:
        """Refuse all that waits, since waiting does not help."""
        for held in self._waiting.taken():
            self._refuse(held, problem)

    def _hold(self, held: Held) -> None:
        if not self._waiting.put(held):
            self._refuse(held, "Too many messages wait for the mnemo daemon.")

    def _refuse(self, held: Held, problem: str) -> None:
        for request in held.requests:
            self._fail(request, f"{problem} This was not sent: it may be sent again.")

    def _fail(self, request: jsonrpc.Request, problem: str) -> None:
        self._say(jsonrpc.error(request.id, ProtocolError(INTERNAL_ERROR, problem)))


def _key(id: Any) -> Key:
    return type(id), id if isinstance(id, int | str) else None


def _members(data: bytes) -> list[dict[str, Any]]:
    """The messages in what the daemon sent: one, or those of a batch. Empty for no JSON."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    each = value if isinstance(value, list) else [value]
    return [member for member in each if isinstance(member, dict)]


def _is_initialize(request: jsonrpc.Request) -> bool:
    return request.method == "initialize"


def _told(answer: dict[str, Any]) -> str:
    error = answer.get("error")
    return str(error.get("message")) if isinstance(error, dict) else "no result"
