"""Cursors and pages: every item once, whatever happens between the pages."""

from base64 import urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import pages
from mnemo.mcp.errors import INVALID_PARAMS, ProtocolError

names = st.text(st.characters(), min_size=1, max_size=6)
listings = st.sampled_from(["tools/list", "prompts/list", "resources/templates/list"])


class CursorTests(SynchronousTestCase):
    def assertRefused(self, listing: str, cursor: object) -> None:
        problem = self.assertRaises(ProtocolError, pages.after, listing, {"cursor": cursor})
        self.assertEqual(problem.code, INVALID_PARAMS)

    @given(listings, st.text(st.characters()))
    def test_a_cursor_says_behind_what_its_page_begins(self, listing: str, name: str) -> None:
        cursor = pages.cursor(listing, name)
        self.assertEqual(pages.after(listing, {"cursor": cursor}), name)
        self.assertTrue(cursor.isascii())

    def test_the_start_has_none_or_an_empty_one(self) -> None:
        for params in ({}, {"cursor": ""}, {"cursor": None}):
            self.assertEqual(pages.after("tools/list", params), "")

    def test_it_is_the_same_in_every_process(self) -> None:
        self.assertEqual(pages.cursor("tools/list", "recall"), "L_EQynJlY2FsbA==")

    @given(st.text(st.characters(), min_size=1))
    def test_text_that_was_not_made_here_is_refused(self, text: str) -> None:
        self.assertRefused("tools/list", text)

    @given(names)
    def test_so_are_a_bare_name_and_the_cursor_of_another_listing(self, name: str) -> None:
        encoded = name.encode("utf-8", "surrogatepass")
        self.assertRefused("tools/list", urlsafe_b64encode(encoded).decode())
        self.assertRefused("tools/list", pages.cursor("prompts/list", name))

    @given(names, st.data())
    def test_so_is_a_cursor_that_was_changed(self, name: str, data: st.DataObject) -> None:
        cursor = pages.cursor("tools/list", name)
        place = data.draw(st.integers(0, len(cursor) - 1))
        for changed in (cursor[:place], cursor + "\n", " " + cursor, cursor[:-1] + "é"):
            if changed:
                self.assertRefused("tools/list", changed)

    def test_so_is_what_is_no_text(self) -> None:
        cursors: list[object] = [1, 0, True, [], {}, 1.5]
        for cursor in cursors:
            self.assertRefused("tools/list", cursor)


class PageTests(SynchronousTestCase):
    def test_a_page_says_whether_others_follow(self) -> None:
        self.assertEqual(pages.page("abc", "", 2), ("ab", True))
        self.assertEqual(pages.page("abc", "b", 2), ("c", False))
        self.assertEqual(pages.page("abc", "", 3), ("abc", False))
        self.assertEqual(pages.page("abc", "c", 2), ("", False))
        self.assertEqual(pages.page("", "", 2), ("", False))

    def test_a_page_begins_behind_an_item_that_has_gone(self) -> None:
        self.assertEqual(pages.page("abde", "c", 2), ("de", False))

    @given(st.sets(names), st.integers(1, 5))
    def test_all_pages_together_are_every_item_once_in_order(
        self, given_names: set[str], size: int
    ) -> None:
        seen: list[str] = []
        more = True
        while more:
            page, more = pages.page(sorted(given_names), seen[-1] if seen else "", size)
            self.assertLessEqual(len(page), size)
            seen += page
        self.assertEqual(seen, sorted(given_names))

    @given(
        st.sets(names),
        st.integers(1, 4),
        st.lists(st.tuples(st.sets(names, max_size=3), st.sets(names, max_size=3))),
    )
    def test_what_stays_is_neither_lost_nor_repeated(
        self, there: set[str], size: int, changes: list[tuple[set[str], set[str]]]
    ) -> None:
        stayed, seen = set(there), list[str]()
        now, behind, more = set(there), "", True
        coming = iter(changes)
        while more:
            page, more = pages.page(sorted(now), behind, size)
            seen += page
            behind = page[-1] if page else behind
            come, gone = next(coming, (set(), set()))
            now = (now | come) - gone
            stayed -= gone
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLessEqual(stayed, set(seen))
