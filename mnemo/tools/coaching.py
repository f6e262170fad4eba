"""Telling the language model what to heed: coach_local_llm."""

from functools import partial
from typing import Annotated, ClassVar

import msgspec
from attrs import frozen

from mnemo.enrichment.coaching import LONGEST, BadCoaching, Coaching, read
from mnemo.enrichment.jobs import EXTRACTIVE
from mnemo.memory.secrets import hidden
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.interfaces import ToolError
from mnemo.tools.views import counted

CoachingYaml = Annotated[
    str,
    msgspec.Meta(
        description="YAML with the one key coaching: a text, or lists and mappings of texts, each "
        "a note. An empty document takes all notes away.",
        max_length=LONGEST,
    ),
]


@frozen(kw_only=True, slots=False)
class Coached:
    """
    The notes that hold from now on. Version is what they add to the version of the prompt.
    Heeded is false where no language model is configured that could heed them.
    """

    notes: list[str]
    version: str
    changed: bool
    heeded: bool

    def text(self) -> str:
        """The notes, and what comes of them."""
        if not self.changed:
            return f"These {counted(len(self.notes), 'note')} hold already; nothing has changed."
        lines = [f"- {note}" for note in self.notes]
        head = f"{counted(len(self.notes), 'note')} kept:" if lines else "All notes taken away."
        after = (
            "What was derived is made anew in the background; status counts what waits."
            if self.heeded
            else "No language model is configured (inference.language_model): nothing heeds them."
        )
        return "\n".join([head, *lines, after])


@frozen(kw_only=True)
class CoachLocalLlm(Tool):
    """
    Tell the language model that summarises memories what to heed: words and what they stand for,
    what matters here, how a summary should read. The notes replace those that hold now, take
    effect with the next memory, and let everything be derived anew in the background. They change
    no memory and none of the checks: what a text does not say is refused as before. Only where
    the user wants it, or audit_encodings shows what it is good for.
    """

    name: ClassVar[str] = "coach_local_llm"
    title: ClassVar[str] = "Coach the language model"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    coaching_yaml: CoachingYaml

    async def run(self, call: Call) -> Coached:
        """Read the notes, and keep them."""
        jobs = call.memories.store.jobs
        try:
            coaching: Coaching = await call.memories.aside(partial(read, self.coaching_yaml))
        except BadCoaching as problem:
            raise ToolError(f'"coaching_yaml": {problem}') from None
        _refuse_secrets(self.coaching_yaml)
        before = await jobs.coaching()
        document = self.coaching_yaml if coaching.notes else ""
        if document != before:
            await jobs.use_coaching(document)
        return Coached(
            notes=list(coaching.notes),
            version=coaching.version,
            changed=document != before,
            heeded=await jobs.recipe() not in ("", EXTRACTIVE),
        )


def _refuse_secrets(document: str) -> None:
    found = hidden(document)
    if found.kinds or found.private:
        what = ", ".join(found.kinds) or "private passage"
        raise ToolError(f'"coaching_yaml" holds what must not be stored ({what}): take it out')
