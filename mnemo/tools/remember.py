"""Keeping memories: remember, amend."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import msgspec
from attrs import field, frozen

from mnemo.memory.moments import iso
from mnemo.memory.remember import Remembered as Kept
from mnemo.store.records import Type
from mnemo.tools.base import Call, Hints, Tool
from mnemo.tools.memory_ids import MemoryId, RawId, one_id
from mnemo.tools.scope import Home, home_of, project_shown
from mnemo.tools.views import MemoryView, counted, view

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
