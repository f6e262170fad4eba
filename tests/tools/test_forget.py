from jsonschema import Draft202012Validator
from twisted.internet.defer import Deferred

from mnemo.tools.interfaces import CallContext
from tests.tools.room import AskedClient, ToolTestCase


class Forgetting(ToolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.first = self.kept("the heron stands")
        self.second = self.kept("the heron flies")

    def test_what_is_forgotten_is_not_found_at_once(self) -> None:
        answer = self.call("forget", memory_id=self.first)
        self.assertEqual(answer, {"action": "forgotten", "memory_ids": [self.first], "unknown": []})
        self.assertEqual(self.found("heron"), [self.second])
        self.assertEqual(self.call("recall_timeline")["memories"][0]["id"], self.second)

    def test_several_at_once(self) -> None:
        self.call("forget", memory_id=self.first, memory_ids=[self.first, self.second])
        self.assertEqual(self.found("heron"), [])

    def test_it_can_be_undone(self) -> None:
        self.call("forget", memory_id=self.first)
        answer = self.call("forget", memory_id=self.first, restore=True)
        self.assertEqual(answer["action"], "restored")
        self.assertEqual(set(self.found("heron")), {self.first, self.second})

    def test_hard_removes_for_good(self) -> None:
        self.client = AskedClient({"remove": True})
        answer = self.call("forget", memory_id=self.first, hard=True)
        self.assertEqual(answer["action"], "removed")
        self.assertFalse(self.call("check_memory", memory_id=self.first)["found"])
        self.assertEqual(self.found("heron", state="archived"), [])
        self.assertIn(self.first, self.error("forget", memory_id=self.first, restore=True))

    def test_what_was_forgotten_can_still_be_removed(self) -> None:
        self.call("forget", memory_id=self.first)
        self.client = AskedClient({"remove": True})
        self.call("forget", memory_id=self.first, hard=True)
        self.assertFalse(self.call("check_memory", memory_id=self.first)["found"])

    def test_unknown_ids_are_told(self) -> None:
        answer = self.call("forget", memory_ids=["m404", self.first])
        self.assertEqual(answer["unknown"], ["m404"])
        self.assertIn("m404", self.text("forget", memory_ids=["m404", self.first]))
        self.assertIn("m404", self.error("forget", memory_id="m404"))

    def test_it_says_how_to_undo_it(self) -> None:
        self.assertEqual(
            self.text("forget", memory_id=self.first),
            f"1 memory forgotten: {self.first}. It is not found any more; "
            "forget with restore: true undoes it.",
        )

    def test_what_cannot_be_meant_is_refused(self) -> None:
        self.assertIn("memory_id", self.error("forget"))
        self.assertIn("not both", self.error("forget", memory_id="x", hard=True, restore=True))


class Confirming(ToolTestCase):
    """What cannot be undone is done only where the user agrees."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.kept("the heron stands\nin the \u202ewater")
        self.second = self.kept("x" * 200)

    def test_the_user_is_shown_what_would_go(self) -> None:
        self.client = client = AskedClient({"remove": True})
        self.call("forget", memory_ids=[self.first, self.second, "m404", self.first], hard=True)
        (question,) = client.questions
        self.assertEqual(question.method, "elicitation/create")
        self.assertEqual(
            question.params["message"],
            "Remove 2 memories for good? This cannot be undone.\n\n"
            f"- m1: the heron stands in the \\u202ewater\n- m2: {'x' * 80}…",
        )
        Draft202012Validator.check_schema(question.params["requestedSchema"])

    def test_of_many_only_the_first_are_shown(self) -> None:
        self.client = client = AskedClient({"remove": True})
        many = [self.kept(f"note {number}") for number in range(30)]
        self.call("forget", memory_ids=many, hard=True)
        message = client.questions[0].params["message"]
        self.assertEqual(message.count("\n- "), 11)
        self.assertIn("- and 20 more", message)

    def test_whoever_says_no_keeps_everything(self) -> None:
        for action, why in (("decline", "declined"), ("cancel", "did not decide"), ("x", "answer")):
            self.client = AskedClient(action=action)
            said = self.error("forget", memory_id=self.first, hard=True)
            self.assertIn("nothing was removed", said)
            self.assertIn(why, said)
        for content in ({}, {"remove": False}, {"remove": "yes"}):
            self.client = AskedClient(content)
            self.assertIn("did not tick", self.error("forget", memory_id=self.first, hard=True))
        self.assertTrue(self.call("check_memory", memory_id=self.first)["found"])

    def test_a_client_that_cannot_ask_is_told_what_to_do_instead(self) -> None:
        said = self.error("forget", memory_id=self.first, hard=True)
        self.assertIn("declares no elicitation", said)
        self.assertIn(f"mnemo forget --hard {self.first}", said)
        self.assertTrue(self.call("check_memory", memory_id=self.first)["found"])

    def test_nothing_is_done_before_the_answer(self) -> None:
        """A stateless client's call is broken off by the question, and comes again."""

        class BrokenOff(Exception):
            pass

        self.client = AskedClient(broken_off=BrokenOff())
        call = self.tools["forget"].call(
            {"memory_id": self.first, "hard": True}, CallContext(self.session, client=self.client)
        )
        self.failureResultOf(Deferred.fromCoroutine(call), BrokenOff)
        self.assertTrue(self.call("check_memory", memory_id=self.first)["found"])

    def test_what_does_not_exist_needs_no_question(self) -> None:
        self.client = client = AskedClient({"remove": True})
        self.assertIn("m404", self.error("forget", memory_id="m404", hard=True))
        self.assertEqual(client.questions, [])
