from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from mnemo.enrichment.entities import LONGEST_LINE, named, names, numbers, pieces
from tests.enrichment.samples import TEXTS


class Counted(SynchronousTestCase):
    def test_numbers_compare_without_their_separators(self) -> None:
        self.assertEqual(numbers("1,234,567 or 1_000 or 1\u202f000"), {"1234567", "1000"})

    def test_a_number_within_a_word_or_a_version_is_none(self) -> None:
        self.assertEqual(numbers("p99 of v1.2 in utf8"), frozenset())

    def test_a_unit_a_full_stop_and_a_dash_end_a_number(self) -> None:
        self.assertEqual(numbers("10ms at 5.5 or 7. And 2024-03-05, 1-2"), {
            "10", "5.5", "7", "2024", "03", "05", "1", "2",
        })  # fmt: skip

    def test_a_minus_belongs_to_its_number(self) -> None:
        self.assertEqual(numbers("-40 and (\u22125)"), {"-40", "-5"})

    def test_versions_paths_mentions_and_camel_case(self) -> None:
        text = "take v1.2.3 from ./run.sh, /etc/hosts and a/b/c.py by @ann, see parseInput"
        self.assertEqual(
            names(text).others,
            {"v1.2.3", "./run.sh", "/etc/hosts", "a/b/c.py", "@ann", "parseinput"},
        )

    def test_two_words_with_a_slash_are_no_path(self) -> None:
        self.assertEqual(names("and/or not").others, frozenset())

    def test_names_of_several_words_and_capitals_within_a_sentence(self) -> None:
        self.assertEqual(
            names("The Redis Cluster is slow. Then it met Anna, and Bo.").others,
            {"redis cluster", "redis", "cluster", "anna"},
        )

    def test_the_first_word_of_a_sentence_is_no_name(self) -> None:
        self.assertEqual(names("Nothing. Everything works").others, frozenset())


class Told(SynchronousTestCase):
    def kinds(self, text: str) -> dict[str, str]:
        return {each.text: each.kind for each in named(text)}

    def test_each_once_in_order(self) -> None:
        self.assertEqual([each.text for each in named("v1.2, 7, v1.2, 8")], ["v1.2", "7", "8"])

    def test_addresses_dates_identifiers_and_quantities(self) -> None:
        text = "see https://a.example/b?c=1. On 2024-03-05 12:30 max_retries took 1,200 ms at 5 %"
        self.assertEqual(
            self.kinds(text),
            {
                "https://a.example/b?c=1": "address",
                "2024-03-05 12:30": "date",
                "max_retries": "identifier",
                "1,200 ms": "quantity",
                "5 %": "quantity",
            },
        )

    @settings(max_examples=200, deadline=None)
    @given(TEXTS)
    def test_everything_stands_in_the_text(self, text: str) -> None:
        for each in named(text):
            self.assertIn(each.text, text)

    def test_long_lines_are_looked_at_in_pieces(self) -> None:
        text = "word " * 5000
        self.assertLessEqual(max(map(len, pieces(text))), LONGEST_LINE)
        self.assertEqual("".join(pieces(text)), text)
