from collections.abc import Sequence

from attrs import define, field
from comparison import OURS, Trial
from labelled import Labelled, LabelledSet, Question, Said
from side_by_side import BLOCK, WARM, ask, fill, outcome, quickly, turns
from twisted.trial.unittest import SynchronousTestCase


@define
class Remembers:
    """Finds what it was told, in the order of its telling."""

    told: list[tuple[str, str]] = field(factory=list)
    begun: list[str] = field(factory=list)
    asked: list[str] = field(factory=list)
    settled: list[int] = field(factory=list)

    def begin(self, session: str) -> None:
        self.begun.append(session)

    def remember(self, text: str, session: str) -> str:
        self.told.append((text, session))
        return str(len(self.told) - 1)

    def search(self, question: str) -> Sequence[str]:
        self.asked.append(question)
        return [str(number) for number, (text, _) in enumerate(self.told) if question in text]

    def settle(self) -> None:
        self.settled.append(len(self.told))


def store(size: int, name: str = "s") -> Labelled:
    memories = tuple(
        Said(id=f"m{n}", text=f"text {n}.", speaker="Ann", session=f"day {n // 30}", date="")
        for n in range(size)
    )
    asked = tuple(Question(f"text {n}.", "c", (f"m{n}",)) for n in range(size))
    return Labelled(name, memories, (*asked, Question("of nothing", "c", ())))


class Turns(SynchronousTestCase):
    def test_everybody_gets_every_item_once_and_in_order(self) -> None:
        got: dict[str, list[int]] = {"a": [], "b": [], "c": []}
        for name, _, items in turns(dict.fromkeys(got), range(BLOCK * 2 + 7)):
            got[name] += items
        self.assertEqual(list(got.values()), [list(range(BLOCK * 2 + 7))] * 3)

    def test_each_block_begins_with_another(self) -> None:
        order = [name for name, _, _ in turns(dict.fromkeys("abc"), range(BLOCK * 3))]
        self.assertEqual("".join(order), "abcbcacab")


class Comparing(SynchronousTestCase):
    def setUp(self) -> None:
        self.systems = {OURS: Remembers(), "other": Remembers()}
        self.trials = {name: Trial() for name in self.systems}

    def test_everybody_is_told_the_same_with_who_says_it_and_when(self) -> None:
        fill(store(70), self.systems, self.trials)
        for name, system in self.systems.items():
            self.assertEqual(system.told[31], ("Ann: text 31.", "day 1"))
            self.assertEqual(len(system.told), 70)
            self.assertEqual(sorted(system.begun), ["day 0", "day 1", "day 2"])
            self.assertEqual(len(self.trials[name].inserts), 70)

    def test_nobodys_turn_ends_before_its_background_work(self) -> None:
        fill(store(70), self.systems, self.trials)
        for system in self.systems.values():
            self.assertEqual(system.settled, [BLOCK, 70])

    def test_everybody_is_asked_everything_and_is_judged(self) -> None:
        given = store(12)
        kept = fill(given, self.systems, self.trials)
        self.systems["other"].told.clear()
        ask(given, self.systems, self.trials, kept)
        made = outcome("set", self.trials, [0.001])["systems"]
        for name, right in ((OURS, 1.0), ("other", 0.0)):
            self.assertEqual(len(self.systems[name].asked), WARM + 13)
            self.assertEqual(made[name]["questions"], 13)
            self.assertEqual(made[name]["unanswerable"], 1)
            self.assertEqual(made[name]["measures"]["nDCG@10"], right)

    def test_a_quick_run_has_all_of_the_smallest_store(self) -> None:
        given = LabelledSet("set", (store(30, "big"), store(20, "small")))
        (small,) = quickly(given).stores
        self.assertEqual((small.name, len(small.memories)), ("small", 20))
        self.assertEqual(len(small.queries), 5)
