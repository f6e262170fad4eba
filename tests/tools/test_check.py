import json

from mnemo.store.jobs import DerivedField, Finished
from mnemo.tools.budget import tokens
from tests.store.inline import result_of
from tests.tools.room import ToolTestCase


class Checking(ToolTestCase):
    def test_a_memory_is_shown_whole_with_its_state(self) -> None:
        text = "long " * 1000
        kept = self.kept(text)
        answer = self.call("check_memory", memory_id=kept)
        self.assertEqual(answer["memory"]["text"], text)
        self.assertEqual(
            (answer["found"], answer["memory"]["state"], answer["memory"]["version"]),
            (True, "active", 1),
        )
        self.assertIn(text.strip(), self.text("check_memory", memory_id=kept))

    def test_it_says_by_what_it_can_be_found(self) -> None:
        self.embedder.hold()
        kept = self.kept("heron")
        answer = self.call("check_memory", raw_id=kept)
        self.assertEqual((answer["text_searchable"], answer["meaning_searchable"]), (True, False))
        self.assertIn("waits for its vector", self.text("check_memory", memory_id=kept))
        self.embedder.release()
        answer = self.call("check_memory", raw_id=kept)
        self.assertEqual((answer["text_searchable"], answer["meaning_searchable"]), (True, True))
        self.call("forget", memory_id=kept)
        answer = self.call("check_memory", raw_id=kept)
        self.assertEqual((answer["text_searchable"], answer["meaning_searchable"]), (False, False))
        self.assertEqual(answer["memory"]["state"], "archived")

    def test_earlier_versions_are_shown(self) -> None:
        kept = self.kept("one")
        self.clock.advance(60)
        self.call("amend", memory_id=kept, corrected_content="two")
        (version,) = self.call("check_memory", memory_id=kept)["versions"]
        self.assertEqual(
            version,
            {
                "version": 1,
                "text": "one",
                "since": "2023-11-14T22:13:20Z",
                "until": "2023-11-14T22:14:20Z",
            },
        )
        said = self.text("check_memory", memory_id=kept)
        self.assertIn("Version 1, 2023-11-14T22:13:20Z to 2023-11-14T22:14:20Z:\none", said)

    def test_links_are_shown_from_both_ends(self) -> None:
        first = self.kept("cause")
        second = self.kept("effect", associate_with=[{"memory_id": first, "relation": "caused_by"}])
        self.assertEqual(
            self.call("check_memory", memory_id=second)["associations"],
            [{"memory_id": first, "relation": "caused_by", "outgoing": True}],
        )
        self.assertEqual(
            self.call("check_memory", memory_id=first)["associations"],
            [{"memory_id": second, "relation": "caused_by", "outgoing": False}],
        )
        self.assertIn(f"← caused_by {second}", self.text("check_memory", memory_id=first))

    def test_what_was_derived_is_shown_apart_with_what_made_it(self) -> None:
        kept = self.kept("heron")
        (claim,) = result_of(self.store.jobs.claim("one", 9e9, 9e9, 1))
        made = DerivedField("summary", "a bird", "fake", "1", {"epr": 1.0})
        result_of(self.store.jobs.finish([Finished(claim, (made,), "fake 1")], 0.0))
        answer = self.call("check_memory", memory_id=kept)
        self.assertEqual(
            answer["derived"],
            [
                {
                    "field": "summary",
                    "value": "a bird",
                    "model": "fake",
                    "prompt": "1",
                    "scores": {"epr": 1.0},
                    "made": "1970-01-01T00:00:00Z",
                }
            ],
        )
        self.assertEqual(answer["memory"]["text"], "heron")
        said = self.text("check_memory", memory_id=kept)
        self.assertIn("- summary, by fake: a bird", said)

    def test_an_unknown_id_is_a_normal_answer(self) -> None:
        answer = self.call("check_memory", memory_id="m404")
        self.assertEqual((answer["found"], "memory" in answer), (False, False))
        self.assertIn("m404", self.text("check_memory", memory_id="m404"))


class CheckingSeveral(ToolTestCase):
    def test_several_ids_are_answered_in_their_order_each_once(self) -> None:
        one, two = self.kept("one"), self.kept("two")
        answer = self.call("check_memory", memory_ids=[two, one, two, "m404"])
        self.assertEqual((answer["id"], answer["memory"]["text"]), (two, "two"))
        others = [(each["id"], each["found"]) for each in answer["others"]]
        self.assertEqual(others, [(one, True), ("m404", False)])
        said = self.text("check_memory", memory_id=one, memory_ids=[two])
        self.assertLess(said.index("one"), said.index("two"))

    def test_one_at_least_is_needed_and_twenty_are_the_most(self) -> None:
        self.assertIn("exactly one memory", self.error("check_memory", memory_ids=[" "]))
        many = [f"m{number}" for number in range(21)]
        self.assertIn("at most 20 items", self.error("check_memory", memory_ids=many))
        self.assertIn(
            "max_tokens", self.error("check_memory", memory_ids=many[:20], max_tokens=999)
        )

    def test_they_share_the_budget(self) -> None:
        kept = [self.kept(f"{number} " + "herons, reeds, 12345 " * 4000) for number in range(3)]
        for budget in (900, 3_000, 25_000):
            answer = self.call("check_memory", memory_ids=kept, max_tokens=budget)
            self.assertLessEqual(tokens(json.dumps(answer, separators=(",", ":"))), budget)
            said = self.text("check_memory", memory_ids=kept, max_tokens=budget)
            self.assertLessEqual(tokens(said), budget)
            for each in (answer, *answer["others"]):
                self.assertEqual(each["cut"][0], "text")
                memory = each["memory"]
                self.assertEqual(len(memory["text"]) + memory["left_out"], 84_002)
        self.assertGreater(len(answer["memory"]["text"]), 20_000)

    def test_earlier_versions_go_first_and_it_says_so(self) -> None:
        kept = self.kept("old " * 2000)
        self.clock.advance(60)
        self.call("amend", memory_id=kept, corrected_content="new " * 200)
        answer = self.call("check_memory", memory_id=kept, max_tokens=1_000)
        self.assertEqual((answer["cut"], "versions" in answer), (["versions"], False))
        self.assertEqual(answer["memory"]["text"], "new " * 200)
        said = self.text("check_memory", memory_id=kept, max_tokens=1_000)
        self.assertIn(f"Cut for want of room: versions. mnemo://memory/{kept}", said)
