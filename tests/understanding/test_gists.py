from mnemo.store.exchange import KINDS
from mnemo.store.records import Memory
from mnemo.store.understanding import GIST_SOURCE
from mnemo.understanding import studying as studies
from tests.store.inline import open_store, result_of
from tests.understanding.room import DAY, GISTS, UnderstandingTestCase

SAME = (
    "The staging database listens on port 5432 behind the firewall of the office.",
    "The staging database listens on port 5433 behind the firewall of the office.",
    "The staging database listens on port 5434 behind the firewall of the office.",
)
"""Nearly the same, but for a figure."""

ALIKE = (
    "The night build was slow today because of the cache server.",
    "The night build was slow because of the cache server, Anna says.",
    "Because of the cache server the night build was slow, maybe DNS.",
    "Anna says the night build was slow because of DNS and the cache server.",
    "Slow night build today: the cache server was down.",
)
"""Of one matter, in other words."""


class GistTestCase(UnderstandingTestCase):
    def gists(self, archived: bool = False) -> list[Memory]:
        state = "archived" if archived else None
        answer = self.recall("Gist of memories", limit=50, source=GIST_SOURCE, state=state)
        return [each.memory for each in answer.ranked]


class Gathering(GistTestCase):
    def test_memories_that_say_nearly_the_same_have_one_that_says_all_of_it(self) -> None:
        self.studying(GISTS)
        kept = self.recurring(SAME)
        self.look()
        (gist,) = self.gists()
        self.assertTrue(gist.text.startswith("Gist of 3 memories, 2023-11-14 to 2023-11-16:"))
        for each in SAME:
            self.assertIn(each, gist.text)
        links = self.done(self.store.links([gist.id]))[gist.id]
        pointed = {each.id for each in links if each.relation == "part_of" and not each.outgoing}
        self.assertEqual(pointed, {each.id for each in kept})

    def test_originals_are_found_as_before_by_recall_id_and_moment(self) -> None:
        kept = [self.known(each.id) for each in self.recurring(SAME)]
        moment = self.clock.seconds()
        self.studying(GISTS)
        self.look()
        self.assertTrue(self.gists())
        for each in kept:
            self.assertIn(each.id, self.recalled(each.text, limit=5))
            self.assertEqual(self.known(each.id), each)
        self.assertEqual(
            set(self.recalled("staging database port", as_of=moment)), {m.id for m in kept}
        )

    def test_the_same_again_makes_no_second_one(self) -> None:
        self.studying(GISTS)
        self.recurring(SAME)
        self.look()
        self.patch(studies, "_VERSIONS", {"patterns": "next", "gists": "next"})
        self.look()
        self.assertEqual((len(self.gists()), self.waiting("gists")), (1, 0))

    def test_what_is_fresh_and_only_alike_has_none_until_it_fades(self) -> None:
        self.studying(GISTS)
        kept = self.recurring(ALIKE)
        self.look()
        self.assertEqual(self.gists(), [])
        self.clock.advance(400 * DAY)
        self.done(self.store.set_salience({m.id: (m.salience, m.fades) for m in kept}))
        self.look()
        (gist,) = self.gists()
        # Noise is not made new by summing it up.
        self.assertEqual(
            (gist.created, gist.state(self.clock.seconds())), (kept[-1].created, "fading")
        )

    def test_decisions_and_what_is_pinned_have_none(self) -> None:
        self.studying(GISTS)
        self.recurring(SAME, type="decision")
        self.clock.advance(900 * DAY)
        self.look()
        self.assertEqual(self.gists(), [])

    def test_a_gist_that_was_forgotten_stays_so(self) -> None:
        self.studying(GISTS)
        self.recurring(SAME)
        self.look()
        (gist,) = self.gists()
        self.done(self.store.archive([gist.id], True, self.clock.seconds()))
        self.patch(studies, "_VERSIONS", {"patterns": "next", "gists": "next"})
        self.look()
        self.assertEqual((self.gists(), len(self.gists(archived=True))), ([], 1))

    def test_a_gist_is_never_taken_for_what_somebody_remembers(self) -> None:
        self.studying(GISTS)
        self.recurring(SAME)
        self.look()
        (gist,) = self.gists()
        for line in gist.text.splitlines():
            self.assertNotEqual(self.remember(f"{line} ", session="x").id, gist.id)


class FollowingOriginals(GistTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.studying(GISTS)
        self.kept = self.recurring(SAME)
        self.look()
        (self.gist,) = self.gists()

    def test_it_is_forgotten_at_once_with_one_of_them_and_comes_back_with_it(self) -> None:
        forgotten = self.done(self.store.archive([self.kept[0].id], True, self.clock.seconds()))
        self.assertEqual(forgotten, [self.kept[0].id])
        self.assertEqual(self.gists(), [])
        self.look()
        self.done(self.store.archive([self.kept[0].id], False, self.clock.seconds()))
        self.look()
        self.assertEqual([each.id for each in self.gists()], [self.gist.id])

    def test_an_amendment_makes_another(self) -> None:
        text = SAME[0].replace("5432", "6543")
        self.done(self.memories.remembering.amend(self.kept[0].id, text))
        self.assertEqual(self.gists(), [])
        self.look()
        (after,) = self.gists()
        self.assertNotEqual(after.id, self.gist.id)
        self.assertIn("6543", after.text)
        self.assertNotIn("5432", after.text)

    def test_hard_forgetting_one_removes_it_too(self) -> None:
        self.done(self.store.archive([self.kept[0].id], True, self.clock.seconds()))
        gone = self.done(self.store.purge([self.kept[0].id]))
        self.assertEqual(set(gone), {self.kept[0].id, self.gist.id})
        self.done(self.store.stop())
        files = [path.read_bytes() for path in self.store._directory.glob("memory.sqlite3*")]
        self.assertIn(b"5433", b"".join(files))
        self.assertNotIn(b"5432", b"".join(files))

    def test_that_holds_for_one_that_came_with_an_export_too(self) -> None:
        other = open_store(self.mktemp(), self.clock)
        self.addCleanup(lambda: result_of(other.stop()))
        for kind in KINDS:
            page = result_of(self.store.exchange.page(kind, None, None, 100))
            self.assertEqual(result_of(other.exchange.carry_in(page.lines)).problems, {})
        self.assertEqual(len(result_of(other.get([self.gist.id]))), 1)
        result_of(other.purge([self.kept[0].id]))
        self.assertEqual(result_of(other.get([self.gist.id])), [])
