from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.query import Query, understand
from mnemo.memory.when import Time

NOW = 1.7e9


def query(text: str) -> Query:
    return understand(text, NOW)


class Understanding(SynchronousTestCase):
    def test_names_are_words_with_a_capital_that_are_no_common_ones(self) -> None:
        for text, names in (
            ("What did Caroline say to Mel?", {"caroline", "mel"}),
            ("When does Postgres stop?", {"postgres"}),
            ("how do we deploy?", set()),
            ("what does TLS do", set()),
        ):
            self.assertEqual(query(text).names, names, text)

    def test_who_speaks_of_themselves(self) -> None:
        for text in ("What did I say?", "our database", "we've chosen", "tell me"):
            self.assertTrue(query(text).is_own, text)
        for text in ("the i-node cache? no", "What is mined?", "usage of the bus"):
            self.assertEqual(query(text).is_own, text.startswith("the i-"), text)

    def test_times(self) -> None:
        self.assertEqual(query("what broke on 8 May 2023?").times, (Time(2023, 5, 8),))

    def test_asking_for_a_time(self) -> None:
        for text in ("When did she go?", "what month was it", "For how long?", "how many days"):
            self.assertTrue(query(text).asks_when, text)
        for text in ("What happens when it fails?", "whenever", "what did she do"):
            self.assertFalse(query(text).asks_when, text)

    def test_asking_for_a_number(self) -> None:
        for text in ("how many workers?", "How much memory", "what port does it use"):
            self.assertTrue(query(text).asks_number, text)
        for text in ("how does it work", "what colour"):
            self.assertFalse(query(text).asks_number, text)

    def test_quoted_phrases(self) -> None:
        for text, phrases in (
            ('who said "never  again"?', ("never again",)),
            ("the “No Such File” error", ("no such file",)),
            ("what is `git rebase -i` for", ("git rebase -i",)),
            ("the 'file not found' message", ("file not found",)),
            ("don't do what I won't", ()),
            ('an empty "" quote', ()),
            ("nothing", ()),
        ):
            self.assertEqual(query(text).phrases, phrases, text)

    def test_identifiers(self) -> None:
        for text, identifiers in (
            ("what does parse_date do?", ("parse_date",)),
            ("is os.path.join safe?", ("os.path.join",)),
            ("the std::vector in src/main.cpp:12.", ("std::vector", "src/main.cpp:12")),
            ("why HttpServer and maxRetries", ("httpserver", "maxretries")),
            ("what of --no-cache and Python 3.11?", ("--no-cache", "3.11")),
            ("the E1042 of JIRA-77", ("e1042",)),
            ("plain words, only. Well: yes!", ()),
        ):
            self.assertEqual(query(text).identifiers, identifiers, text)

    def test_types_that_it_speaks_of(self) -> None:
        for text, types in (
            ("what did we decide about TLS?", {"decision"}),
            ("the bug in the lessons we learned", {"error", "learning"}),
            ("where was it left off", {"handoff"}),
            ("plain", set()),
        ):
            self.assertEqual(query(text).types, types, text)

    def test_words_are_in_lower_case_without_the_point_at_the_end(self) -> None:
        self.assertEqual(query("Is it Mnemo.").words, {"is", "it", "mnemo"})

    @given(st.text(), st.floats(allow_nan=False))
    def test_anything_is_understood(self, text: str, now: float) -> None:
        understand(text, now)

    def test_a_long_text_takes_no_longer_than_its_length(self) -> None:
        for piece in ("a", "_", "a.", "'x", "Ab", "8 May ", '"', "a_", "-"):
            query(piece * 10_000)
