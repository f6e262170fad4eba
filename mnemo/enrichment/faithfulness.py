"""
How true what was derived is to its text: seven metrics. Pure.

An output is the JSON object of an L{mnemo.enrichment.encoding.Encoding}, or whatever a model
said instead. What the metrics count is what L{mnemo.enrichment.entities.names} finds.

  - EPR, entity preservation: the share of the text's entities that the whole output holds
  - FR, fabrication: the share of the entities of the output's prose that the text does not hold
  - TED, template echo: whether the output repeats words of the instructions
  - SC, schema: whether the output has the form that was asked for
  - CCS, cross-contamination: how alike the outputs for two texts are that only look alike
  - MIH, minimal input: whether little was made of little
  - NP, number preservation: EPR over numbers alone
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, get_args

import msgspec
from attrs import frozen

from mnemo.enrichment.encoding import GIST, SUMMARY, Outcome, Significance, Tone
from mnemo.enrichment.entities import Names, folded, names

PROSE: Final = ("gist", "summary", "content", "narrative", "outcome")
"""The fields in which nothing may be named that the text does not name."""

FIELDS: Final = (
    "gist",
    "summary",
    "content",
    "narrative",
    "concepts",
    "structured_concepts",
    "significance",
    "emotional_tone",
    "outcome",
    "salience",
)
"""The fields that an output must have."""

LISTS: Final = ("topics", "entities", "actions", "causality")
"""The lists that C{structured_concepts} must have."""

ECHOES: Final = (
    "memory encoder",
    "only what the text says",
    "words of the text",
    "add nothing",
    "keep every number",
    "letter by letter",
    "name, path and version",
    "short text, short answer",
    "never guess",
    "instead of guessing",
    "at most 60 characters",
    "at most 400 characters",
    "how much it matters",
    "from 0 to 1",
    "leave the list empty",
    "routine, notable, important or critical",
    "success, failure, ongoing or unknown",
    "answer with json",
)
"""Words of the instructions that no output should repeat."""

MINIMAL_SALIENCE: Final = 0.4
MINIMAL_CONTENT: Final = 150
MINIMAL_NARRATIVE: Final = 200
MINIMAL_TEXT: Final = 50
"""Characters below which a text says next to nothing."""

_words = re.compile(r"\w+").findall
_SCHEMA_WORDS: Final = frozenset(
    word
    for name in (
        *FIELDS,
        *LISTS,
        *("label", "path", "name", "type", "context", "verb", "object", "details"),
        *("relation", "description"),
    )
    for word in (name, *name.split("_"))
)


@frozen
class Thresholds:
    """
    What is good enough. C{thresholds.json} holds them.

    @ivar epr: more than this
    @ivar fr: less than this
    @ivar ted: at most this
    @ivar sc: at least this
    @ivar ccs: less than this, of every pair
    @ivar mih: at least this
    @ivar np: more than this
    """

    epr: float
    fr: float
    ted: float
    sc: float
    ccs: float
    mih: float
    np: float


@cache
def thresholds() -> Thresholds:
    """Those in use."""
    file = resources.files("mnemo.enrichment") / "thresholds.json"
    return msgspec.json.decode(file.read_bytes(), type=Thresholds)


def entity_preservation(text: str, output: Mapping[str, Any]) -> float:
    """EPR: 1 where the text names nothing."""
    wanted = names(text)
    missing = _missing(wanted, _whole(output))
    return 1.0 - len(missing) / len(wanted) if len(wanted) else 1.0


def number_preservation(text: str, output: Mapping[str, Any]) -> float:
    """NP: 1 where the text has no numbers."""
    wanted = Names(names(text).numbers, frozenset())
    missing = _missing(wanted, _whole(output))
    return 1.0 - len(missing) / len(wanted) if len(wanted) else 1.0


def fabrication(text: str, output: Mapping[str, Any]) -> float:
    """FR: 0 where the prose names nothing."""
    said = names(_prose(output))
    return len(_missing(said, text)) / len(said) if len(said) else 0.0


def lost(text: str, output: Mapping[str, Any]) -> tuple[str, ...]:
    """What the text names and the output does not."""
    return _missing(names(text), _whole(output))


def fabricated(text: str, output: Mapping[str, Any]) -> tuple[str, ...]:
    """What the prose of the output names and the text does not."""
    return _missing(names(_prose(output)), text)


def template_echo(output: Mapping[str, Any]) -> tuple[str, ...]:
    """TED: the words of the instructions that the output repeats."""
    said = folded(_whole(output))
    return tuple(echo for echo in ECHOES if echo in said)


def contamination(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """CCS: the cosine of the word counts of two outputs, without the words of the schema."""
    first, second = _counts(one), _counts(other)
    product = sum(count * second[word] for word, count in first.items())
    length = math.sqrt(_square(first) * _square(second))
    return product / length if length else 0.0


def minimal(output: Mapping[str, Any]) -> bool:
    """MIH: whether an output for a text that says next to nothing is as small."""
    salience = output.get("salience")
    return (
        isinstance(salience, int | float)
        and salience < MINIMAL_SALIENCE
        and len(str(output.get("content", ""))) <= MINIMAL_CONTENT
        and len(str(output.get("narrative", ""))) <= MINIMAL_NARRATIVE
    )


def schema_faults(output: Mapping[str, Any]) -> tuple[str, ...]:
    """SC: what is wrong with the form of an output, a line for each fault."""
    faults = [f"{name} is missing" for name in FIELDS if name not in output]
    for name in ("gist", "summary", "content", "narrative"):
        if not isinstance(output.get(name, ""), str):
            faults.append(f"{name} is no text")
    for name, longest in (("gist", GIST), ("summary", SUMMARY)):
        if len(str(output.get(name, ""))) > longest:
            faults.append(f"{name} has more than {longest} characters")
    for name, known in (
        ("significance", Significance),
        ("emotional_tone", Tone),
        ("outcome", Outcome),
    ):
        if name in output and output[name] not in get_args(known):
            faults.append(f"{name} must be one of {', '.join(get_args(known))}")
    salience = output.get("salience", 0)
    if isinstance(salience, bool) or not isinstance(salience, int | float):
        faults.append("salience is no number")
    elif not 0 <= salience <= 1:
        faults.append("salience is not within 0 and 1")
    if not isinstance(output.get("concepts", []), list | tuple):
        faults.append("concepts is no list")
    structured = output.get("structured_concepts", {})
    for name in LISTS:
        held = structured.get(name) if isinstance(structured, Mapping) else None
        if "structured_concepts" in output and not isinstance(held, list | tuple):
            faults.append(f"structured_concepts.{name} is no list")
    return tuple(faults)


# -- what they are made of


def _missing(wanted: Names, text: str) -> tuple[str, ...]:
    there, said = names(text).numbers, folded(text)
    numbers = sorted(wanted.numbers - there)
    return (*numbers, *sorted(name for name in wanted.others if name not in said))


def _whole(output: Mapping[str, Any]) -> str:
    return "\n".join(_strings(output))


def _prose(output: Mapping[str, Any]) -> str:
    return "\n".join(text for name in PROSE for text in _strings(output.get(name, "")))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _strings(each)


def _counts(output: Mapping[str, Any]) -> Counter[str]:
    words = _words(_whole(output).casefold())
    return Counter(word for word in words if word not in _SCHEMA_WORDS)


def _square(counts: Counter[str]) -> int:
    return sum(count * count for count in counts.values())
