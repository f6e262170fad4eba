"""What the server asks its clients."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import outbound
from mnemo.mcp.jsonrpc import Response
from mnemo.mcp.outbound import Outbound
from tests.mcp.fakes import done


class OutboundTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.outbound = Outbound()
        self.sent: list[bytes] = []
        self.answers: list[object] = []
        self.outbound.attach(self.sent.append)

    async def keep(self, answer: object) -> None:
        self.answers.append(answer)

    def ask(self) -> str:
        """Ask, and answer the id it was asked under."""
        self.assertTrue(self.outbound.ask("roots/list", {}, self.keep))
        return str(msgspec.json.decode(self.sent[-1])["id"])

    def answer(self, id: int | str | None, result: object) -> None:
        done(self.outbound.answered(Response(id, result)))

    def test_a_question_is_a_request(self) -> None:
        question = self.ask()
        self.assertEqual(
            msgspec.json.decode(self.sent[0]),
            {"jsonrpc": "2.0", "id": question, "method": "roots/list", "params": {}},
        )

    def test_an_answer_reaches_the_question_it_belongs_to(self) -> None:
        first, second = self.ask(), self.ask()
        self.assertNotEqual(first, second)
        self.answer(second, "two")
        self.answer(first, "one")
        self.assertEqual(self.answers, ["two", "one"])

    def test_a_question_is_answered_once(self) -> None:
        question = self.ask()
        self.answer(question, "yes")
        self.answer(question, "no")
        self.assertEqual(self.answers, ["yes"])

    def test_answers_to_nothing_change_nothing(self) -> None:
        question = self.ask()
        for stray in (None, 0, "", question + "0", "roots/list"):
            self.answer(stray, "stray")
        self.assertEqual(self.answers, [])

    def test_an_error_ends_the_question(self) -> None:
        question = self.ask()
        self.answer(question, None)
        self.answer(question, "late")
        self.assertEqual(self.answers, [])

    def test_without_a_stream_nothing_is_asked(self) -> None:
        self.outbound.detach()
        self.assertFalse(self.outbound.ask("roots/list", {}, self.keep))
        self.assertEqual(self.sent, [])

    def test_a_new_stream_begins_with_no_open_questions(self) -> None:
        question = self.ask()
        self.outbound.attach(self.sent.append)
        self.answer(question, "late")
        self.assertEqual(self.answers, [])

    def test_of_too_many_questions_the_oldest_are_given_up(self) -> None:
        asked = [self.ask() for _ in range(outbound.PENDING + 1)]
        for question in asked:
            self.answer(question, question)
        self.assertEqual(self.answers, asked[1:])

    def test_the_ids_of_another_process_do_not_meet_ours(self) -> None:
        other = Outbound()
        other.attach(self.sent.append)
        question = self.ask()
        other.ask("roots/list", {}, self.keep)
        self.assertNotEqual(msgspec.json.decode(self.sent[-1])["id"], question)
