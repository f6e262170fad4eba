"""What is left of a year of work: everything that was meant to be kept, and nothing else."""

import re
import sqlite3
import tempfile
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.moments import iso
from mnemo.sessions.interfaces import Session
from mnemo.store.understanding import GIST_SOURCE
from tests.lifecycle.year import PROJECTS, QUARTERS, RESTARTS, Fact, Year

NEAR = 10
"""Among so many answers the right one always is."""

THIRD = 3
"""At this place or before it the right one nearly always is."""

ASKED = 30
"""Of how many facts something is asked where to ask of all would take too long."""


@cache
def lived() -> tuple[Year, dict[str, Session]]:
    """A year, and a session in each project for what the tests ask."""
    year = Year(Path(tempfile.mkdtemp(dir=".")))
    year.live()
    return year, {each: year.house.session(each) for each in PROJECTS}


class YearTestCase(SynchronousTestCase):
    """The tests look at one year, which is lived once; what they do to it, they undo."""

    def setUp(self) -> None:
        self.year, self.asking = lived()
        self.house = self.year.house

    def facts(self, *kinds: str) -> list[Fact]:
        """Those that are there, and that nothing has made hard to find."""
        return [
            each
            for each in self.year.facts.values()
            if each.kind in kinds and not (each.forgotten or each.purged or each.suppressed)
        ]

    def assert_nearly_all_first(self, ranks: list[int]) -> None:
        self.assertGreater(sum(rank <= THIRD for rank in ranks) / len(ranks), 0.85)
        self.assertGreater(sum(1 / rank for rank in ranks) / len(ranks), 0.75)

    def some(self, facts: list[Fact]) -> list[Fact]:
        return Random(1).sample(facts, min(ASKED, len(facts)))

    def call(self, project: str, name: str, **arguments: Any) -> dict[str, Any]:
        return self.house.call(self.asking[project], name, **arguments)

    def ask(self, fact: Fact, question: str = "", **more: Any) -> list[dict[str, Any]]:
        """What is found for a question, in the fact's project."""
        arguments = {"limit": NEAR, "max_tokens": 20_000, **more}
        answer = self.call(fact.project, "recall", query=question or fact.question, **arguments)
        memories: list[dict[str, Any]] = answer["memories"]
        return memories

    def found(self, fact: Fact, question: str = "", **more: Any) -> list[str]:
        return [each["id"] for each in self.ask(fact, question, **more)]


class Living(YearTestCase):
    def test_the_year_was_a_full_one(self) -> None:
        year = self.year
        self.assertGreater(year.sessions, 200)
        self.assertGreater(len(self.facts("decision")), 150)
        self.assertGreater(len(self.facts("handoff")), 100)
        self.assertGreater(len(year.looked), 150)
        self.assertGreater(sum(len(each.texts) > 1 for each in year.facts.values()), 20)
        self.assertGreater(sum(each.superseded for each in year.facts.values()), 20)
        self.assertGreater(sum(each.suppressed for each in year.facts.values()), 10)
        self.assertGreater(len(year.secrets), 10)
        self.assertGreater(len(RESTARTS), 7)
        self.assertTrue(year.crashed)

    def test_each_session_began_with_the_note_of_the_one_before(self) -> None:
        kinds = set()
        for number, start in enumerate(self.year.starts):
            self.assertEqual(start.shown, start.expected, f"session {number}")
            kinds.add(start.expected and start.expected[0])
        self.assertEqual(kinds, {"handoff", "draft", None})

    def test_decisions_were_found_all_year(self) -> None:
        ranks = [each.rank for each in self.year.looked]
        self.assertEqual([rank for rank in ranks if not 0 < rank <= NEAR], [])
        self.assert_nearly_all_first(ranks)
        for each in self.year.looked:
            said = next(one for one in each.found["memories"] if one["id"] == each.fact.id)
            self.assertIn(said["text"], [text for _, text in each.fact.texts])

    def test_what_was_offered_was_new_to_its_session_and_not_put_away(self) -> None:
        self.assertEqual(self.year.offers, [])
        self.assertGreater(self.year.offered, 50)


class Keeping(YearTestCase):
    def test_every_decision_and_handoff_is_found_by_its_question_word_for_word(self) -> None:
        for kind in ("decision", "handoff"):
            ranks = []
            for fact in self.facts(kind):
                said = {each["id"]: each for each in self.ask(fact)}
                self.assertIn(fact.id, said, fact.question)
                self.assertEqual(said[fact.id]["text"], fact.text)
                self.assertEqual(said[fact.id]["state"], "active")
                ranks.append(list(said).index(fact.id) + 1)
            self.assert_nearly_all_first(ranks)

    def test_every_other_word_is_kept_too(self) -> None:
        kept = self.house.wait(self.house.store.get(list(self.year.facts)))
        texts = {each.id: each.text for each in kept}
        expected = {each.id: each.text for each in self.year.facts.values() if not each.purged}
        self.assertEqual(texts, expected)

    def test_every_earlier_text_is_kept_with_the_time_in_which_it_held(self) -> None:
        for fact in self.facts("decision"):
            checked = self.call(fact.project, "check_memory", memory_id=fact.id)
            earlier = [each["text"] for each in checked.get("versions", ())]
            self.assertEqual(earlier, [text for _, text in fact.texts[:-1]])

    def test_a_decision_comes_before_those_it_has_replaced_and_leads_to_them(self) -> None:
        heads = [each for each in self.facts("decision") if each.supersedes]
        self.assertGreater(len(heads), 15)
        for head in heads:
            chain = [head]
            while (older := chain[-1].supersedes) is not None:
                chain.append(older)
            found = self.found(head)
            self.assertIn(head.id, found)
            self.assertEqual([each.id for each in chain[1:] if each.id in found], [])
            for newer, older in pairwise(chain):
                checked = self.call(head.project, "check_memory", memory_id=newer.id)
                self.assertIn(
                    {"memory_id": older.id, "relation": "supersedes", "outgoing": True},
                    checked["associations"],
                )
                old = self.call(head.project, "check_memory", memory_id=older.id)["memory"]
                self.assertEqual((old["text"], old["state"]), (older.text, "archived"))

    def test_each_quarter_answers_as_of_then(self) -> None:
        self.assertEqual(len(self.year.quarters), len(QUARTERS))
        for moment in self.year.quarters:
            there = [
                each
                for each in self.year.facts.values()
                if each.kind == "decision" and each.text_at(moment) is not None
            ]
            ranks = []
            for fact in self.some(there):
                said = {each["id"]: each for each in self.ask(fact, as_of=iso(moment), limit=20)}
                self.assertIn(fact.id, said, fact.question)
                self.assertEqual(said[fact.id]["text"], fact.text_at(moment))
                ranks.append(list(said).index(fact.id) + 1)
                for one, each in said.items():
                    self.assertEqual(each["text"], self.year.facts[one].text_at(moment))
            self.assertGreater(sum(rank <= THIRD for rank in ranks) / len(ranks), 0.75)

    def test_the_counts_add_up(self) -> None:
        there = [each for each in self.year.facts.values() if not each.purged]
        kept = [each for each in there if not each.forgotten]
        status = self.call(PROJECTS[0], "status")
        counts = status["memories"]
        self.assertEqual(counts["archived"], len(there) - len(kept))
        self.assertEqual(counts["active"] + counts["fading"], len(kept))
        self.assertGreater(counts["fading"], 100)
        for project in PROJECTS:
            self.assertEqual(
                status["by_project"][project], sum(each.project == project for each in kept)
            )
        for kind in ("decision", "handoff", "error", "insight", "general"):
            self.assertEqual(status["by_type"][kind], sum(each.kind == kind for each in kept))
        self.assertEqual(sum(status["feedback"].values()), self.year.judgements)
        self.assertEqual(status["sessions_live"], len(self.asking))
        self.assertEqual(status["degraded"], [])


class Sinking(YearTestCase):
    def test_noise_sinks_below_decisions_that_say_as_much(self) -> None:
        months = sorted(self.year.sunk.items())
        ranks = [sum(each.rank for each in seen) / len(seen) for _, seen in months]
        self.assertLess(ranks[0], 4.5, "what was just found out comes before an older decision")
        self.assertEqual(ranks, sorted(ranks))
        self.assertEqual(ranks[-1], 6.5, "all noise comes behind all decisions")

    def test_it_weighs_less_every_month_until_it_weighs_nothing(self) -> None:
        months = sorted(self.year.sunk.items())
        priors = [max(each.prior for each in seen) for _, seen in months]
        weighing = [prior for prior in priors if prior]
        self.assertEqual(priors[: len(weighing)], weighing)
        for before, after in pairwise(weighing):
            self.assertLess(after, before)
        self.assertEqual(len(weighing), 5)

    def test_what_lasts_and_what_is_pinned_does_not_sink(self) -> None:
        for fact in self.facts("decision", "handoff"):
            checked = self.call(fact.project, "check_memory", memory_id=fact.id)["memory"]
            self.assertEqual(checked["state"], "active")
        old = min(self.facts("insight"), key=lambda each: each.created)
        for pinned, state in ((True, "active"), (False, "fading")):
            self.call(old.project, "pin", memory_id=old.id, pinned=pinned)
            checked = self.call(old.project, "check_memory", memory_id=old.id)["memory"]
            self.assertEqual(checked["state"], state)


class PuttingAway(YearTestCase):
    def test_what_was_irrelevant_again_and_again_is_suppressed_until_it_helps(self) -> None:
        away = [
            each
            for each in self.year.facts.values()
            if each.suppressed and not each.forgotten and not each.purged
        ]
        self.assertGreater(len(away), 10)
        for fact in away:
            self.assertNotIn(fact.id, self.found(fact, fact.text, limit=20))
            self.assertTrue(self.call(fact.project, "check_memory", memory_id=fact.id)["found"])
        back = away[0]
        self.call(back.project, "feedback", query="now", memory_ids=[back.id], quality="helpful")
        self.assertIn(back.id, self.found(back, back.text))
        self.year.judgements += 1
        back.irrelevant = 0

    def test_what_was_forgotten_is_gone_and_comes_back_when_it_is_wanted(self) -> None:
        gone = [each for each in self.year.facts.values() if each.forgotten and not each.purged]
        self.assertGreater(len(gone), 30)
        for fact in self.some(gone):
            self.assertNotIn(fact.id, self.found(fact, fact.text, limit=20))
            self.assertIn(fact.id, self.found(fact, fact.text, limit=20, state="archived"))
        back = next(each for each in gone if not each.suppressed)
        self.call(back.project, "forget", memory_id=back.id, restore=True)
        self.assertIn(back.id, self.found(back, back.text, limit=20))
        self.call(back.project, "forget", memory_id=back.id)

    def test_what_was_removed_for_good_has_left_no_trace(self) -> None:
        pattern = re.compile("|".join(self.year.secrets).encode(), re.IGNORECASE)
        self.house.settle()
        for path in self.house.directory.rglob("*"):
            if path.is_file():
                self.assertIsNone(pattern.search(path.read_bytes()), path)
        for fact in self.year.facts.values():
            if fact.purged:
                checked = self.call(fact.project, "check_memory", memory_id=fact.id)
                self.assertFalse(checked["found"])


class Repeating(YearTestCase):
    def test_what_works_in_the_background_changes_nothing_when_it_is_done_again(self) -> None:
        self.house.enrich()
        self.house.settle()
        before = self.everything()
        self.house.drafter.session_ended()
        self.house.memories.comparing.embedded()
        self.house.enrich()
        self.assertEqual(self.everything(), before)
        self.house.close()
        self.house.open()
        self.house.enrich()
        self.assertEqual(self.everything(), before)

    def everything(self) -> dict[str, list[tuple[object, ...]]]:
        """All that is kept, but for what was asked and how far the indexes are."""
        db = sqlite3.connect(self.house.directory / "memory.sqlite3")
        tables = db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            " AND name NOT IN ('queries', 'state', 'sessions')"
        )
        kept = {
            name: sorted(db.execute(f"SELECT * FROM {name}"), key=repr)
            for (name,) in tables.fetchall()
        }
        db.close()
        self.assertGreater(len(kept["memories"]), 500)
        self.assertGreater(len(kept["derived"]), 500)
        self.assertGreater(len(kept["drafts"]), 50)
        return kept


class Studying(YearTestCase):
    """The same year, in which somebody then has patterns and gists looked for."""

    def test_nothing_that_was_kept_is_lost_by_it(self) -> None:
        house = self.house.copied()
        self.addCleanup(house.close)
        house.study()
        sources = house.wait(house.store.statistics(0.0)).by_source
        self.assertGreater(sources[GIST_SOURCE], 0)
        self.assertGreater(len(house.wait(house.store.understanding.patterns())), 0)
        there = [each for each in self.year.facts.values() if not each.purged]
        kept = house.wait(house.store.get([each.id for each in there]))
        self.assertEqual(
            [(each.id, each.text, each.archived) for each in kept],
            [(each.id, each.text, bool(each.forgotten)) for each in there],
        )
        asking = {each: house.session(each) for each in PROJECTS}
        for fact in self.facts("decision", "handoff"):
            found = house.call(
                asking[fact.project], "recall", query=fact.question, limit=NEAR, max_tokens=20_000
            )
            said = {each["id"]: each["text"] for each in found["memories"]}
            self.assertEqual(said.get(fact.id), fact.text, fact.question)
