from collections.abc import Callable
from random import Random

import msgspec
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.entities import folded
from mnemo.enrichment.extractive import extract
from mnemo.inference.generation import Generation
from mnemo.store.index.analyser import terms
from mnemo.store.understanding import Abstraction
from mnemo.understanding import insights
from mnemo.understanding import studying as studies
from tests.enrichment.room import faithful
from tests.inference.fake_generator import FakeGenerator
from tests.understanding.room import OTHERS, PATTERNS, POOL, UnderstandingTestCase

KIN = (
    "The billing service leaks sockets under load, says Anna.",
    "Under load the billing service leaks sockets, says Anna.",
    "Anna says under load the billing service leaks sockets.",
    "Anna says the billing service leaks sockets under load.",
)
"""A little like L{POOL}, and another matter."""

MATERIAL = "TEXT:\n"


def made_of(request: Generation) -> str:
    """The sentences that a model is shown."""
    last = request.prompt[1]
    assert not isinstance(last, str)
    return str(last.content).removeprefix(MATERIAL)


class Abstracting(UnderstandingTestCase):
    def abstraction(self) -> Abstraction:
        (found,) = self.abstractions()
        return found

    def test_a_strong_pattern_comes_to_the_sentence_that_its_memories_share_most(self) -> None:
        self.studying(PATTERNS)
        kept = self.recurring()
        self.look()
        found = self.abstraction()
        self.assertIn(found.statement, POOL)
        self.assertEqual((found.model, found.level), ("extractive", 1))
        self.assertEqual(set(found.evidence), {each.id for each in kept})
        self.assertEqual(found.patterns, tuple(each.id for each in self.patterns()))

    def test_a_weak_one_comes_to_nothing(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:3])
        self.look()
        self.assertEqual((len(self.patterns()), self.abstractions()), (1, []))
        self.assertEqual(self.waiting("insights"), 0)

    def test_the_same_again_is_not_made_again(self) -> None:
        generator = FakeGenerator(lambda request: faithful(made_of(request)))
        self.studying(PATTERNS, generator)
        self.recurring()
        self.look()
        before, asked = self.abstraction(), len(generator.requests)
        self.patch(studies, "_VERSIONS", {"patterns": "next", "gists": "next"})
        self.look()
        self.assertEqual((self.abstraction(), len(generator.requests)), (before, asked))

    def test_patterns_that_are_alike_come_to_one_and_what_is_left_of_it_is_said_anew(self) -> None:
        self.patch(insights, "ALIKE", 0.3)
        self.studying(PATTERNS)
        pools, kin = self.recurring(), self.recurring(KIN)
        self.look()
        self.assertEqual(len(self.patterns()), 2)
        found = self.abstraction()
        self.assertEqual((found.level, len(found.patterns)), (2, 2))
        for line in found.statement.splitlines():
            self.assertIn(line, (*POOL, *KIN))
        self.done(self.store.purge([each.id for each in kin]))
        self.assertEqual(self.abstractions(), [])
        self.look()
        left = self.abstraction()
        self.assertEqual((left.id, set(left.evidence)), (found.id, {each.id for each in pools}))
        self.assertIn(left.statement, POOL)

    def test_it_grows_with_its_pattern_and_keeps_its_id(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:4])
        self.look()
        before = self.abstraction()
        self.recurring(POOL[4:])
        self.look()
        after = self.abstraction()
        self.assertEqual((after.id, len(after.evidence)), (before.id, 5))

    def test_a_dismissed_one_stays_so_when_its_pattern_grows(self) -> None:
        self.studying(PATTERNS)
        self.recurring(POOL[:4])
        self.look()
        self.done(self.store.understanding.dismiss_abstraction(self.abstraction().id, 1.0))
        self.recurring(POOL[4:])
        self.look()
        self.assertEqual((self.abstractions(), len(self.patterns())), ([], 1))

    def test_a_dismissed_pattern_comes_to_nothing(self) -> None:
        self.recurring()
        self.studying(PATTERNS)
        self.patch(studies.Studying, "works", ("patterns",))
        self.look()
        self.done(self.store.understanding.dismiss_pattern(self.patterns()[0].id, 1.0))
        self.patch(studies.Studying, "works", ("patterns", "insights"))
        self.look()
        self.assertEqual(self.abstractions(), [])


class WithAModel(UnderstandingTestCase):
    def said(self, say: Callable[[Generation], str]) -> Abstraction:
        self.studying(PATTERNS, FakeGenerator(say))
        self.recurring(tuple(text.replace("billing", "Billing") for text in POOL))
        self.look()
        (found,) = self.abstractions()
        return found

    def test_its_summary_is_kept_where_it_says_nothing_else(self) -> None:
        summary = "The connection pool of the Billing service runs out."
        found = self.said(lambda request: faithful(made_of(request), summary=summary))
        self.assertEqual((found.statement, found.model), (summary, "fake"))

    def test_another_word_is_refused_and_that_is_told(self) -> None:
        summary = "The connection pool of the Billing service leaks."
        found = self.said(lambda request: faithful(made_of(request), summary=summary))
        self.assertEqual(found.model, "extractive")
        self.assertIn("words that the memories do not have", str(found.scores["refused"]))

    def test_a_negation_that_nobody_wrote_is_refused(self) -> None:
        summary = "The connection pool of the Billing service does not run out."
        found = self.said(lambda request: faithful(made_of(request), summary=summary))
        self.assertEqual(found.model, "extractive")

    def test_another_model_makes_it_anew_and_none_does_not(self) -> None:
        first = "The connection pool of the Billing service runs out."
        second = "The connection pool of the Billing service runs out again."
        generator = FakeGenerator(lambda request: faithful(made_of(request), summary=summary))
        summary = first
        self.studying(PATTERNS, generator)
        self.recurring(tuple(text.replace("billing", "Billing") for text in POOL))
        self.look()
        self.assertEqual([each.statement for each in self.abstractions()], [first])
        summary, model, generator.model = second, generator.model, None
        self.look()
        self.assertEqual([each.statement for each in self.abstractions()], [first])
        assert model is not None
        generator.model = evolve(model, name="another")
        self.look()
        self.assertEqual([each.statement for each in self.abstractions()], [second])

    def test_another_version_of_the_prompt_makes_it_anew(self) -> None:
        generator = FakeGenerator(lambda request: faithful(made_of(request)))
        self.studying(PATTERNS, generator)
        self.recurring()
        self.look()
        asked = len(generator.requests)
        self.look()
        self.assertEqual(len(generator.requests), asked)
        self.patch(studies, "PROMPT_VERSION", "next")
        self.look()
        self.assertGreater(len(generator.requests), asked)
        self.assertEqual(len(self.abstractions()), 1)

    def test_without_the_model_it_is_copied_for_the_time_being(self) -> None:
        generator = FakeGenerator("never")
        generator.problem = "it does not load"
        self.studying(PATTERNS, generator)
        self.recurring()
        self.look()
        (found,) = self.abstractions()
        self.assertEqual(found.model, "extractive")

    @settings(
        max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(0, 2**32))
    def test_a_model_of_random_weights_cannot_put_an_invention_in(self, seed: int) -> None:
        random = Random(seed)
        lies = ("Kafka was dropped", "never restart it", "on port 8080", "by Zebulon", *OTHERS)

        def say(request: Generation) -> str:
            kind = random.randrange(3)
            if kind == 0:
                return "".join(chr(random.randrange(32, 900)) for _ in range(80))
            text = made_of(request)
            lie = random.choice(lies)
            said = as_json(extract(f"{text} {lie}"))
            said["summary"] = random.choice((f"{said['summary'][:300]} {lie}", lie))
            whole = msgspec.json.encode(msgspec.convert(said, Encoding)).decode()
            return whole[: len(whole) // 2] if kind == 1 else whole

        project = f"p{seed}"
        made = self.studying(PATTERNS, FakeGenerator(say), start=False)
        kept = self.recurring(project=project)
        made.start()
        self.look()
        self.done(made.stop())
        found = [each for each in self.abstractions() if each.project == project]
        self.assertEqual(len(found), 1)
        there = {term for each in kept for term in terms(each.text)}
        for line in (found[0].statement, found[0].title):
            self.assertLessEqual(set(terms(line)), there)
        self.assertIn(folded(found[0].statement.splitlines()[0]), map(folded, POOL))
