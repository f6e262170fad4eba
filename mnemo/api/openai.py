"""The addresses below C{/v1}, and what each answers."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol
from urllib.parse import unquote

import msgspec
from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from mnemo.api import openai_chat, openai_completions, openai_models
from mnemo.api.answers import Told, event
from mnemo.api.callers import Callers
from mnemo.api.openai_chat import ChatTold
from mnemo.api.openai_completions import CompletionTold
from mnemo.api.openai_embeddings import embeddings
from mnemo.api.openai_errors import ApiError, refusal_of
from mnemo.api.openai_requests import ChatRequest, CompletionRequest, EmbeddingsRequest, read
from mnemo.api.openai_sampling import find_model
from mnemo.inference.generation import Completion, Generation, IGenerator
from mnemo.inference.interfaces import IEmbedder
from mnemo.sessions.interfaces import Session

PREFIX: Final = "/v1/"

_METHODS: Final = {
    "models": "GET",
    "chat/completions": "POST",
    "completions": "POST",
    "embeddings": "POST",
}


@frozen
class Call:
    """
    A request.

    @ivar path: without the query
    @ivar client: the program that sent it, as it calls itself
    """

    method: str
    path: str
    body: bytes
    principal: str
    client: str


@frozen
class Answer:
    """An answer in one, as JSON."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


class IEvents(Protocol):
    """A stream of events for one client, which begins with what it is first sent."""

    begun: bool

    def expect(self) -> None:
        """There will be a stream: it may begin before there is anything to send."""

    def send(self, events: bytes) -> None:
        """Send events."""


@define(eq=False)
class OpenAi:
    """
    OpenAI's API, on the models of the daemon.

    @ivar started: seconds since the epoch, shown as the time at which the models came
    """

    generator: IGenerator
    embedder: IEmbedder
    callers: Callers
    clock: IReactorTime
    _handlers: Mapping[str, Callable[[Call, IEvents], Awaitable[bytes | None]]] = field(init=False)
    _started: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._started = int(self.clock.seconds())
        self._handlers = {
            "models": self._models,
            "chat/completions": self._chat,
            "completions": self._complete,
            "embeddings": self._embed,
        }

    async def answer(self, call: Call, events: IEvents) -> Answer | None:
        """
        The answer; C{None} where it went into C{events}.

        Cancelling it gives up what it waits for. A defect of ours is raised.
        """
        try:
            body = await self._handler(call)(call, events)
        except Exception as problem:
            refusal = refusal_of(problem)
            if refusal is None:
                raise
            if not events.begun:
                return Answer(refusal.status, refusal.body, refusal.headers)
            events.send(event(refusal.content))
            return None
        return None if body is None else Answer(200, body)

    def _handler(self, call: Call) -> Callable[[Call, IEvents], Awaitable[bytes | None]]:
        name = call.path.removeprefix(PREFIX).rstrip("/")
        if name.startswith("models/"):
            name = "models"
        if name not in _METHODS:
            known = ", ".join(PREFIX + each for each in _METHODS)
            raise ApiError(404, f"There is nothing at {call.path[:200]}; there are {known}.")
        if call.method != _METHODS[name]:
            raise ApiError(405, f"{call.method} is not for this address; use {_METHODS[name]}.")
        return self._handlers[name]

    async def _models(self, call: Call, events: IEvents) -> bytes:
        name = unquote(call.path.removeprefix(PREFIX + "models").strip("/"))
        if name:
            return msgspec.json.encode(
                openai_models.model(name, self.generator, self.embedder, self._started)
            )
        return msgspec.json.encode(
            openai_models.models(self.generator, self.embedder, self._started)
        )

    async def _chat(self, call: Call, events: IEvents) -> bytes | None:
        asked = read(call.body, ChatRequest)
        generator, model = find_model(asked.model, self.generator)
        session = self._session(call, asked.user)
        request = openai_chat.generation_of(asked, model, session.id)
        told = ChatTold(asked, asked.model, int(self.clock.seconds()))
        turn = partial(self.callers.admit, session)
        return await generate(turn, generator, request, told, events if asked.stream else None)

    async def _complete(self, call: Call, events: IEvents) -> bytes | None:
        asked = read(call.body, CompletionRequest)
        generator, _ = find_model(asked.model, self.generator)
        session = self._session(call, asked.user)
        request = openai_completions.generation_of(asked, session.id)
        told = CompletionTold(asked, asked.model, int(self.clock.seconds()))
        turn = partial(self.callers.admit, session)
        return await generate(turn, generator, request, told, events if asked.stream else None)

    async def _embed(self, call: Call, events: IEvents) -> bytes:
        asked = read(call.body, EmbeddingsRequest)
        session = self._session(call, asked.user)
        return await self.callers.admit(
            session, lambda: embeddings(asked, self.embedder, session.id)
        )

    def _session(self, call: Call, user: str | None) -> Session:
        return self.callers.session(call.principal, call.client, user or "")


async def generate(
    turn: Callable[[Callable[[], Awaitable[Completion]]], Awaitable[Completion]],
    generator: IGenerator,
    request: Generation,
    told: Told,
    events: IEvents | None,
) -> bytes | None:
    """
    Have a request answered: in one, or by C{events}.

    @param turn: runs it when it is the caller's turn
    """
    if events is None:
        return told.in_one(await turn(lambda: generator.generate(request)))
    begun = False

    def tell(text: str) -> None:
        nonlocal begun
        opening = b"" if begun else b"".join(told.opening())
        begun = True
        if parts := opening + b"".join(told.text(text)):
            events.send(parts)

    events.expect()
    completion = await turn(lambda: generator.generate(request, tell))
    if not begun:
        events.send(b"".join(told.opening()))
    events.send(b"".join(told.closing(completion)))
    return None
