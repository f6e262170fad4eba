"""A memory as a Markdown file, for people to read. Pure."""

import json
from collections.abc import Iterable, Mapping

from mnemo.memory.moments import iso
from mnemo.store.records import Link, Memory, Version
from mnemo.transfer.names import REFERENCE


def page(
    memory: Memory,
    now: float,
    earlier: Iterable[Version],
    links: Iterable[Link],
    names: Mapping[str, str],
) -> str:
    """
    A memory with its earlier texts and its links.

    @param names: of the memories it is linked with, by their ids
    """
    head = {
        "id": memory.id,
        "type": memory.type,
        "project": memory.project,
        "source": memory.source,
        "session": memory.session,
        "state": memory.state(now),
        "salience": round(memory.salience, 4),
        "created": iso(memory.created),
        "updated": iso(memory.updated),
        "version": memory.version,
        "concepts": list(memory.concepts),
    }
    # JSON is YAML: so no text of a memory can end the front matter.
    front = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
    parts = ["\n".join(["---", *front, "---"]), memory.text.rstrip("\n")]
    related = [_link(link, names[link.id]) for link in links if link.id in names]
    if related:
        parts.append("\n".join(["## Links", "", *related]))
    for version in earlier:
        until = f"{iso(version.since)} to {iso(version.until)}"
        parts.append(f"## Version {version.version}, {until}\n\n{version.text.rstrip()}")
    return "\n\n".join(parts) + "\n"


def _link(link: Link, name: str) -> str:
    arrow = f"{link.relation} →" if link.outgoing else f"← {link.relation}"
    return f"- {arrow} {REFERENCE}{name}"
