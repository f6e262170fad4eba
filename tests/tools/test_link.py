from tests.tools.room import ToolTestCase


class Linking(ToolTestCase):
    def test_the_link_is_seen_from_both_ends(self) -> None:
        cause, effect = self.kept("the disk was full"), self.kept("nothing was written")
        said = self.text("link", source_id=effect, target_id=cause, relation="caused_by")
        self.assertEqual(said, f"Linked: {effect} caused_by → {cause}.")
        for one, other, outgoing in ((effect, cause, True), (cause, effect, False)):
            self.assertEqual(
                self.call("check_memory", memory_id=one)["associations"],
                [{"memory_id": other, "relation": "caused_by", "outgoing": outgoing}],
            )

    def test_the_same_link_again_changes_nothing(self) -> None:
        one, other = self.kept("a heron"), self.kept("no goose")
        for _ in range(2):
            self.call("link", source_id=one, target_id=other)
        self.assertEqual(len(self.call("check_memory", memory_id=one)["associations"]), 1)

    def test_what_cannot_be_linked_is_refused(self) -> None:
        kept = self.kept("a heron")
        self.assertIn("itself", self.error("link", source_id=kept, target_id=kept))
        self.assertIn("m404", self.error("link", source_id=kept, target_id="m404"))
        said = self.error("link", source_id=kept, target_id="m404", relation="differs")
        self.assertIn('"relation" was "differs"', said)

    def test_a_duplicate_that_names_itself_is_not_linked_to_itself(self) -> None:
        kept = self.kept("a heron")
        links = [{"memory_id": kept}]
        answer = self.call("remember", text="a heron", associate_with=links)
        self.assertEqual((answer["id"], answer["duplicate"]), (kept, True))
        self.assertNotIn("associations", self.call("check_memory", memory_id=kept))
