"""Deriving what can be derived from memories, in the background."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from attrs import define, field, frozen
from twisted.internet import defer
from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mnemo.enrichment import extractive
from mnemo.enrichment.coaching import NONE, BadCoaching, Coaching
from mnemo.enrichment.coaching import read as read_coaching
from mnemo.enrichment.extractive import Vectors
from mnemo.enrichment.fields import fields_of, shared, telling
from mnemo.enrichment.generated import PROMPT_VERSION, Derived, InThread, extracted, generate
from mnemo.inference.generation import GenerationFailed, GeneratorUnavailable, IGenerator
from mnemo.inference.interfaces import EmbedderUnavailable, IEmbedder, Priority
from mnemo.store.background import Leased
from mnemo.store.interfaces import IStore
from mnemo.store.jobs import Claim, Finished, JobCounts
from mnemo.store.records import Memory
from mnemo.store.search import Filter

LOOK: Final = 5.0
"""Seconds between two looks at the queue: texts that come in a burst have then come."""

REST: Final = 0.05
"""Seconds without work after each batch, for whoever else needs the processor."""

PAUSE: Final = 0.25
"""Seconds after which it is seen again whether somebody waits."""

LEASE: Final = 300.0
"""Seconds for which a job is claimed: longer than a model takes for one try."""

BUDGET: Final = 480.0
"""Seconds that one job may take in all."""

BATCH: Final = 8
"""How many jobs are claimed at once, where no model is asked."""

WIDTH: Final = 2
"""How many texts a model is asked about at the same time."""

FIRST_PAUSE: Final = 30.0
"""Seconds until a job that has failed is tried again; doubled each time."""

MODEL_PAUSE: Final = 60.0
"""Seconds until a job that found no model is tried again."""

CHUNK: Final = 2000
"""How many memories one write looks at where all are to be made anew."""

CANDIDATES: Final = 20
"""How many memories that hold the same names are compared."""


@frozen
class Recipe:
    """
    By what everything is to be derived.

    @ivar name: changes whenever what it makes does
    @ivar replaces: how the name of a recipe begins that this one is better than
    """

    name: str
    replaces: str

    @classmethod
    def of(cls, language_model: str, coaching: Coaching = NONE) -> "Recipe":
        """
        That of a language model that heeds C{coaching}, or without one of the rules.

        What a model has made, and the checks have let pass, is not given up for what can be
        extracted.
        """
        if not language_model:
            return cls(EXTRACTIVE, extractive.MODEL)
        prompt = f"{PROMPT_VERSION}{coaching.version}"
        return cls(f"{language_model} {prompt}.{extractive.VERSION}", "")


EXTRACTIVE: Final = f"{extractive.MODEL} {extractive.VERSION}"
"""The recipe of what was extracted."""


@define(eq=False)
class Enricher(Leased[Claim]):
    """
    Empties the queue of memories from which nothing was derived yet.

    The queue lies in the store: what is not finished is done later, by this process or the next.
    Where a language model is wanted and none can be asked, what can be extracted is kept for the
    time being, and the job waits on.

    @ivar _language_model: the one that is wanted; empty where nothing but the rules is
    @ivar counts: how the queue was when it was last looked at
    @ivar problem: why jobs wait longer than they should, in one line; empty while all goes well
    """

    every: ClassVar = LOOK
    first_pause: ClassVar = FIRST_PAUSE
    in_vain: ClassVar = "Nothing could be derived"
    log: ClassVar = Logger()

    _store: IStore
    _embedder: IEmbedder
    _generator: IGenerator
    _clock: IReactorTime
    _in_thread: InThread
    _make_lease: Callable[[], str]
    _language_model: str = ""
    counts: JobCounts = field(default=JobCounts(0, 0), init=False)
    problem: str = field(default="", init=False)
    _recipe: Recipe = field(init=False)
    _document: str = field(default="", init=False)
    _coaching: Coaching = field(default=NONE, init=False)
    _announced: bool = field(default=False, init=False)
    _model_gone: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._recipe = Recipe.of(self._language_model)

    async def _look(self) -> None:
        """Work until nothing is due."""
        self._model_gone = False
        await self._prepare()
        self.problem = ""
        while self._started and await self._batch():
            await deferLater(self._clock, REST)
            await self._prepare()
        self.counts = await self._store.jobs.counts()

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        reason = error.subFailure.value if isinstance(error, FirstError) else error
        self.problem = f"nothing is derived from memories: {reason}"

    async def _prepare(self) -> None:
        """See by what everything is to be derived from now on."""
        await self._heed()
        await self._announce()

    async def _heed(self) -> None:
        """Take up what the model is to be told beside the rules, where that has changed."""
        document = await self._store.jobs.coaching()
        if document == self._document:
            return
        try:
            coaching = await self._in_thread(lambda: read_coaching(document))
        except BadCoaching as problem:
            # It was read before it was kept; another version of mnemo may have done so.
            self.log.warn("What was told by coaching is not heeded: {problem}", problem=problem)
            coaching = NONE
        self._document, self._coaching = document, coaching
        self._recipe = Recipe.of(self._language_model, coaching)
        self._announced = False

    async def _announce(self) -> None:
        """Let wait what another recipe has made, where that has changed."""
        jobs, recipe = self._store.jobs, self._recipe
        if self._announced:
            return
        if await jobs.recipe() != recipe.name:
            after: int | None = 0
            while after is not None:
                now = self._clock.seconds()
                after = await jobs.requeue(recipe.name, recipe.replaces, after, CHUNK, now)
            await jobs.use_recipe(recipe.name)
        self._announced = True

    async def _batch(self) -> bool:
        """Do some jobs. Answers whether there were any."""
        while somebody_waits(self._embedder, self._generator):
            await deferLater(self._clock, PAUSE)
        asks = self._asks
        fresh = bool(self._language_model) and not asks
        now = self._clock.seconds()
        size = WIDTH if asks else BATCH
        lease = self._make_lease()
        claims = await self._store.jobs.claim(lease, now, now + LEASE, size, fresh)
        self._held = tuple(claims)
        width = WIDTH if asks else 1
        done: list[Finished] = []
        for at in range(0, len(claims), width):
            works = [self._job(each) for each in claims[at : at + width]]
            made = await gatherResults(works, consumeErrors=True)
            done += [each for each in made if each is not None]
        if done:
            await self._store.jobs.finish(done, self._clock.seconds())
        self._held = ()
        return bool(claims)

    @property
    def _asks(self) -> bool:
        """Whether there is a language model to ask."""
        there = self._generator.model is not None and not self._generator.problem
        return bool(self._language_model) and there and not self._model_gone

    def _job(self, claim: Claim) -> Deferred[Finished | None]:
        """What comes of a job; C{None} where it was given back."""
        in_vain = f"Memory {claim.id} could not be looked into"
        return Deferred.fromCoroutine(self._attempt([claim], self._derived(claim), in_vain))

    async def _derived(self, claim: Claim) -> Finished | None:
        if not self._asks:
            return await self._extracted(claim)
        work = Deferred.fromCoroutine(
            generate(
                self._generator,
                claim.text,
                self._in_thread,
                lambda: self._renew(claim),
                self._coaching,
            )
        )
        try:
            derived = await work.addTimeout(BUDGET, self._clock)
        except GeneratorUnavailable as gone:
            self._model_gone = True
            return await self._for_now(claim, str(gone), MODEL_PAUSE, failed=False)
        except (GenerationFailed, TimeoutError, defer.TimeoutError) as failed:
            pause = self._pause_after(claim)
            return await self._for_now(claim, self._reason(failed), pause, failed=True)
        return await self._finished(claim, derived, self._recipe.name)

    async def _renew(self, claim: Claim) -> None:
        await self._store.jobs.renew([claim], self._clock.seconds() + LEASE)

    async def _for_now(
        self, claim: Claim, problem: str, pause: float, failed: bool
    ) -> Finished | None:
        """What can be extracted, until the model can be asked again."""
        again = self._clock.seconds() + pause
        if claim.recipe:
            await self._give_back([claim], problem, again, failed)
            return None
        return await self._extracted(claim, problem, again, failed)

    async def _extracted(
        self, claim: Claim, problem: str = "", again: float = 0.0, failed: bool = False
    ) -> Finished:
        vectors = await self._vectors(claim.text)
        derived = await self._in_thread(lambda: extracted(claim.text, vectors, problem))
        if self._language_model and not problem:
            problem = self._generator.problem or "the language model is not there"
        return await self._finished(claim, derived, EXTRACTIVE, problem, again, failed)

    async def _vectors(self, text: str) -> Vectors:
        """The vectors of the parts of a text; none where there is no model to make them."""
        if self._embedder.model is None:
            return {}
        wanted = await self._in_thread(lambda: extractive.wanted(text))
        try:
            made = await self._embedder.embed(wanted, Priority.BACKGROUND) if wanted else ()
        except EmbedderUnavailable:
            return {}
        return dict(zip(wanted, made, strict=True))

    async def _finished(self, claim: Claim, derived: Derived, recipe: str, *more: Any) -> Finished:
        names = telling(derived.encoding)
        others: Sequence[Memory] = ()
        if len(names) > 1:
            within = Filter(now=self._clock.seconds(), project=claim.project)
            found = await self._store.search(" ".join(names), None, within, CANDIDATES)
            others = [each.memory for each in found.candidates]
        fields = await self._in_thread(
            lambda: fields_of(claim.text, derived, shared(names, claim.id, others))
        )
        return Finished(claim, fields, recipe, *more)

    async def _give_back(
        self, claims: Sequence[Claim], problem: str, due: float, failed: bool
    ) -> None:
        await self._store.jobs.give_back(claims, problem, due, failed)

    def _reason(self, error: Exception) -> str:
        return " ".join(str(error).split())[:300] or type(error).__name__


def somebody_waits(embedder: IEmbedder, generator: IGenerator) -> bool:
    """Whether the models have better things to do than what nobody waits for."""
    # A memory is not found by its meaning before it has its vector: that comes first.
    vectors = embedder.statistics
    waiting = vectors.waiting_interactive + vectors.waiting_background
    return waiting + generator.statistics.waiting_interactive > 0
