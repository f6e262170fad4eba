"""Saying whether a recall helped: feedback."""

from hashlib import blake2b
from typing import Annotated, ClassVar

import msgspec
from attrs import field, frozen

from mnemo.memory.feedback import Judgement, Quality
from mnemo.store.records import QueryRow
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.views import counted

HowGood = Annotated[Quality, msgspec.Meta(description="How much the memories helped.")]

QueryId = Annotated[
    str, msgspec.Meta(description="The query_id that the recall answered.", max_length=200)
]

Judgeable = Annotated[
    list[str],
    msgspec.Meta(description="Judge only these. Needed without query_id.", max_length=100),
]

Asked = Annotated[
    str,
    msgspec.Meta(
        description="What was asked. Only used without query_id, to tell one judgement of "
        "memory_ids from another.",
        max_length=10_000,
    ),
]


@frozen(kw_only=True, slots=False)
class JudgedView:
    """
    What the judgement did to one memory. Earlier is how it was judged before for this query;
    suppressed is there where recall does not find it any more.
    """

    id: str
    earlier: str | None
    salience_before: float
    salience: float
    suppressed: bool | None = None


@frozen(kw_only=True, slots=False)
class Judged:
    """A judgement that is kept, and its net effect."""

    query_id: str
    quality: Quality
    judged: list[JudgedView]
    unknown: list[str]

    def text(self) -> str:
        """Which memories matter more or less now."""
        moved = [each for each in self.judged if each.salience != each.salience_before]
        lines = [
            f"{counted(len(self.judged), 'memory', 'memories')} judged {self.quality}; "
            f"salience changed in {len(moved)}."
        ]
        lines += [f"{each.id}: {each.salience_before:.2f} → {each.salience:.2f}" for each in moved]
        if hidden := [each.id for each in self.judged if each.suppressed]:
            lines.append(
                f"recall does not find {', '.join(hidden)} any more, until judged helpful: "
                "irrelevant too often."
            )
        if self.unknown:
            lines.append(f"No memory has the id {', '.join(self.unknown)}.")
        return "\n".join(lines)


@frozen(kw_only=True)
class Feedback(Tool):
    """
    Say whether what recall found helped. Helpful memories come up a little sooner from then on,
    irrelevant ones a little later; partial keeps a memory where it is. Give the query_id of the
    recall, and memory_ids where the judgement is only about some of its memories.

    Each memory has one judgement for each query: judging again replaces the earlier judgement,
    and saying the same twice changes nothing. What three recalls found irrelevant, and none
    helpful since, recall does not find any more; decisions, handoffs and what is pinned stay.
    """

    name: ClassVar[str] = "feedback"
    title: ClassVar[str] = "Judge a recall"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    quality: HowGood
    query_id: QueryId = ""
    memory_ids: Judgeable = field(factory=list)
    query: Asked = ""

    async def run(self, call: Call) -> Judged:
        """Keep the judgement."""
        query = await self._query(call)
        outcome = await call.memories.judging.judge(query, self.memory_ids, self.quality)
        known = {judgement.id for judgement in outcome}
        unknown = [each for each in dict.fromkeys(self.memory_ids) if each not in known]
        if unknown and not known:
            raise ToolError(f"no memory has the id {', '.join(unknown)[:400]}")
        return Judged(
            query_id=self.query_id,
            quality=self.quality,
            judged=[_judged(judgement) for judgement in outcome],
            unknown=unknown,
        )

    async def _query(self, call: Call) -> QueryRow:
        if self.query_id.strip():
            return await call.memories.judging.query(self.query_id.strip())
        if not self.memory_ids:
            raise ToolError("feedback needs the query_id of a recall, or query and memory_ids")
        # Judgements outlive the memories whose words may have been asked: a digest has none.
        asked = blake2b(self.query.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return QueryRow(
            id=f"{call.session.id}/{asked}",
            text="",
            session=call.session.id,
            project=call.session.project,
            returned=tuple(self.memory_ids),
            at=call.now,
        )


def _judged(judgement: Judgement) -> JudgedView:
    return JudgedView(
        id=judgement.id,
        earlier=judgement.earlier,
        salience_before=round(judgement.before, 4),
        salience=round(judgement.after, 4),
        suppressed=judgement.suppressed or None,
    )
