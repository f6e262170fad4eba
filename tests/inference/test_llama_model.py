"""A batch of tokens for llama.cpp."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.library import library
from mnemo.inference.llama_model import Batch


class BatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.batch = Batch(library().llama, 8)

    def rows(self) -> list[tuple[int, int, int, bool]]:
        struct = self.batch.struct
        return [
            (struct.token[row], struct.pos[row], struct.seq_id[row][0], bool(struct.logits[row]))
            for row in range(struct.n_tokens)
        ]

    def test_tokens_have_places_in_their_sequences(self) -> None:
        self.batch.add(3, 5, [10, 11], last=True)
        self.batch.add(0, 0, [12], last=True)
        self.assertEqual(self.rows(), [(10, 5, 3, False), (11, 6, 3, True), (12, 0, 0, True)])

    def test_whole_sequences_fill_it(self) -> None:
        self.batch.add(3, 5, [10, 11], last=False)
        self.batch.fill([[1, 2], [3]])
        self.assertEqual(self.rows(), [(1, 0, 0, True), (2, 1, 0, True), (3, 0, 1, True)])
        with self.assertRaisesRegex(ValueError, "a batch of 9 tokens; at most 8"):
            self.batch.fill([[1] * 9])

    def test_cleared_it_is_empty(self) -> None:
        self.batch.add(0, 0, [1] * 8, last=True)
        self.batch.clear()
        self.assertEqual(self.rows(), [])
        self.batch.add(1, 2, [7], last=False)
        self.assertEqual(self.rows(), [(7, 2, 1, False)])

    def test_it_takes_no_more_than_it_has_room_for(self) -> None:
        self.batch.add(0, 0, [1] * 5, last=True)
        with self.assertRaisesRegex(ValueError, "a batch of 9 tokens; at most 8"):
            self.batch.add(0, 5, [1] * 4, last=True)
        self.assertEqual(len(self.rows()), 5)
