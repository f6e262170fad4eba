"""
A session of one of the older protocols, kept on a client's behalf. Free of Twisted.

Clients on stdio do not know that their session has an id, so none of them could open another
when the daemon says that it has none with this id, as after its home was emptied.
"""

from collections.abc import Callable, Mapping
from threading import Event, Lock, Thread

from attrs import define, evolve, field, frozen

from mnemo.transports.daemon import Daemon, Unreachable
from mnemo.transports.upstream import Lost, NotSent, Reply, Wire, decoded

RELISTEN_SECONDS = 1.0
SILENCE_SECONDS = 60.0
"""A stream on which not even a comment came for so long is dead."""

GOODBYE_SECONDS = 0.5

_INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
_OWN_INITIALIZE = (
    b'{"jsonrpc":"2.0","id":"mnemo-stdio","method":"initialize","params":{"protocolVersion":'
    b'"2025-11-25","capabilities":{},"clientInfo":{"name":"mnemo-stdio","version":"1"}}}'
)


@frozen(eq=False)
class _Opened:
    """What an C{initialize} brought."""

    id: str
    version: str

    def headers(self) -> dict[str, str]:
        """What every message of the session carries."""
        named = {"Mcp-Session-Id": self.id} if self.id else {}
        return {"MCP-Protocol-Version": self.version, **named}


@define
class ProxiedSession:
    """
    The session, opened again where the daemon has lost it.

    A client that asks something before its C{initialize} has one opened in the proxy's name.

    @ivar headers: what each request carries besides
    @ivar say: writes a message of the daemon's to the client
    @ivar closing: set when the process ends
    """

    _daemon: Daemon
    _headers: Mapping[str, str | bytes]
    _say: Callable[[bytes], None]
    _closing: Event
    _opened: _Opened | None = field(default=None, init=False)
    _initialize: bytes = field(default=_OWN_INITIALIZE, init=False)
    _opening: Lock = field(factory=Lock, init=False)
    _ear: Wire = field(factory=Wire, init=False)
    _listener: Thread | None = field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Whether there is a session."""
        return self._opened is not None

    def begin(self, wire: Wire, initialize: bytes) -> Reply:
        """Pass on the client's C{initialize}, and keep it."""
        with self._opening:
            before = self._opened
            reply = self._open(wire, initialize)
        if before is not None and before is not self._opened:
            self._delete(before)
        return reply

    def post(self, wire: Wire, message: bytes, is_repeatable: bool) -> Reply:
        """Send a message within the session. Raises what L{Daemon.post} raises."""
        opened = self._opened or self._reopen(wire, None)
        reply = self._post_in(opened, wire, message, is_repeatable)
        if reply.status == 404:
            opened = self._reopen(wire, opened)
            reply = self._post_in(opened, wire, message, is_repeatable)
        return reply

    def listen(self) -> None:
        """Hand on what the daemon says by itself, from now to the end."""
        if self._listener is None or not self._listener.is_alive():
            self._listener = Thread(target=self._listen, name="listener", daemon=True)
            self._listener.start()

    def end(self) -> None:
        """End the session, if the daemon is there to be told. The listener ends with it."""
        self._closing.set()
        self._ear.cut()
        if self._opened is not None:
            self._delete(self._opened)

    # -- opening

    def _open(self, wire: Wire, initialize: bytes) -> Reply:
        reply = self._daemon.post(wire, self._headers, initialize, True)
        reply = evolve(reply, messages=tuple(reply.messages))
        for data in reply.messages:
            result = decoded(data).get("result")
            if isinstance(result, dict):
                self._opened = _Opened(reply.session, str(result.get("protocolVersion")))
                self._initialize = initialize
        return reply

    def _reopen(self, wire: Wire, lost: _Opened | None) -> _Opened:
        """The session in place of C{lost}: a new one, or that which another thread has opened."""
        with self._opening:
            if self._opened is lost:
                reply = self._open(wire, self._initialize)
                if self._opened is None or self._opened is lost:
                    raise Unreachable(f"The mnemo daemon refused a session: {_reason(reply)}")
                if self._listener is not None:
                    self._post_in(self._opened, wire, _INITIALIZED, True)
            assert self._opened is not None
            return self._opened

    def _post_in(self, opened: _Opened, wire: Wire, message: bytes, is_repeatable: bool) -> Reply:
        headers = {**self._headers, **opened.headers()}
        return self._daemon.post(wire, headers, message, is_repeatable)

    def _delete(self, opened: _Opened) -> None:
        address = self._daemon.last_known
        if address is None or not opened.id:
            return
        wire = Wire()
        try:
            wire.send(
                address, "DELETE", {**self._headers, **opened.headers()}, timeout=GOODBYE_SECONDS
            )
        except (NotSent, Lost):
            pass  # It ends by itself when it has been idle for long enough.
        finally:
            wire.close()

    # -- listening

    def _listen(self) -> None:
        while not self._closing.is_set():
            try:
                if not self._hear():
                    return
            except (NotSent, Lost, Unreachable):
                self._ear.close()
            self._closing.wait(RELISTEN_SECONDS)

    def _hear(self) -> bool:
        """Hand on what one stream brings. False where the daemon offers none."""
        address, opened = self._daemon.find(), self._opened
        if address is None or opened is None:
            return True
        headers = {**self._headers, **opened.headers(), "Accept": "text/event-stream"}
        reply = self._ear.send(address, "GET", headers, timeout=SILENCE_SECONDS)
        if reply.status == 404:
            self._reopen(self._ear, opened)
        elif reply.status == 200:
            for data in reply.messages:
                self._say(data)
        return reply.status != 405


def _reason(reply: Reply) -> str:
    for data in reply.messages:
        error = decoded(data).get("error")
        if isinstance(error, dict):
            return str(error.get("message"))
    return f"HTTP {reply.status}"
