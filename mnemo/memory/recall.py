"""Finding memories: by their words and by their meaning, ranked together."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, Priority
from mnemo.memory.beside import newer_first
from mnemo.memory.ids import QUERY, MakeId
from mnemo.memory.indexing import Vectoriser
from mnemo.memory.query import understand
from mnemo.memory.ranking import Ranked, rank
from mnemo.memory.secrets import hidden
from mnemo.memory.weights import WEIGHTS, Weights
from mnemo.store.interfaces import IStore
from mnemo.store.records import Filter, Memory, QueryRow

CANDIDATES = 60
"""How many candidates each search leg proposes at least."""

Vector = NDArray[np.float32]


@frozen
class Question:
    """
    What is asked of the memory.

    @ivar wanted: what may be answered; its C{now} is the time of asking
    @ivar limit: how many memories at most
    """

    text: str
    wanted: Filter
    limit: int


@frozen
class Answer:
    """
    What a question brought.

    @ivar query_id: what feedback on this answer refers to
    @ivar ranked: best first; empty where nothing is relevant. Of two that differ in a figure
        or the like the newer is first and the older right behind it
    @ivar differing: for the id of each that has such, the memories that differ from it
    @ivar degraded: one line for each thing that did not work as it should
    @ivar seconds: how long it took
    """

    query_id: str
    question: Question
    ranked: tuple[Ranked, ...]
    degraded: tuple[str, ...]
    seconds: float
    differing: Mapping[str, Sequence[Memory]] = field(factory=dict)


@define(eq=False)
class Recalling:
    """Answers questions. Writes nothing on the way; what was answered is noted afterwards."""

    _store: IStore
    _embedder: IEmbedder
    _clock: IReactorTime
    _make_id: MakeId
    _vectoriser: Vectoriser
    _weights: Weights = WEIGHTS

    log = Logger()

    async def recall(self, question: Question, session: str) -> Answer:
        """Answer one question. C{session} is who asks."""
        began = self._clock.seconds()
        (vector,), problem = await self._vectors([question.text], session)
        return await self._answer(question, vector, problem, session, began)

    async def recall_all(
        self,
        questions: Sequence[Question],
        session: str,
        answered: Callable[[], None] = lambda: None,
    ) -> list[Answer]:
        """
        Answer several questions at once, in their order.

        @param answered: called when one of them is answered
        """
        began = self._clock.seconds()
        vectors, problem = await self._vectors([each.text for each in questions], session)

        async def one(question: Question, vector: Vector | None) -> Answer:
            answer = await self._answer(question, vector, problem, session, began)
            answered()
            return answer

        answers = [
            Deferred.fromCoroutine(one(question, vector))
            for question, vector in zip(questions, vectors, strict=True)
        ]
        try:
            return await gatherResults(answers, consumeErrors=True)
        except FirstError as error:
            error.subFailure.raiseException()

    async def _answer(
        self, question: Question, vector: Vector | None, problem: str, session: str, began: float
    ) -> Answer:
        wanted = question.wanted
        found = await self._store.search(
            question.text, vector, wanted, max(CANDIDATES, 2 * question.limit)
        )
        moment = wanted.now if wanted.as_of is None else wanted.as_of
        query = understand(question.text, moment)
        ranked = rank(found.candidates, query, moment, question.limit, self._weights)
        differing: dict[str, list[Memory]] = {}
        if ranked and wanted.as_of is None:
            differing = await self._store.differing([each.memory.id for each in ranked])
        answer = Answer(
            query_id=self._make_id(QUERY),
            question=question,
            ranked=tuple(newer_first(ranked, differing)),
            degraded=tuple(dict.fromkeys(filter(None, (problem, *found.problems)))),
            seconds=self._clock.seconds() - began,
            differing=differing,
        )
        self._store.record_query(
            QueryRow(
                id=answer.query_id,
                text=hidden(question.text).text,
                session=session,
                project=wanted.project or "",
                returned=tuple(each.memory.id for each in answer.ranked),
                at=wanted.now,
            )
        )
        return answer

    async def _vectors(
        self, texts: Sequence[str], session: str
    ) -> tuple[Sequence[Vector | None], str]:
        """The vector of each text, or none of any; and what is not as it should be."""
        nothing: list[Vector | None] = [None] * len(texts)
        if self._embedder.problem:
            return nothing, f"searched by text alone: {self._embedder.problem}"
        try:
            made = await self._embedder.embed(texts, Priority.INTERACTIVE, session)
        except CancelledError:
            raise
        except EmbedderUnavailable as error:
            return nothing, f"searched by text alone: {error}"
        except Exception as error:
            self.log.failure("A query could not be embedded; its words were searched")
            return nothing, f"searched by text alone: the query could not be embedded ({error})"
        return list(made), self._vectoriser.lag
