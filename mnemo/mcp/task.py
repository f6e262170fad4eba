"""One call that runs as a task: what is said of it, and what it asks of its client."""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from attrs import define, evolve, field

from mnemo.mcp.client import refuse_unable
from mnemo.mcp.errors import invalid_params
from mnemo.mcp.input_required import fits
from mnemo.mcp.promises import MakePromise, Promise
from mnemo.store.tasks import TaskRow
from mnemo.tools.interfaces import LogLevel, Question

POLL_INTERVAL: Final = 1_000
"""Milliseconds that a client should wait between two questions after the same task."""

_MESSAGE_LENGTH = 500


class Work(Protocol):
    """A coroutine that runs by itself: what a C{Deferred} is, as far as it is needed here."""

    def cancel(self) -> object:
        """End it, by an exception where it waits."""


@define(eq=False)
class _Asked:
    """Questions that were asked together: who asked goes on when all are answered."""

    answered: Promise
    questions: Mapping[str, Question]
    answers: dict[str, Mapping[str, Any]] = field(factory=dict)


@define(eq=False)
class Task:
    """
    A task that has not ended. It is the client of its own call (C{IClient}).

    @ivar capabilities: what the client that began it said it can do
    @ivar over: whether its end has been decided; what its work still does changes nothing
    """

    row: TaskRow
    capabilities: Mapping[str, Any]
    _now: Callable[[], float]
    _promise: MakePromise
    _changed: Callable[["Task"], Awaitable[None]]
    work: Work | None = None
    over: bool = False
    _done: float = float("-inf")
    # By keys that are never used twice: what is asked, and the key that who asked knows it by.
    _open: dict[str, tuple[_Asked, str]] = field(init=False, factory=dict)
    _keys: set[str] = field(init=False, factory=set)

    def give_up(self) -> None:
        """End the work; nothing it does counts any more."""
        self.over = True
        self._open.clear()
        if self.work is not None:
            self.work.cancel()

    def told(self) -> dict[str, Any]:
        """What C{tasks/get} says of it."""
        state = told(self.row)
        if self._open:
            state["inputRequests"] = {
                key: _request(asked.questions[own]) for key, (asked, own) in self._open.items()
            }
        return state

    def answer(self, answers: Mapping[str, Mapping[str, Any]]) -> None:
        """
        Take answers, and let go on who has all of its own. Those to nothing asked mean nothing.

        Raises L{ProtocolError} for an answer that does not fit its question; none is taken then.
        """
        due = answers.keys() & self._open.keys()
        for key in due:
            asked, own = self._open[key]
            if not fits(asked.questions[own], answers[key]):
                raise invalid_params(f"The response to {key!r} does not fit what was asked")
        complete = []
        for key in due:
            asked, own = self._open.pop(key)
            asked.answers[own] = answers[key]
            if len(asked.answers) == len(asked.questions):
                complete.append(asked)
        for asked in complete:
            asked.answered.callback(None)

    # -- as the client of the call

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Say it to whoever asks after the task."""
        if self.over or done <= self._done:
            return
        self._done = done
        far = f"{done:g}" if total is None else f"{done:g} of {total:g}"
        said = one_line(f"{far}: {message}" if message else far)
        self.row = evolve(self.row, message=said, updated=self._now())

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """A task has no log of its own."""

    def release(self, retry: float) -> None:
        """Nobody waits."""

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        """
        The client's answers, when it has asked after the task and given them.

        @raise MissingCapability: where the client cannot be asked
        """
        refuse_unable(questions, self.capabilities)
        if not questions:
            return {}
        asked = _Asked(self._promise(), questions)
        mine = {self._unused(own): (asked, own) for own in questions}
        self._open.update(mine)
        try:
            await self._became("input_required")
            await asked.answered
        finally:
            for key in mine:
                self._open.pop(key, None)
        if not self._open:
            await self._became("working")
        return asked.answers

    async def _became(self, status: Any) -> None:
        self.row = evolve(self.row, status=status, updated=self._now())
        await self._changed(self)

    def _unused(self, key: str) -> str:
        unused, number = key, 1
        while unused in self._keys:
            number += 1
            unused = f"{key}-{number}"
        self._keys.add(unused)
        return unused


def told(row: TaskRow) -> dict[str, Any]:
    """A task as the protocol has it."""
    state: dict[str, Any] = {
        "taskId": row.id,
        "status": row.status,
        "createdAt": _timestamp(row.created),
        "lastUpdatedAt": _timestamp(row.updated),
        "ttlMs": round((row.expires - row.created) * 1000),
        "pollIntervalMs": POLL_INTERVAL,
    }
    if row.message:
        state["statusMessage"] = row.message
    if row.status == "completed":
        state["result"] = json.loads(row.outcome)
    elif row.status == "failed":
        state["error"] = json.loads(row.outcome)
    return state


def one_line(message: str) -> str:
    """A message as it can be kept: on one line, not too long, valid Unicode."""
    said = " ".join(message.split())[:_MESSAGE_LENGTH]
    return said.encode("utf-8", "replace").decode()


def _request(question: Question) -> dict[str, Any]:
    return {"method": question.method, "params": dict(question.params)}


def _timestamp(seconds: float) -> str:
    """ISO 8601, in UTC, to the millisecond."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
