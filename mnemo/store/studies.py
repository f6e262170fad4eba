"""What is still to be looked at among its like: values, and the contract of the queue."""

from collections.abc import Sequence
from typing import Literal

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import Interface

from mnemo.store.jobs import JobCounts

Work = Literal["patterns", "insights", "gists"]
"""
What there is to do: C{patterns} and C{gists} look at memories, C{insights} at patterns.
"""


@frozen
class Study:
    """
    A job that was taken: to look at a memory, or at a pattern, among those like it.

    @ivar lease: what tells this claim from every other
    @ivar until: when it ends, seconds since the epoch
    @ivar subject: the key of the memory or the pattern
    @ivar tries: how often it was claimed, this time included
    """

    lease: str
    until: float
    work: Work
    subject: int
    tries: int


class IStudies(Interface):
    """
    The queue of what is to be looked at among its like.

    All times are seconds since the epoch.
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
