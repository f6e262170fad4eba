"""The contract of a store, and what it raises."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

from mnemo.store.exchange import (
    CarriedIn,
    Chunk,
    ExclusionLine,
    FileRead,
    Imported,
    ImportedLink,
    Kind,
    Line,
    Page,
    Place,
)
from mnemo.store.records import (
    Candidate,
    Claim,
    DerivedField,
    Draft,
    DraftClaim,
    Filter,
    Finished,
    Found,
    JobCounts,
    Kept,
    Likeness,
    Link,
    Memory,
    NewMemory,
    ProjectRow,
    QueryRow,
    Relation,
    SessionRow,
    SessionSummary,
    Statistics,
    TaskRow,
    Uncompared,
    Unembedded,
    Version,
)
from mnemo.store.understanding import (
    Abstraction,
    Around,
    FoundAbstraction,
    FoundGist,
    FoundPattern,
    Kin,
    Pattern,
    Study,
    Work,
)

Vector = NDArray[np.float32]


class StoreError(Exception):
    """The store cannot do what was asked. Its text is one line for the user."""


class UnknownMemory(StoreError):
    """No memory has this id."""


class IExchange(Interface):
    """
    The ways into and out of a store beside C{add}. Each write is one transaction.

    Called on the reactor thread only, like the rest of the store.
    """

    def files(project: str, folder: str) -> Deferred[dict[str, str]]:
        """The hashes of the files of a project that were read from a folder, by their paths."""

    def chunks(project: str, path: str) -> Deferred[list[Chunk]]:
        """The pieces of a file as they are kept, in their order."""

    def read(file: FileRead) -> Deferred[list[Memory]]:
        """Keep what was read of a file, all or nothing. Answers the memories that changed."""

    def gone(project: str, path: str, now: float) -> Deferred[list[Memory]]:
        """A file is not there any more: its memories are forgotten, and can be restored."""

    def exclude(pattern: str, now: float) -> Deferred[bool]:
        """Keep an exclusion. C{False} where it was there already."""

    def exclusions() -> Deferred[list[ExclusionLine]]:
        """All exclusions, oldest first."""

    def imported(keys: Sequence[str]) -> Deferred[dict[str, str]]:
        """The ids of what was imported under these keys and is still there, by its key."""

    def add_imports(batch: Sequence[Imported]) -> Deferred[list[Memory]]:
        """Keep those whose key is new. Answers their memories."""

    def link_imports(links: Sequence[ImportedLink]) -> Deferred[list[ImportedLink]]:
        """Link imported memories. Answers the links that lead from or to nothing."""

    def count(project: str | None) -> Deferred[int]:
        """How many lines L{page} has to give, more or less."""

    def page(kind: Kind, project: str | None, after: Place | None, limit: int) -> Deferred[Page]:
        """
        Everything of one kind that is kept, page by page, always in the same order.

        @param project: only what belongs to it, or C{None} for all
        @param after: where the last page ended, or C{None} for the first
        """

    def carry_in(lines: Sequence[Line]) -> Deferred[CarriedIn]:
        """Keep what L{page} gave, with its ids and times. What is there already stays."""


Choose = Callable[[Sequence[Candidate]], Sequence[str]]
"""Which of the candidates of a search are to be shown, by their ids."""


class IJobs(Interface):
    """
    What is to be derived from memories, and what was.

    A memory waits here from the transaction on that keeps its text. All times are seconds since
    the epoch.
    """

    def claim(
        lease: str, now: float, until: float, limit: int, fresh: bool = False
    ) -> Deferred[list[Claim]]:
        """
        Take jobs that are due; nobody else gets them before C{until}.

        @param lease: a name that no other claim has
        @param fresh: take only those of which nothing was derived yet
        """

    def renew(claims: Sequence[Claim], until: float) -> Deferred[int]:
        """Keep what is still held for longer. Answers how many that are."""

    def finish(results: Sequence[Finished], now: float) -> Deferred[int]:
        """
        Keep what was derived, where the lease is still held; else it is dropped.

        Answers of how many it was kept.
        """

    def give_back(
        claims: Sequence[Claim], problem: str, due: float, failed: bool
    ) -> Deferred[None]:
        """
        Let go of jobs until C{due}. One that has C{failed} too often is parked.
        """

    def counts() -> Deferred[JobCounts]:
        """How many wait, and how many were given up."""

    def recipe() -> Deferred[str]:
        """What L{use_recipe} was told last."""

    def use_recipe(recipe: str) -> Deferred[None]:
        """Note that every memory that needs it waits for C{recipe}."""

    def requeue(
        recipe: str, replaced: str, after: int, limit: int, now: float
    ) -> Deferred[int | None]:
        """
        Let wait, of C{limit} memories behind the key C{after}, those not made by C{recipe}.

        @param replaced: only what a recipe that begins so has made is made anew
        @return: where to go on; C{None} at the end
        """

    def derived(ids: Sequence[str]) -> Deferred[dict[str, tuple[DerivedField, ...]]]:
        """What was derived from the present text of each of these memories."""

    def oldest(wanted: Filter, limit: int) -> Deferred[list[Memory]]:
        """The oldest memories within a filter from whose present text something was derived."""

    def coaching() -> Deferred[str]:
        """What L{use_coaching} was told last; C{""} before."""

    def use_coaching(document: str) -> Deferred[None]:
        """Keep what a language model is to be told beside the rules."""


class IDrafts(Interface):
    """
    The handoffs that sessions did not leave, drafted from their memories.

    Where a session has ended and remembered something in a project, a draft waits to be made
    from that transaction on. Whatever changes one of these memories takes the draft away, and it
    waits again. There is none where the session has left a handoff itself.
    """

    def claim(lease: str, now: float, until: float, limit: int) -> Deferred[list[DraftClaim]]:
        """
        Take drafts that are to be made; nobody else gets them before C{until}.

        @param lease: a name that no other claim has
        """

    def material(claim: DraftClaim, limit: int) -> Deferred[list[Memory]]:
        """
        The newest memories that a draft is to be made of, oldest first; none where there is to be
        no draft, because the session has left a handoff itself or nothing is left.
        """

    def finish(claim: DraftClaim, draft: Draft | None, now: float) -> Deferred[bool]:
        """Keep a draft, or that there is none. C{False} where the lease is no longer held."""

    def give_back(claim: DraftClaim, due: float, failed: bool) -> Deferred[None]:
        """Let go of a claim until C{due}. What has C{failed} too often is given up."""

    def latest(project: str | None) -> Deferred[Draft | None]:
        """The draft with the newest memories, of a project or of all."""

    def waiting() -> Deferred[int]:
        """How many are to be made."""


class IUnderstanding(Interface):
    """
    What is still to be looked at, and what came of it.

    Nothing in it changes, hides or removes a memory. All times are seconds since the epoch.
    Called on the reactor thread only, like the rest of the store.
    """

    def note(work: Work, recipe: str, limit: int) -> Deferred[int]:
        """
        Let wait, of the memories that have changed since this was asked last, up to C{limit}.
        With another recipe all of them wait anew. Answers how many were looked at.
        """

    def claim(
        work: Work, lease: str, now: float, until: float, limit: int
    ) -> Deferred[list[Study]]:
        """
        Take jobs that are due; nobody else gets them before C{until}. A memory without its
        vector is not due.

        @param lease: a name that no other claim has
        """

    def give_back(
        studies: Sequence[Study], problem: str, due: float, failed: bool
    ) -> Deferred[None]:
        """Let go of jobs until C{due}. One that has C{failed} too often is parked."""

    def counts(work: Work) -> Deferred[JobCounts]:
        """How many wait, and how many were given up."""

    def around(studies: Sequence[Study], near: int, now: float) -> Deferred[Around]:
        """The memories of these jobs, and of each the C{near} nearest in its project."""

    def settle(
        studies: Sequence[Study], found: Sequence[FoundPattern], now: float
    ) -> Deferred[bool]:
        """
        Keep patterns and end the jobs, all or nothing. C{False}, and nothing kept, where the
        lease was lost or a memory that was read is not what it was.
        """

    def patterns(
        project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Pattern]]:
        """
        Patterns with evidence, in any order.

        @param project: only of this project; C{None} for all
        @param ids: only these; none for all
        @param dismissed: whether those that were dismissed are among them
        """

    def about(memories: Sequence[str]) -> Deferred[list[Pattern]]:
        """The patterns that these memories are evidence of, not those that were dismissed."""

    def dismiss_pattern(id: str, now: float) -> Deferred[bool]:
        """Show a pattern no more. C{False} where there is none."""

    def kin(study: Study, alike: float, limit: int) -> Deferred[Kin | None]:
        """
        A pattern and those like it; C{None} where it is gone or dismissed.

        @param alike: the least cosine of two that are
        """

    def state(study: Study, found: FoundAbstraction | None, now: float) -> Deferred[bool]:
        """Keep an abstraction, if there is one, and end the job; as L{settle}."""

    def abstractions(
        project: str | None = None, ids: Sequence[str] = (), dismissed: bool = False
    ) -> Deferred[list[Abstraction]]:
        """Abstractions, the newest first; the arguments as of L{patterns}."""

    def stated(patterns: Sequence[str]) -> Deferred[list[Abstraction]]:
        """The abstractions of these patterns, not those that were dismissed."""

    def dismiss_abstraction(id: str, now: float) -> Deferred[bool]:
        """Show an abstraction no more. C{False} where there is none."""

    def gather(
        studies: Sequence[Study], gists: Sequence[FoundGist], now: float
    ) -> Deferred[list[Memory] | None]:
        """
        Keep gists and end the jobs, all or nothing, as L{settle}; C{None} where nothing was
        kept. Answers the gists as memories.
        """

    def unresolved() -> Deferred[int]:
        """How many pairs of memories differ in a figure or the like, and nobody has said which
        is right."""


class IStore(Interface):
    """
    Where memories, sessions and recalls are kept.

    Called on the reactor thread only. What a C{Deferred} of a write answers is durable,
    and every later search sees it.
    """

    model: str = Attribute("The model whose vectors are searched; empty before the first.")
    dimensions: int = Attribute("The length of the vectors now in use; 0 before the first.")
    memories: int = Attribute("How many memories there are, archived ones too.")
    jobs: IJobs = Attribute("What is to be derived from memories, and what was.")
    drafts: IDrafts = Attribute("The handoffs that sessions did not leave.")
    exchange: IExchange = Attribute("The ways in and out beside C{add}.")
    understanding: IUnderstanding = Attribute("What is understood of many memories together.")

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

    # -- vectors

    def use_model(model: str, dimensions: int) -> Deferred[None]:
        """Say which model's vectors are searched. Those of another model count as missing."""

    def unembedded(limit: int) -> Deferred[list[Unembedded]]:
        """Memories without a vector of the model in use, oldest first."""

    def backlog() -> Deferred[int]:
        """How many memories have no vector of the model in use."""

    def put_vectors(made: Sequence[tuple[Unembedded, Vector]]) -> Deferred[None]:
        """Keep vectors. One whose memory has changed or gone meanwhile is dropped."""

    # -- vectors by the model that follows: made while those in use are searched

    def unembedded_by(model: str, behind: int, limit: int) -> Deferred[list[Unembedded]]:
        """The first C{limit} memories behind the key C{behind} without a vector of C{model}."""

    def embedded_by(model: str) -> Deferred[int]:
        """How many memories have a vector of the model that follows."""

    def put_vectors_by(
        model: str, dimensions: int, made: Sequence[tuple[Unembedded, Vector]]
    ) -> Deferred[int]:
        """
        Keep vectors of the model that follows. One whose memory has changed or gone meanwhile is
        dropped. Answers how many were kept.
        """

    def change_over(model: str, dimensions: int) -> Deferred[None]:
        """
        Search the vectors of the model that follows, as C{use_model} does, and all of them from
        the same moment on: that at which this fires. A search that has begun ends among those
        before.
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
