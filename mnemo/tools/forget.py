"""Taking memories away: forget, which can be undone, and forget for good, which cannot."""

from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import evolve, field, frozen

from mnemo.memory.remember import Forgotten
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.confirmation import confirmation
from mnemo.tools.copies import discard_training_set, exports_as_text, exports_with
from mnemo.tools.interfaces import ToolError
from mnemo.tools.memory_ids import MemoryId, MemoryIds
from mnemo.tools.views import beginning, counted

LISTED = 10
"""How many memories a question to the user shows."""

Hard = Annotated[bool, msgspec.Meta(description="Remove for good. This cannot be undone.")]

Restore = Annotated[bool, msgspec.Meta(description="Make forgotten memories findable again.")]

Action = Literal["forgotten", "restored", "removed"]


@frozen(kw_only=True, slots=False)
class ForgetResult:
    """
    What became of the memories. Unknown are the ids that no memory has; exports the files on the
    machine that mnemo runs on that still hold what was removed.
    """

    action: Action
    memory_ids: list[str]
    unknown: list[str]
    exports: list[str] = field(factory=list)

    def text(self) -> str:
        """What was done, and whether it can be undone."""
        one = len(self.memory_ids) == 1
        they = "It is" if one else "They are"
        after = {
            "forgotten": f"{they} not found any more; forget with restore: true undoes it.",
            "restored": f"{they} found again.",
            "removed": f"{they} gone for good.",
        }[self.action]
        done = counted(len(self.memory_ids), "memory", "memories")
        lines = [f"{done} {self.action}: {', '.join(self.memory_ids)}. {after}"]
        if self.unknown:
            lines.append(f"No memory has the id {', '.join(self.unknown)}.")
        return "\n".join(lines + exports_as_text(self.exports))


@frozen(kw_only=True)
class Forget(Tool):
    """
    Forget memories: from now on no search finds them. This can be undone with restore: true,
    until somebody forgets with hard: true, which removes the text, its versions, its vector and
    its links for good. Use hard only where the user asks for it or something must not be kept;
    the user is asked to confirm before anything happens. To correct a memory use amend.
    """

    name: ClassVar[str] = "forget"
    title: ClassVar[str] = "Forget memories"
    hints: ClassVar[Hints] = Hints(destructive=True, idempotent=True)

    memory_id: MemoryId = ""
    memory_ids: MemoryIds = field(factory=list)
    hard: Hard = False
    restore: Restore = False

    async def run(self, call: Call) -> ForgetResult:
        """Forget, restore or remove."""
        ids = [each for each in (self.memory_id.strip(), *self.memory_ids) if each]
        if not ids:
            raise ToolError("forget needs memory_id or memory_ids: what to forget")
        if self.hard and self.restore:
            raise ToolError("forget takes hard or restore, not both: what was removed is gone")
        remembering = call.memories.remembering
        if self.restore:
            return _forgotten("restored", await remembering.restore(ids))
        if self.hard:
            await self._confirm(call, ids)
            await discard_training_set(call)
            removed = _forgotten("removed", await remembering.purge(ids))
            return evolve(removed, exports=await exports_with(call, removed.memory_ids))
        return _forgotten("forgotten", await remembering.forget(ids))

    async def _confirm(self, call: Call, ids: list[str]) -> None:
        known = await call.memories.store.get(list(dict.fromkeys(ids)))
        if not known:
            return  # that there is nothing to remove needs no confirmation
        lines = [f"- {each.id}: {beginning(each.text)}" for each in known[:LISTED]]
        if len(known) > LISTED:
            lines.append(f"- and {len(known) - LISTED:,} more")
        number = counted(len(known), "memory", "memories")
        message = f"Remove {number} for good? This cannot be undone.\n\n" + "\n".join(lines)
        command = " ".join(("mnemo forget --hard", *(each.id for each in known[:LISTED])))
        agreed = await confirmation(
            call,
            message,
            "remove",
            {"type": "boolean", "title": f"Remove {number} for good", "default": False},
            f"Without hard it can be undone, and needs nobody. The user can do it on the command "
            f"line: {command}",
        )
        if agreed is not True:
            raise ToolError("nothing was removed: the user did not tick that it should be")


def _forgotten(action: Action, outcome: Forgotten) -> ForgetResult:
    if not outcome.done:
        raise ToolError(f"no memory has the id {', '.join(outcome.unknown)[:400]}")
    return ForgetResult(action=action, memory_ids=list(outcome.done), unknown=list(outcome.unknown))
