"""The names of memories in a mirror."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.records import Memory
from mnemo.transfer.names import BadName, check_name, name_of, slug

MEMORY = Memory(
    key=1,
    id="m7q2",
    version=1,
    text="The heron: 2 legs!\nand more",
    type="decision",
    source="mcp",
    project="Pond & Co",
    session="",
    salience=0.7,
    fades=0.0,
    created=0.0,
    updated=0.0,
    archived=False,
    embedded=False,
)


class Checking(SynchronousTestCase):
    def test_what_leads_elsewhere_is_refused(self) -> None:
        for name in (
            "../x",
            "/etc/x",
            "a//b",
            "",
            ".",
            "..",
            "a/../b",
            "a/./b",
            "a/",
            "~/x",
            "C:/x",
            "a\\b",
            "a\0b",
            "a\nb",
            " a",
            "a/ b",
            "x" * 300,
            "x/" * 600,
            "\u202ex",
        ):
            self.assertRaises(BadName, check_name, name)

    def test_topics_are_fine(self) -> None:
        for name in ("a", "a/b/c", "..a", "a..b", "größe/x y"):
            self.assertEqual(check_name(name), name)


class Naming(SynchronousTestCase):
    def test_a_name_says_what_it_is(self) -> None:
        self.assertEqual(name_of(MEMORY), "pond-co/decision/the-heron-2-legs-m7q2")

    def test_without_words_or_project_there_is_one_still(self) -> None:
        self.assertEqual(name_of(evolve(MEMORY, text="…", project="")), "no-project/decision/m7q2")

    @given(st.text(), st.text())
    def test_any_text_gives_a_name_that_stands_the_check(self, text: str, project: str) -> None:
        check_name(name_of(evolve(MEMORY, text=text, project=project)))

    @given(st.text())
    def test_the_words_of_a_slug_do_not_change_by_another_pass(self, text: str) -> None:
        self.assertEqual(slug(slug(text)), slug(text))
