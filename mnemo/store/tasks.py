"""
Calls that run while nobody waits: values, and the contract of where they are kept.

The protocol imports the values, and loads no Twisted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from attrs import frozen
from zope.interface import Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
"""How far a task is; the last three are final."""


@frozen
class TaskRow:
    """
    A call that runs, or ran, while nobody waits for it.

    @ivar message: a line for people, or C{""}
    @ivar expires: seconds since the epoch after which nobody may ask for it
    @ivar outcome: JSON of the result, or of the error where it failed; C{""} before
    """

    id: str
    principal: str
    tool: str
    status: TaskStatus
    message: str
    created: float
    updated: float
    expires: float
    outcome: str = ""


class ITaskRows(Interface):
    """Where tasks are kept."""

    def add(row: TaskRow, limit: int) -> Deferred[bool]:
        """
        Keep a new task, and remove those that expired before it. C{False}, and nothing kept,
        where its principal has C{limit} already.
        """

    def save(row: TaskRow) -> Deferred[None]:
        """Replace a task that is kept."""

    def find(id: str) -> Deferred[TaskRow | None]:
        """A task, expired or not."""

    def remove(id: str) -> Deferred[None]:
        """Remove a task, if it is there."""

    def fail(message: str, outcome: str, now: float) -> Deferred[int]:
        """
        Let every task fail that has not ended, and remove those that expired.

        Answers how many failed.
        """
