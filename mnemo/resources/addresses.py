"""The addresses of what can be read. Pure."""

import re
from typing import Final, Literal
from urllib.parse import quote, unquote

from attrs import frozen

from mnemo.memory.changes import Changed
from mnemo.tools.interfaces import NoSuchResource

Kind = Literal["memory", "history", "project", "session", "handoff", "pattern"]

TEMPLATES: Final[dict[Kind, str]] = {
    "memory": "mnemo://memory/{id}",
    "history": "mnemo://memory/{id}/history",
    "project": "mnemo://project/{name}/context",
    "session": "mnemo://session/{id}",
    "handoff": "mnemo://handoff/{id}",
    "pattern": "mnemo://pattern/{id}",
}
"""How the addresses of each kind are made (RFC 6570)."""

VARIABLES: Final[dict[Kind, str]] = {
    "memory": "id",
    "history": "id",
    "project": "name",
    "session": "id",
    "handoff": "id",
    "pattern": "id",
}
"""The variable of each template."""

_patterns: Final[dict[Kind, re.Pattern[str]]] = {
    kind: re.compile(re.sub(r"\\\{\w+\\\}", "([^/?#]+)", re.escape(template)))
    for kind, template in TEMPLATES.items()
}


@frozen
class Address:
    """
    What an address leads to.

    @ivar name: the id, or the name of a project, as it is
    """

    kind: Kind
    name: str

    @property
    def uri(self) -> str:
        """The one way to write it: all but letters, digits and C{-._~} is percent-encoded."""
        template = TEMPLATES[self.kind]
        return template.replace(f"{{{VARIABLES[self.kind]}}}", quote(self.name, safe=""))


def address(uri: str) -> Address:
    """
    What C{uri} is the address of.

    @raise NoSuchResource: it is none; its text says which there are, or how to write this one
    """
    for kind, pattern in _patterns.items():
        match = pattern.fullmatch(uri)
        if match is None:
            continue
        found = Address(kind, unquote(match[1], errors="replace"))
        if found.uri != uri:
            # Who watches it is told under its own address.
            raise NoSuchResource(f"Is it {found.uri}?")
        return found
    raise NoSuchResource(f"There are {', '.join(TEMPLATES.values())}.")


def addresses_of(changed: Changed) -> list[str]:
    """The addresses of all that has changed."""
    names: tuple[tuple[Kind, frozenset[str]], ...] = (
        ("memory", changed.memories),
        ("history", changed.memories),
        ("handoff", changed.handoffs),
        ("project", changed.projects),
        ("session", changed.sessions),
    )
    found: list[str] = []
    for kind, changes in names:
        found += [Address(kind, each).uri for each in sorted(changes)]
    return found
