"""
What several memories of one or more patterns come to.

Without a language model it is copied: the sentences whose words they share most. With one it is
its summary of these sentences, if that says nothing that they do not; else they are copied.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from attrs import frozen

from mnemo.enrichment import extractive
from mnemo.enrichment.generated import PROMPT_VERSION, Derived
from mnemo.memory.ids import MakeId
from mnemo.store.records import Memory
from mnemo.store.understanding import Abstraction, FoundAbstraction, Kin, Pattern
from mnemo.understanding.strength import strength
from mnemo.understanding.wording import Sentence, central, says_nothing_else, title

VERSION: Final = "1"
"""Raised whenever what is abstracted changes, so that all is made anew."""

ALIKE: Final = 0.6
"""The least cosine of the middles of two patterns that are abstracted together."""

MOST: Final = 6
"""How many patterns are abstracted together at most."""

LEAST: Final = 0.3
"""The strength from which a pattern can be part of an abstraction."""

ALONE: Final = 0.5
"""The strength from which a pattern makes one by itself."""

SENTENCES: Final = 6
"""How many sentences a model is shown."""

ID: Final = "a"
"""How the ids of abstractions begin."""


@frozen
class Subject:
    """
    What is to be abstracted.

    @ivar known: the abstraction that it is; C{None} for a new one
    """

    known: Abstraction | None
    patterns: tuple[Pattern, ...]
    memories: tuple[str, ...]


def subject(kin: Kin, now: float) -> Subject | None:
    """What a pattern is to be abstracted with; C{None} where there is too little to it."""
    own = kin.patterns[0]
    taken = {key: made for made, keys in kin.abstractions for key in keys}
    # What the pattern is part of already, else what the nearest that is like it is part of.
    known = next((taken[each.key] for each in kin.patterns if each.key in taken), None)
    group = [
        each
        for each in kin.patterns
        if (taken.get(each.key) == known and (each == own or strength(each, now) >= LEAST))
        or each == own
    ]
    enough = max(strength(each, now) for each in group) >= ALONE or len(group) > 1
    if known is None and not (enough and strength(own, now) >= LEAST):
        return None
    memories = dict.fromkeys(one for each in group for one in kin.members[each.key])
    return Subject(known, tuple(group), tuple(memories))


def basis(recipe: str, memories: Sequence[Memory]) -> str:
    """The same for the same texts and the same way to abstract."""
    read = sorted(f"{each.id} {each.version}" for each in memories)
    return blake2b("\n".join([recipe, *read]).encode(), digest_size=16).hexdigest()


def material(memories: Sequence[Memory]) -> tuple[Sentence, ...]:
    """The sentences that an abstraction is made of."""
    return tuple(central([each.text for each in memories], SENTENCES))


def stated(
    subject: Subject,
    memories: Sequence[Memory],
    made_of: Sequence[Sentence],
    derived: Derived | None,
    key: str,
    make_id: MakeId,
) -> FoundAbstraction:
    """
    An abstraction as it is kept.

    @param derived: what a language model says of the sentences; C{None} where none was asked
    @param key: L{basis}
    """
    level = 1 if len(subject.patterns) == 1 else 2
    texts = [each.text for each in memories]
    said = [each.text for each in made_of]
    statement, model, prompt = "\n".join(said[:level]), extractive.MODEL, VERSION
    scores: Mapping[str, object] = {}
    if derived is not None:
        refused = _refused(derived, said)
        scores = {"refused": refused} if refused else derived.scores
        if not refused:
            statement, model, prompt = derived.encoding.summary, derived.model, PROMPT_VERSION
    known = subject.known
    return FoundAbstraction(
        key=known.key if known else None,
        id=known.id if known else make_id(ID),
        project=subject.patterns[0].project,
        level=level,
        title=title(texts, {}, said[0]),
        statement=statement,
        model=model,
        prompt=prompt,
        scores=scores,
        basis=key,
        patterns=tuple(each.key for each in subject.patterns),
        read=tuple((each.key, each.version) for each in memories),
    )


def _refused(derived: Derived, said: Sequence[str]) -> str:
    """Why what a model said is not kept; empty where it is."""
    if derived.refused or derived.model == extractive.MODEL:
        return derived.refused or "no model was asked"
    if not derived.encoding.summary.strip():
        return "it says nothing"
    if not says_nothing_else(derived.encoding.summary, said):
        return "it has words that the memories do not have"
    return ""
