"""The addresses of L{ModelsAdmin} over HTTP."""

from collections.abc import Mapping
from typing import Any

from attrs import define
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from mnemo.api.models_admin import ACTIONS, PREFIX, ModelsAdmin, Told
from mnemo.transports.request import BoundedRequest, answer


def addresses(admin: ModelsAdmin) -> Mapping[bytes, IResource]:
    """What answers each of its addresses."""
    return {f"{PREFIX}{action}".encode(): ModelsAddress(admin, action) for action in ACTIONS}


@define(eq=False)
class ModelsAddress(Resource):
    """One of the addresses. A client that goes away is told nothing."""

    admin: ModelsAdmin
    action: str

    isLeaf = True
    log = Logger()

    def render(self, request: BoundedRequest) -> int:
        """The answer, when it is done."""
        method = request.method.decode("latin-1")
        told = Deferred.fromCoroutine(self.admin.answer(method, self.action))
        request.notifyFinish().addErrback(lambda _: told.cancel())
        told.addErrback(self._failed)
        told.addCallback(_write, request)
        return NOT_DONE_YET

    def _failed(self, failure: Failure) -> Told | None:
        if failure.check(CancelledError):
            return None
        self.log.failure("{action} of the language model failed", failure, action=self.action)
        return Told(500, b'{"error":"Internal error"}')


def _write(told: Told | None, request: Any) -> None:
    if told is not None:
        seconds = told.retry_after
        headers = () if seconds is None else (("Retry-After", str(max(1, round(seconds)))),)
        request.write(answer(request, told.status, told.body, headers))
        request.finish()
