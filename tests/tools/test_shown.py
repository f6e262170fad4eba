import msgspec
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.shown import shown, shown_all
from tests.tools.room import ToolTestCase

BIDIRECTIONAL = [*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C]
WITHOUT_WIDTH = [0x200B, 0x2060, 0x2065, 0xFEFF, 0x180E, 0x00AD, 0x034F, 0x3164, 0xFFA0]
SELECTORS = [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]
JOINERS = "\u200c\u200d"

hiding = st.sampled_from([*map(chr, BIDIRECTIONAL + WITHOUT_WIDTH + SELECTORS[::20]), *JOINERS])


class Showing(SynchronousTestCase):
    def test_what_reorders_or_hides_is_escaped(self) -> None:
        for code in BIDIRECTIONAL + WITHOUT_WIDTH:
            self.assertEqual(shown(f"a{chr(code)}b"), f"a\\u{code:04x}b")

    def test_letters_that_nobody_sees_are_escaped(self) -> None:
        self.assertEqual(shown("a\U000e0041"), "a\\U000e0041")

    def test_joiners_are_left_where_they_belong(self) -> None:
        for text in ("می‌خواهم", "क्‍ष", "👩‍💻", "👩🏽‍🚒 puts out 🔥"):
            self.assertEqual(shown(text), text)
        self.assertEqual(shown("pass\u200dword"), "pass\\u200dword")
        self.assertEqual(shown("\u200cé\u200d"), "\\u200cé\\u200d")

    def test_a_selector_is_left_where_it_selects(self) -> None:
        for text in ("❤️ 1️⃣ #️⃣", "❤️‍🔥", "葛\U000e0100城"):
            self.assertEqual(shown(text), text)
        self.assertEqual(shown("p\ufe01a\U000e0105"), "p\\ufe01a\\U000e0105")

    def test_no_text_is_carried_by_many_of_what_one_of_is_left(self) -> None:
        for carrier in (JOINERS, "\ufe00\ufe01\ufe0f", "\ufe0f\u200d", "\u200d\u200b"):
            said = shown("é" + carrier * 20 + "é")
            self.assertLessEqual(sum(not each.isascii() for each in said), 4, repr(said))

    @given(
        st.text(
            st.characters(
                exclude_categories=["Cf", "Cs"],
                exclude_characters=[*map(chr, WITHOUT_WIDTH + SELECTORS)],
            )
        )
    )
    def test_all_else_is_as_it_was(self, text: str) -> None:
        self.assertEqual(shown(text), text)

    @given(st.text() | st.text(st.sampled_from("aé1👩") | hiding))
    def test_showing_twice_is_showing_once(self, text: str) -> None:
        self.assertEqual(shown(shown(text)), shown(text))

    def test_every_text_of_a_structure_is_shown(self) -> None:
        self.assertEqual(
            shown_all({"a\u202e": ["\u202e", 1, None, {"b": "\u200b"}]}),
            {"a\\u202e": ["\\u202e", 1, None, {"b": "\\u200b"}]},
        )


class Answers(ToolTestCase):
    TEXT = "if access != \u2066admin\u2069: \u200bdeny"

    def test_answers_show_it_and_the_store_keeps_it(self) -> None:
        kept = self.kept(self.TEXT, concepts=["a\u202eb"])
        for name, arguments in (
            ("recall", {"query": "access"}),
            ("check_memory", {"memory_id": kept}),
            ("recall_timeline", {}),
            ("recall_timeline", {"format": "json"}),
        ):
            said = self.text(name, **arguments)
            self.assertIn("\\u2066admin\\u2069: \\u200bdeny", said.replace("\\\\", "\\"))
            structure = msgspec.json.encode(self.call(name, **arguments)).decode()
            for answer in (said, structure):
                self.assertEqual(answer, shown(answer))
        self.assertEqual(self.known(kept).text, self.TEXT)
        self.assertEqual(self.known(kept).concepts, ("a\u202eb",))

    def test_refusals_show_it_too(self) -> None:
        self.assertIn("m\\u202e", self.error("amend", memory_id="m\u202e", corrected_content="x"))
