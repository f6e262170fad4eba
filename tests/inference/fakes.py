"""Stand-ins: an embedder for those who use one, a model, a thread and a reactor for the engine."""

import hashlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from numpy.typing import NDArray
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mnemo.inference.interfaces import (
    EmbedderUnavailable,
    EngineStatistics,
    IEmbedder,
    IEmbeddingBackend,
    Interrupted,
    ModelInfo,
    Priority,
)

DIMENSIONS = 64
NO_MODEL = "The embedding model is not there; fetch it with: mnemo model fetch"


def model_info(name: str = "fake", dimensions: int = DIMENSIONS, window: int = 16) -> ModelInfo:
    return ModelInfo(
        name=name,
        path=Path("/models") / f"{name}.gguf",
        dimensions=dimensions,
        window=window,
        device="cpu",
    )


def bag_of_words(text: str, dimensions: int = DIMENSIONS) -> NDArray[np.float32]:
    """
    A unit vector in which texts that share words are near, and the same text is the same.

    Each word adds or takes 1 at a place that its hash names. A text with no words is the
    first axis.
    """
    vector = np.zeros(dimensions, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        vector[number % dimensions] += 1.0 if number >> 63 else -1.0
    if not vector.any():
        vector[0] = 1.0
    return vector / np.float32(np.linalg.norm(vector))


@implementer(IEmbedder)
class FakeEmbedder:
    """
    An embedder that answers at once, with L{bag_of_words} vectors; its tokens are words.

    @ivar embedded: every text that was embedded, in order
    @ivar priorities: the class of each call
    """

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        self.model: ModelInfo | None = model_info(dimensions=dimensions)
        self.problem = ""
        self.statistics = EngineStatistics(
            loads=1, waiting_interactive=0, waiting_background=0, steps=0, texts=0, tokens=0
        )
        self.embedded: list[str] = []
        self.priorities: list[Priority] = []
        self._info = self.model
        self._failure: Exception | None = None
        self._holding = False
        self._held: list[tuple[list[str], Deferred[NDArray[np.float32]]]] = []
        self._callbacks: list[Callable[[], object]] = []

    def embed(
        self,
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[NDArray[np.float32]]:
        if self.model is None:
            return fail(EmbedderUnavailable(self.problem))
        if self._failure is not None:
            return fail(self._failure)
        self.priorities.append(priority)
        if counted is not None:
            counted(sum(len(text.split()) for text in texts))
        if self._holding:
            answer: Deferred[NDArray[np.float32]] = Deferred(self._drop)
            self._held.append((list(texts), answer))
            return answer
        return succeed(self._vectors(texts))

    def on_ready(self, callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and each time one comes back."""
        self._callbacks.append(callback)
        if self.model is not None:
            callback()

    def take_model_away(self, problem: str = NO_MODEL) -> None:
        """From now on there is no model."""
        self.model = None
        self.problem = problem

    def give_model_back(self, name: str = "") -> None:
        """The model is there again, under another name if one is given."""
        self.model = evolve(self._info, name=name or self._info.name)
        self.problem = ""
        self.statistics = evolve(self.statistics, loads=self.statistics.loads + 1)
        for callback in list(self._callbacks):
            callback()

    def fail_with(self, failure: Exception | None) -> None:
        """Every call fails with C{failure}, until called again with None."""
        self._failure = failure

    def hold(self) -> None:
        """Answer nothing until L{release}."""
        self._holding = True

    def release(self) -> None:
        """Answer what was held, in order, and answer at once again."""
        self._holding = False
        held, self._held = self._held, []
        for texts, answer in held:
            answer.callback(self._vectors(texts))

    @property
    def held(self) -> int:
        """How many calls are waiting for L{release}."""
        return len(self._held)

    def _drop(self, answer: Deferred[NDArray[np.float32]]) -> None:
        self._held = [(texts, other) for texts, other in self._held if other is not answer]

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.embedded.extend(texts)
        self.statistics = evolve(
            self.statistics,
            steps=self.statistics.steps + 1,
            texts=self.statistics.texts + len(texts),
        )
        dimensions = self._info.dimensions
        if not texts:
            return np.zeros((0, dimensions), np.float32)
        return np.stack([bag_of_words(text, dimensions) for text in texts])


class FakeEngine(FakeEmbedder):
    """
    An embedder with a life, by a model of its own.

    @ivar started: whether L{start} was called, and C{stopped} whether L{stop}
    """

    def __init__(self, name: str, dimensions: int = DIMENSIONS) -> None:
        super().__init__(dimensions)
        self.model = self._info = model_info(name, dimensions)
        self.started = self.stopped = False

    def start(self) -> Deferred[None]:
        self.started = True
        return succeed(None)

    def stop(self) -> Deferred[None]:
        self.stopped = True
        return succeed(None)

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Those of another name are turned to another side."""
        vectors = super()._vectors(texts)
        return np.roll(vectors, sum(self._info.name.encode()) % self._info.dimensions, axis=1)


@implementer(IEmbeddingBackend)
class ScriptedBackend:
    """
    A model of four dimensions that reads a text as its characters.

    A window's vector is C{(1, mean of its tokens, number of its tokens, 0)}.

    @ivar steps: what was asked of it, in order: C{("tokenize", text)} or C{("encode", windows)}
    @ivar failure: raised by the next call, once
    @ivar closed: whether L{close} was called
    """

    def __init__(self, window: int = 16, batch_tokens: int = 64, name: str = "scripted") -> None:
        self.info = model_info(name, dimensions=4, window=window)
        self.batch_tokens = batch_tokens
        self.steps: list[tuple[str, object]] = []
        self.failure: Exception | None = None
        self.closed = False

    def tokenize(self, text: str) -> list[int]:
        self._step("tokenize", text)
        return [ord(character) % 1000 for character in text]

    def encode(self, windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self._step("encode", [list(window) for window in windows])
        assert windows
        assert all(len(window) <= self.info.window - 2 for window in windows)
        assert sum(len(window) + 2 for window in windows) <= self.batch_tokens
        return np.array(
            [(1.0, np.mean(window) if window else 0.0, len(window), 0.0) for window in windows],
            np.float32,
        )

    def interrupt(self) -> None:
        """Have the call that is made next fail."""
        self.failure = Interrupted()

    def close(self) -> None:
        self.closed = True

    def _step(self, kind: str, what: object) -> None:
        assert not self.closed
        self.steps.append((kind, what))
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure


@implementer(IReactorFromThreads)
class ThreadlessReactor(Clock):
    """A clock for code that also comes back from threads, and of which there are none."""

    def getThreadPool(self) -> "SteppedPool":
        pool = SteppedPool()
        pool.start()
        return pool

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:
        callable(*args, **kwargs)


class SteppedPool(ThreadPool):
    """
    A thread that works when told to, on one call after the other.

    @ivar holding: whether it waits for L{work}, or does at once what it is given
    @ivar running: whether it was started and not stopped
    """

    def __init__(self) -> None:
        super().__init__(1, 1, "stepped")
        self.holding = False
        self.running = False
        self._calls: deque[Callable[[], None]] = deque()

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        assert not self._calls, "the thread was stopped with work to do"
        self.running = False

    def callInThreadWithCallback(
        self,
        onResult: Callable[[bool, Any], object] | None,  # noqa: N803 - Twisted's name
        func: Callable[..., Any],
        *args: object,
        **kw: object,
    ) -> None:
        assert self.running
        assert onResult is not None
        assert len(self._calls) < 2, "the thread has more to do than a step and what follows it"

        def call() -> None:
            try:
                result, fine = func(*args, **kw), True
            except Exception:
                result, fine = Failure(), False
            self._calls.popleft()
            onResult(fine, result)

        self._calls.append(call)
        if not self.holding:
            call()

    @property
    def busy(self) -> bool:
        """Whether there is a call to make."""
        return bool(self._calls)

    @property
    def queued(self) -> int:
        """How many calls there are to make."""
        return len(self._calls)

    def work(self) -> None:
        """Make the call that waits."""
        self._calls[0]()
