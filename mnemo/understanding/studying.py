"""Looking for what memories have in common, in the background."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, ClassVar, Final

from attrs import define, evolve, field
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from mnemo.config import UnderstandingConfig
from mnemo.enrichment.generated import PROMPT_VERSION, Derived, InThread, generate
from mnemo.enrichment.jobs import somebody_waits
from mnemo.inference.generation import GenerationFailed, GeneratorUnavailable, IGenerator
from mnemo.inference.interfaces import IEmbedder
from mnemo.memory.ids import MakeId
from mnemo.store.background import Leased
from mnemo.store.interfaces import IStore
from mnemo.store.jobs import JobCounts
from mnemo.store.records import Memory
from mnemo.store.studies import Study, Work
from mnemo.store.understanding import FoundAbstraction, FoundGist, FoundPattern
from mnemo.understanding import gists, insights, patterns

LOOK: Final = 60.0
"""Seconds between two looks at what has changed: what belongs together has then come."""

BUDGET: Final = 10.0
"""Seconds that each kind of work may take at one look; what is left waits for the next."""

REST: Final = 0.05
"""Seconds without work after each step, for whoever else needs the processor."""

LEASE: Final = 600.0
"""Seconds for which a job is claimed: longer than a model takes for both its tries."""

BATCH: Final = 16
"""How many memories are looked at by one step: each is a search for its neighbours."""

NEAR: Final = 16
"""With how many of its nearest each is compared."""

NOTED: Final = 5000
"""How many changed memories one write lets wait."""

FIRST_PAUSE: Final = 60.0
"""Seconds until a job that has failed is tried again; doubled each time."""

_VERSIONS: Final = {"patterns": patterns.VERSION, "gists": gists.VERSION}


@define(eq=False)
class Studying(Leased[Study]):
    """
    Finds patterns, abstracts from them, and gathers gists, as far as that is wanted.

    What has changed lies in the store: what is not finished is done later, by this process or the
    next. A step keeps all that it found and ends its jobs in one transaction, or does neither.

    @ivar _written: told what memories were made: they want vectors, and to be shown
    @ivar backlog: how many jobs of all kinds waited when it last looked
    @ivar problem: why jobs wait longer than they should, in one line; empty while all goes well
    """

    every: ClassVar = LOOK
    first_pause: ClassVar = FIRST_PAUSE
    in_vain: ClassVar = "Memories could not be studied"
    log: ClassVar = Logger()

    _store: IStore
    _embedder: IEmbedder
    _generator: IGenerator
    _clock: IReactorTime
    _in_thread: InThread
    _make_id: MakeId
    _wanted: UnderstandingConfig
    _written: Callable[[Sequence[Memory]], object]
    backlog: JobCounts = field(default=JobCounts(0, 0), init=False)
    problem: str = field(default="", init=False)

    @property
    def works(self) -> tuple[Work, ...]:
        """What there is to do, in this order."""
        found: tuple[Work, ...] = ("patterns", "insights") if self._wanted.patterns else ()
        return (*found, "gists") if self._wanted.gists else found

    def start(self) -> None:
        """Look from now on, every L{LOOK} seconds, if anything is wanted."""
        if self.works:
            super().start()

    async def _look(self) -> None:
        """Work until nothing is due or the time is over."""
        self.problem = ""
        for work in self.works:
            await self._note(work)
            until = self._clock.seconds() + BUDGET
            while self._started and self._clock.seconds() < until and await self._step(work):
                await deferLater(self._clock, REST)
        await self._count()

    def _failed(self, error: Exception) -> None:
        super()._failed(error)
        self.problem = f"nothing is understood of memories: {error}"

    async def _note(self, work: Work) -> None:
        """Let wait what has changed since the last look, all of it where it is made otherwise."""
        recipe = self._recipe if work == "insights" else f"{_VERSIONS[work]} {self._store.model}"
        while await self._store.studies.note(work, recipe, NOTED) == NOTED:
            pass

    async def _count(self) -> None:
        counts = [await self._store.studies.counts(work) for work in self.works]
        self.backlog = JobCounts(
            sum(each.waiting for each in counts),
            sum(each.parked for each in counts),
            next((each.reason for each in counts if each.reason), ""),
        )

    async def _step(self, work: Work) -> bool:
        """Do some jobs. Answers whether there were any."""
        if somebody_waits(self._embedder, self._generator):
            return False
        now = self._clock.seconds()
        steps: dict[Work, Callable[[Sequence[Study]], Coroutine[Any, Any, bool]]] = {
            "patterns": self._find,
            "insights": self._abstract,
            "gists": self._gather,
        }
        limit = 1 if work == "insights" else BATCH
        lease = self._make_id("lease")
        taken = await self._store.studies.claim(work, lease, now, now + LEASE, limit)
        if not taken:
            return False
        self._held = tuple(taken)
        if await self._attempt(taken, steps[work](taken), work) is False:
            # Something has changed meanwhile: what is still there is looked at once more.
            await self._give_back(taken, "", now, True)
        self._held = ()
        return True

    async def _give_back(
        self, claims: Sequence[Study], problem: str, due: float, failed: bool
    ) -> None:
        await self._store.studies.give_back(claims, problem, due, failed)

    async def _find(self, taken: Sequence[Study]) -> bool:
        """Patterns among these memories and those near them."""
        kept = self._store.understanding
        around = await kept.around(taken, NEAR, self._clock.seconds())
        groups = await self._in_thread(lambda: patterns.recurring(around))
        ids = list(dict.fromkeys(node.id for each in groups for node in each.read))
        texts = {each.id: each.text for each in await self._store.get(ids)}
        concepts = await self._concepts(ids)

        def named() -> list[FoundPattern]:
            made = []
            for each in groups:
                read = [node.id for node in each.read]
                if all(one in texts for one in read):
                    own = {at: concepts[one] for at, one in enumerate(read) if one in concepts}
                    words = [texts[one] for one in read]
                    made.append(patterns.named(each, words, own, self._make_id))
            return made

        found = await self._in_thread(named)
        return await kept.settle(taken, found, self._clock.seconds())

    async def _concepts(self, ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The key phrases of those memories of which they were derived."""
        derived = await self._store.jobs.derived(ids)
        return {
            memory: tuple(map(str, each.value))
            for memory, fields in derived.items()
            for each in fields
            if each.name == "concepts" and isinstance(each.value, list)
        }

    async def _abstract(self, taken: Sequence[Study]) -> bool:
        """What a pattern and those like it come to."""
        (study,) = taken
        kept, now = self._store.understanding, self._clock.seconds()
        kin = await kept.kin(study, insights.ALIKE, insights.MOST)
        subject = insights.subject(kin, now) if kin is not None else None
        if subject is None:
            return await kept.state(study, None, now)
        memories = [m for m in await self._store.get(subject.memories) if not m.archived]
        key = insights.basis(self._recipe, memories)
        if subject.known is not None and subject.known.basis == key:
            return await kept.state(study, None, now)
        made_of = await self._in_thread(lambda: insights.material(memories))
        if not made_of:
            return await kept.state(study, None, now)
        derived = await self._said([each.text for each in made_of])
        found: FoundAbstraction = await self._in_thread(
            lambda: insights.stated(subject, memories, made_of, derived, key, self._make_id)
        )
        if derived is None and self._model:
            # The model may be there next time: then it is asked.
            found = evolve(found, basis="")
        return await kept.state(study, found, self._clock.seconds())

    @property
    def _recipe(self) -> str:
        """By what insights are made: it changes whenever what is made does."""
        return f"{insights.VERSION} {PROMPT_VERSION} {self._model}".rstrip()

    @property
    def _model(self) -> str:
        """The language model that is asked; empty for none."""
        return self._generator.model.name if self._generator.model is not None else ""

    async def _said(self, sentences: Sequence[str]) -> Derived | None:
        """What the language model says of some sentences; C{None} where none can be asked."""
        if self._generator.model is None or self._generator.problem:
            return None
        try:
            return await generate(self._generator, "\n".join(sentences), self._in_thread, _held)
        except (GeneratorUnavailable, GenerationFailed, TimeoutError):
            return None

    async def _gather(self, taken: Sequence[Study]) -> bool:
        """Gists of these memories and those near them."""
        kept, now = self._store.understanding, self._clock.seconds()
        around = await kept.around(taken, NEAR, now)
        groups = await self._in_thread(lambda: gists.groups(around, now))
        ids = [node.id for nodes in groups for node in nodes]
        memories = {each.id: each for each in await self._store.get(ids)}

        def made() -> list[FoundGist]:
            members = [[memories[n.id] for n in nodes if n.id in memories] for nodes in groups]
            return [gists.gist(each) for each in members if len(each) >= gists.LEAST]

        found = await self._in_thread(made)
        written: list[Memory] | None = await kept.gather(taken, found, now)
        if written:
            self._written(written)
        return written is not None


async def _held() -> None:
    """The lease is long enough for a second try."""
