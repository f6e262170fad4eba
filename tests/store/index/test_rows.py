"""The matrix of vectors."""

from collections.abc import Iterable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.index.rows import Rows, products, unit, units


class UnitTests(SynchronousTestCase):
    def test_a_vector_gets_the_length_one(self) -> None:
        made = unit(np.array([3.0, 4.0], dtype=np.float32))
        self.assertEqual(made.dtype, np.float16)
        self.assertEqual(made.tolist(), np.array([0.6, 0.8], dtype=np.float16).tolist())

    def test_very_long_and_very_short_ones_as_well(self) -> None:
        for size in (1e30, 1e-30):
            made = unit(np.array([size, 0.0], dtype=np.float32))
            self.assertEqual(made.tolist(), [1.0, 0.0])

    def test_zeros_stay_zeros(self) -> None:
        self.assertEqual(unit(np.zeros(3, dtype=np.float32)).tolist(), [0.0, 0.0, 0.0])

    def test_what_is_no_number_is_refused(self) -> None:
        for bad in (np.nan, np.inf):
            with self.assertRaises(ValueError):
                unit(np.array([1.0, bad], dtype=np.float32))

    def test_many_at_once_are_as_each_alone(self) -> None:
        vectors = np.random.default_rng(4).standard_normal((50, 8))
        vectors[7] = 0.0
        self.assertEqual(units(vectors).tolist(), [unit(each).tolist() for each in vectors])
        with self.assertRaises(ValueError):
            units(np.array([[1.0, np.nan]]))


class ProductsTests(SynchronousTestCase):
    @settings(max_examples=50, deadline=None)
    @given(st.integers(1, 400), st.integers(0, 30), st.integers(0, 1_000))
    def test_they_are_the_cosines(self, dimensions: int, count: int, seed: int) -> None:
        random = np.random.default_rng(seed)
        rows = [unit(row) for row in random.standard_normal((count, dimensions))]
        matrix = np.array(rows, dtype=np.float16).reshape(count, dimensions)
        query = unit(random.standard_normal(dimensions))
        expected = matrix.astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_allclose(products(query, matrix), expected, atol=2e-3)

    def test_a_vector_has_the_cosine_one_with_itself_and_no_more(self) -> None:
        random = np.random.default_rng(3)
        for _ in range(50):
            row = unit(random.standard_normal(384))
            self.assertTrue(0.999 < products(row, row[np.newaxis])[0] <= 1.0)


class RowsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.rows = Rows(2)

    def fill(self, slots: Iterable[int]) -> None:
        for slot in slots:
            self.rows.put(slot, unit(np.array([1.0, slot], dtype=np.float32)))

    def test_rows_may_be_far_apart(self) -> None:
        self.fill((0, 20_000))
        self.assertTrue(self.rows.has(0) and self.rows.has(20_000))
        self.assertFalse(self.rows.has(1) or self.rows.has(1_000_000))

    def test_a_removed_row_is_overwritten(self) -> None:
        self.fill((5,))
        self.rows.remove(5)
        self.assertFalse(self.rows.has(5))
        self.assertEqual(self.rows.at(np.array([5])).tolist(), [[0.0, 0.0]])

    def test_rows_are_gathered_in_the_order_asked_for(self) -> None:
        self.fill((1, 9_000, 3))
        gathered = self.rows.at(np.array([9_000, 1, 3, 1]))
        self.assertEqual(gathered[1].tolist(), gathered[3].tolist())
        self.assertEqual(gathered[0].tolist(), unit(np.array([1.0, 9_000])).tolist())

    def test_what_a_mask_chooses_comes_with_its_slots(self) -> None:
        self.fill(range(0, 20_000, 7))
        mask = np.zeros(20_000, dtype=np.bool_)
        mask[[7, 14, 8_400, 19_999 // 7 * 7]] = True
        slots = [slot for some, _ in self.rows.chosen(mask) for slot in some.tolist()]
        self.assertEqual(slots, [7, 14, 8_400, 19_999 // 7 * 7])

    def test_cosines_are_the_same_for_few_and_for_many_rows(self) -> None:
        self.fill(range(10_000))
        query = unit(np.array([0.0, 1.0]))
        few = np.zeros(10_000, dtype=np.bool_)
        few[[5, 8_191, 8_192, 9_999]] = True
        slots, cosines = self.rows.cosines(query, few)
        every, all_cosines = self.rows.cosines(query, np.ones(10_000, dtype=np.bool_))
        self.assertEqual(slots.tolist(), [5, 8_191, 8_192, 9_999])
        self.assertEqual(every.tolist(), list(range(10_000)))
        self.assertEqual(cosines.tolist(), all_cosines[slots].tolist())

    def test_an_empty_mask_chooses_nothing(self) -> None:
        slots, cosines = self.rows.cosines(unit(np.array([0.0, 1.0])), np.zeros(0, dtype=np.bool_))
        self.assertEqual((len(slots), len(cosines)), (0, 0))
