"""The Markdown files of basic-memory: a note each, with front matter, and C{[[links]]}."""

import re
from collections.abc import Iterator
from pathlib import Path

from mnemo.store.exchange import ImportedLink
from mnemo.transfer.systems.records import (
    Bad,
    Foreign,
    Record,
    moment,
    relation,
    type_of,
    words,
)
from mnemo.transfer.walk import CannotRead, Exclusions, read_inside, walk

NAME = "basic-memory"

_LONGEST = 1 << 20

_MIRRORED = {"id", "session", "state", "salience", "version"}
"""What the front matter of mnemo's own mirror has together."""

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(r"([\w-]+):[ \t]*(.*)$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")
_RELATION = re.compile(r"^[ \t]*[-*+][ \t]+([^\[\]\n]*?)[ \t]*\[\[([^\[\]\n]+)\]\]", re.MULTILINE)
_MENTION = re.compile(r"\[\[([^\[\]\n|]+)(?:\|[^\[\]\n]*)?\]\]")
_OBSERVATION = re.compile(r"^[ \t]*[-*+][ \t]+\[([\w -]+)\][ \t]", re.MULTILINE)
_TAG = re.compile(r"(?<!\S)#([^\W\d][\w/-]*)")


def files(folder: Path) -> list[str]:
    """The notes in a folder, by their paths in it."""
    walked = walk(folder, folder, Exclusions.of(()))
    return [path for path in walked.files if path.lower().endswith((".md", ".markdown"))]


def records(folder: Path) -> Iterator[Record]:
    """All notes, then how they link."""
    names: dict[str, str] = {}
    linked: list[tuple[str, str, str]] = []
    for path in files(folder):
        try:
            note, titles, links = _note(folder, path)
        except (CannotRead, ValueError, OSError) as error:
            yield Bad(path, str(error))
            continue
        for title in titles:
            names.setdefault(_folded(title), note.key)
        linked += [(note.key, word, target) for word, target in links]
        yield note
    for source, word, target in linked:
        # A link to a note that is not written yet is kept in the words.
        if _folded(target) in names:
            yield ImportedLink(source, names[_folded(target)], relation(word))


def _note(folder: Path, path: str) -> tuple[Foreign, list[str], list[tuple[str, str]]]:
    """A note, the names it is linked by, and its links: the word for each and its target."""
    try:
        text = read_inside(folder, path, _LONGEST).decode()
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    front, body = _front(text)
    if front.keys() >= _MIRRORED:
        raise ValueError("mnemo export wrote it, for people to read; import its jsonl")
    stem = path.rpartition("/")[2].rpartition(".")[0]
    title, permalink = _one(front, "title") or stem, _one(front, "permalink")
    written = (folder / path).stat().st_mtime
    created = moment(_one(front, "created") or _one(front, "date") or written)
    updated = moment(_one(front, "modified") or _one(front, "updated") or created)
    categories = _OBSERVATION.findall(body)
    tags = [each.lstrip("#") for each in front.get("tags", [])] + _TAG.findall(body)
    head = body if body.lstrip().startswith("#") else f"# {title}\n\n{body}"
    note = Foreign(
        key=f"{NAME}:{permalink or path}",
        text=head.strip(),
        created=created,
        type=type_of(_one(front, "type")),
        source=NAME,
        project=_one(front, "project"),
        updated=max(created, updated),
        concepts=words([*tags, *(each for each in categories if len(each) > 1)]),
    )
    relations = [(word, target.partition("|")[0]) for word, target in _RELATION.findall(body)]
    told = {target for _, target in relations}
    mentions = [("", target) for target in _MENTION.findall(body) if target not in told]
    return note, [title, permalink, stem, path, path.rpartition(".")[0]], relations + mentions


def _front(text: str) -> tuple[dict[str, list[str]], str]:
    """The front matter, each entry as a list, and what follows it."""
    found = _FRONT.match(text.removeprefix("\ufeff"))
    if found is None:
        return {}, text
    entries: dict[str, list[str]] = {}
    name = ""
    for line in found[1].splitlines():
        if item := _ITEM.match(line):
            if name:
                entries[name].append(_bare(item[1]))
        elif entry := _ENTRY.match(line):
            name = entry[1].lower()
            value = entry[2].strip()
            is_list = name == "tags" or value.startswith("[")
            parts = value.strip("[]").split(",") if is_list else [value]
            entries[name] = [bare for bare in map(_bare, parts) if bare]
    return entries, text.removeprefix("\ufeff")[found.end() :]


def _one(front: dict[str, list[str]], name: str) -> str:
    return next(iter(front.get(name, ())), "")


def _bare(value: str) -> str:
    return value.strip().strip("'\"").strip()


def _folded(title: str) -> str:
    return " ".join(title.casefold().split())
