"""Finding memories: recall, batch_recall."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
from attrs import field, frozen

from mnemo.memory.recall import Answer, Question
from mnemo.store.records import Link
from mnemo.tools import scope
from mnemo.tools.base import READS, Call, Hints, Tool
from mnemo.tools.budget import LEAST, Cost, MaxTokens, cost_of, within
from mnemo.tools.insights import AbstractionView, abstraction_as_text, abstractions_of
from mnemo.tools.interfaces import ToolError
from mnemo.tools.listing import some_of
from mnemo.tools.patterns import PatternView, pattern_as_text, patterns_of
from mnemo.tools.progress import Progress
from mnemo.tools.summaries import summarised
from mnemo.tools.views import (
    BriefView,
    RecalledView,
    beginning,
    counted,
    recalled_as_text,
    recalled_view,
    rest_as_text,
)

ASSOCIATIONS_SHOWN = 3
"""Links shown of each memory."""

Query = Annotated[
    str,
    msgspec.Meta(
        description="What to look for: a question, names, an error message, code.",
        min_length=1,
        max_length=10_000,
    ),
]

Limit = Annotated[int, msgspec.Meta(description="How many memories at most.", ge=1, le=100)]

Explain = Annotated[bool, msgspec.Meta(description="Say how each score came about.")]

IncludeAssociations = Annotated[
    bool, msgspec.Meta(description=f"Show up to {ASSOCIATIONS_SHOWN} links of each memory.")
]

IncludePatterns = Annotated[
    bool, msgspec.Meta(description="Show the patterns that the memories found are evidence of.")
]

IncludeAbstractions = Annotated[bool, msgspec.Meta(description="Show what these patterns come to.")]

NoEffect = Annotated[bool, msgspec.Meta(description="No effect.")]


@frozen(kw_only=True, slots=False)
class Found:
    """
    What a query found, best first. Where max_tokens has no room for all, the next come in a
    line each (brief), and omitted counts the rest. Query is how the query begins; degraded
    says what did not work as it should.
    """

    query_id: str
    query: str
    project: str
    memories: list[RecalledView]
    degraded: list[str]
    took_ms: float
    brief: list[BriefView] = field(factory=list)
    omitted: int | None = None

    def text(self) -> str:
        """The memories, best first."""
        lines = [self.headline(), *degraded_as_text(self.degraded)]
        lines += [recalled_as_text(memory) for memory in self.memories]
        lines += rest_as_text(self.brief, self.omitted)
        return "\n".join(lines)

    def headline(self) -> str:
        """How many there are, and where they were looked for."""
        where = f"in {self.project} (query_id {self.query_id})"
        number = len(self.memories) + len(self.brief) + (self.omitted or 0)
        if number:
            return f"{counted(number, 'memory', 'memories')} {where}"
        hint = "" if self.project == scope.EVERYWHERE else ' project: "*" searches everywhere.'
        return f"Nothing relevant found {where}.{hint}"


@frozen(kw_only=True, slots=False)
class RecallResult(Found):
    """
    What a query found, best first. Where max_tokens has no room for all, the next come in a
    line each (brief), and omitted counts the rest. Query is how the query begins; degraded
    says what did not work as it should. Patterns are those that the memories shown are evidence
    of, and abstractions what these come to in other words; synthesis is left out, as there is none.
    """

    patterns: list[PatternView] = field(factory=list)
    abstractions: list[AbstractionView] = field(factory=list)
    synthesis: str = ""

    def text(self) -> str:
        """The memories, best first, then what they have in common with others."""
        lines = [super().text()]
        if self.patterns:
            lines += ["What they are part of:", *map(pattern_as_text, self.patterns)]
        if self.abstractions:
            lines += ["What that comes to:", *map(abstraction_as_text, self.abstractions)]
        return "\n".join(lines)


@frozen(kw_only=True)
class Recall(Tool):
    """
    Search what was remembered in earlier sessions, by words and by meaning. Call it when a task
    begins, before you decide something that may have been decided before, and when an error
    looks familiar. Ask in one sentence, with the names and the error text that matter.

    Searches this session's project unless project says otherwise; the answer says which it was.
    Forgotten memories are never found unless state asks for archived ones. "Nothing relevant"
    is an answer: do not ask again in other words more than once. Where two memories say nearly the
    same with another figure, version, date or name, the newer comes first and differs_from shows
    the other: nobody has said which is right, so find out, and amend or supersede the wrong one.
    An answer costs max_tokens at most: what does not fit comes as its beginning or in a line,
    with its id, and check_memory shows it whole, so that you read only what matters. Afterwards
    tell feedback with the query_id what helped.

    Where patterns are looked for, those that the memories found are evidence of come last, with
    what they come to. synthesize is accepted, but nothing is made of it.
    """

    name: ClassVar[str] = "recall"
    title: ClassVar[str] = "Recall"
    hints: ClassVar[Hints] = READS
    always_loaded: ClassVar[bool] = True

    query: Query
    limit: Limit = 5
    project: scope.Project = ""
    type: scope.TypeAsked = None
    types: scope.Types = field(factory=list)
    source: scope.Source = ""
    session_id: scope.SessionId = ""
    since: scope.Since = None
    until: scope.Until = None
    state: scope.StateAsked = None
    min_salience: scope.MinSalience = 0.0
    concepts: scope.Concepts = field(factory=list)
    exclude_concepts: scope.ExcludeConcepts = field(factory=list)
    as_of: scope.AsOf = None
    explain: Explain = False
    include_associations: IncludeAssociations = False
    synthesize: NoEffect = False
    include_patterns: IncludePatterns = True
    include_abstractions: IncludeAbstractions = True
    max_tokens: MaxTokens = 2_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> RecallResult:
        """Search."""
        wanted = await scope.wanted(
            call,
            project=self.project,
            type=self.type,
            types=self.types,
            source=self.source,
            session_id=self.session_id,
            since=self.since,
            until=self.until,
            state=self.state,
            min_salience=self.min_salience,
            concepts=self.concepts,
            exclude_concepts=self.exclude_concepts,
            as_of=self.as_of,
        )
        question = Question(asked(self.query), wanted, self.limit)
        answer = await call.memories.recalling.recall(question, call.session.id)
        links = None
        if self.include_associations:
            links = await call.memories.store.links([each.memory.id for each in answer.ranked])
        room = Cost.allowed(self.max_tokens)
        result = RecallResult(
            **found_fields(answer, self.explain, links),
            **await self._in_common(call, answer, room // 4),
        )
        return await summarised(call, within(result, room), room)

    async def _in_common(self, call: Call, answer: Answer, room: Cost) -> dict[str, Any]:
        """What the memories found have in common with others, as far as there is room for it."""
        wanted = self.include_patterns or self.include_abstractions
        if answer.question.wanted.as_of is not None or not wanted:
            return {}
        patterns = await patterns_of(call, [each.memory.id for each in answer.ranked])
        stated = await abstractions_of(call, patterns) if self.include_abstractions else []
        shown = patterns if self.include_patterns else []
        said = {each.description for each in shown}
        stated = [each for each in stated if each.description not in said]
        return {
            "patterns": some_of(shown, pattern_as_text, room // 2),
            "abstractions": some_of(stated, abstraction_as_text, room // 2),
        }


@frozen(kw_only=True)
class QueryItem:
    """One of several queries."""

    query: Query
    limit: Limit = 5
    project: scope.Project = ""
    source: scope.Source = ""
    type: scope.TypeAsked = None
    min_salience: scope.MinSalience = 0.0


Queries = Annotated[
    list[QueryItem], msgspec.Meta(description="What to look for.", min_length=1, max_length=10)
]


@frozen(kw_only=True, slots=False)
class BatchResult:
    """What each query found, in the order of the queries."""

    results: list[Found]

    def text(self) -> str:
        """The answers, one after another."""
        return "\n\n".join(map(self._text_of, self.results))

    @classmethod
    def within(cls, results: Sequence[Found], room: Cost) -> "BatchResult":
        """The answers, each cut to its share of C{room} and what those before it left."""
        room -= cost_of(cls(results=[]))
        fitting = []
        for number, found in enumerate(results):
            room -= Cost.of(cls._text_of(found), found) - cost_of(found) + Cost(2, 1)
            fitting.append(within(found, room // (len(results) - number)))
            room -= cost_of(fitting[-1])
        return cls(results=fitting)

    @staticmethod
    def _text_of(found: Found) -> str:
        return f"“{found.query}”: {found.text()}"


@frozen(kw_only=True)
class BatchRecall(Tool):
    """
    Search for up to ten things at once. Faster than as many calls of recall; each answer has a
    query_id of its own, for feedback. They share max_tokens.
    """

    name: ClassVar[str] = "batch_recall"
    title: ClassVar[str] = "Recall several things"
    hints: ClassVar[Hints] = READS

    queries: Queries
    max_tokens: MaxTokens = 4_000
    format: scope.Format = "text"

    async def run(self, call: Call) -> BatchResult:
        """Search for all of them."""
        if self.max_tokens < LEAST * len(self.queries):
            least = LEAST * len(self.queries)
            raise ToolError(f'"max_tokens" must be {least:,} or more for so many queries')
        questions = [
            Question(
                asked(item.query),
                await scope.wanted(
                    call,
                    project=item.project,
                    source=item.source,
                    type=item.type,
                    min_salience=item.min_salience,
                ),
                item.limit,
            )
            for item in self.queries
        ]
        progress = Progress(call.context.client, call.memories.clock, len(questions))
        answers = await call.memories.recalling.recall_all(
            questions, call.session.id, progress.one_more
        )
        found = [Found(**found_fields(answer)) for answer in answers]
        return BatchResult.within(found, Cost.allowed(self.max_tokens))


def asked(query: str) -> str:
    """C{query}, if it asks for anything. Raises L{ToolError}."""
    if not query.strip():
        raise ToolError('"query" is blank: say what to look for')
    return query


def degraded_as_text(reasons: Sequence[str]) -> list[str]:
    """A line for each thing that did not work as it should."""
    return [f"Degraded: {reason}" for reason in reasons]


def found_fields(
    answer: Answer, explain: bool = False, links: dict[str, list[Link]] | None = None
) -> dict[str, Any]:
    """The fields of L{Found}; C{explain} and C{links} as for L{recalled_views}."""
    return {
        "query_id": answer.query_id,
        "query": beginning(answer.question.text),
        "project": scope.project_shown(answer.question.wanted.project),
        "memories": recalled_views(answer, explain, links),
        "degraded": list(answer.degraded),
        "took_ms": round(answer.seconds * 1000, 3),
    }


def recalled_views(
    answer: Answer, explain: bool = False, links: dict[str, list[Link]] | None = None
) -> list[RecalledView]:
    """
    The memories of an answer, best first.

    @param explain: whether to say how each score came about
    @param links: the links of each memory, or C{None} where they were not asked for
    """
    now = answer.question.wanted.now
    views = []
    for each in answer.ranked:
        shown = None if links is None else links.get(each.memory.id, [])[:ASSOCIATIONS_SHOWN]
        differing = answer.differing.get(each.memory.id, ())
        views.append(recalled_view(each, now, explain, shown, differing))
    return views
