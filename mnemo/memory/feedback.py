"""What agents say of the answers they got, and what that does to a memory's salience."""

from collections.abc import Sequence
from typing import Final, Literal

from attrs import define, frozen
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime

from mnemo.memory.changes import Changes
from mnemo.memory.salience import clamp, still_fades
from mnemo.store.interfaces import IStore, StoreError
from mnemo.store.records import Memory, QueryRow

Quality = Literal["helpful", "partial", "irrelevant"]

EFFECT: Final[dict[str, float]] = {"helpful": 0.02, "partial": 0.0, "irrelevant": -0.02}
"""What a judgement adds to the salience of a memory, within 0 to 1."""


class NotJudged(StoreError):
    """A judgement that refers to nothing. Its text is one line."""


@frozen
class Judgement:
    """
    What feedback did to one memory.

    @ivar earlier: how this memory was judged in the same query before, or C{None}
    @ivar before: its salience before
    @ivar after: its salience now
    @ivar suppressed: whether no recall finds it any more: enough of them have found it
        irrelevant, and none has found it helpful since
    """

    id: str
    earlier: str | None
    before: float
    after: float
    suppressed: bool


@define(eq=False)
class Judging:
    """
    Keeps one judgement of each memory in each query: judging again replaces, never adds.

    @ivar _salience_lock: held by whoever reads a salience in order to change it
    @ivar _changes: told what has changed
    """

    _store: IStore
    _clock: IReactorTime
    _salience_lock: DeferredLock
    _changes: Changes

    async def judge(self, query: QueryRow, ids: Sequence[str], quality: Quality) -> list[Judgement]:
        """
        Judge memories as answers to a query; those that no longer exist are passed over.

        @param ids: empty for all that the query returned
        @raise NotJudged: the query did not return one of C{ids}
        """
        if strangers := set(ids).difference(query.returned):
            raise NotJudged(
                f"recall {query.id} did not return {', '.join(sorted(strangers))}; "
                f"it returned {', '.join(query.returned) or 'nothing'}"
            )
        judged = list(dict.fromkeys(ids or query.returned))
        async with self._salience_lock:
            return await self._apply(query.id, judged, quality)

    async def query(self, id: str) -> QueryRow:
        """The recall with this id. Raises L{NotJudged} where there is none."""
        row = await self._store.query(id)
        if row is None:
            raise NotJudged(f"no recall has the id {id[:80]!r}; every recall answers its query_id")
        return row

    async def _apply(self, query: str, ids: list[str], quality: Quality) -> list[Judgement]:
        earlier = await self._store.record_feedback(query, ids, quality, self._clock.seconds())
        suppressed = await self._store.suppressed(list(earlier))
        judgements: list[Judgement] = []
        changes: dict[str, tuple[float, float]] = {}
        changed: list[Memory] = []
        for memory in await self._store.get(list(earlier)):
            was = earlier[memory.id]
            # What the earlier judgement did is taken back in the same step.
            step = EFFECT[quality] - (0.0 if was is None else EFFECT[was])
            after = round(clamp(memory.salience + step), 6)
            judgements.append(
                Judgement(memory.id, was, memory.salience, after, memory.id in suppressed)
            )
            if after != memory.salience:
                changes[memory.id] = (after, still_fades(memory, after, memory.updated))
                changed.append(memory)
        if changes:
            await self._store.set_salience(changes)
            self._changes.changed(changed, listing=False)
        return judgements
