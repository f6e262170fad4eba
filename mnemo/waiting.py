"""What parts that know no reactor wait for, made of one."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool

from mnemo.memory.projects import is_path, project_of


def promised(reactor: IReactorTime, seconds: float = 0) -> Deferred[Any]:
    """
    A C{Deferred} for the protocol to wait for.

    @param seconds: after which it fails with C{TimeoutError}; 0 is never
    """
    promise: Deferred[Any] = Deferred()
    if seconds:

        def too_late(result: object, timeout: float) -> None:
            raise TimeoutError(f"Nothing came within {timeout:g} seconds")

        promise.addTimeout(seconds, reactor, too_late)
    return promise


def in_thread(reactor: Any, work: Callable[[], Any]) -> Deferred[Any]:
    """What C{work} returns, done on a thread that anybody may use."""
    return deferToThreadPool(reactor, reactor.getThreadPool(), work)


async def project_in_thread(reactor: Any, hint: str) -> str:
    """The project that a hint stands for; file systems can be slow, so a thread looks at them."""
    if not is_path(hint):
        return project_of(hint)
    return await deferToThreadPool(reactor, reactor.getThreadPool(), project_of, hint)
