import msgspec
from attrs import asdict
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.features import SIGNALS
from mnemo.memory.weights import WEIGHTS, Weights, read


def written(weights: Weights, **changes: float) -> bytes:
    """A file of these weights, with other ones in short texts for some signals."""
    tree = asdict(weights)
    for name, short in changes.items():
        tree["signals"][name]["short"] = short
    return msgspec.json.encode(tree)


class Reading(SynchronousTestCase):
    def test_a_file_is_read_as_it_was_written(self) -> None:
        self.assertEqual(read(written(WEIGHTS)), WEIGHTS)

    def test_a_negative_weight_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(ValueError, "the weight of meaning is negative"):
            read(written(WEIGHTS, meaning=-0.1))

    def test_a_file_without_one_of_the_signals_is_refused_with_their_names(self) -> None:
        tree = asdict(WEIGHTS)
        del tree["signals"]["text"]
        with self.assertRaisesRegex(ValueError, "in this order: text, meaning, "):
            read(msgspec.json.encode(tree))

    def test_what_is_no_such_file_is_refused(self) -> None:
        for data in (b"", b"[]", b'{"signals": {}}'):
            with self.assertRaises(ValueError):
                read(data)


class Shipped(SynchronousTestCase):
    """What every fit must leave as it is."""

    def test_every_signal_is_weighed_and_says_what_it_means(self) -> None:
        self.assertEqual(tuple(WEIGHTS.signals), SIGNALS)
        for name, weight in WEIGHTS.signals.items():
            self.assertTrue(weight.means, name)

    def test_no_score_exceeds_1(self) -> None:
        self.assertEqual(max(WEIGHTS.long.sum(), WEIGHTS.short.sum()).round(9), 1.0)

    def test_what_it_was_said_among_says_nothing_of_a_long_text(self) -> None:
        for name in SIGNALS:
            if name.endswith(("_around", "_before")) or name.startswith("session_"):
                self.assertEqual(WEIGHTS.signals[name].long, 0.0, name)

    def test_what_it_says_itself_counts_in_a_text_of_any_length(self) -> None:
        for name in ("text", "meaning", "coverage"):
            self.assertGreater(min(WEIGHTS.signals[name].long, WEIGHTS.signals[name].short), 0)

    def test_salience_and_age_count_least(self) -> None:
        least = min(max(each.long, each.short) for each in WEIGHTS.signals.values())
        self.assertEqual(WEIGHTS.signals["prior"].short, least)

    def test_an_answer_needs_more_than_what_is_shown_beside_it(self) -> None:
        self.assertGreater(WEIGHTS.floor.answer, WEIGHTS.floor.memory)
