"""Keeping memories: remember, amend, forget."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import evolve, field, frozen

from mnemo.memory.moments import iso
from mnemo.memory.remember import Forgotten
from mnemo.memory.remember import Remembered as Kept
from mnemo.store.records import Type
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.confirmation import confirmation
from mnemo.tools.copies import discard_training_set, exports_as_text, exports_with
from mnemo.tools.interfaces import ToolError
from mnemo.tools.scope import ALL, named, project_shown
from mnemo.tools.views import MemoryView, beginning, counted, view

Text = Annotated[
    str,
    msgspec.Meta(description="What to remember, at most 1 MiB.", min_length=1, max_length=1 << 20),
]

NewText = Annotated[
    str,
    msgspec.Meta(
        description="The whole new text, at most 1 MiB.", min_length=1, max_length=1 << 20
    ),
]

Kind = Annotated[
    Literal["decision", "error", "insight", "learning", "general"],
    msgspec.Meta(description="What kind of thing it is. Decisions never fade with age."),
]

Home = Annotated[
    str,
    msgspec.Meta(
        description="The project it belongs to, by name or path. Left out: this session's project.",
        max_length=4096,
    ),
]

Origin = Annotated[
    str, msgspec.Meta(description="Where it comes from.", min_length=1, max_length=200)
]

FiledUnder = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=100)]],
    msgspec.Meta(description="Words to file it under.", max_length=50),
]

OtherId = Annotated[str, msgspec.Meta(description="The other memory.", max_length=200)]

Stated = Literal["similar", "caused_by", "part_of", "contradicts", "temporal", "reinforces"]
"""The relations that an agent can state; the others are found, or come of C{supersedes}."""

HowRelated = Annotated[Stated, msgspec.Meta(description="How the new memory relates to the other.")]

Superseded = Annotated[
    str,
    msgspec.Meta(
        description="The id of a memory that this one replaces: it is linked and forgotten.",
        max_length=200,
    ),
]

MemoryId = Annotated[
    str,
    msgspec.Meta(description="The id of a memory, as remember or recall gave it.", max_length=200),
]

RawId = Annotated[str, msgspec.Meta(description="Another name for memory_id.", max_length=200)]

LISTED = 10
"""How many memories a question to the user shows."""

MemoryIds = Annotated[list[str], msgspec.Meta(description="Several ids at once.", max_length=1000)]

Hard = Annotated[bool, msgspec.Meta(description="Remove for good. This cannot be undone.")]

Restore = Annotated[bool, msgspec.Meta(description="Make forgotten memories findable again.")]


@frozen(kw_only=True)
class Associate:
    """A link from the new memory to one that is already there."""

    memory_id: OtherId
    relation: HowRelated = "similar"


Associations = Annotated[
    list[Associate], msgspec.Meta(description="Memories that it relates to.", max_length=100)
]


@frozen(kw_only=True, slots=False)
class Remembered:
    """
    A memory that is kept. Times are UTC. Duplicate is true where its project had the text
    already: then it is that memory. Secrets says how many of which kind were replaced by marks
    such as [secret: password] and not stored, private how many passages by [private]; supersedes
    is the memory that it replaced.
    """

    id: str
    type: Type
    project: str
    source: str
    salience: float
    session_id: str
    created_at: str
    concepts: list[str]
    associations: int
    duplicate: bool | None = None
    supersedes: str = ""
    secrets: dict[str, int] = field(factory=dict)
    private: int | None = None

    def text(self) -> str:
        """What was kept, and under which id."""
        links = f", {counted(self.associations, 'link')}" if self.associations else ""
        about = (
            f"{self.id} ({self.type}, {project_shown(self.project)}, "
            f"salience {self.salience:.2f}{links})."
        )
        if self.duplicate:
            said = [f"Remembered already, in the same words, as {about}"]
        else:
            said = [f"Remembered as {about} It can be recalled from now on."]
        if self.supersedes:
            said.append(f"It replaces {self.supersedes}, which is forgotten and can be restored.")
        return " ".join([*said, *hidden_as_text(self.secrets, self.private)])


@frozen(kw_only=True)
class Remember(Tool):
    """
    Keep something for later sessions, word for word: a decision and its reasons, an error and
    its cure, an insight, something learned about the code or the user. Call it as soon as you
    know it, once for each fact, in words that will make sense without this conversation: name
    files, versions and figures. When this answers, the memory is on disk and recall finds it.

    To correct a memory use amend, not a second remember; where a new fact replaces an old one,
    name the old one in supersedes. For the note that ends a session use create_handoff. Do not
    store passwords or keys: what looks like one is replaced by a mark before anything is
    stored, and what stands in <private>…</private> is left out. The same text again comes to the
    memory that is there.
    """

    name: ClassVar[str] = "remember"
    title: ClassVar[str] = "Remember"
    hints: ClassVar[Hints] = Hints()
    always_loaded: ClassVar[bool] = True

    text: Text
    type: Kind = "general"
    project: Home = ""
    source: Origin = "mcp"
    concepts: FiledUnder = field(factory=list)
    associate_with: Associations = field(factory=list)
    supersedes: Superseded = ""

    async def run(self, call: Call) -> Remembered:
        """Keep it."""
        links = [(each.memory_id.strip(), each.relation) for each in self.associate_with]
        superseded = self.supersedes.strip()
        kept = await call.memories.remembering.remember(
            self.text,
            type=self.type,
            source=self.source.strip() or "mcp",
            project=await home_of(call, self.project),
            session=call.session.id,
            concepts=self.concepts,
            links=links,
            supersedes=superseded,
        )
        return remembered(kept, len(set(links)), superseded)


@frozen(kw_only=True, slots=False)
class Amended:
    """
    A memory with its new text. Changed is false where it had that text already. Secrets and
    private say what was left out of the text, as remember does.
    """

    memory: MemoryView
    changed: bool
    secrets: dict[str, int] = field(factory=dict)
    private: int | None = None

    def text(self) -> str:
        """Which version it has now."""
        memory = self.memory
        said = (
            f"{memory.id} has version {memory.version} now; the earlier text is kept."
            if self.changed
            else f"{memory.id} has version {memory.version}; the text was the same."
        )
        lines = [said]
        if memory.state == "archived":
            lines.append("It is forgotten, and stays so.")
        return " ".join([*lines, *hidden_as_text(self.secrets, self.private)])


@frozen(kw_only=True)
class Amend(Tool):
    """
    Correct a memory: give it a new text. The earlier text is kept as a version (check_memory
    shows it) and is not found any more; the new text is found at once, by its words and by its
    meaning. Amending with the text it already has changes nothing.
    """

    name: ClassVar[str] = "amend"
    title: ClassVar[str] = "Amend a memory"
    hints: ClassVar[Hints] = Hints(idempotent=True)

    corrected_content: NewText
    memory_id: MemoryId = ""
    raw_id: RawId = ""

    async def run(self, call: Call) -> Amended:
        """Make a new version."""
        known = one_id(self.memory_id, self.raw_id)
        amended = await call.memories.remembering.amend(known, self.corrected_content)
        return Amended(
            memory=view(amended.memory, call.now),
            changed=amended.changed,
            secrets=dict(amended.hidden.kinds),
            private=amended.hidden.private or None,
        )


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


async def home_of(call: Call, asked: str) -> str:
    """The project that a new memory belongs to: the one asked for, else the session's."""
    asked = asked.strip()
    if asked == ALL:
        raise ToolError('"project" was "*", but a memory belongs to one project: name it')
    return await named(call, asked) if asked else call.session.project


def one_id(memory_id: str, raw_id: str) -> str:
    """The id that was given under either name. Raises L{ToolError}."""
    given = {each.strip() for each in (memory_id, raw_id) if each.strip()}
    if len(given) != 1:
        raise ToolError("exactly one memory is needed: give memory_id (raw_id is the same)")
    return given.pop()


def remembered(kept: Kept, links: int, superseded: str = "") -> Remembered:
    """What is answered of a memory that was just kept."""
    memory = kept.memory
    return Remembered(
        id=memory.id,
        type=memory.type,
        project=memory.project,
        source=memory.source,
        salience=memory.salience,
        session_id=memory.session,
        created_at=iso(memory.created),
        concepts=list(memory.concepts),
        associations=links,
        duplicate=kept.duplicate or None,
        supersedes="" if superseded == memory.id else superseded,
        secrets=dict(kept.hidden.kinds),
        private=kept.hidden.private or None,
    )


def hidden_as_text(secrets: Mapping[str, int], private: int | None) -> list[str]:
    """A sentence for each kind of thing that was not stored."""
    said = []
    if secrets:
        kinds = ", ".join(f"{number} {kind}" for kind, number in secrets.items())
        number = counted(sum(secrets.values()), "secret")
        said.append(f"{number} found and not stored, a mark stands there instead: {kinds}.")
    if private:
        said.append(f"{counted(private, 'private passage')} not stored.")
    return said


def _forgotten(action: Action, outcome: Forgotten) -> ForgetResult:
    if not outcome.done:
        raise ToolError(f"no memory has the id {', '.join(outcome.unknown)[:400]}")
    return ForgetResult(action=action, memory_ids=list(outcome.done), unknown=list(outcome.unknown))
