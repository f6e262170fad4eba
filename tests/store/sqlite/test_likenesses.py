from mnemo.store.records import Likeness, Link
from tests.store.inline import result_of
from tests.store.sqlite.case import StoreTestCase
from tests.store.sqlite.samples import DIMENSIONS, NOW, direction, embed, new


class Likenesses(StoreTestCase):
    def setUp(self) -> None:
        super().setUp()
        result_of(self.store.vectors.use_model("m", DIMENSIONS))
        self.kept = self.add(new("m1", "x"), new("m2", "y"), new("m3", "z", project="q"))
        embed(self.store, {"m1": direction(1), "m2": direction(1, 0.1), "m3": direction(1)})

    def waiting(self) -> dict[str, list[str]]:
        """The ids of what was not compared yet, each with its neighbours."""
        found = result_of(self.store.uncompared(9, 9, NOW))
        return {each.memory.id: [other.id for other, _ in each.near] for each in found}

    def settle(self, number: int, *links: tuple[int, str, bool], version: int = 1) -> None:
        made = tuple((self.kept[other].key, relation, older) for other, relation, older in links)
        result_of(self.store.settle([Likeness(self.kept[number].key, version, made)]))  # type: ignore[arg-type]

    def test_each_waits_with_its_neighbours_within_its_project(self) -> None:
        self.assertEqual(self.waiting(), {"m1": ["m2"], "m2": ["m1"], "m3": []})

    def test_what_has_no_vector_is_not_asked_for(self) -> None:
        self.add(new("m4", "w"))
        self.assertNotIn("m4", self.waiting())

    def test_what_was_compared_waits_no_more_until_it_is_amended(self) -> None:
        self.settle(0)
        self.reopen()
        self.assertEqual(set(self.waiting()), {"m2", "m3"})
        result_of(self.store.amend("m1", "x2", NOW))
        embed(self.store, {"m1": direction(1)})
        self.assertIn("m1", self.waiting())

    def test_links_lead_from_the_newer_to_the_older_and_are_seen_from_both(self) -> None:
        self.settle(1, (0, "differs", True))
        links = result_of(self.store.links(["m1", "m2"]))
        self.assertEqual(links["m2"], [Link("m1", "differs", True)])
        self.assertEqual(links["m1"], [Link("m2", "differs", False)])
        differing = result_of(self.store.differing(["m1", "m2", "m3"]))
        self.assertEqual(
            {one: self.ids(others) for one, others in differing.items()},
            {"m1": ["m2"], "m2": ["m1"]},
        )

    def test_the_same_again_changes_nothing_and_anew_replaces(self) -> None:
        for _ in range(2):
            self.settle(1, (0, "differs", True))
        self.assertEqual(len(result_of(self.store.links(["m1"]))["m1"]), 1)
        self.settle(1, (0, "similar", True))
        self.assertEqual(result_of(self.store.links(["m1"]))["m1"], [Link("m2", "similar", False)])
        self.assertEqual(result_of(self.store.differing(["m1"])), {})

    def test_what_was_found_for_an_earlier_text_is_dropped(self) -> None:
        result_of(self.store.amend("m2", "y2", NOW))
        self.settle(1, (0, "differs", True), version=1)
        self.assertEqual(result_of(self.store.links(["m2"]))["m2"], [])

    def test_what_an_agent_has_said_stays(self) -> None:
        result_of(self.store.link("m1", "m2", "similar"))
        self.settle(0)
        self.assertEqual(result_of(self.store.links(["m1"]))["m1"], [Link("m2", "similar", True)])

    def test_what_is_forgotten_does_not_differ_any_more(self) -> None:
        self.settle(1, (0, "differs", True))
        result_of(self.store.archive(["m1"], True, NOW))
        self.assertEqual(result_of(self.store.differing(["m2"])), {})

    def test_nothing_is_left_of_what_was_removed(self) -> None:
        self.settle(1, (0, "differs", True))
        result_of(self.store.purge(["m1"]))
        self.settle(1, (0, "differs", True))
        self.assertEqual(result_of(self.store.links(["m2"]))["m2"], [])
