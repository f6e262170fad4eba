"""C{GET /api/v1/inference}: what the models are doing, and for whom."""

from collections.abc import Callable
from typing import Final

import msgspec
from attrs import define
from twisted.web.resource import Resource

from mnemo.inference.snapshot import Snapshot
from mnemo.transports.request import BoundedRequest, answer

PATH: Final = "/api/v1/inference"


@define(eq=False)
class InferenceAddress(Resource):
    """The address."""

    snapshot: Callable[[], Snapshot]

    isLeaf = True

    def render(self, request: BoundedRequest) -> bytes:
        """The snapshot of this moment, as JSON."""
        method = request.method.decode("latin-1")
        if method not in ("GET", "HEAD"):
            error = f"{method} is not for this address; use GET"
            return answer(request, 405, msgspec.json.encode({"error": error}), (("Allow", "GET"),))
        headers = (("Cache-Control", "no-store"),)
        return answer(request, 200, msgspec.json.encode(self.snapshot()), headers)
