"""
The daemon as its clients see it: found, waited for, started, and sent messages. Free of Twisted.
"""

from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Lock
from typing import Protocol

import msgspec
from attrs import define, field, frozen

from mnemo import lock
from mnemo.transports.upstream import Address, Lost, NotSent, Reply, Wire, decoded

ASK_TIMEOUT = 2.0
STEP = 0.05
RETURN_STEPS = 60
"""How often a daemon that went away is looked for before another is started: three seconds."""

READY_STEPS = 2400
"""How often one that is starting is looked for: two minutes."""

BUSY_STEPS = 100
BUSY_SECONDS = 0.1

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


class Unreachable(Exception):
    """There is no daemon to talk to. Its text is one line for the user."""


class IPlace(Protocol):
    """Something that a daemon serves."""

    def address(self) -> Address | None:
        """Where its daemon was last said to be; C{None} where nothing was said."""

    def is_taken(self) -> bool:
        """
        Whether a process has it now, that answers or is about to.

        @raise Unreachable: one has it that never will
        """


class IChild(Protocol):
    """A daemon that was started and is getting ready."""

    def failure(self) -> str | None:
        """One line that says why it ended; C{None} where it did not."""


@frozen
class Home:
    """A home folder on this machine."""

    folder: Path

    def address(self) -> Address | None:
        """What the lock file says, without a look at the lock: a starting daemon needs it."""
        try:
            holder = msgspec.json.decode((self.folder / lock.NAME).read_bytes(), type=lock.Holder)
        except (OSError, msgspec.MsgspecError):
            return None
        host = _ANY.get(holder.host, holder.host)
        return Address(host, holder.port) if host and holder.port else None

    def is_taken(self) -> bool:
        """Whether the lock is held. Raises L{Unreachable} where the holder opens no port."""
        holder = lock.holder_of(self.folder)
        if holder is not None and not holder.host:
            raise Unreachable(str(lock.HomeHeld(self.folder, holder)))
        return holder is not None


@frozen
class Url:
    """A daemon whose address was given."""

    where: Address

    def address(self) -> Address | None:
        """That address."""
        return self.where

    def is_taken(self) -> bool:
        """Nobody can say."""
        return False


@define
class Daemon:
    """
    The daemon of one place.

    Usable from several threads: while one looks, the others wait for what it finds.

    @ivar launch: starts one, or answers C{None} while another process does; C{None} itself where
        none is to be started
    @ivar pause: sleeps for so many seconds; true when there is no point in going on
    """

    _place: IPlace
    _launch: Callable[[], IChild | None] | None
    _pause: Callable[[float], bool]
    _address: Address | None = field(default=None, init=False)
    _looking: Lock = field(factory=Lock, init=False)
    _failure: Unreachable | None = field(default=None, init=False)

    @property
    def last_known(self) -> Address | None:
        """Where it answered last, if it has not been missed since."""
        return self._address

    def find(self) -> Address | None:
        """Where it answers at this moment."""
        address = self._place.address()
        return address if address is not None and is_alive(address) else None

    def reach(self, patience: int = RETURN_STEPS) -> Address:
        """
        Where it answers. One that is starting is waited for, where there is none one is started.

        @param patience: how many times to look before a daemon counts as not coming back
        @raise Unreachable: there is none
        """
        known = self._failure
        with self._looking:
            if self._failure is not known:
                raise Unreachable(str(self._failure))
            if self._address is None:
                try:
                    self._address = self._await(patience)
                except Unreachable as failure:
                    self._failure = failure
                    raise
            return self._address

    def lost(self, address: Address) -> None:
        """Say that nothing answers there any more."""
        with self._looking:
            if self._address == address:
                self._address = None

    def post(
        self, wire: Wire, headers: Mapping[str, str | bytes], body: bytes, is_repeatable: bool
    ) -> Reply:
        """
        Send a message and wait for the answer, across a restart of the daemon if need be.

        @param is_repeatable: whether doing it twice does no harm. It is then sent a second time
            where the first may have been carried out; what certainly did not arrive always is.
        @raise Unreachable: there is no daemon, or it takes no messages
        @raise Lost: it was sent, and may have been carried out
        """
        for _ in range(BUSY_STEPS):
            address = self.reach()
            try:
                reply = wire.send(address, "POST", headers, body)
            except NotSent:
                if wire.is_severed:
                    raise
            except Lost:
                if wire.is_severed or not is_repeatable:
                    raise
                is_repeatable = False
            else:
                # An answer to nobody says that the daemon is starting or stopping.
                answers = (decoded(data).get("id") is not None for data in reply.messages)
                if reply.status != 503 or any(answers):
                    return reply
            self.lost(address)
            if self._pause(BUSY_SECONDS):
                break
        raise Unreachable("The mnemo daemon takes no messages now; try again later.")

    def _await(self, patience: int) -> Address:
        launch = self._launch
        child: IChild | None = None
        problem = "No mnemo daemon answers; `mnemo start` starts one."
        for step in range(READY_STEPS):
            address = self.find()
            if address is not None:
                return address
            if child is not None:
                failure = child.failure()
                if failure is not None:
                    # Perhaps another process was faster, and its daemon is the one to wait for.
                    problem, child = failure, None
            if child is None and step >= patience and not self._place.is_taken():
                if launch is None:
                    raise Unreachable(problem)
                child = launch()
                launch = None if child is not None else launch
            if self._pause(STEP):
                raise Unreachable("This process is ending.")
        raise Unreachable(f"The mnemo daemon did not answer within {READY_STEPS * STEP:.0f} s.")


def is_alive(address: Address) -> bool:
    """Whether a daemon answers there now."""
    connection = HTTPConnection(address.host, address.port, timeout=ASK_TIMEOUT)
    try:
        connection.request("GET", address.path.removesuffix("/mcp") + "/health/live")
        response = connection.getresponse()
        # Whatever else has the port by now may have an answer to everything.
        return response.status == 200 and "status" in decoded(response.read())
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
