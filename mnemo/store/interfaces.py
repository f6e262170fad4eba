"""The contract of a store, and what it raises."""

from collections.abc import Mapping, Sequence
from typing import Literal

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mnemo.store.drafts import IDrafts
from mnemo.store.exchange import IExchange
from mnemo.store.jobs import IJobs
from mnemo.store.records import (
    Kept,
    Likeness,
    Link,
    Memory,
    NewMemory,
    ProjectRow,
    QueryRow,
    Relation,
    Statistics,
    Uncompared,
    Version,
)
from mnemo.store.search import Choose, Filter, Found
from mnemo.store.sessions import ISessionRows
from mnemo.store.studies import IStudies
from mnemo.store.tasks import ITaskRows
from mnemo.store.understanding import IUnderstanding
from mnemo.store.vectors import IVectors, Vector


class StoreError(Exception):
    """The store cannot do what was asked. Its text is one line for the user."""


class UnknownMemory(StoreError):
    """No memory has this id."""


class IStore(Interface):
    """
    Where memories are kept and found, recalls, and by its parts all else.

    It and its parts are called on the reactor thread only. What a C{Deferred} of a write answers
    is durable, and every later search sees it.
    """

    model: str = Attribute("The model whose vectors are searched; empty before the first.")
    dimensions: int = Attribute("The length of the vectors now in use; 0 before the first.")
    memories: int = Attribute("How many memories there are, archived ones too.")
    jobs: IJobs = Attribute("What is to be derived from memories, and what was.")
    drafts: IDrafts = Attribute("The handoffs that sessions did not leave.")
    exchange: IExchange = Attribute("The ways in and out beside C{add}.")
    sessions: ISessionRows = Attribute("Where sessions are kept.")
    studies: IStudies = Attribute("What is still to be looked at among its like.")
    tasks: ITaskRows = Attribute("Where tasks are kept.")
    understanding: IUnderstanding = Attribute("What is understood of many memories together.")
    vectors: IVectors = Attribute("The vectors of memories.")

    def start() -> Deferred[None]:
        """Open or create the store, bring it to the newest schema, load or rebuild the indexes."""

    def stop() -> Deferred[None]:
        """Write out what is pending, checkpoint, close. Nothing may be called afterwards."""

    # -- memories

    def add(new: NewMemory) -> Deferred[Memory]:
        """Keep a new memory. Raises L{UnknownMemory} for a link to nothing."""

    def keep(new: NewMemory, supersedes: str = "") -> Deferred[Kept]:
        """
        Keep a new memory, unless its project has one with the same text that is not forgotten:
        then the links and concepts go to that one. White space at the ends of lines does not
        count.

        @param supersedes: the id of a memory that it replaces: that one is linked and forgotten
        @raise UnknownMemory: for a link to nothing, or where nothing has that id
        """

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

    def link(source: str, target: str, relation: Relation) -> Deferred[None]:
        """Relate a memory to another. Raises L{UnknownMemory}."""

    def uncompared(limit: int, near: int, now: float) -> Deferred[list[Uncompared]]:
        """
        Memories that have a vector and were not compared with their neighbours since they have
        their text, oldest first. None while neighbours may not be found.

        @param near: how many neighbours of each
        """

    def settle(made: Sequence[Likeness]) -> Deferred[None]:
        """
        Keep what comparing brought, in place of what it brought before. What was amended or
        removed meanwhile is left out.
        """

    def differing(ids: Sequence[str]) -> Deferred[dict[str, list[Memory]]]:
        """
        For each of these memories that has such, the memories that comparing found to differ
        from it and that are not forgotten.
        """

    def projects() -> Deferred[list[ProjectRow]]:
        """The projects that have memories, the one with the newest first."""

    def memory_ids(project: str) -> Deferred[list[str]]:
        """The ids of all memories of a project, archived ones too, oldest first."""

    # -- searching

    def search(
        text: str,
        vector: Vector | Deferred[Vector | None] | None,
        wanted: Filter,
        limit: int,
        choose: Choose | None = None,
    ) -> Deferred[Found]:
        """
        The best C{limit} of each leg within the filter, both scores of each where they exist.
        As of a moment, what was amended since is found by the words it had then alone.

        @param vector: the query's embedding, or C{None} to search by text alone; or what will
            fire with it: the words are searched meanwhile
        @param choose: what is made of the candidates. It is called on a thread of the store's,
            and of the memories whose ids it answers C{Found.differing} is told
        """

    # -- recalls and feedback

    def record_query(query: QueryRow) -> None:
        """Remember what a recall returned. Written later, in a batch; never on the read path."""

    def query(id: str) -> Deferred[QueryRow | None]:
        """A recall that was recorded."""

    def queries_since(since: float, limit: int, project: str | None) -> Deferred[list[QueryRow]]:
        """What was asked at or after C{since}, in a project or all of them, newest first."""

    def queries_of(session: str) -> Deferred[list[QueryRow]]:
        """All recalls of a session, listings and suggestions too, oldest first."""

    def suppressed(ids: Sequence[str]) -> Deferred[set[str]]:
        """
        Those of these memories that no search brings any more: enough recalls have found them
        irrelevant, and none has found them helpful since.
        """

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

    # -- itself

    def statistics(now: float) -> Deferred[Statistics]:
        """Counts, made anew."""

    def self_test(now: float) -> Deferred[dict[str, str]]:
        """
        Look for a planted sentinel by each search leg.

        Answers C{{"text": problem, "vector": problem}}; an empty problem means well. The
        sentinel is no memory: nothing else ever finds it.
        """
