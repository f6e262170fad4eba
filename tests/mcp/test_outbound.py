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

    async def keep(self, response: Response) -> None:
        self.answers.append(response.result)

    def ask(self) -> str:
        """Ask, and answer the id it was asked under."""
        question = self.outbound.ask(self.sent.append, "roots/list", {}, self.keep)
        self.assertEqual(msgspec.json.decode(self.sent[-1])["id"], question)
        return str(question)

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

    def test_what_takes_an_answer_need_not_wait_for_anything(self) -> None:
        taken: list[Response] = []
        question = self.outbound.ask(self.sent.append, "ping", {}, taken.append)
        done(self.outbound.answered(Response(question, None, "no")))
        self.assertEqual(taken, [Response(question, None, "no")])

    def test_a_question_that_was_forgotten_takes_no_answer(self) -> None:
        question = self.ask()
        self.outbound.forget(question)
        self.outbound.forget(question)
        self.outbound.forget(None)
        self.answer(question, "late")
        self.assertEqual((self.answers, len(self.outbound)), ([], 0))

    def test_of_too_many_questions_the_last_is_not_asked(self) -> None:
        for _ in range(outbound.PENDING):
            self.ask()
        asked = len(self.sent)
        self.assertIsNone(self.outbound.ask(self.sent.append, "ping", {}, self.keep))
        self.assertEqual(len(self.sent), asked)

    def test_the_ids_of_another_process_do_not_meet_ours(self) -> None:
        other = Outbound()
        question = self.ask()
        self.assertNotEqual(other.ask(self.sent.append, "roots/list", {}, self.keep), question)
