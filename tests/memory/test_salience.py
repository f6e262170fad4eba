import math

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.salience import (
    FADING_BELOW,
    HALF_LIFE,
    INITIAL,
    clamp,
    fades,
    strength,
)
from mnemo.store.records import NEVER
from tests.memory.samples import memory

DAY = 86400.0


class Salience(SynchronousTestCase):
    def test_it_begins_with_what_the_type_is_worth(self) -> None:
        self.assertEqual(
            INITIAL,
            {
                "general": 0.7,
                "decision": 0.85,
                "error": 0.8,
                "insight": 0.9,
                "learning": 0.8,
                "handoff": 0.95,
            },
        )

    @given(st.floats())
    def test_it_stays_within_0_and_1(self, salience: float) -> None:
        self.assertTrue(0 <= clamp(salience) <= 1)

    def test_decisions_and_handoffs_never_fade(self) -> None:
        self.assertEqual(fades("decision", 0.1, 0), NEVER)
        self.assertEqual(fades("handoff", 0.95, 0), NEVER)

    def test_a_general_memory_fades_after_110_days(self) -> None:
        self.assertEqual(round(fades("general", 0.7, 1000 * DAY) / DAY), 1110)

    def test_what_matters_too_little_fades_at_once(self) -> None:
        self.assertEqual(fades("general", 0.3, 50.0), 50.0)
        self.assertEqual(fades("general", 0.0, 50.0), 50.0)

    @given(st.floats(0.31, 1), st.floats(0, 4e9))
    def test_it_fades_when_its_strength_falls_to_the_bound(
        self, salience: float, since: float
    ) -> None:
        sample = memory(salience=salience, updated=since)
        self.assertTrue(
            math.isclose(
                strength(sample, fades("error", salience, since)), FADING_BELOW, rel_tol=1e-6
            )
        )


class Strength(SynchronousTestCase):
    def test_it_halves_once_a_half_life(self) -> None:
        sample = memory(salience=0.8, updated=5.0)
        self.assertEqual(strength(sample, 5.0), 0.8)
        self.assertEqual(strength(sample, 5.0 + HALF_LIFE), 0.4)

    def test_it_is_counted_from_the_last_amendment(self) -> None:
        sample = memory(salience=0.8, created=0.0, updated=HALF_LIFE)
        self.assertEqual(strength(sample, HALF_LIFE), 0.8)

    def test_what_never_fades_keeps_all_of_it(self) -> None:
        sample = evolve(memory(salience=0.8), fades=NEVER)
        self.assertEqual(strength(sample, 1e12), 0.8)

    def test_a_clock_that_was_set_back_adds_none(self) -> None:
        self.assertEqual(strength(memory(salience=0.8, updated=100.0), 1.0), 0.8)

    @given(st.floats(0, 1), st.floats(0, 4e9), st.floats(0, 4e9))
    def test_it_never_grows(self, salience: float, one: float, other: float) -> None:
        sample = memory(salience=salience, updated=0.0)
        early, late = sorted((one, other))
        self.assertTrue(0 <= strength(sample, late) <= strength(sample, early) <= 1)
