from pathlib import Path

from tests.tools.deriving_room import DerivingTestCase
from tests.tools.room import AskedClient


class Training(DerivingTestCase):
    def test_it_says_that_nothing_was_trained_and_where_the_set_is(self) -> None:
        self.kept("the heron stands still")
        self.derive(summary="a bird")
        answer = self.call("train_model")
        self.assertEqual(
            (answer["trained"], answer["examples"], answer["derived"], answer["by_model"]),
            (False, 1, 1, 1),
        )
        self.assertIn("heron", Path(answer["path"]).read_text())
        self.assertIn("does not train a model yet", self.text("train_model"))

    def test_what_is_removed_for_good_is_not_left_in_the_set(self) -> None:
        kept = self.kept("the zebra")
        path = Path(self.call("train_model")["path"])
        self.client = AskedClient({"remove": True})
        self.call("forget", memory_id=kept, hard=True)
        self.assertFalse(path.exists())

    def test_nor_is_a_project_that_is_removed(self) -> None:
        self.kept("the zebra")
        path = Path(self.call("train_model")["path"])
        self.client = AskedClient({"project": "mnemo"})
        self.call("purge_project", project="mnemo")
        self.assertFalse(path.exists())

    def test_exports_that_still_hold_what_was_removed_are_named(self) -> None:
        kept, other = self.kept("the zebra"), self.kept("the heron")
        lines = self.call("export")["path"]
        mirror = self.call("export", format="markdown", file_name="mirror")["path"]
        self.client = AskedClient({"remove": True})
        answer = self.call("forget", memory_id=kept, hard=True)
        (page,) = Path(mirror).rglob("*zebra*.md")
        self.assertEqual(sorted(answer["exports"]), sorted([lines, str(page)]))
        for path in answer["exports"]:
            Path(path).unlink()
        self.assertNotIn("exports", self.call("forget", memory_id=other, hard=False))
