"""What is to be derived from memories, and what was: values, and the contract of their queue."""

from collections.abc import Mapping, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from mnemo.store.records import Memory, Type
from mnemo.store.search import Filter


@frozen
class Claim:
    """
    A job that was taken: to derive something from a memory's text.

    @ivar lease: what tells this claim from every other
    @ivar until: when it ends, seconds since the epoch
    @ivar memory: the memory's key
    @ivar recipe: with what was derived last from this version of the text, or C{""}
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    until: float
    memory: int
    id: str
    version: int
    text: str
    project: str
    type: Type
    recipe: str
    tries: int


@frozen
class DerivedField:
    """
    Something that was derived from a memory's text.

    @ivar value: plain JSON
    @ivar model: what made it
    @ivar prompt: the version of the rules by which it was made
    @ivar scores: how true it was found to be, and what was wrong with what it replaces
    @ivar made: when, seconds since the epoch; the store's own to set
    """

    name: str
    value: object
    model: str
    prompt: str
    scores: Mapping[str, object] = field(factory=dict)
    made: float = 0.0


@frozen
class Finished:
    """
    What came of a claim.

    @ivar recipe: with what it was derived
    @ivar problem: why something better is still to be expected; empty where nothing is
    @ivar again: from when on that is to be tried
    @ivar failed: whether that is the job's fault: after too many tries it is parked
    """

    claim: Claim
    fields: tuple[DerivedField, ...]
    recipe: str
    problem: str = ""
    again: float = 0.0
    failed: bool = False


@frozen
class JobCounts:
    """
    How the queue of jobs is.

    @ivar parked: how many were given up
    @ivar reason: why one of these was
    """

    waiting: int
    parked: int
    reason: str = ""


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
