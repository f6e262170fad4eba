from tests.inference.fakes import NO_MODEL
from tests.prompts.room import PromptTestCase


class Asking(PromptTestCase):
    def test_it_brings_what_a_recall_finds_and_asks_to_cite_it(self) -> None:
        kept = self.kept("the heron \u202estands")
        theirs = self.kept("the heron flies", project="other")
        found, asked = self.get("what_do_we_know", topic="heron")
        self.assertIn(f"### {kept}: general", found["text"])
        self.assertIn("the heron \\u202estands", found["text"])
        self.assertNotIn(theirs, found["text"])
        self.assertIn("Searched in mnemo, query_id q1.", found["text"])
        self.assertIn("id of the memory in brackets", asked["text"])
        self.assertIn("query_id q1", asked["text"])

    def test_the_recall_can_be_judged(self) -> None:
        kept = self.kept("heron")
        self.get("what_do_we_know", topic="heron")
        judged = self.call("feedback", query_id="q1", quality="helpful")["judged"]
        self.assertEqual([each["id"] for each in judged], [kept])

    def test_projects_and_types_are_heeded(self) -> None:
        ours = self.kept("heron", type="decision")
        theirs = self.kept("heron", project="other")
        for arguments, there, not_there in (
            ({"project": "other"}, [theirs], [ours]),
            ({"project": "*"}, [ours, theirs], []),
            ({"project": "*", "type": "decision"}, [ours], [theirs]),
        ):
            found = self.get("what_do_we_know", topic="heron", **arguments)[0]["text"]
            self.assertTrue(all(f"### {each}:" in found for each in there))
            self.assertFalse(any(f"### {each}:" in found for each in not_there))

    def test_nothing_relevant_is_an_answer(self) -> None:
        self.assertIn(
            "Nothing relevant was found.", self.get("what_do_we_know", topic="taxes")[0]["text"]
        )

    def test_what_did_not_work_is_told(self) -> None:
        self.kept("heron")
        self.embedder.take_model_away()
        self.assertIn(
            f"Degraded: searched by text alone: {NO_MODEL}",
            self.get("what_do_we_know", topic="heron")[0]["text"],
        )

    def test_what_cannot_be_used_is_refused(self) -> None:
        self.assertIn("blank", self.refusal("what_do_we_know", topic=" "))
        said = self.refusal("what_do_we_know", topic="x", type="decison")
        self.assertIn("accepted: decision, error", said)

    def test_projects_and_types_are_completed(self) -> None:
        self.kept("x", project="other")
        self.assertEqual(self.completed("what_do_we_know", "type", "de"), ["decision"])
        self.assertEqual(self.completed("what_do_we_know", "project", "o"), ["other"])
        self.assertEqual(self.completed("what_do_we_know", "topic", "x"), [])
