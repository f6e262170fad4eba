"""What is derived in the background: audit_encodings, coach_local_llm, train_model."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from attrs import evolve, field, frozen

from mnemo.enrichment.coaching import LONGEST, BadCoaching, Coaching, read
from mnemo.enrichment.jobs import EXTRACTIVE
from mnemo.memory.moments import iso
from mnemo.memory.secrets import hidden
from mnemo.store.records import DerivedField, Memory, Type
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import LEAST, Cost, MaxTokens, characters, cost_of
from mnemo.tools.graphemes import cut
from mnemo.tools.interfaces import ToolError
from mnemo.tools.overview import HoursBack
from mnemo.tools.progress import Progress
from mnemo.tools.views import counted
from mnemo.transfer.training import CannotWrite, TrainingSet

PairLimit = Annotated[int, msgspec.Meta(description="How many memories at most.", ge=1, le=20)]

CoachingYaml = Annotated[
    str,
    msgspec.Meta(
        description="YAML with the one key coaching: a text, or lists and mappings of texts, each "
        "a note. An empty document takes all notes away.",
        max_length=LONGEST,
    ),
]


@frozen(kw_only=True, slots=False)
class Pair:
    """
    The words of a memory beside what was derived from them. Model and prompt say what made it
    by which version of the rules, "extractive" being rules that only copy; of the scores epr and
    np are the shares of its names and numbers that were preserved, fr is the share of names that
    it does not hold, and refused says why a model's answer was not kept. Left_out counts the
    characters that follow where the text is only its beginning, fields_left_out names what else
    there was no room for.
    """

    memory_id: str
    type: Type
    source: str
    created_at: str
    model: str
    prompt: str
    made_at: str
    scores: dict[str, Any]
    text: str
    left_out: int | None = None
    fields: dict[str, Any]
    fields_left_out: list[str] = field(factory=list)

    def as_text(self) -> str:
        """The text, then a line for each field."""
        made = f"by {self.model} (prompt {self.prompt}) at {self.made_at}"
        scores = ", ".join(f"{name} {_told(value)}" for name, value in self.scores.items())
        rest = "" if self.left_out is None else f"… ({self.left_out:,} more characters)"
        lines = [
            f"{self.memory_id}; {self.type}; {self.source}; {self.created_at}",
            *(f"  {line}" for line in (self.text + rest).splitlines()),
            f"Derived {made}; {scores}:",
            *(f"- {name}: {_told(value)}" for name, value in self.fields.items()),
        ]
        if self.fields_left_out:
            lines.append(f"- for want of room not shown: {', '.join(self.fields_left_out)}")
        return "\n".join(lines)

    def within(self, room: Cost) -> "Pair":
        """The same, cut to C{room}: the dearest fields go, then the end of the text."""
        bare = evolve(self, text="", left_out=len(self.text))
        while bare.fields and not _cost(bare).within(room // 2):
            dearest = max(bare.fields, key=lambda name: len(_told(bare.fields[name])))
            kept = {name: value for name, value in bare.fields.items() if name != dearest}
            bare = evolve(bare, fields=kept, fields_left_out=[*bare.fields_left_out, dearest])
        text = cut(self.text, characters(self.text, room - _cost(bare), indent=2))
        return evolve(bare, text=text, left_out=len(self.text) - len(text) or None)


@frozen(kw_only=True, slots=False)
class Audit:
    """Memories and what was derived from them, oldest first."""

    project: str
    hours_back: float
    pairs: list[Pair]

    def text(self) -> str:
        """One pair after the other."""
        number = counted(len(self.pairs), "memory", "memories")
        head = f"{number} of {self.project} in the last {self.hours_back:g} hours, oldest first"
        return "\n\n".join([head, *(pair.as_text() for pair in self.pairs)])


@frozen(kw_only=True)
class AuditEncodings(Tool):
    """
    Hold what was derived from memories against their words, to see whether it is true to them:
    of those made in the last hours the oldest. Where it is not, say so by coach_local_llm, or
    correct the memory by amend. Memories from which nothing was derived yet are left out; status
    counts them.
    """

    name: ClassVar[str] = "audit_encodings"
    title: ClassVar[str] = "Audit what was derived"
    hints: ClassVar[Hints] = READS

    limit: PairLimit = 5
    hours_back: HoursBack = 24.0
    source: scope.Source = ""
    project: scope.Project = ""
    max_tokens: MaxTokens = 6_000

    async def run(self, call: Call) -> Audit:
        """Look them up."""
        if self.max_tokens < LEAST * self.limit:
            least = LEAST * self.limit
            raise ToolError(f'"max_tokens" must be {least:,} or more for so many memories')
        wanted = await scope.wanted(
            call, project=self.project, source=self.source, since=self.hours_back
        )
        jobs = call.memories.store.jobs
        memories = await jobs.oldest(wanted, self.limit)
        derived = await jobs.derived([memory.id for memory in memories])
        pairs = [_pair(memory, derived[memory.id]) for memory in memories if derived[memory.id]]
        result = Audit(
            project=scope.project_shown(wanted.project), hours_back=self.hours_back, pairs=[]
        )
        return evolve(result, pairs=_fitting(pairs, self.max_tokens, cost_of(result)))


@frozen(kw_only=True, slots=False)
class Coached:
    """
    The notes that hold from now on. Version is what they add to the version of the prompt.
    Heeded is false where no language model is configured that could heed them.
    """

    notes: list[str]
    version: str
    changed: bool
    heeded: bool

    def text(self) -> str:
        """The notes, and what comes of them."""
        if not self.changed:
            return f"These {counted(len(self.notes), 'note')} hold already; nothing has changed."
        lines = [f"- {note}" for note in self.notes]
        head = f"{counted(len(self.notes), 'note')} kept:" if lines else "All notes taken away."
        after = (
            "What was derived is made anew in the background; status counts what waits."
            if self.heeded
            else "No language model is configured (inference.language_model): nothing heeds them."
        )
        return "\n".join([head, *lines, after])


@frozen(kw_only=True)
class CoachLocalLlm(Tool):
    """
    Tell the language model that summarises memories what to heed: words and what they stand for,
    what matters here, how a summary should read. The notes replace those that hold now, take
    effect with the next memory, and let everything be derived anew in the background. They change
    no memory and none of the checks: what a text does not say is refused as before. Only where
    the user wants it, or audit_encodings shows what it is good for.
    """

    name: ClassVar[str] = "coach_local_llm"
    title: ClassVar[str] = "Coach the language model"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    coaching_yaml: CoachingYaml

    async def run(self, call: Call) -> Coached:
        """Read the notes, and keep them."""
        jobs = call.memories.store.jobs
        try:
            coaching: Coaching = await call.memories.aside(partial(read, self.coaching_yaml))
        except BadCoaching as problem:
            raise ToolError(f'"coaching_yaml": {problem}') from None
        _refuse_secrets(self.coaching_yaml)
        before = await jobs.coaching()
        document = self.coaching_yaml if coaching.notes else ""
        if document != before:
            await jobs.use_coaching(document)
        return Coached(
            notes=list(coaching.notes),
            version=coaching.version,
            changed=document != before,
            heeded=await jobs.recipe() not in ("", EXTRACTIVE),
        )


@frozen(kw_only=True, slots=False)
class Trained:
    """
    What can be trained on, on the machine that mnemo runs on: path is a file with a JSON object
    for each memory. Derived counts those from which something was derived, by_model those from
    which a language model derived it; forgotten ones are left out.
    """

    trained: bool
    path: str
    examples: int
    derived: int
    by_model: int
    corrections: int
    judgements: int
    forgotten: int

    def text(self) -> str:
        """That nothing was trained, and where the set is."""
        return (
            "mnemo does not train a model yet. What one could be trained on is in "
            f"{self.path}: {counted(self.examples, 'memory', 'memories')}, {self.derived:,} of "
            f"them with what was derived ({self.by_model:,} by a language model), "
            f"{counted(self.corrections, 'correction')}, "
            f"{counted(self.judgements, 'judgement')}; {self.forgotten:,} forgotten left out."
        )


@frozen(kw_only=True)
class TrainModel(Tool):
    """
    Write what a model could be trained on into a file of mnemo's home: each memory with what was
    derived from it and its scores, its corrections, and how it was judged as an answer. Forgotten
    memories, secrets and private passages are not in it. mnemo does not train yet, and says so.
    Called again it writes the file anew. Only where the user asks for it.
    """

    name: ClassVar[str] = "train_model"
    title: ClassVar[str] = "Write a training set"
    hints: ClassVar[Hints] = Hints(idempotent=True)
    task: ClassVar[Literal["optional"]] = "optional"

    async def run(self, call: Call) -> Trained:
        """Write it."""
        progress = Progress(call.context.client, call.memories.clock, 0)
        try:
            made: TrainingSet = await call.transfer.training.write(progress.told)
        except CannotWrite as problem:
            raise ToolError(str(problem)) from None
        return Trained(
            trained=False,
            path=str(made.path),
            examples=made.examples,
            derived=made.derived,
            by_model=made.by_model,
            corrections=made.corrections,
            judgements=made.judgements,
            forgotten=made.forgotten,
        )


def _refuse_secrets(document: str) -> None:
    found = hidden(document)
    if found.kinds or found.private:
        what = ", ".join(found.kinds) or "private passage"
        raise ToolError(f'"coaching_yaml" holds what must not be stored ({what}): take it out')


def _pair(memory: Memory, derived: Sequence[DerivedField]) -> Pair:
    first = derived[0]
    return Pair(
        memory_id=memory.id,
        type=memory.type,
        source=memory.source,
        created_at=iso(memory.created),
        model=first.model,
        prompt=first.prompt,
        made_at=iso(first.made),
        scores=dict(first.scores),
        text=memory.text,
        fields={each.name: each.value for each in derived},
    )


def _fitting(pairs: Sequence[Pair], max_tokens: int, around: Cost) -> list[Pair]:
    """Each cut to its share of the budget and what those before it left."""
    room = Cost.allowed(max_tokens) - around
    fitting: list[Pair] = []
    for number, pair in enumerate(pairs):
        fitting.append(pair.within(room // (len(pairs) - number) - _BETWEEN))
        room -= _cost(fitting[-1]) + _BETWEEN
    return fitting


_BETWEEN = Cost(2, 1)


def _cost(pair: Pair) -> Cost:
    return Cost.of(pair.as_text(), pair)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
