"""Memories in Markdown, for a model or a person to read. Pure."""

from collections.abc import Iterable, Iterator, Sequence

from mnemo.memory.moments import iso
from mnemo.store.records import Memory
from mnemo.tools.views import clipped


def whole(memory: Memory, now: float) -> str:
    """
    A memory: what it is and where it comes from, then its text, word for word.
    """
    facts = [
        ("type", memory.type),
        ("project", memory.project or "none"),
        ("state", memory.state(now)),
        ("source", memory.source),
        ("session", memory.session or "none"),
        ("made", iso(memory.created)),
        ("amended", f"{iso(memory.updated)}, version {memory.version}" * (memory.version > 1)),
        ("salience", f"{memory.salience:.2f}"),
        ("concepts", ", ".join(memory.concepts)),
    ]
    lines = [f"- {name}: {' '.join(said.split())}" for name, said in facts if said]
    return "\n".join([f"# Memory {memory.id}", "", *lines, "", "---", "", memory.text])


def section(title: str, memories: Sequence[Memory], full: bool = False) -> Iterator[str]:
    """
    The lines of some memories under a heading; none where there are none.

    @param full: whether long texts are shown whole
    """
    if memories:
        yield from ("", f"## {title}")
        for memory in memories:
            yield from ("", f"### {memory.id}: {memory.type}, {iso(memory.created)}", "")
            yield memory.text if full else clipped(memory.text, memory.id)


def document(title: str, lines: Iterable[str]) -> str:
    """A text with a title."""
    return "\n".join([f"# {' '.join(title.split())}", "", *lines])
