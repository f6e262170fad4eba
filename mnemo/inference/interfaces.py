"""The contracts of the inference room: what others see, and what a backend is."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface


class Priority(IntEnum):
    """Who waits: a person, or nobody."""

    INTERACTIVE = 0
    BACKGROUND = 1


class Interrupted(Exception):
    """A step was given up since something more urgent has come. It has to be done again."""


class EmbedderUnavailable(Exception):
    """There is no model to embed with. Its text is one line that says what mends it."""


@frozen
class ModelInfo:
    """
    A loaded model.

    @ivar name: what identifies its vector space; vectors of another name do not compare
    @ivar dimensions: the length of a vector
    @ivar window: how many tokens one pass takes, the special ones included
    @ivar device: C{"cpu"} or the GPU's name
    @ivar bytes: what its weights take in memory; 0 where that is elsewhere
    """

    name: str
    path: Path
    dimensions: int
    window: int
    device: str
    bytes: int = 0


@frozen
class EngineStatistics:
    """
    What health says of the engine.

    @ivar loads: how often a model was loaded since the process began
    @ivar waiting: jobs that have not ended, by class
    @ivar remembered: calls that were answered from the vectors of recent queries
    @ivar missed: interactive calls that were not
    @ivar oldest_interactive: seconds since the job was asked for that waits longest, by class
    """

    loads: int
    waiting_interactive: int
    waiting_background: int
    steps: int
    texts: int
    tokens: int
    remembered: int = 0
    missed: int = 0
    oldest_interactive: float = 0.0
    oldest_background: float = 0.0


class IEmbedder(Interface):
    """Makes vectors of texts. Used on the reactor thread."""

    model: ModelInfo | None = Attribute("The loaded model, or None.")
    problem: str = Attribute("Empty when it works, else one line with the command that mends it.")
    statistics: EngineStatistics = Attribute("Counters, as they are now.")

    def embed(
        texts: Sequence[str],
        priority: Priority = Priority.INTERACTIVE,
        session: str = "",
        counted: Callable[[int], object] | None = None,
    ) -> Deferred[NDArray[np.float32]]:
        """
        The unit vectors of C{texts}, shape C{(len(texts), dimensions)}.

        Cancelling the answer drops what has not started. Fails with
        L{EmbedderUnavailable} where there is no model.

        @param counted: told ahead of the answer how many tokens C{texts} have, special ones
            included; 0 where nobody says
        """

    def on_ready(callback: Callable[[], object]) -> None:
        """Call C{callback} now if there is a model, and each time one has been loaded."""


class IEmbeddingBackend(Interface):
    """A model in the hands of the inference thread. Each call is one bounded step."""

    info: ModelInfo = Attribute("What was loaded.")

    def tokenize(text: str) -> list[int]:
        """The tokens of C{text}, without the special ones."""

    def encode(windows: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """
        The mean-pooled, not normalised vector of each window of tokens.

        @param windows: each at most C{info.window - 2} tokens, together at most
            C{batch_tokens} with the two special tokens of each
        """

    batch_tokens: int = Attribute("How many tokens one call to encode may hold.")

    def interrupt() -> None:
        """
        Have the call to L{encode} that runs fail with L{Interrupted}, if that can be.

        Called on any thread, also while none runs.
        """

    def close() -> None:
        """Free the model."""


class IStepSource(Interface):
    """What has steps for the inference thread. Used on the reactor thread."""

    def urgency() -> Priority | None:
        """The class of the most urgent step that could run now; C{None} where there is none."""

    def begin() -> Callable[[], Any]:
        """The step to run now. It is called on the inference thread. Asked for after L{urgency}."""

    def following() -> Callable[[], Any] | None:
        """
        The step to run right after the one that runs, whatever that brings; C{None} where it
        depends on that. Of two steps the one that was asked for first ends first.
        """

    def hurry() -> None:
        """Somebody waits: end what runs as soon as that can be, and leave what was to follow."""

    def done(result: Any) -> None:
        """The step has returned C{result}."""

    def failed(problem: Exception) -> None:
        """The step has raised C{problem}."""
