"""A server that has OpenAI's API, as mnemo speaks to it: when to try again, and when not to."""

import random
from collections.abc import Callable
from typing import Any, Final

import msgspec
from attrs import define, field
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from mnemo.inference.breaker import Breaker
from mnemo.inference.remote_body import Body
from mnemo.inference.remote_problems import (
    AnswerBroken,
    ServerBusy,
    ServerDown,
    refused,
    unreachable,
)
from mnemo.inference.servers import ServerModel

CONNECT_SECONDS: Final = 10.0
TRIES: Final = 3

PAUSE: Final = 0.5
"""Seconds before the second try, and twice that before the third, each give or take a half."""

LONGEST_PAUSE: Final = 20.0
"""A server that asks for a longer pause is not waited for."""

_KEPT: Final = 30
_REFUSAL_BYTES: Final = 64 * 1024

Take = Callable[[bytes], object]


@define(eq=False)
class RemoteServer:
    """
    One server.

    A request is sent again where the server cannot have begun it: it was not reached, hung up
    without a word, or said when to come back. Nothing is sent again once the answer has begun.

    @ivar reactor: the clock and the network
    @ivar chance: a number from 0 to 1, anew each time
    """

    reactor: Any
    server: ServerModel
    chance: Callable[[], float] = random.random
    breaker: Breaker = field(init=False)
    _pool: HTTPConnectionPool = field(init=False)
    _client: HTTPClient = field(init=False)
    _said: str = field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        self.breaker = Breaker(self.reactor)
        self._pool = HTTPConnectionPool(self.reactor)
        self._pool.cachedConnectionTimeout = _KEPT
        self._pool.retryAutomatically = False
        self._client = HTTPClient(Agent(self.reactor, None, CONNECT_SECONDS, pool=self._pool))

    @property
    def problem(self) -> str:
        """Empty where a request would be sent, else why it would not."""
        server = self.server
        if server.variable and not server.key:
            return f"{server.host} needs the key in the environment variable {server.variable}"
        return self._said if self.breaker.wait > 0 else ""

    def stop(self) -> Deferred[None]:
        """Close the connections that are kept."""
        closed: Deferred[None] = self._pool.closeCachedConnections()
        return closed

    def send(self, path: str, content: object, seconds: float, take: Take) -> Deferred[None]:
        """
        Send a request, and hand what is answered to C{take} as it comes.

        To cancel it closes the connection, so that the server stops as well. It fails with
        L{ServerDown}, L{RequestRefused} or L{AnswerBroken}, with C{TimeoutError} after
        C{seconds}, and with what C{take} raises.
        """
        call = _Call(path, msgspec.json.encode(content), take, self.reactor.seconds() + seconds)
        work = Deferred.fromCoroutine(self._persist(call))
        answer: Deferred[None] = Deferred(lambda _: call.give_up(work))
        work.chainDeferred(answer)

        def too_late(result: object, timeout: float) -> None:
            raise TimeoutError(f"{self.server.host} has not answered within {timeout:g} s")

        return answer.addTimeout(seconds, self.reactor, too_late)

    async def _persist(self, call: "_Call") -> None:
        for attempt in range(TRIES - 1):
            try:
                return await self._guarded(call)
            except ServerDown as problem:
                seconds = pause_after(attempt, problem.retry_after, self.chance())
                too_long = seconds > min(LONGEST_PAUSE, call.until - self.reactor.seconds())
                if not problem.again or too_long:
                    raise
            await deferLater(self.reactor, seconds)
        return await self._guarded(call)

    async def _guarded(self, call: "_Call") -> None:
        """One try, of which the breaker knows."""
        if self.problem or not self.breaker.enter():
            raise ServerDown(self.problem, retry_after=self.breaker.wait or None)
        try:
            await self._once(call)
        except (ServerDown, AnswerBroken) as problem:
            self._failed(problem)
            raise
        except CancelledError:
            if self.reactor.seconds() < call.until:
                self.breaker.abandoned()
            else:
                self._failed(TimeoutError(f"{self.server.host} does not answer in time"))
            raise
        except BaseException:
            self.breaker.succeeded()
            raise
        self.breaker.succeeded()

    def _failed(self, problem: Exception) -> None:
        self._said = str(problem)
        if isinstance(problem, ServerBusy):
            self.breaker.succeeded()
        else:
            self.breaker.failed()

    async def _once(self, call: "_Call") -> None:
        headers = Headers({"Content-Type": ["application/json"]})
        if self.server.key:
            headers.addRawHeader("Authorization", f"Bearer {self.server.key}")
        host = self.server.host
        try:
            response = await self._client.request(
                "POST",
                self.server.address + call.path,
                headers=headers,
                data=call.body,
                # The key is for this server alone.
                allow_redirects=False,
                unbuffered=True,
                reactor=self.reactor,
            )
        except Exception as problem:
            if call.given_up:
                # Twisted tells of it in many ways.
                raise CancelledError from None
            raise unreachable(self.server, problem) from None
        if response.code == 200:
            await Body(call.take, host).of(response)
            return
        said = bytearray()
        await Body(lambda data: said.extend(data[: _REFUSAL_BYTES - len(said)]), host).of(response)
        raise refused(self.server, response.code, response.headers, bytes(said))


@define(eq=False)
class _Call:
    """
    A request, however often it is sent.

    @ivar until: when it is given up, seconds since the epoch
    """

    path: str
    body: bytes
    take: Take
    until: float
    given_up: bool = False

    def give_up(self, work: Deferred[None]) -> None:
        """Nobody waits any more."""
        self.given_up = True
        work.cancel()


def pause_after(attempt: int, asked: float | None, chance: float) -> float:
    """
    The seconds from one try to the next: never the same for all who were told the same.

    @param attempt: 0 for the first
    @param asked: what the server asks for, which is the least
    @param chance: from 0 to 1
    """
    own: float = PAUSE * 2**attempt * (0.5 + chance)
    return own if asked is None else asked + own
