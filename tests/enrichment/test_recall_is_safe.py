"""Whatever a language model says, a recall brings what it would have brought without one."""

from random import Random

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnemo.enrichment import generated
from mnemo.enrichment.encoding import Encoding, as_json
from mnemo.enrichment.extractive import extract
from mnemo.inference.generation import Generation
from mnemo.memory.recall import Answer
from tests.enrichment.room import EnrichmentTestCase
from tests.inference.fake_generator import FakeGenerator

TEXTS = (
    "We decided to use Postgres v15.1 for the Billing Service.",
    "We decided not to use Kafka for orders: 200 messages a minute.",
    "The Billing Service fails with KeyError in src/pay/main.py at night.",
    "Sarah Chen owns src/pay/main.py.",
    "The cache is not the cause of the latency of 340 ms.",
    "Ferries to Stornoway leave at 10:30.",
)
QUESTIONS = ("which database does billing use", "Sarah Chen", "latency", "kafka orders", "xyzzy")


class RandomWeights:
    """Says anything: noise, half a JSON object, or a whole one that is full of lies."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def __call__(self, request: Generation) -> str:
        kind = self.random.randrange(3)
        if kind == 0:
            return "".join(chr(self.random.randrange(32, 900)) for _ in range(80))
        said = as_json(extract(" ".join(self.random.sample(TEXTS, 2) + list(QUESTIONS))))
        said["type"] = self.random.choice(["decision", "error", "general"])
        said["salience"] = self.random.random()
        said["concepts"] = self.random.sample(QUESTIONS, 3)
        text = msgspec.json.encode(msgspec.convert(said, Encoding)).decode()
        return text[: len(text) // 2] if kind == 1 else text


class Recalls(EnrichmentTestCase):
    def answers(self) -> list[list[tuple[str, float, str]]]:
        answers: list[Answer] = [self.recall(each) for each in QUESTIONS]
        return [
            [(each.memory.id, each.score, each.memory.text) for each in answer.ranked]
            for answer in answers
        ]

    @settings(
        max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(st.integers(0, 2**32))
    def test_a_model_of_random_weights_changes_nothing_that_is_recalled(self, seed: int) -> None:
        self.assert_nothing_changes(seed)

    def test_nor_would_it_if_all_that_it_says_were_kept(self) -> None:
        self.patch(generated, "faults", lambda *_: ())
        self.patch(generated, "_grounded", lambda _, encoding: encoding)
        kept = 0
        for seed in range(8):
            self.assert_nothing_changes(seed)
            for memory in range(1, len(TEXTS) + 1):
                kept += self.derived(f"m{memory}")["type"].model == "fake"
        self.assertGreater(kept, len(TEXTS))

    def assert_nothing_changes(self, seed: int) -> None:
        if not self.done(self.store.projects()):
            for text in TEXTS:
                self.remember(text)
            self.look()
        without = self.answers()
        self.assertTrue(all(without[:-1]))
        enricher = self.enricher(FakeGenerator(RandomWeights(seed)), f"noise {seed}", start=False)
        now = self.clock.seconds()
        enricher.start()
        self.look()
        self.done(enricher.stop())
        self.assertEqual((self.counts().waiting, self.counts().parked), (0, 0))
        # As if no time had passed: it is the model that is looked at, not the clock.
        self.clock.rightNow = now
        self.assertEqual(self.answers(), without)
