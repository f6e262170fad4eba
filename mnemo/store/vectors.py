"""Vectors of memories: values, and the contract of where they are kept."""

from collections.abc import Sequence

import numpy as np
from attrs import frozen
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Interface

Vector = NDArray[np.float32]


@frozen
class Unembedded:
    """A memory that waits for its vector."""

    key: int
    version: int
    text: str


class IVectors(Interface):
    """The vectors of memories, by the model that is in use and by the one that follows."""

    def use_model(model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched. Those of another model count as missing."""

    def unembedded(limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use, oldest first."""

    def backlog() -> Deferred[int]:
        """How many memories have no vector of the model in use."""

    def put(made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors. One whose memory has changed or gone meanwhile is dropped."""

    # -- by the model that follows: made while those in use are searched

    def unembedded_by(model: str, behind: int, limit: int) -> Deferred[list[Unembedded]]:
        """The first C{limit} memories behind the key C{behind} without a vector of C{model}."""

    def embedded_by(model: str) -> Deferred[int]:
        """How many memories have a vector of the model that follows."""

    def put_by(
        model: str, dimensions: int, made: Sequence[tuple[Unembedded, Vector]]
    ) -> Deferred[int]:
        """
        Keep vectors of the model that follows. One whose memory has changed or gone meanwhile is
        dropped. Answers how many were kept.
        """

    def change_over(model: str, dimensions: int) -> Deferred[None]:
        """
        Search the vectors of the model that follows, as C{use_model} does, and all of them from
        the same moment on: that at which this fires. A search that has begun ends among those
        before.
        """
