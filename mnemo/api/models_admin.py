"""C{/api/v1/models/release} and C{/api/v1/models/load}: the language model's memory."""

from typing import Any, Final

import msgspec
from attrs import define, frozen
from twisted.internet.interfaces import IReactorTime

from mnemo.inference.generation import GeneratorUnavailable
from mnemo.inference.kept import KeptGenerator

PREFIX: Final = "/api/v1/models/"

ACTIONS: Final = ("release", "load")
"""What follows the prefix."""


@frozen
class Told:
    """
    An answer, as JSON: C{message} where it was done, C{error} where not, and C{state}.

    @ivar retry_after: seconds after which to ask again, or C{None}
    """

    status: int
    body: bytes
    retry_after: float | None = None


@define(eq=False)
class ModelsAdmin:
    """
    Takes the language model out of memory and brings it back.

    @ivar model: C{None} where none is configured
    """

    model: KeptGenerator | None
    clock: IReactorTime

    async def answer(self, method: str, action: str) -> Told:
        """
        Do one of L{ACTIONS}, and say how it went when it is done.

        What runs on the model ends before it is released. Whoever is not told any more, since
        this was cancelled, has still released it.
        """
        if method != "POST":
            return self._refuse(405, f"{method} is not for this address; use POST")
        if self.model is None:
            return self._refuse(
                404, "there is no language model; mnemo model use NAME takes one into use"
            )
        began = self.clock.seconds()
        if action == "release":
            await self.model.release()
            if self.model.state != "released":
                return self._refuse(409, "the language model was brought back meanwhile")
            return self._done("the language model is out of memory", began)
        try:
            await self.model.load()
        except GeneratorUnavailable as problem:
            return self._refuse(503, str(problem), problem.retry_after)
        return self._done("the language model is in memory", began)

    def _done(self, message: str, began: float) -> Told:
        seconds = round(self.clock.seconds() - began, 3)
        return Told(200, self._body(message=message, seconds=seconds))

    def _refuse(self, status: int, error: str, retry_after: float | None = None) -> Told:
        return Told(status, self._body(error=error), retry_after)

    def _body(self, **said: Any) -> bytes:
        state = None if self.model is None else self.model.state
        return msgspec.json.encode({**said, "state": state})
