"""The store against a dict: whatever is done to it, it holds and finds what the dict does."""

import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.interfaces import UnknownMemory
from mnemo.store.records import NEVER, NewMemory, Version
from mnemo.store.search import Filter
from tests.store.inline import open_store, result_of
from tests.store.sqlite.samples import DIMENSIONS, NOW, embed, found, word

PROJECTS = st.sampled_from(["", "p", "q"])
TYPES = st.sampled_from(["decision", "error", "insight"])
SALIENCES = st.sampled_from([0.0, 0.3, 0.6, 1.0])
RELATIONS = st.sampled_from(["similar", "caused_by", "supersedes"])
QUERIES = st.sampled_from(["q1", "q2"])
QUALITIES = st.sampled_from(["helpful", "partial", "irrelevant"])
TIMES = st.sampled_from([10.0, 20.0, 30.0])
FADES = st.sampled_from([500.0, NOW, NOW + 1, NEVER])
CONCEPTS = st.lists(st.sampled_from(["x", "X", "é", "É"]), unique=True, max_size=2).map(tuple)

FILTERS = st.builds(
    Filter,
    now=st.just(NOW),
    project=st.none() | PROJECTS,
    types=st.lists(TYPES, unique=True, max_size=2).map(tuple),
    state=st.sampled_from([None, "active", "fading", "archived"]),
    since=st.none() | TIMES,
    until=st.none() | TIMES,
    min_salience=SALIENCES,
    concepts=CONCEPTS,
    exclude_concepts=CONCEPTS,
)


def passes(memory: dict[str, Any], wanted: Filter) -> bool:
    """What a filter means, said once more and as plainly as can be."""
    concepts = {concept.casefold() for concept in memory["concepts"]}
    state = "active" if memory["fades"] > wanted.now else "fading"
    if memory["archived"]:
        state = "archived"
    return (
        (state == wanted.state if wanted.state else state != "archived")
        and wanted.project in (None, memory["project"])
        and (not wanted.types or memory["type"] in wanted.types)
        and (wanted.since is None or wanted.since <= memory["created"])
        and (wanted.until is None or memory["created"] < wanted.until)
        and memory["salience"] >= wanted.min_salience
        and (not wanted.concepts or any(each.casefold() in concepts for each in wanted.concepts))
        and not any(each.casefold() in concepts for each in wanted.exclude_concepts)
    )


def new(id: str, text: str, fields: dict[str, Any]) -> NewMemory:
    return NewMemory(id=id, text=text, source="agent", session="", **fields)


class StoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir="."))
        self.clock = Clock()
        self.memories: dict[str, dict[str, Any]] = {}
        self.purged: set[str] = set()
        self.links: set[tuple[str, str, str]] = set()
        self.judged: dict[tuple[str, str], str] = {}
        self.counter = self.twins = 0
        self.random = np.random.default_rng(7)
        self.store = open_store(self.directory, self.clock)

    def teardown(self) -> None:
        result_of(self.store.stop())
        shutil.rmtree(self.directory)

    @initialize()
    def use_a_model(self) -> None:
        result_of(self.store.vectors.use_model("m", DIMENSIONS))

    def some(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.memories)))

    def new_word(self) -> str:
        """A word that was never said before."""
        self.counter += 1
        return word(self.counter)

    def matching(self, wanted: Filter) -> set[str]:
        return {each for each, memory in self.memories.items() if passes(memory, wanted)}

    # -- what changes it

    @rule(
        project=PROJECTS,
        type=TYPES,
        salience=SALIENCES,
        fades=FADES,
        created=TIMES,
        concepts=CONCEPTS,
    )
    def add(self, **fields: Any) -> None:
        said = self.new_word()
        one = f"m{self.counter}"
        text = f"{said} and the common rest"
        kept = result_of(self.store.add(new(one, text, fields)))
        assert kept.text == text
        self.held(one, text, said, fields)

    def held(self, one: str, text: str, said: str, fields: dict[str, Any]) -> None:
        self.memories[one] = {
            "text": text,
            "word": said,
            "versions": [],
            "updated": fields["created"],
            "archived": False,
            "vector": None,
            **fields,
        }

    @precondition(lambda self: self.memories)
    @rule(
        data=st.data(),
        again=st.booleans(),
        spaces=st.sampled_from(["", " ", "\n"]),
        replaces=st.booleans(),
        relation=RELATIONS,
        type=TYPES,
        concepts=CONCEPTS,
        created=TIMES,
    )
    def remember(self, data: st.DataObject, again: bool, spaces: str, **fields: Any) -> None:
        """Keep a text once in a project, link it, and perhaps let it replace another."""
        other, relation = self.memories[old := self.some(data)], fields.pop("relation")
        said = other["word"] if again else self.new_word()
        text = other["text"] + spaces if again else f"{said} and the common rest"
        supersedes = self.some(data) if fields.pop("replaces") else ""
        fields |= {"project": other["project"], "salience": 0.6, "fades": NEVER}
        self.twins += again
        one = f"twin{self.twins}" if again else f"m{self.counter}"
        twins = [
            each
            for each, memory in self.memories.items()
            if (memory["project"], memory["type"]) == (other["project"], fields["type"])
            and memory["text"].rstrip() == text.rstrip()
            and not memory["archived"]
        ]
        made = evolve(new(one, text, fields), links=((old, relation),))
        kept = result_of(self.store.keep(made, supersedes))
        assert kept.duplicate == bool(twins)
        if twins:
            one = kept.memory.id
            assert one in twins
            added = (*self.memories[one]["concepts"], *fields["concepts"])
            self.memories[one]["concepts"] = tuple(dict.fromkeys(added))
        else:
            self.held(one, text, said, fields)
        if one != old:
            self.links.add((one, old, relation))
        if supersedes and supersedes != one:
            self.links.add((one, supersedes, "supersedes"))
            self.memories[supersedes]["archived"] = True
        self.check_links(one)

    @precondition(lambda self: len(self.memories) > 1)
    @rule(data=st.data(), relation=RELATIONS)
    def link(self, data: st.DataObject, relation: Any) -> None:
        one, other = self.some(data), self.some(data)
        if one != other:
            result_of(self.store.link(one, other, relation))
            self.links.add((one, other, relation))
            self.check_links(one)

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), query=QUERIES, quality=QUALITIES)
    def judge(self, data: st.DataObject, query: str, quality: Any) -> None:
        one = self.some(data)
        earlier = result_of(self.store.record_feedback(query, [one, "nobody"], quality, NOW))
        assert earlier == {one: self.judged.get((query, one))}
        self.judged[query, one] = quality
        again = result_of(self.store.record_feedback(query, [one], quality, NOW))
        assert again == {one: quality}

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), now=st.sampled_from([100.0, 200.0]))
    def amend(self, data: st.DataObject, now: float) -> None:
        one, said = self.some(data), self.new_word()
        memory = self.memories[one]
        earlier = Version(len(memory["versions"]) + 1, memory["text"], memory["updated"], now)
        memory["versions"].append(earlier)
        memory.update(text=f"now {said}", word=said, updated=now, vector=None)
        result_of(self.store.amend(one, memory["text"], now))

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), archived=st.booleans())
    def archive(self, data: st.DataObject, archived: bool) -> None:
        one = self.some(data)
        assert result_of(self.store.archive([one, "nobody"], archived, NOW)) == [one]
        self.memories[one]["archived"] = archived

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), salience=SALIENCES, fades=FADES)
    def set_salience(self, data: st.DataObject, salience: float, fades: float) -> None:
        one = self.some(data)
        result_of(self.store.set_salience({one: (salience, fades)}))
        self.memories[one].update(salience=salience, fades=fades)

    @precondition(lambda self: self.memories)
    @rule(data=st.data())
    def purge(self, data: st.DataObject) -> None:
        one = self.some(data)
        assert result_of(self.store.purge([one])) == [one]
        self.purged.add(self.memories.pop(one)["word"])
        self.links = {each for each in self.links if one not in each[:2]}
        self.judged = {key: said for key, said in self.judged.items() if key[1] != one}
        try:
            result_of(self.store.amend(one, "x", NOW))
        except UnknownMemory:
            pass
        else:
            raise AssertionError("a purged memory was amended")

    @precondition(lambda self: self.memories)
    @rule(data=st.data())
    def embed(self, data: st.DataObject) -> None:
        one = self.some(data)
        vector = self.random.normal(size=DIMENSIONS).astype(np.float32)
        vector /= np.linalg.norm(vector)
        self.memories[one]["vector"] = vector
        embed(self.store, {one: vector})

    # -- what must change nothing

    @rule(seconds=st.sampled_from([0.1, 1.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(without=st.sampled_from([None, "index", "index/text", "index/vectors"]))
    def reopen(self, without: str | None) -> None:
        result_of(self.store.stop())
        if without:
            shutil.rmtree(self.directory / without, ignore_errors=True)
        self.store = open_store(self.directory, self.clock)

    @rule()
    def crash(self) -> None:
        """Go on with the files as an end without warning leaves them."""
        left = Path(tempfile.mkdtemp(dir="."))
        # Files of the text index that are merged just now may vanish.
        with contextlib.suppress(shutil.Error):
            shutil.copytree(self.directory, left, dirs_exist_ok=True)
        self.teardown()
        self.directory = left
        self.store = open_store(left, self.clock)

    # -- what must always hold

    @invariant()
    def it_holds_every_memory_as_it_is(self) -> None:
        kept = result_of(self.store.get(sorted(self.memories)))
        assert [each.id for each in kept] == sorted(self.memories)
        for each in kept:
            memory = self.memories[each.id]
            for field in (
                *("text", "type", "project", "salience", "fades", "created", "archived"),
                "concepts",
            ):
                assert getattr(each, field) == memory[field]
            assert each.embedded == (memory["vector"] is not None)
            assert each.version == len(memory["versions"]) + 1

    @precondition(lambda self: self.memories)
    @rule(data=st.data())
    def it_has_the_earlier_texts(self, data: st.DataObject) -> None:
        one = self.some(data)
        assert result_of(self.store.versions(one)) == self.memories[one]["versions"]

    @precondition(lambda self: self.memories)
    @rule(data=st.data())
    def it_has_the_links_from_both_ends(self, data: st.DataObject) -> None:
        self.check_links(self.some(data))

    def check_links(self, one: str) -> None:
        known = result_of(self.store.links([one]))[one]
        expected = {(b, relation, True) for a, b, relation in self.links if a == one}
        expected |= {(a, relation, False) for a, b, relation in self.links if b == one}
        assert len(known) == len(expected)
        assert {(each.id, each.relation, each.outgoing) for each in known} == expected

    @rule(wanted=FILTERS, limit=st.integers(1, 5))
    def it_lists_the_newest_that_pass(self, wanted: Filter, limit: int) -> None:
        order = {one: number for number, one in enumerate(self.memories)}
        expected = sorted(
            (-self.memories[one]["created"], -order[one], one) for one in self.matching(wanted)
        )
        listed = result_of(self.store.newest(wanted, limit))
        assert [each.id for each in listed] == [one for *_, one in expected[:limit]]

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), wanted=FILTERS)
    def it_finds_a_memory_by_its_word_where_it_passes(
        self, data: st.DataObject, wanted: Filter
    ) -> None:
        said = self.memories[self.some(data)]["word"]
        fit = {one for one in self.matching(wanted) if self.memories[one]["word"] == said}
        candidates = found(self.store, said, wanted=wanted, limit=1)
        assert set(candidates) <= fit
        assert len(candidates) == min(len(fit), 1)

    @rule(wanted=FILTERS)
    def it_finds_all_that_pass_by_a_common_word(self, wanted: Filter) -> None:
        expected = {one for one in self.matching(wanted) if "common" in self.memories[one]["text"]}
        assert set(found(self.store, "common", wanted=wanted, limit=99)) == expected

    @precondition(lambda self: self.memories)
    @rule(data=st.data(), wanted=FILTERS)
    def it_finds_what_is_nearest(self, data: st.DataObject, wanted: Filter) -> None:
        one = self.some(data)
        asked = self.memories[one]["vector"]
        if asked is None:
            return
        cosines = {
            one: float(asked @ self.memories[one]["vector"])
            for one in self.matching(wanted)
            if self.memories[one]["vector"] is not None
        }
        candidates = found(self.store, vector=asked, wanted=wanted, limit=99)
        assert set(candidates) == set(cosines)
        for one, cosine in cosines.items():
            score = candidates[one].cosine
            assert score is not None
            assert abs(score - cosine) < 0.01
        if one in candidates:
            assert set(found(self.store, vector=asked, wanted=wanted, limit=1)) == {
                max(cosines, key=lambda each: cosines[each])
            }

    @precondition(lambda self: self.purged)
    @rule()
    def it_finds_nothing_that_was_purged(self) -> None:
        for said in self.purged - {each["word"] for each in self.memories.values()}:
            assert found(self.store, said, wanted=Filter(now=NOW)) == {}

    @rule()
    def it_counts_what_there_is(self) -> None:
        counts = result_of(self.store.statistics(NOW))
        for state in ("active", "fading", "archived"):
            assert getattr(counts, state) == len(self.matching(Filter(now=NOW, state=state)))
        assert dict(counts.feedback) == Counter(self.judged.values())
        assert counts.unembedded == sum(each["vector"] is None for each in self.memories.values())

    @rule()
    def each_leg_works(self) -> None:
        assert result_of(self.store.self_test(NOW)) == {"text": "", "vector": ""}


class Machine(SynchronousTestCase):
    def test_it_holds_and_finds_what_a_dict_does(self) -> None:
        run_state_machine_as_test(
            StoreMachine,
            settings=settings(
                max_examples=20,
                stateful_step_count=40,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
