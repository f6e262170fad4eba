"""What happens when a session ends."""

from collections.abc import Callable, Mapping

from attrs import define, field
from twisted.logger import Logger

from mnemo.store.sessions import ISessionRows, SessionRow


@define(eq=False)
class Endings:
    """
    Writes endings down, and says of each, once, that it happened.

    What the store does not take is kept here until somebody takes it with L{failed}, to try again.

    @ivar onSessionEnd: given the session's last record
    """

    store: ISessionRows
    onSessionEnd: Callable[[SessionRow], None] | None = None  # noqa: N815
    _failed: dict[str, tuple[float, str]] = field(factory=dict, init=False)

    _log = Logger()

    async def end(self, id: str, ended: float, reason: str) -> None:
        """
        End a live session. Never fails. To be called once for each.

        @param ended: seconds since the epoch
        @param reason: C{"deleted"} or C{"idle"}
        """
        try:
            row = await self.store.end(id, ended, reason)
            if row is None:
                # An earlier try was kept after all, and only its answer was lost.
                row = await self.store.find(id)
        except Exception:
            self._log.failure("session {id} could not be ended, and will be later", id=id)
            self._failed[id] = ended, reason
            return
        if row is None:
            self._log.warn("session {id} ended without a record", id=id)
        elif self.onSessionEnd is not None:
            try:
                self.onSessionEnd(row)
            except Exception:
                self._log.failure("onSessionEnd failed for session {id}", id=id)

    def failed(self) -> Mapping[str, tuple[float, str]]:
        """Take the endings that were not kept: their times and reasons, by session."""
        failed, self._failed = self._failed, {}
        return failed
