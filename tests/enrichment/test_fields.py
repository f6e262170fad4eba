from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.fields import LINKS, Shared, fields_of, shared, telling
from mnemo.enrichment.generated import Derived, extracted
from mnemo.store.records import NEVER, Memory

TEXT = "we asked Sarah Chen about src/pay/main.py at 7"


def memory(id: str, text: str) -> Memory:
    return Memory(
        1, id, 1, text, "general", "mcp", "p", "", 0.5, NEVER, 0.0, 0.0, False, False
    )  # fmt: skip


def names(derived: Derived, text: str = TEXT) -> set[str]:
    return {each.name for each in fields_of(text, derived)}


class Keeping(SynchronousTestCase):
    def test_what_only_says_the_text_again_is_not_kept(self) -> None:
        self.assertEqual(names(extracted(TEXT)), {"type", "salience", "concepts", "entities"})

    def test_a_summary_that_is_shorter_is(self) -> None:
        text = f"{TEXT}. " + "Nothing else was said of it on that day. " * 12
        self.assertIn("summary", names(extracted(text), text))

    def test_of_a_model_there_is_more(self) -> None:
        made = evolve(extracted(TEXT), model="fake")
        self.assertLessEqual({"gist", "outcome", "significance"}, names(made))

    def test_what_was_refused_is_marked_on_every_field(self) -> None:
        made = evolve(extracted(TEXT), refused="it leaves out 7")
        found = fields_of(TEXT, made)
        self.assertGreater(len(found), 2)
        for each in found:
            self.assertEqual(each.scores["refused"], "it leaves out 7")


class Linking(SynchronousTestCase):
    def test_names_tell_and_numbers_do_not(self) -> None:
        self.assertEqual(telling(extracted(TEXT).encoding), ("Sarah Chen", "src/pay/main.py"))

    def test_two_shared_names_make_a_link(self) -> None:
        asked = ("Sarah Chen", "src/pay/main.py")
        both = memory("b", "SRC/PAY/MAIN.PY is by sarah  chen")
        found = shared(asked, "a", [both, memory("c", "Sarah Chen"), memory("a", TEXT)])
        self.assertEqual(found, (Shared("b", asked),))

    def test_those_that_share_most_come_first_and_no_more_than_a_few(self) -> None:
        others = [memory(str(number), "aaaa bbbb") for number in range(9)]
        others.append(memory("most", "aaaa bbbb cccc"))
        found = shared(("aaaa", "bbbb", "cccc"), "a", others)
        self.assertEqual((found[0].id, len(found)), ("most", LINKS))
