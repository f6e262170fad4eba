"""The contract of a store, and what it raises."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mnemo.store.records import (
    Filter,
    Found,
    Link,
    Memory,
    NewMemory,
    ProjectRow,
    QueryRow,
    SessionRow,
    SessionSummary,
    Statistics,
    TaskRow,
    Unembedded,
    Version,
)

Vector = NDArray[np.float32]


class StoreError(Exception):
    """The store cannot do what was asked. Its text is one line for the user."""


class UnknownMemory(StoreError):
    """No memory has this id."""


class IStore(Interface):
    """
    Where memories, sessions and recalls are kept.

    Called on the reactor thread only. What a C{Deferred} of a write answers is durable,
    and every later search sees it.
    """

    dimensions: int = Attribute("The length of the vectors now in use; 0 before the first.")

    def start() -> Deferred[None]:
        """Open or create the store, bring it to the newest schema, load or rebuild the indexes."""

    def stop() -> Deferred[None]:
        """Write out what is pending, checkpoint, close. Nothing may be called afterwards."""

    # -- memories

    def add(new: NewMemory) -> Deferred[Memory]:
        """Keep a new memory. Raises L{UnknownMemory} for a link to nothing."""

    def get(ids: Sequence[str]) -> Deferred[list[Memory]]:
        """The memories with these ids, in this order; unknown ids are left out."""

    def newest(wanted: Filter, limit: int) -> Deferred[list[Memory]]:
        """The newest memories that pass the filter, newest first."""

    def amend(id: str, text: str, now: float) -> Deferred[Memory]:
        """Replace a memory's text by a new version. Raises L{UnknownMemory}."""

    def versions(id: str) -> Deferred[list[Version]]:
        """The earlier texts of a memory, oldest first."""

    def archive(ids: Sequence[str], archived: bool, now: float) -> Deferred[list[str]]:
        """Forget, or with C{archived=False} restore. Answers the ids that exist."""

    def purge(ids: Sequence[str]) -> Deferred[list[str]]:
        """Remove row, versions, vector, index entries and links for good. Answers those removed."""

    def set_salience(changes: Mapping[str, tuple[float, float]]) -> Deferred[None]:
        """Set salience and C{fades} of each id. Unknown ids are passed over."""

    def links(ids: Sequence[str]) -> Deferred[dict[str, list[Link]]]:
        """The links of each memory, in both directions."""

    def projects() -> Deferred[list[ProjectRow]]:
        """The projects that have memories, the one with the newest first."""

    def memory_ids(project: str) -> Deferred[list[str]]:
        """The ids of all memories of a project, archived ones too, oldest first."""

    # -- searching

    def search(text: str, vector: Vector | None, wanted: Filter, limit: int) -> Deferred[Found]:
        """
        The best C{limit} of each leg within the filter, both scores of each where they exist.

        @param vector: the query's embedding, or C{None} to search by text alone
        """

    # -- vectors

    def use_model(model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched. Those of another model count as missing."""

    def unembedded(limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use, oldest first."""

    def put_vectors(made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors. One whose memory has changed or gone meanwhile is dropped."""

    # -- recalls and feedback

    def record_query(query: QueryRow) -> None:
        """Remember what a recall returned. Written later, in a batch; never on the read path."""

    def query(id: str) -> Deferred[QueryRow | None]:
        """A recall that was recorded."""

    def forget_queries(project: str) -> Deferred[None]:
        """Remove the recalls within a project for good. Judgements of memories stay."""

    def record_feedback(
        query: str,
        ids: Sequence[str],
        quality: Literal["helpful", "partial", "irrelevant"],
        at: float,
    ) -> Deferred[dict[str, str | None]]:
        """
        Keep a judgement of each memory within a query, replacing an earlier one.

        Answers, for each memory that exists, the earlier judgement or C{None}.
        """

    # -- sessions

    def save_session(row: SessionRow) -> Deferred[None]:
        """Insert or replace a session, durably."""

    def touch_sessions(active: Mapping[str, float]) -> Deferred[None]:
        """Set when each session was last active."""

    def set_subscriptions(id: str, uris: frozenset[str]) -> Deferred[None]:
        """Set the URIs of the resources whose changes a session is told of."""

    def end_session(id: str, ended: float, reason: str) -> Deferred[SessionRow | None]:
        """
        Mark a live session ended and count its memories. C{None} where it is not live.
        """

    def live_sessions() -> Deferred[list[SessionRow]]:
        """Every session that has not ended."""

    def session(id: str) -> Deferred[SessionRow | None]:
        """A session, live or ended."""

    def list_sessions(
        since: float, limit: int, project: str | None
    ) -> Deferred[list[SessionSummary]]:
        """Sessions that were active at or after C{since}, latest first."""

    # -- tasks

    def add_task(row: TaskRow, limit: int) -> Deferred[bool]:
        """
        Keep a new task, and remove those that expired before it. C{False}, and nothing kept,
        where its principal has C{limit} already.
        """

    def save_task(row: TaskRow) -> Deferred[None]:
        """Replace a task that is kept."""

    def task(id: str) -> Deferred[TaskRow | None]:
        """A task, expired or not."""

    def remove_task(id: str) -> Deferred[None]:
        """Remove a task, if it is there."""

    def fail_tasks(message: str, outcome: str, now: float) -> Deferred[int]:
        """
        Let every task fail that has not ended, and remove those that expired.

        Answers how many failed.
        """

    # -- itself

    def statistics(now: float) -> Deferred[Statistics]:
        """Counts, made anew."""

    def self_test(now: float) -> Deferred[dict[str, str]]:
        """
        Look for a planted sentinel by each search leg.

        Answers C{{"text": problem, "vector": problem}}; an empty problem means well. The
        sentinel is no memory: nothing else ever finds it.
        """
