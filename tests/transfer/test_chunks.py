"""Cutting a file into pieces."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transfer.chunks import LONGEST, Part, of_pages, split

FILLING = "word " * 60


def wheres(parts: list[Part]) -> list[str]:
    return [part.where for part in parts]


class Markdown(SynchronousTestCase):
    def test_each_section_is_a_piece_under_its_headings(self) -> None:
        text = f"# A\n{FILLING}\n\n## B\n{FILLING}\n\n# C\n{FILLING}\n"
        parts = split("a.md", text)
        self.assertEqual(wheres(parts), ["L1-L2", "L4-L5", "L7-L8"])
        self.assertEqual([part.under for part in parts], ["A", "A > B", "C"])
        self.assertEqual(parts[1].words, f"## B\n{FILLING}")

    def test_what_looks_like_a_heading_in_code_is_none(self) -> None:
        text = f"# A\n{FILLING}\n```\n# no heading\n```\n{FILLING}\n"
        self.assertEqual(wheres(split("a.md", text)), ["L1-L6"])

    def test_a_short_section_stays_with_the_next(self) -> None:
        self.assertEqual(wheres(split("a.md", f"# A\n\n## B\n{FILLING}\n")), ["L1-L4"])

    def test_a_long_section_is_cut_between_paragraphs(self) -> None:
        text = "# A\n" + "\n\n".join([FILLING] * 12)
        parts = split("a.md", text)
        self.assertGreater(len(parts), 1)
        for part in parts:
            self.assertLessEqual(len(part.words), LONGEST)
            self.assertEqual(part.under, "A")
            self.assertTrue(part.words.endswith(FILLING))


class Code(SynchronousTestCase):
    def test_each_definition_is_a_piece_with_what_belongs_to_it(self) -> None:
        body = "\n".join(f"    value_{number} = {number} * 12345" for number in range(10))
        text = f"import os\n\n\n@cached\ndef one():\n{body}\n\n\n# Two.\ndef two():\n{body}\n"
        parts = split("a.py", text)
        self.assertEqual(wheres(parts), ["L1-L15", "L18-L29"])
        self.assertTrue(parts[1].words.startswith("# Two.\ndef two"))

    def test_a_long_class_is_cut_between_its_methods_and_each_says_whose_it_is(self) -> None:
        method = "    def method_{0}(self):\n" + "        call()  # and more\n" * 20
        text = "class Heron(Bird):\n" + "\n".join(method.format(number) for number in range(9))
        parts = split("a.py", text)
        self.assertEqual(parts[0].under, "")
        for part in parts[1:]:
            self.assertEqual(part.under, "class Heron(Bird):")
            self.assertTrue(part.words.startswith("    def method_"), part.words[:40])

    def test_other_languages_are_cut_at_their_definitions(self) -> None:
        body = "    do_something_that_takes_a_long_line(with, many, arguments);\n" * 5
        for name, head in (
            ("a.rs", "pub fn {}() {{"),
            ("a.ts", "export function {}() {{"),
            ("a.go", "func {}() {{"),
        ):
            text = "\n".join(f"{head.format(each)}\n{body}}}\n" for each in ("one", "two"))
            self.assertEqual(wheres(split(name, text)), ["L1-L7", "L9-L15"], name)


class Prose(SynchronousTestCase):
    def test_a_short_text_is_one_piece(self) -> None:
        self.assertEqual(split("a.txt", "\n\none\n\ntwo\n"), [Part("L3-L5", "", "one\n\ntwo")])

    def test_a_line_alone_has_one_number(self) -> None:
        self.assertEqual(wheres(split("LICENSE", "one\n")), ["L1"])

    def test_a_line_that_is_too_long_is_cut_within(self) -> None:
        parts = split("a.txt", "x" * (2 * LONGEST + 1))
        self.assertEqual([len(part.words) for part in parts], [LONGEST, LONGEST, 1])
        self.assertEqual(set(wheres(parts)), {"L1"})

    def test_line_ends_of_other_machines_count_the_same(self) -> None:
        self.assertEqual(
            split("a.txt", "\ufeffone\r\ntwo\rthree"), split("a.txt", "one\ntwo\nthree")
        )

    def test_blank_texts_have_no_pieces(self) -> None:
        for text in ("", "\n \n\t\n"):
            self.assertEqual(split("a.md", text), [])

    def test_pages_are_named_by_their_number(self) -> None:
        self.assertEqual(wheres(of_pages(["one", " ", "three"])), ["page=1", "page=3"])


LINES = st.sampled_from(
    (
        *("", "", " ", "# A", "## B", "```", "def f():", "    def g(self):", "class C:", "@d"),
        *("word " * 30, "    x = 1", "}", "x" * 2500, "ø😀 " * 200),
    )
)


class Anything(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(st.lists(LINES, max_size=60), st.sampled_from(["a.md", "a.py", "a.txt"]))
    def test_no_word_is_lost_none_comes_twice_and_the_lines_are_right(
        self, lines: list[str], path: str
    ) -> None:
        parts = split(path, "\n".join(lines))
        kept = "".join(part.words for part in parts)
        self.assertEqual("".join(kept.split()), "".join("".join(lines).split()))
        for part in parts:
            self.assertLessEqual(len(part.words), LONGEST)
            found = re.fullmatch(r"L(\d+)(?:-L(\d+))?", part.where)
            assert found is not None
            first = int(found[1])
            whole = "\n".join(lines[first - 1 : int(found[2] or first)])
            self.assertIn(part.words, whole)
