from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.store.sqlite.digest import digest

LINES = st.lists(st.text(st.sampled_from("ab é\t"), max_size=5), max_size=5)


class Sameness(SynchronousTestCase):
    @given(LINES, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["", " ", "\t", "  "]))
    def test_line_ends_and_space_before_them_do_not_count(
        self, lines: list[str], end: str, space: str
    ) -> None:
        plain = "\n".join(lines)
        self.assertEqual(digest((space + end).join([*lines, ""])), digest(plain))

    def test_all_else_counts(self) -> None:
        said = ["a b", "a  b", " a b", "A b", "a\nb", "a\n\nb", "a b.", "ab"]
        self.assertEqual(len({digest(each) for each in said}), len(said))
