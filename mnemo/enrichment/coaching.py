"""
What is to be heeded when a language model derives something, as it is read. Pure.

It comes as notes in YAML::

    coaching:
      vocabulary: '"the pond" is the staging server'
      summaries:
        - begin with the component
        - name the ticket

A note is a text; lists and mappings of notes are notes too, the keys leading to a text before it.
"""

import hashlib
from collections.abc import Iterator
from typing import Final

import yaml
from attrs import frozen

KEY: Final = "coaching"
"""The only key at the top of a document."""

LONGEST: Final = 4_000
"""Characters of the longest document: a model reads it with every text."""

DEEPEST: Final = 8
"""How many lists and mappings may lie in each other."""

_HAS = f"accepted: a mapping with the key {KEY!r}, of texts and of lists and mappings of them"
_NULL: Final = "tag:yaml.org,2002:null"


class BadCoaching(ValueError):
    """A document that cannot be used. Its text is one line: where, and what is accepted."""


@frozen
class Coaching:
    """
    What is to be heeded.

    @ivar notes: a line each
    """

    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """What it adds to the version of a prompt: as short as can be, and nothing for nothing."""
        if not self.notes:
            return ""
        return "+" + hashlib.sha256("\n".join(self.notes).encode()).hexdigest()[:8]


NONE: Final = Coaching()
"""Nothing is to be heeded."""


def read(document: str) -> Coaching:
    """
    The notes in a document; none where it is empty.

    Takes some ten milliseconds for a long one.

    @raise BadCoaching: it is no such document
    """
    if len(document) > LONGEST:
        raise BadCoaching(f"it has {len(document):,} characters; at most {LONGEST:,} are accepted")
    try:
        _check_events(document)
        root = yaml.compose(document, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join((error.problem or error.context or "it is no YAML").split())
        raise _bad(mark, what) from None
    except yaml.reader.ReaderError as error:
        line = document.count("\n", 0, error.position) + 1
        raise BadCoaching(f"line {line}: {error.reason}") from None
    if root is None:
        return NONE
    if not isinstance(root, yaml.MappingNode):
        raise _bad(root.start_mark, f"it is no mapping; {_HAS}")
    entries = dict(_entries(root))
    for key, value in entries.items():
        if key != KEY:
            raise _bad(value.start_mark, f"there is no key {key[:40]!r}; {_HAS}")
    if KEY not in entries:
        raise _bad(root.start_mark, f"the key {KEY!r} is missing; {_HAS}")
    notes = tuple(dict.fromkeys(_notes(entries[KEY], ())))
    if not notes:
        mark = entries[KEY].start_mark
        raise _bad(mark, f"{KEY!r} says nothing; an empty document takes all away")
    return Coaching(notes)


def _check_events(document: str) -> None:
    """Refuse what would let a small document become a large one, before it is put together."""
    depth = documents = 0
    for event in yaml.parse(document, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _bad(event.start_mark, "a second document begins; one is accepted")
        if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            raise _bad(event.start_mark, "anchors and aliases are not accepted")
        if getattr(event, "tag", None) not in (None, "!"):
            raise _bad(event.start_mark, "tags are not accepted")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _bad(event.start_mark, f"it is nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _notes(node: yaml.Node, under: tuple[str, ...]) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        text = " ".join(node.value.split())
        if text and node.tag != _NULL:
            yield ": ".join((*under, text))
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _notes(each, under)
    elif isinstance(node, yaml.MappingNode):
        for key, value in _entries(node):
            yield from _notes(value, (*under, key))


def _entries(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping; of two with one key a parser would drop the first."""
    seen: set[str] = set()
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _bad(key.start_mark, "a key is no text")
        name = " ".join(key.value.split())
        if name in seen:
            raise _bad(key.start_mark, f"the key {name[:40]!r} is there twice")
        seen.add(name)
        yield name, value


def _bad(mark: yaml.Mark | None, what: str) -> BadCoaching:
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return BadCoaching(f"{where}{what}")
