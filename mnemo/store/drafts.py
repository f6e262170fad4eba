"""The handoffs that sessions did not leave: values, and the contract of their queue."""

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from mnemo.store.records import Memory


@frozen
class DraftClaim:
    """
    A job that was taken: to draft the handoff that a session did not leave in a project.

    @ivar lease: what tells this claim from every other
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    session: str
    project: str
    tries: int


@frozen
class Draft:
    """
    A handoff that nobody has written: it was made of a session's memories in a project.

    @ivar text: a heading or an entry in each line; the entries are sentences of the memories
    @ivar sources: the ids of the memories whose sentences they are
    @ivar at: when the newest memory that it was made of was made, seconds since the epoch
    @ivar model: what made it
    @ivar prompt: the version of the rules by which it was made
    """

    session: str
    project: str
    text: str
    sources: tuple[str, ...]
    at: float
    model: str
    prompt: str


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
