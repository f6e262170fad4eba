"""The form of what is derived from one text, whoever derives it."""

from typing import Annotated, Any, Final, Literal

import msgspec
from attrs import field, frozen

GIST: Final = 60
"""Characters of the longest gist."""

SUMMARY: Final = 400
"""Characters of the longest summary."""

Short = Annotated[str, msgspec.Meta(max_length=120)]
Long = Annotated[str, msgspec.Meta(max_length=1600)]

Significance = Literal["routine", "notable", "important", "critical"]
Tone = Literal["neutral", "satisfying", "frustrating", "exciting", "concerning"]
Outcome = Literal["success", "failure", "ongoing", "unknown"]
Kind = Literal["decision", "error", "insight", "learning", "general"]


@frozen
class Topic:
    """What a text is about; C{path} leads from the general to the special."""

    label: Short
    path: Short = ""


@frozen
class Entity:
    """
    Something that a text names.

    @ivar type: what it is: a path, a version, a number, a name
    @ivar context: the words around it
    """

    name: Annotated[str, msgspec.Meta(max_length=200)]
    type: Short
    context: Short = ""


@frozen
class Action:
    """Something that was done."""

    verb: Short
    object: Short
    details: Short = ""


@frozen
class Cause:
    """Why something is as it is."""

    relation: Short
    description: Annotated[str, msgspec.Meta(max_length=300)]


@frozen
class StructuredConcepts:
    """What a text is about, part by part."""

    topics: Annotated[tuple[Topic, ...], msgspec.Meta(max_length=8)] = ()
    entities: Annotated[tuple[Entity, ...], msgspec.Meta(max_length=200)] = ()
    actions: Annotated[tuple[Action, ...], msgspec.Meta(max_length=12)] = ()
    causality: Annotated[tuple[Cause, ...], msgspec.Meta(max_length=8)] = ()


@frozen
class Encoding:
    """
    All that is derived from a text.

    @ivar gist: what it says, in a few words
    @ivar summary: what it says, in a few sentences
    @ivar content: its facts, none left out
    @ivar narrative: what happened, where something did
    @ivar outcome: how what it tells of came out
    @ivar salience: how much it seems to matter, 0 to 1
    @ivar type: the kind of memory that it seems to be
    """

    gist: Annotated[str, msgspec.Meta(max_length=GIST)]
    summary: Annotated[str, msgspec.Meta(max_length=SUMMARY)]
    content: Long
    narrative: Long
    concepts: Annotated[tuple[Short, ...], msgspec.Meta(max_length=12)]
    structured_concepts: StructuredConcepts = field(factory=StructuredConcepts)
    significance: Significance = "routine"
    emotional_tone: Tone = "neutral"
    outcome: Outcome = "unknown"
    salience: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    type: Kind = "general"


def as_json(encoding: Encoding) -> dict[str, Any]:
    """The same as plain JSON values, as the metrics take it."""
    made: dict[str, Any] = msgspec.to_builtins(encoding)
    return made
