"""Finding memories: by their words and by their meaning, ranked together."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from attrs import define, evolve, field, frozen
from numpy.typing import NDArray
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, Priority
from mnemo.memory.beside import newer_first
from mnemo.memory.courtesy import Courtesy
from mnemo.memory.diary import time_alone
from mnemo.memory.ids import QUERY, MakeId
from mnemo.memory.indexing import Vectoriser
from mnemo.memory.query import understand
from mnemo.memory.ranking import Ranked, Term, rank
from mnemo.memory.secrets import hidden
from mnemo.memory.weights import WEIGHTS, Weights
from mnemo.store.interfaces import IStore
from mnemo.store.records import Memory, QueryRow
from mnemo.store.search import Candidate, Filter, Found

CANDIDATES = 50
"""How many candidates each search leg proposes at least."""

Vector = NDArray[np.float32]

Made = tuple[Sequence[Vector | None], str]
"""The vector of each text, or none of any; and what is not as it should be."""


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
    _courtesy: Courtesy = field(kw_only=True)

    log = Logger()

    async def recall(self, question: Question, session: str) -> Answer:
        """Answer one question. C{session} is who asks."""
        with self._courtesy.call():
            began = self._clock.seconds()
            made = Deferred.fromCoroutine(self._vectors([question.text], session))
            return await self._answer(question, made, 0, session, began)

    async def candidates(
        self, text: str, wanted: Filter, limit: int, session: str
    ) -> tuple[Sequence[Candidate], tuple[str, ...]]:
        """What has to do with C{text}, unranked and unordered; and what did not work."""
        (vector,), problem = await self._vectors([text], session)
        found = await self._store.search(text, vector, wanted, limit)
        return found.candidates, tuple(dict.fromkeys(filter(None, (problem, *found.problems))))

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
        with self._courtesy.call():
            made = await self._vectors([each.text for each in questions], session)

            async def one(number: int, question: Question) -> Answer:
                answer = await self._answer(question, succeed(made), number, session, began)
                answered()
                return answer

            answers = [
                Deferred.fromCoroutine(one(number, question))
                for number, question in enumerate(questions)
            ]
            try:
                return await gatherResults(answers, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()

    async def _answer(
        self, question: Question, made: Deferred[Made], number: int, session: str, began: float
    ) -> Answer:
        """
        Answer a question whose vector is, or will be, the one with this number of what is made.
        """
        wanted, problem = question.wanted, ""

        def vector_of(made: Made) -> Vector | None:
            nonlocal problem
            vectors, problem = made
            return vectors[number]

        moment = wanted.now if wanted.as_of is None else wanted.as_of
        query = understand(question.text, moment)
        ranked: list[Ranked] = []

        def choose(candidates: Sequence[Candidate]) -> list[str]:
            ranked.extend(rank(candidates, query, moment, question.limit, self._weights))
            return [each.memory.id for each in ranked]

        span = time_alone(question.text, query, moment) if wanted.as_of is None else None
        if span is not None:
            ranked, found = await self._made_in(*span, question), Found(())
        else:
            # Its words are searched while the vector is made.
            found = await self._store.search(
                question.text,
                made.addCallback(vector_of),
                wanted,
                max(CANDIDATES, 2 * question.limit),
                choose,
            )
        answer = Answer(
            query_id=self._make_id(QUERY),
            question=question,
            ranked=tuple(newer_first(ranked, found.differing, question.text)),
            degraded=tuple(dict.fromkeys(filter(None, (problem, *found.problems)))),
            seconds=self._clock.seconds() - began,
            differing=found.differing,
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

    async def _made_in(self, start: float, end: float, question: Question) -> list[Ranked]:
        """What was made in a time, newest first."""
        wanted = question.wanted
        since = start if wanted.since is None else max(start, wanted.since)
        until = end if wanted.until is None else min(end, wanted.until)
        made = await self._store.newest(evolve(wanted, since=since, until=until), question.limit)
        return [Ranked(memory, 1.0, (Term("time", None, 1.0, 1.0),)) for memory in made]

    async def _vectors(self, texts: Sequence[str], session: str) -> Made:
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
