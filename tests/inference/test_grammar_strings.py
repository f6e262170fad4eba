import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from ipaddress import IPv4Address, IPv6Address
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.gbnf import Inexpressible, Rules
from mnemo.inference.grammar_strings import FORMATS, of_pattern, other_than
from tests.inference.gbnf import Grammar, parse

PATTERNS = {
    "^abc$": (["abc"], ["ab", "abcd", ""]),
    "^$": ([""], ["a"]),
    "^a*b+c?$": (["b", "aabbc"], ["a", "bcc"]),
    "^(ab|c)*$": (["", "abc", "cab"], ["a"]),
    "^(?:a|b){2}$": (["ab", "bb"], ["a", "aba"]),
    "^a{2,3}b{2,}$": (["aabb", "aaabbbbb"], ["abb", "aab", "aaaabb"]),
    "^[a-c_-]+$": (["a-b_c"], ["d", ""]),
    "^[^a-c]$": (["d", '"', "\\", "\n", "é"], ["a", "dd"]),
    r"^[\]\\^-]+$": (["]\\^-"], ["a"]),
    r"^\d{3}-\w\s.$": (["123-_ x", "123-a\té"], ["12a-b x", "123-a \n"]),
    r"^\D\W\S$": (["a-b"], ["1-b", "aab", "a- "]),
    r"^\.\/\$\(\"\\$": (['./$("\\'], ["a"]),
    r"^\u00e9\x41\t$": (["éA\t"], ["e"]),
    r"^a+?b*?$": (["a", "aab"], ["b"]),
    "^.*$": (["", 'all "of\\ it', "é😀"], ["a\nb"]),
    "^[😀-😂]$": (["😁"], ["a"]),
    "^(a|)b$": (["ab", "b"], ["a"]),
    "^a{1500}$": (["a" * 1500], ["a" * 1499]),
}


def grammar_of(pattern: str) -> Grammar:
    rules = Rules()
    return parse(rules.text(of_pattern(pattern, rules)))


def written(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


class Patterns(SynchronousTestCase):
    def test_match_from_end_to_end(self) -> None:
        for pattern, (fine, wrong) in PATTERNS.items():
            grammar = grammar_of(pattern)
            for text in fine:
                self.assertTrue(re.fullmatch(pattern, text), f"{pattern}: {text}")
                self.assertTrue(grammar.accepts(written(text)), f"{pattern}: {text}")
            for text in wrong:
                self.assertFalse(re.fullmatch(pattern, text), f"{pattern}: {text}")
                self.assertFalse(grammar.accepts(written(text)), f"{pattern}: {text}")

    def test_have_no_sentence_that_does_not_match(self) -> None:
        for pattern in PATTERNS:
            for seed in range(20):
                text = json.loads(grammar_of(pattern).sample(Random(seed)))
                self.assertTrue(re.fullmatch(pattern, text), f"{pattern}: {text!r}")

    def test_that_no_grammar_holds_to_are_refused(self) -> None:
        for pattern, why in {
            "abc": "does not begin with ^ and end with $",
            "^abc": "does not begin with ^ and end with $",
            "abc$": "does not begin with ^ and end with $",
            r"^abc\$": "does not begin with ^ and end with $",
            "^a|b$": "outside of brackets",
            "^(?=a)a$": "looks ahead",
            "^(?<n>a)$": "names a group",
            r"^(a)\1$": r"\\1",
            r"^a\b$": r"\\b",
            "^(a$": "out of place",
            "^a)$": "does not begin",
            "^[a$": "ends too early",
            "^*a$": "nothing stands before it",
            "^a**$": "nothing stands before it",
            "^a{2,1}$": "more at least than at most",
            "^a{x}$": "counts nothing",
            "^[z-a]$": "range of nothing",
            r"^[\d-z]$": "range of nothing",
            r"^\uZZZZ$": "names no character",
            r"^\x00$": "no characters",
            "^[]$": "no characters",
            "^a{200000}$": "100,000",
            "^(a$|b)$": "out of place",
            "^": "does not begin",
            "": "does not begin",
        }.items():
            with self.assertRaises(Inexpressible) as caught:
                grammar_of(pattern)
            self.assertIn(why, str(caught.exception).replace("\\\\", "\\").replace("\\", "\\\\"))

    @given(st.text(alphabet="^$ab1()[]{}|*+?.,-\\d:=<", max_size=12))
    def test_are_read_or_refused_and_never_worse(self, inside: str) -> None:
        pattern = f"^{inside}$"
        try:
            grammar = grammar_of(pattern)
        except Inexpressible:
            return
        text = json.loads(grammar.sample(Random(len(inside))))
        self.assertTrue(re.fullmatch(pattern, text), text)


class Formats(SynchronousTestCase):
    EXAMPLES = {  # noqa: RUF012
        "date": ("2026-11-20", "2026-02-30"),
        "time": ("23:59:59.5Z", "24:00:00Z"),
        "date-time": ("2026-11-20T01:02:03+01:00", "2026-11-20 01:02:03"),
        "duration": ("P1DT2H", "1 day"),
        "uuid": ("12345678-9abc-def0-1234-56789abcdef0", "12345678"),
        "email": ("ada.l+x@example.org", "ada@"),
        "hostname": ("a-b.example.org", "-a"),
        "ipv4": ("255.1.0.99", "256.0.0.1"),
        "ipv6": ("fe80:0:0:0:1:2:3:4", "fe80"),
        "uri": ("https://example.org/a/b.html", "example.org"),
    }

    def test_have_examples(self) -> None:
        self.assertEqual(set(self.EXAMPLES), set(FORMATS))
        for name, (fine, wrong) in self.EXAMPLES.items():
            grammar = grammar_of(FORMATS[name])
            self.assertTrue(grammar.accepts(written(fine)), name)
            self.assertFalse(grammar.accepts(written(wrong)), name)

    def test_have_no_sentence_that_is_not_of_them(self) -> None:
        read: dict[str, Callable[[str], object]] = {
            "date": date.fromisoformat,
            "time": time.fromisoformat,
            "date-time": datetime.fromisoformat,
            "uuid": UUID,
            "ipv4": IPv4Address,
            "ipv6": IPv6Address,
        }
        for name, reader in read.items():
            grammar = grammar_of(FORMATS[name])
            for seed in range(30):
                reader(json.loads(grammar.sample(Random(seed))))


class OtherNames(SynchronousTestCase):
    @given(
        st.lists(st.text('ab"é', max_size=3), min_size=1),
        st.text('ab"é', max_size=4),
        st.integers(0, 99),
    )
    def test_are_all_but_these(self, names: list[str], tried: str, seed: int) -> None:
        rules = Rules()
        grammar = parse(rules.text(other_than(names, rules)))
        self.assertEqual(grammar.accepts(written(tried)), tried not in names and '"' not in tried)
        self.assertNotIn(json.loads(grammar.sample(Random(seed))), names)
