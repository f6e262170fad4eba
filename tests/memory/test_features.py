from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.features import SIGNALS, features, shortness
from mnemo.memory.query import understand
from mnemo.store.records import NEVER, Memory
from mnemo.store.search import Candidate, Context
from tests.memory.samples import memory

NOW = datetime(2024, 5, 15, 12, tzinfo=UTC).timestamp()
DAY = 86400.0


def candidate(
    text: str = "some words",
    text_score: float | None = None,
    cosine: float | None = None,
    coverage: float = 0.0,
    pairs: float = 0.0,
    context: Context | None = None,
    **changes: Any,
) -> Candidate:
    kept: Memory = memory(text=text, **({"created": NOW} | changes))
    return Candidate(kept, text_score, cosine, coverage, pairs, context or Context())


def column(name: str, candidates: Sequence[Candidate], query: str = "") -> list[float]:
    """What a signal says of each."""
    values = features(candidates, understand(query, NOW), NOW)
    return [round(value, 4) for value in values[:, SIGNALS.index(name)].tolist()]


def of_texts(name: str, query: str, *texts: str) -> list[float]:
    """What a signal says of memories with these texts."""
    return column(name, [candidate(text) for text in texts], query)


class WhatItSaysItself(SynchronousTestCase):
    def test_text_is_the_share_of_the_best_score(self) -> None:
        several = [candidate(text_score=8.0), candidate(text_score=2.0), candidate()]
        self.assertEqual(column("text", several), [1.0, 0.25, 0.0])

    def test_text_is_0_where_no_word_is_found(self) -> None:
        self.assertEqual(column("text", [candidate(cosine=0.5)]), [0.0])

    def test_meaning_is_the_cosine_and_what_points_away_is_0(self) -> None:
        several = [candidate(cosine=0.7), candidate(cosine=-0.4)]
        self.assertEqual(column("meaning", several), [0.7, 0.0])

    def test_what_has_no_vector_yet_means_as_much_as_what_holds_no_more_words(self) -> None:
        known = [candidate(cosine=0.7, coverage=0.5), candidate(cosine=0.6, coverage=0.2)]
        for coverage, meaning in ((1.0, 0.7), (0.5, 0.7), (0.4, 0.65)):
            several = [*known, candidate(coverage=coverage)]
            self.assertEqual(column("meaning", several), [0.7, 0.6, meaning])

    def test_and_no_less_than_the_others_do_on_the_average(self) -> None:
        known = [candidate(cosine=0.7, coverage=0.5), candidate(cosine=0.3)]
        self.assertEqual(column("meaning", [*known, candidate()]), [0.7, 0.3, 0.5])
        self.assertEqual(column("meaning", [candidate()]), [0.0])

    def test_coverage_and_pairs_are_as_the_store_measured_them(self) -> None:
        several = [candidate(coverage=0.4, pairs=0.1)]
        self.assertEqual(column("coverage", several), [0.4])
        self.assertEqual(column("pairs", several), [0.1])


class WhatIsAskedFor(SynchronousTestCase):
    def test_phrase_is_the_share_of_the_quoted_phrases_whatever_the_case_and_spaces(self) -> None:
        asked = 'who said "never again" and "see you"?'
        said = ("Never\n again, see you", "never again", "never, and again")
        self.assertEqual(of_texts("phrase", asked, *said), [1.0, 0.5, 0.0])

    def test_identifier_is_the_share_of_the_names_of_code(self) -> None:
        asked = "why does parse_date fail in src/when.py?"
        said = ("parse_date in src/when.py", "parse_date is slow", "parse the date when")
        self.assertEqual(of_texts("identifier", asked, *said), [1.0, 0.5, 0.0])

    def test_what_is_not_asked_for_counts_for_nobody(self) -> None:
        for name in ("phrase", "identifier", "speaker", "time", "tells_when", "tells_number"):
            self.assertEqual(of_texts(name, "the build", "user: on 8 May we had 3"), [0.0], name)

    def test_speaker_is_who_is_named_at_the_beginning_or_as_the_source(self) -> None:
        asked = "Where did Mel go?"
        self.assertEqual(of_texts("speaker", asked, "Mel: away", "Ann: with Mel"), [1.0, 0.0])
        self.assertEqual(column("speaker", [candidate(source="Mel")], asked), [1.0])

    def test_speaker_is_the_user_where_who_asks_says_i(self) -> None:
        said = ("user: to the lake", "assistant: to the lake")
        self.assertEqual(of_texts("speaker", "Where did I go?", *said), [1.0, 0.0])

    def test_the_head_of_a_note_is_no_speaker(self) -> None:
        self.assertEqual(of_texts("speaker", "What Decision was made?", "Decision: 8"), [0.0])

    def test_time_is_how_near_it_was_made_to_a_time_asked_for(self) -> None:
        several = [candidate(created=NOW - DAY), candidate(created=NOW - 30 * DAY)]
        self.assertEqual(column("time", several, "what broke yesterday?"), [1.0, 0.0])

    def test_what_asks_for_a_time_finds_what_speaks_of_one(self) -> None:
        said = ("we went on Friday", "we went away")
        self.assertEqual(of_texts("tells_when", "When did we go?", *said), [1.0, 0.0])

    def test_what_asks_for_a_number_finds_what_has_one(self) -> None:
        said = ("8 workers", "two workers", "workers")
        self.assertEqual(of_texts("tells_number", "how many workers?", *said), [1.0, 1.0, 0.0])

    def test_type_and_project_are_those_that_the_query_speaks_of(self) -> None:
        several = [candidate(type="decision", project="github.com/a/mnemo"), candidate()]
        self.assertEqual(column("type", several, "what did we decide?"), [1.0, 0.0])
        self.assertEqual(column("project", several, "the port of Mnemo"), [1.0, 0.0])


class Shape(SynchronousTestCase):
    def test_in_talk_what_is_short_says_little(self) -> None:
        turns = ("Ann: Thanks!", "Ann: " + "we went there " * 20, "Ann: On Tuesday, by train")
        short, long, some = of_texts("substance", "", *turns)
        self.assertLess(short, some)
        self.assertLess(some, long)
        self.assertLess(short, 0.1)

    def test_a_note_or_a_function_says_as_much_however_short(self) -> None:
        said = ("port 9999", "def f(): return 8", "a long report " * 100)
        self.assertEqual(of_texts("substance", "", *said), [1.0] * 3)

    def test_so_do_notes_that_begin_with_a_word_and_a_colon(self) -> None:
        notes = ("Decision: Postgres", "Decision: port 1", "Decision: no cache", "Port: 9999")
        self.assertEqual(of_texts("substance", "", *notes), [1.0] * 4)

    def test_a_statement_does_not_end_in_a_question_mark(self) -> None:
        self.assertEqual(of_texts("statement", "", "It rains.", "Does it rain? "), [1.0, 0.0])

    def test_shortness_falls_with_length(self) -> None:
        lengths = shortness([candidate("a"), candidate("a" * 300), candidate("a" * 3000)])
        self.assertEqual([round(each, 2) for each in lengths.tolist()], [1.0, 0.37, 0.0])


class Surroundings(SynchronousTestCase):
    around = Context((2.0, 3.0, 0.0, 8.0), (0.1, 0.2, -0.5, 0.6), 6.0, 0.3)

    def setUp(self) -> None:
        self.several = [
            candidate("Ann: yes", text_score=8.0),
            candidate("Ann: no", context=self.around),
            candidate("Ann: why"),
        ]

    def test_text_around_is_the_best_neighbour_and_those_farther_away_count_half(self) -> None:
        self.assertEqual(column("text_around", self.several), [0.0, 0.5, 0.0])

    def test_meaning_around_likewise(self) -> None:
        self.assertEqual(column("meaning_around", self.several), [0.0, 0.3, 0.0])

    def test_text_before_is_what_was_said_right_before(self) -> None:
        self.assertEqual(column("text_before", self.several), [0.0, 0.375, 0.0])

    def test_session_text_is_the_share_of_the_best_session(self) -> None:
        other = candidate("Ann: well", context=Context(session_text=3.0))
        self.assertEqual(column("session_text", [*self.several, other]), [0.0, 1.0, 0.0, 0.5])

    def test_session_coverage_is_as_the_store_measured_it(self) -> None:
        self.assertEqual(column("session_coverage", self.several), [0.0, 0.3, 0.0])

    def test_a_note_stands_for_itself(self) -> None:
        notes = [candidate("port 1", text_score=8.0), candidate("port 2", context=self.around)]
        for name in ("text_around", "meaning_around", "session_text", "session_coverage"):
            self.assertEqual(column(name, notes), [0.0, 0.0], name)


class PriorTests(SynchronousTestCase):
    def test_it_is_the_salience_that_age_has_left_and_nothing_once_it_fades(self) -> None:
        new = candidate(salience=0.8, fades=NEVER)
        old = candidate(salience=0.8, fades=NEVER, created=NOW - 30 * DAY)
        fading = candidate(salience=0.8, fades=NOW)
        values = column("prior", [new, old, fading])
        self.assertEqual(values, sorted(values, reverse=True))
        self.assertEqual(values[0], 0.8)
        self.assertEqual(values[2], 0.0)


scores = st.none() | st.floats(0, 100)
any_candidates = st.lists(
    st.builds(
        candidate,
        st.text(max_size=60) | st.sampled_from(("Ann: yes", "user: no?", "Fix: x_y 8")),
        scores,
        st.none() | st.floats(-1, 1),
        st.floats(0, 1),
        st.floats(0, 1),
    ),
    max_size=6,
)


class AnyCandidates(SynchronousTestCase):
    @settings(max_examples=60, deadline=None)
    @given(any_candidates, st.text())
    def test_there_is_a_number_from_0_to_1_for_each_signal(
        self, candidates: list[Candidate], query: str
    ) -> None:
        if candidates:
            values = features(candidates, understand(query, NOW), NOW)
            self.assertEqual(values.shape, (len(candidates), len(SIGNALS)))
            self.assertTrue(((values >= 0) & (values <= 1)).all())
