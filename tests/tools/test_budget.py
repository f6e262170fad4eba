import msgspec
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.tools.budget import LEAST, Cost, cost_of, shortened, tokens, within
from mnemo.tools.overview import ProjectResult
from mnemo.tools.recall import BatchResult, Found
from mnemo.tools.shown import shown, shown_all
from mnemo.tools.structure import structured
from mnemo.tools.views import Association, DifferingView, MemoryView, RecalledView

MEMORY = MemoryView(
    id="m1",
    text="",
    type="general",
    source="mcp",
    salience=0.5,
    state="active",
    created_at="2023-11-14T22:13:20Z",
    version=1,
)

short = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts = st.builds(lambda text, times: text * times, short, st.sampled_from([1, 1, 3, 50, 2000]))
ids = st.text("0123456789abcdef-", min_size=1, max_size=36)
memories = st.builds(
    RecalledView,
    id=ids,
    text=texts,
    type=st.just("decision"),
    source=short,
    project=short,
    salience=st.just(0.7),
    state=st.sampled_from(["active", "archived"]),
    created_at=st.just("2023-11-14T22:13:20Z"),
    version=st.just(1),
    concepts=st.lists(short, max_size=20),
    score=st.none() | st.floats(0, 1).map(lambda score: round(score, 4)),
    differs_from=st.lists(
        st.builds(
            DifferingView,
            memory_id=ids,
            newer=st.booleans(),
            at=st.just("2023-11-14T22:13:20Z"),
            differences=st.lists(short, max_size=3),
            text=short,
        ),
        max_size=2,
    ),
    associations=st.none()
    | st.lists(
        st.builds(Association, memory_id=ids, relation=st.just("similar"), outgoing=st.booleans()),
        max_size=3,
    ),
)
founds = st.builds(
    Found,
    query_id=st.just("q1"),
    query=st.just("heron"),
    project=st.just("mnemo"),
    memories=st.lists(memories, max_size=12),
    degraded=st.lists(st.just("searched by text alone: no model"), max_size=1),
    took_ms=st.just(1.5),
)
budgets = st.one_of(st.integers(LEAST, 1000), st.integers(LEAST, 20_000))


def written(result: object) -> str:
    return msgspec.json.encode(shown_all(structured(result))).decode()


class Estimating(SynchronousTestCase):
    def test_four_characters_of_english_are_a_token(self) -> None:
        self.assertEqual([tokens("h" * length) for length in (0, 1, 4, 5, 400)], [0, 1, 1, 2, 100])

    def test_other_alphabets_cost_twice_as_much(self) -> None:
        self.assertEqual(tokens("цапля стоит" * 4), 21)

    def test_chinese_japanese_korean_and_pictures_cost_one_and_a_half_each(self) -> None:
        for character in "鷺さサ한🔥":
            self.assertEqual(tokens(character * 10), 15, character)

    @given(st.text(), st.text())
    def test_the_parts_cost_as_much_as_the_whole(self, one: str, other: str) -> None:
        whole = Cost.of(one + "\n" + other, "").text
        self.assertEqual(Cost.of(one + "\n", "").text + Cost.of(other, "").text, whole)


class Fitting(SynchronousTestCase):
    def held(self, result: object, text: str, max_tokens: int) -> None:
        self.assertLessEqual(tokens(shown(text)), max_tokens)
        self.assertLessEqual(tokens(written(result)), max_tokens)

    @settings(max_examples=150, deadline=None)
    @given(founds, budgets)
    def test_no_memories_ever_cost_more_than_allowed(self, found: Found, max_tokens: int) -> None:
        cut = within(found, Cost.allowed(max_tokens))
        self.held(cut, cut.text(), max_tokens)
        self.assertEqual(cost_of(cut).tokens, max(tokens(shown(cut.text())), tokens(written(cut))))
        shown_ids = [each.id for each in cut.memories] + [each.id for each in cut.brief]
        given_ids = [each.id for each in found.memories]
        self.assertEqual(shown_ids, given_ids[: len(shown_ids)])
        self.assertEqual(len(shown_ids) + (cut.omitted or 0), len(given_ids))
        self.assertEqual(bool(shown_ids), bool(given_ids))
        for before, after in zip(found.memories, cut.memories, strict=False):
            if after.left_out is None:
                self.assertEqual(after, before)
            else:
                self.assertTrue(before.text.startswith(after.text.removesuffix("…")))
                self.assertEqual(len(after.text) - 1 + after.left_out, len(before.text))

    @settings(max_examples=50, deadline=None)
    @given(st.lists(founds, min_size=1, max_size=4), st.integers(0, 2000))
    def test_nor_do_several_answers(self, several: list[Found], more: int) -> None:
        max_tokens = LEAST * len(several) + more
        batch = BatchResult.within(several, Cost.allowed(max_tokens))
        self.held(batch, batch.text(), max_tokens)
        for before, after in zip(several, batch.results, strict=True):
            self.assertEqual(bool(after.memories or after.brief), bool(before.memories))

    @settings(max_examples=80, deadline=None)
    @given(founds, texts, budgets)
    def test_nor_does_a_project_with_its_handoff(
        self, found: Found, handoff: str, max_tokens: int
    ) -> None:
        project = ProjectResult(
            project="mnemo",
            total=7,
            handoff=evolve(MEMORY, text=handoff),
            memories=found.memories,
            degraded=found.degraded,
        ).within(Cost.allowed(max_tokens))
        self.held(project, project.text(), max_tokens)
        self.assertTrue(project.handoff or project.memories or project.brief)
        if found.memories:
            self.assertTrue(project.memories or project.brief)

    def test_what_fits_is_left_as_it_is(self) -> None:
        found = Found(
            query_id="q",
            query="x",
            project="p",
            memories=[RecalledView(**vars(MEMORY))],
            degraded=[],
            took_ms=0.1,
        )
        self.assertIs(within(found, Cost.allowed(LEAST)), found)

    def test_nothing_found_is_left_as_it_is_whatever_it_costs(self) -> None:
        found = Found(
            query_id="q",
            query="x",
            project="p",
            memories=[],
            degraded=["no model " * 200],
            took_ms=0.1,
        )
        self.assertIs(within(found, Cost.allowed(LEAST)), found)

    def test_a_frame_beyond_the_budget_leaves_one_id_at_least(self) -> None:
        found = Found(
            query_id="q",
            query="x",
            project="p" * 2000,
            memories=[evolve(RecalledView(**vars(MEMORY)), text="heron " * 1000)] * 3,
            degraded=[],
            took_ms=0.1,
        )
        cut = within(found, Cost.allowed(LEAST))
        self.assertEqual([each.id for each in cut.brief], ["m1"])
        self.assertEqual(cut.omitted, 2)

    def test_a_beginning_no_longer_than_a_line_is_not_worth_it(self) -> None:
        long = evolve(MEMORY, text="heron " * 1000)
        self.assertIsNone(shortened(long, Cost(130, 300)))
        begun = shortened(long, Cost(600, 600))
        assert begun is not None
        self.assertTrue(80 < len(begun.text) < 600)
