"""Offering by itself what may be of use to what is going on."""

from collections.abc import Sequence
from itertools import chain

from attrs import define, field, frozen
from twisted.internet.interfaces import IReactorTime

from mnemo.memory.activity import Asked, IActivity, Remembered, events_since
from mnemo.memory.ids import QUERY, MakeId
from mnemo.memory.recall import Recalling
from mnemo.memory.themes import Suggestion, Theme, suggestions, themes_of
from mnemo.memory.weights import WEIGHTS, Floor
from mnemo.store.interfaces import IStore
from mnemo.store.records import QueryKind, QueryRow
from mnemo.store.search import Filter

EVENTS = 50
"""How many events are looked at, the newest."""

_CANDIDATES_EACH = 3
_LEAST_CANDIDATES = 30


@frozen
class Offered:
    """
    What was offered, and how it came about.

    @ivar since: from when on events were looked at, seconds since the epoch
    @ivar events: how many there were
    @ivar encoded: of how many of them somebody had said or derived what they were about
    @ivar before: how many memories had to do with the themes, or the like
    @ivar after: how many of them this session has not been shown
    @ivar offered: how many memories this session has been offered before
    @ivar accepted: how many of these it has been shown since
    """

    query_id: str
    since: float
    themes: tuple[Theme, ...]
    suggestions: tuple[Suggestion, ...]
    degraded: tuple[str, ...]
    events: int
    encoded: int
    before: int
    after: int
    offered: int
    accepted: int


@define(eq=False)
class Suggesting:
    """
    Makes suggestions from what has happened lately.

    @ivar activities: who sees what happens; what sees more is added to it
    """

    _store: IStore
    _recalling: Recalling
    _clock: IReactorTime
    _make_id: MakeId
    _floor: Floor = WEIGHTS.floor
    activities: list[IActivity] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.activities = [Remembered(self._store), Asked(self._store)]

    async def suggest(self, session: str, project: str | None, since: float, limit: int) -> Offered:
        """
        Offer what a session has neither been shown nor made itself.

        @param since: from when on events count; where the session was offered something earlier
            than that, from then on
        """
        earlier = await self._store.queries_of(session)
        begun = min([since, *(each.at for each in earlier[::-1] if each.kind == "suggested")][:2])
        events = await events_since(self.activities, begun, project, EVENTS)
        themes = themes_of(events)
        shown = set(chain.from_iterable(each.returned for each in earlier))
        fitting: list[Suggestion] = []
        fresh: list[Suggestion] = []
        degraded: tuple[str, ...] = ()
        if themes:
            found, degraded = await self._recalling.candidates(
                " ".join(theme.name for theme in themes),
                Filter(now=self._clock.seconds(), project=project),
                max(_LEAST_CANDIDATES, _CANDIDATES_EACH * limit),
                session,
            )
            others = [each for each in found if each.memory.session != session]
            fitting = suggestions(others, themes, (), self._floor)
            fresh = [each for each in fitting if each.candidate.memory.id not in shown]
        chosen = tuple(fresh[:limit])
        ids = [each.candidate.memory.id for each in chosen]
        return Offered(
            query_id=self.note(session, project, ids, "suggested"),
            since=begun,
            themes=tuple(themes),
            suggestions=chosen,
            degraded=degraded,
            events=len(events),
            encoded=sum(bool(each.concepts) for each in events),
            before=len(fitting),
            after=len(fresh),
            offered=len(_offered(earlier)),
            accepted=len(_accepted(earlier)),
        )

    def note(
        self, session: str, project: str | None, ids: Sequence[str], kind: QueryKind = "listed"
    ) -> str:
        """Note, in the background, that a session has been shown memories."""
        row = QueryRow(
            id=self._make_id(QUERY),
            text="",
            session=session,
            project=project or "",
            returned=tuple(ids),
            at=self._clock.seconds(),
            kind=kind,
        )
        self._store.record_query(row)
        return row.id


def _offered(rows: Sequence[QueryRow]) -> set[str]:
    return set(chain.from_iterable(row.returned for row in rows if row.kind == "suggested"))


def _accepted(rows: Sequence[QueryRow]) -> set[str]:
    """What was shown because it was wanted, after it had been offered."""
    offered: set[str] = set()
    accepted: set[str] = set()
    for row in rows:
        if row.kind == "suggested":
            offered.update(row.returned)
        else:
            accepted |= offered.intersection(row.returned)
    return accepted
