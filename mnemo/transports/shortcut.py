"""The way of a message past the router, which costs as much as the message itself."""

from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from mnemo.transports.http import Addresses
from mnemo.transports.request import BoundedRequest


@define(eq=False)
class Shortcut(Resource):
    """
    Answers C{POST /mcp} as the route of L{Addresses} does, whose method it calls.

    Nearly every request of nearly every client is one. Klein looks up its route, binds the
    routing table to the host and wraps the handler anew each time: a fifth of the whole
    request (C{contrib/benchmarks/serve.py}).
    """

    addresses: Addresses

    isLeaf = True

    def render(self, request: BoundedRequest) -> bytes | int:
        """The answer, at once or later."""
        handled = self.addresses.mcp(request)
        if isinstance(handled, bytes):
            return handled
        gone: list[Failure] = []
        if not handled.called:
            request.notifyFinish().addErrback(_cancel, handled, gone)
        handled.addErrback(self._failed, request, gone)
        handled.addCallback(_write, request, gone)
        return NOT_DONE_YET

    def _failed(self, failure: Failure, request: BoundedRequest, gone: list[Failure]) -> bytes:
        if gone and failure.check(CancelledError):
            return b""
        body: bytes = self.addresses.defect(request, failure)
        return body


def _cancel(failure: Failure, handled: Deferred[Any], gone: list[Failure]) -> None:
    """The client has gone."""
    gone.append(failure)
    handled.cancel()


def _write(body: bytes | None, request: BoundedRequest, gone: list[Failure]) -> None:
    if not gone:
        request.write(body or b"")  # There is none at the end of a stream.
        request.finish()
