"""The language model of another server."""

import random
from collections.abc import Callable
from typing import Any, Final

from attrs import define, evolve, field
from twisted.internet.defer import CancelledError, Deferred
from zope.interface import implementer

from mnemo.inference.breaker import Breaker
from mnemo.inference.generation import (
    Completion,
    Generation,
    GenerationFailed,
    GeneratorInfo,
    GeneratorStatistics,
    GeneratorUnavailable,
    IGenerator,
    Overloaded,
    Piece,
    UnfitRequest,
)
from mnemo.inference.remote_answer import RemoteAnswer
from mnemo.inference.remote_problems import (
    AnswerBroken,
    RequestRefused,
    ServerBusy,
    ServerDown,
)
from mnemo.inference.remote_request import content_of, path_of
from mnemo.inference.remote_server import RemoteServer
from mnemo.inference.servers import ServerModel
from mnemo.inference.text_stream import TextStream, Thinking

STOPPING: Final = "mnemo is stopping"


@implementer(IGenerator)
@define(eq=False)
class RemoteGenerator:
    """
    Asks a server that has OpenAI's API: llama-server, vLLM, Ollama, LM Studio, or one for money.

    The server shares its model out between requests; nothing waits here.
    """

    reactor: Any
    server: ServerModel
    chance: Callable[[], float] = random.random
    model: GeneratorInfo | None = field(init=False)
    statistics: GeneratorStatistics = field(factory=GeneratorStatistics, init=False)
    _remote: RemoteServer = field(init=False)
    _running: set[Deferred[Completion]] = field(factory=set, init=False)
    _stopping: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._remote = RemoteServer(self.reactor, self.server, self.chance)
        # Whether it knows tools is found out by asking it; what it cannot do, it refuses.
        self.model = GeneratorInfo(
            self.server.model, self.server.window, self.server.host, knows_tools=True
        )

    @property
    def breaker(self) -> Breaker:
        """Whether the server is left alone, and for how long."""
        return self._remote.breaker

    @property
    def problem(self) -> str:
        """Empty while the server is asked, else why it is not."""
        return STOPPING if self._stopping else self._remote.problem

    def generate(
        self, request: Generation, on_text: Callable[[str], object] | None = None
    ) -> Deferred[Completion]:
        """Have C{request} answered. To cancel it closes the connection to the server."""
        if self._stopping:
            return _refused(GeneratorUnavailable(STOPPING))
        answer = Deferred.fromCoroutine(self._generate(request, on_text))
        if not answer.called:
            self._running.add(answer)
            answer.addBoth(self._ended, answer)
        return answer

    async def stop(self) -> None:
        """Give up what runs, and close the connections."""
        self._stopping = True
        for answer in list(self._running):
            answer.cancel()
        await self._remote.stop()

    async def _generate(
        self, request: Generation, on_text: Callable[[str], object] | None
    ) -> Completion:
        began = self.reactor.seconds()
        thinks = None if isinstance(request.prompt, str) else Thinking()
        answer = RemoteAnswer(self.server.host, self.server.model, TextStream((), thinks))
        first = 0.0

        def tell(text: str) -> None:
            nonlocal first
            if text and not first:
                first = self.reactor.seconds() - began
            if text and on_text is not None:
                on_text(text if request.logprobs is None else Piece.of(text, answer.news()))

        self._count(running=1)
        try:
            content = content_of(request, self.server)
            await self._remote.send(
                path_of(request), content, request.timeout, lambda data: tell(answer.feed(data))
            )
            tell(answer.stream.finish())
            completion = answer.completion()
        except ServerBusy as problem:
            raise Overloaded(str(problem), problem.retry_after) from None
        except ServerDown as problem:
            raise GeneratorUnavailable(str(problem), problem.retry_after) from None
        except RequestRefused as problem:
            raise UnfitRequest(str(problem)) from None
        except AnswerBroken as problem:
            raise GenerationFailed(str(problem)) from None
        except CancelledError:
            if self._stopping:
                raise GeneratorUnavailable(STOPPING) from None
            raise
        finally:
            self._count(running=-1)
        self._count(
            tokens=completion.tokens,
            prompt_tokens=completion.prompt_tokens,
            reused=completion.reused,
        )
        return evolve(completion, first=first, seconds=self.reactor.seconds() - began)

    def _ended(self, result: Any, answer: Deferred[Completion]) -> Any:
        self._running.discard(answer)
        return result

    def _count(self, **more: int) -> None:
        now = self.statistics
        sums = {name: getattr(now, name) + number for name, number in more.items()}
        self.statistics = evolve(now, **sums)


def _refused(problem: Exception) -> Deferred[Completion]:
    answer: Deferred[Completion] = Deferred()
    answer.errback(problem)
    return answer
