from mnemo.enrichment.coaching import read
from tests.store.inline import open_store
from tests.tools.room import ToolTestCase

NOTES = "coaching:\n  - name the ticket\n"


class Coaching(ToolTestCase):
    def kept_document(self) -> str:
        document: str = self.done(self.store.jobs.coaching())
        return document

    def test_notes_are_kept_and_told_back(self) -> None:
        answer = self.call("coach_local_llm", coaching_yaml=NOTES)
        self.assertEqual(
            answer,
            {
                "notes": ["name the ticket"],
                "version": read(NOTES).version,
                "changed": True,
                "heeded": False,
            },
        )
        self.assertEqual(self.kept_document(), NOTES)

    def test_they_outlive_the_process(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        self.done(self.store.stop())
        self.store = open_store(self.directory, self.clock)
        self.assertEqual(self.kept_document(), NOTES)

    def test_it_says_whether_anything_heeds_them(self) -> None:
        self.assertIn("No language model", self.text("coach_local_llm", coaching_yaml=NOTES))
        self.done(self.store.jobs.use_recipe("qwen 1.1"))
        said = self.text("coach_local_llm", coaching_yaml="coaching: another")
        self.assertIn("made anew in the background", said)

    def test_the_same_again_changes_nothing(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        self.assertFalse(self.call("coach_local_llm", coaching_yaml=NOTES)["changed"])

    def test_an_empty_document_takes_them_away(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        answer = self.call("coach_local_llm", coaching_yaml="# none any more")
        self.assertEqual((answer["notes"], answer["version"]), ([], ""))
        self.assertEqual(self.kept_document(), "")

    def test_what_is_wrong_is_said_with_its_line_and_changes_nothing(self) -> None:
        self.call("coach_local_llm", coaching_yaml=NOTES)
        for document, said in (
            ("coaching:\n - a: b: c", '"coaching_yaml": line 2, column 8: mapping values'),
            ("no such key: x", "'coaching'"),
            ("coaching: " + "x" * 4000, "4,000 characters"),
            ("coaching: password=hunter2hunter2", "holds what must not be stored (password)"),
            ("coaching: <private>x</private>", "private passage"),
        ):
            self.assertIn(said, self.error("coach_local_llm", coaching_yaml=document))
        self.assertEqual(self.kept_document(), NOTES)
