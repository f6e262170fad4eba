"""The JSONL of the reference memory server: entities, their observations, relations."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from mnemo.store.exchange import ImportedLink
from mnemo.transfer.systems.records import Bad, Foreign, Record, words

NAME = "memory-server"


def is_it(first: object) -> bool:
    """Whether a file whose first line holds this is such a file."""
    return isinstance(first, dict) and first.get("type") in ("entity", "relation")


def records(lines: Iterable[str], written: float) -> Iterator[Record]:
    """
    An entity, each of its observations, and each relation become a memory: so that what is
    added to an entity later is new, and nothing else.

    @param written: when the file was written; it holds no times
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield from _of(json.loads(line), written)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            yield Bad(f"line {number}", said)


def _of(found: Any, written: float) -> list[Record]:
    if not isinstance(found, dict) or found.get("type") not in ("entity", "relation"):
        raise ValueError('its "type" is neither "entity" nor "relation"')
    return _relation(found, written) if found["type"] == "relation" else _entity(found, written)


def _entity(found: dict[str, Any], written: float) -> list[Record]:
    name, kind = _text(found, "name"), str(found.get("entityType") or "")
    observations = found.get("observations", [])
    if not isinstance(observations, list) or not all(isinstance(o, str) for o in observations):
        raise ValueError('its "observations" are no list of texts')
    concepts = words([name, kind])
    made: list[Record] = [
        Foreign(
            _entity_key(name),
            f"{name} ({kind})" if kind else name,
            written,
            source=NAME,
            concepts=concepts,
        )
    ]
    for observation in observations:
        if observation.strip():
            key = _key("observation", name, observation)
            text = f"{name}: {observation}"
            made.append(Foreign(key, text, written, source=NAME, concepts=concepts))
            made.append(ImportedLink(key, _entity_key(name), "part_of"))
    return made


def _relation(found: dict[str, Any], written: float) -> list[Record]:
    start, end, how = _text(found, "from"), _text(found, "to"), _text(found, "relationType")
    key = _key("relation", start, how, end)
    text = f"{start} {how} {end}"
    return [
        Foreign(key, text, written, source=NAME, concepts=words([start, end])),
        ImportedLink(key, _entity_key(start), "part_of"),
        ImportedLink(key, _entity_key(end), "part_of"),
    ]


def _text(found: dict[str, Any], name: str) -> str:
    value = found[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f'its "{name}" is no text')
    return value


def _entity_key(name: str) -> str:
    return _key("entity", name)


def _key(*parts: str) -> str:
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()
    return f"{NAME}:{parts[0]}:{digest[:32]}"
