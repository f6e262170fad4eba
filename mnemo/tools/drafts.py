"""A handoff that nobody has written, as an answer shows it. Pure."""

from attrs import evolve, frozen

from mnemo.memory.moments import iso
from mnemo.store.drafts import Draft
from mnemo.tools.budget import Cost
from mnemo.tools.graphemes import cut

LEAST_SHOWN = 40
"""Characters of a draft that are shown however little room there is."""


@frozen(kw_only=True, slots=False)
class DraftView:
    """
    A handoff that its session did not leave, drafted from what it remembered: nobody has written
    it, and each entry is made of the words of the memory whose id it ends with. Left_out counts
    the characters that follow where it is not whole; recall_session shows the memories.
    """

    session_id: str
    project: str = ""
    until: str
    made_by: str
    text: str
    left_out: int | None = None

    def as_text(self) -> str:
        """The draft, and what it is, in some lines."""
        lines = [
            f"Draft of a handoff, which session {self.session_id} did not leave; "
            f"made from its memories up to {self.until}:",
            *(f"  {line}" for line in self.text.splitlines()),
        ]
        if self.left_out is not None:
            lines.append(
                f"  ({self.left_out:,} more characters: recall_session {self.session_id} shows "
                "the memories)"
            )
        return "\n".join(lines)

    def within(self, room: Cost) -> "DraftView":
        """As much of it as there is room for, but L{LEAST_SHOWN} characters at least."""
        if len(self.text) <= room.text and _cost(self).within(room):
            return self
        low, high = LEAST_SHOWN, min(len(self.text), room.text)
        fitting = self._beginning(low)
        while low <= high:
            middle = (low + high) // 2
            tried = self._beginning(middle)
            if _cost(tried).within(room):
                fitting, low = tried, middle + 1
            else:
                high = middle - 1
        return fitting

    def _beginning(self, length: int) -> "DraftView":
        text = cut(self.text, length)
        left = len(self.text) - len(text)
        return evolve(self, text=f"{text}…", left_out=left) if left else self


def draft_view(draft: Draft | None) -> DraftView | None:
    """A draft as an answer shows it, if there is one."""
    if draft is None:
        return None
    return DraftView(
        session_id=draft.session,
        project=draft.project,
        until=iso(draft.at),
        made_by=draft.model,
        text=draft.text,
    )


def _cost(view: DraftView) -> Cost:
    return Cost.of(view.as_text(), view)
