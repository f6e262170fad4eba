"""Calls that run as tasks: what a client is told, and what becomes of them."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import define, evolve
from twisted.internet.defer import CancelledError, Deferred

from mnemo.mcp.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MISSING_CAPABILITY,
    ProtocolError,
)
from mnemo.mcp.input_required import InputRequired
from mnemo.mcp.subscriptions import Wants
from mnemo.mcp.tasks import KEPT, RUNNING, TASKS, TTL
from mnemo.store.interfaces import StoreError
from mnemo.tools.interfaces import (
    SILENT,
    CallContext,
    IPreparing,
    Question,
    ToolError,
    ToolResult,
)
from tests.mcp.fakes import MODERN, described
from tests.mcp.task_room import (
    CAN_ASK,
    KNOWS,
    QUESTION,
    YES,
    Job,
    TaskTestCase,
    asks_nothing,
    asks_once,
    asks_twice,
    asks_two,
)
from tests.store.inline import result_of


class BeginningTests(TaskTestCase):
    def test_a_call_begins_a_task_that_says_of_itself_what_the_protocol_wants(self) -> None:
        begun = self.begin()
        self.assertRegex(begun["taskId"], r"\A[0-9a-f]{32}\Z")
        expected = {
            "resultType": "task",
            "taskId": begun["taskId"],
            "status": "working",
            "createdAt": "2023-11-14T22:13:20.000Z",
            "lastUpdatedAt": "2023-11-14T22:13:20.000Z",
            "ttlMs": 86_400_000,
            "pollIntervalMs": 1000,
        }
        self.assertEqual(begun, expected)

    def test_it_is_kept_before_it_is_answered_and_before_anything_runs(self) -> None:
        self.pools.writer.hold()
        begun = self.later(self.tasks.begin(self.waiting, {}, self.context(), MODERN))
        self.assertNoResult(begun)
        self.assertEqual(self.waiting.calls, [])
        self.pools.writer.release()
        row = result_of(self.store.tasks.find(self.successResultOf(begun)["taskId"]))
        assert row is not None
        self.assertEqual((row.principal, row.tool, row.status), ("ann", "waiting", "working"))
        self.assertEqual(len(self.waiting.calls), 1)

    def test_the_tool_gets_its_arguments_and_the_session_of_the_call(self) -> None:
        seen: list[Any] = []

        async def look(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            seen.append((arguments, context.session, context.capabilities))
            return ToolResult.text("")

        self.begin(Job(look), text="hi")
        self.assertEqual(seen, [({"text": "hi"}, self.session, CAN_ASK)])

    def test_a_session_with_a_task_is_not_idle(self) -> None:
        self.begin()
        self.assertEqual(self.session.streams, 1)
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.assertEqual(self.session.streams, 0)

    def test_a_store_that_fails_lets_the_call_fail_and_nothing_runs(self) -> None:
        self.patch(type(self.store.tasks), "add", lambda *_: _failing())
        self.patch(type(self.store.tasks), "remove", lambda *_: _failing())
        begun = self.later(self.tasks.begin(self.waiting, {}, self.context(), MODERN))
        self.failureResultOf(begun, StoreError)
        self.assertEqual((self.waiting.calls, self.tasks._live), ([], {}))

    def test_a_client_that_goes_before_it_is_told_leaves_no_task(self) -> None:
        self.pools.writer.hold()
        begun = self.later(self.tasks.begin(self.waiting, {}, self.context(), MODERN))
        begun.cancel()
        self.failureResultOf(begun, CancelledError)
        self.pools.writer.release()
        self.assertEqual(self.waiting.calls, [])
        self.killed_and_started()
        rows = result_of(
            self.store._database.read(lambda db: db.execute("SELECT * FROM tasks").fetchall())
        )
        self.assertEqual(rows, [])

    def test_as_many_run_as_may_and_the_next_is_told_so(self) -> None:
        for _ in range(RUNNING):
            self.begin()
        refused = self.begin()
        self.assertTrue(refused["isError"])
        self.assertIn(str(RUNNING), refused["content"][0]["text"])
        self.assertNotIn("taskId", refused)
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.assertIn("taskId", self.begin())

    def test_the_tasks_of_one_principal_do_not_count_for_another(self) -> None:
        for _ in range(RUNNING):
            self.begin()
        self.session = evolve(self.session, opening=evolve(self.session.opening, principal="bob"))
        self.assertIn("taskId", self.begin())

    def test_as_many_are_kept_as_may(self) -> None:
        async def nothing(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            return ToolResult.text("")

        self.pools.writer.hold()
        work = [
            self.later(self.tasks.begin(Job(nothing), {}, self.context(), MODERN))
            for _ in range(RUNNING)
        ]
        self.pools.writer.release()
        begun = [self.successResultOf(each) for each in work]
        row = result_of(self.store.tasks.find(begun[0]["taskId"]))
        assert row is not None
        for number in range(KEPT - RUNNING):
            self.store.tasks.add(evolve(row, id=str(number)), KEPT)
        self.assertIn(str(KEPT), self.act(nothing)["content"][0]["text"])
        self.clock.advance(TTL)
        self.assertIn("taskId", self.act(nothing))


async def _failing() -> Any:
    raise StoreError("the disk is full")


class WhoGetsTasksTests(TaskTestCase):
    def takes(self, task: Any, capabilities: Mapping[str, Any]) -> bool:
        return self.tasks.takes(Job(asks_once, described("job", task=task)), capabilities)

    def test_a_client_that_knows_tasks_gets_one_where_the_tool_allows(self) -> None:
        for task, expected in (("forbidden", False), ("optional", True), ("required", True)):
            self.assertEqual(self.takes(task, KNOWS), expected)

    def test_another_client_waits_for_its_call(self) -> None:
        without: tuple[Any, ...] = ({}, None, [], {"other": {}}, {TASKS: None})
        for capabilities in ({}, *({"extensions": each} for each in without)):
            self.assertEqual(self.takes("optional", capabilities), False)
            self.assertEqual(self.takes("forbidden", capabilities), False)

    def test_where_only_a_task_will_do_it_is_told_what_to_declare(self) -> None:
        problem = self.assertRaises(ProtocolError, self.takes, "required", {"elicitation": {}})
        self.assertEqual((problem.code, problem.status), (MISSING_CAPABILITY, 400))
        self.assertEqual(problem.data, {"requiredCapabilities": {"extensions": {TASKS: {}}}})


class EndingTests(TaskTestCase):
    def test_the_result_is_told_with_the_task(self) -> None:
        begun = self.begin()
        self.clock.advance(1.5)
        self.waiting.calls[0].callback(ToolResult.text("done", {"n": 1}))
        told = self.get(begun)
        self.assertEqual((told["status"], told["taskId"]), ("completed", begun["taskId"]))
        self.assertEqual(told["result"]["content"], [{"type": "text", "text": "done"}])
        self.assertEqual(told["result"]["structuredContent"], {"n": 1})
        self.assertEqual(told["lastUpdatedAt"], "2023-11-14T22:13:21.500Z")
        self.assertEqual(self.tasks._live, {})

    def test_it_is_there_in_another_process(self) -> None:
        begun = self.begin()
        self.waiting.calls[0].callback(ToolResult.text("done"))
        told = self.get(begun)
        self.killed_and_started()
        self.assertEqual(self.get(begun), told)

    def test_nobody_is_told_the_result_before_it_is_kept(self) -> None:
        begun = self.begin()
        self.pools.writer.hold()
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.assertEqual(self.get(begun)["status"], "working")
        self.pools.writer.release()
        self.assertEqual(self.get(begun)["status"], "completed")

    def test_a_result_that_cannot_be_kept_is_told_while_the_process_lives(self) -> None:
        begun = self.begin()
        self.patch(type(self.store.tasks), "save", lambda *_: _failing())
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.assertEqual(self.get(begun)["status"], "completed")
        self.assertEqual([type(defect) for defect in self.defects], [StoreError])

    def test_an_error_that_the_tool_reports_is_a_result(self) -> None:
        async def refusing(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            raise ToolError("Say it otherwise")

        async def failing(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            return ToolResult.error("in vain")

        for act, text in ((refusing, "Say it otherwise"), (failing, "in vain")):
            told = self.get(self.act(act))
            self.assertEqual(told["status"], "completed")
            self.assertEqual(told["result"]["isError"], True)
            self.assertEqual(told["result"]["content"][0]["text"], text)

    def test_a_defect_lets_it_fail_and_says_nothing_of_the_inside(self) -> None:
        async def broken(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            raise ZeroDivisionError("a secret of the house")

        told = self.get(self.act(broken))
        self.assertEqual((told["status"], told["error"]["code"]), ("failed", INTERNAL_ERROR))
        self.assertNotIn("result", told)
        self.assertNotIn("secret", str(told))
        self.assertEqual([type(defect) for defect in self.defects], [ZeroDivisionError])

    def test_after_a_kill_what_ran_has_failed_and_says_why(self) -> None:
        running, asking = self.begin(), self.act(asks_once)
        self.killed_and_started()
        for begun in (running, asking):
            told = self.get(begun)
            self.assertEqual((told["status"], told["error"]["code"]), ("failed", INTERNAL_ERROR))
            self.assertIn("daemon stopped", told["error"]["message"])
            self.assertEqual(told["statusMessage"], told["error"]["message"])
            self.assertNotIn("inputRequests", told)

    def test_after_a_stop_it_is_the_same(self) -> None:
        begun = self.begin()
        self.tasks.stop()
        self.assertEqual(self.session.streams, 0)
        self.assertEqual(self.waiting.cancelled, 1)
        self.killed_and_started()
        self.assertEqual(self.get(begun)["status"], "failed")
        self.assertEqual(self.defects, [])

    def test_it_is_gone_when_its_time_is_over(self) -> None:
        done, running = self.act(asks_nothing), self.begin()
        self.clock.advance(TTL - 0.1)
        self.assertEqual(self.get(done)["status"], "completed")
        self.assertEqual(self.get(running)["status"], "working")
        self.clock.advance(0.1)
        for begun in (done, running):
            self.refused(self.asked("get", taskId=begun["taskId"]), INVALID_PARAMS)
        self.assertEqual(self.waiting.cancelled, 1)
        self.assertEqual((self.tasks._live, self.session.streams), ({}, 0))
        self.begin()
        for begun in (done, running):
            self.assertIsNone(result_of(self.store.tasks.find(begun["taskId"])))


class AskingTests(TaskTestCase):
    def test_what_a_task_asks_is_told_with_it(self) -> None:
        begun = self.act(asks_once)
        told = self.get(begun)
        self.assertEqual(told["status"], "input_required")
        request = {"method": "elicitation/create", "params": QUESTION.params}
        self.assertEqual(told["inputRequests"], {"sure": request})
        row = result_of(self.store.tasks.find(begun["taskId"]))
        assert row is not None
        self.assertEqual(row.status, "input_required")

    def test_it_goes_on_with_the_answer(self) -> None:
        begun = self.act(asks_once)
        self.update(begun, sure=YES)
        told = self.get(begun)
        self.assertEqual(
            (told["status"], told["result"]["content"][0]["text"]), ("completed", "True")
        )

    def test_it_works_again_when_all_is_answered(self) -> None:
        end: Deferred[None] = Deferred()

        async def asks_and_works(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            await context.client.ask({"sure": QUESTION})
            await end
            return ToolResult.text("done")

        begun = self.act(asks_and_works)
        self.update(begun, sure=YES)
        told = self.get(begun)
        self.assertEqual(told["status"], "working")
        self.assertNotIn("inputRequests", told)
        end.callback(None)
        self.assertEqual(self.get(begun)["status"], "completed")

    def test_answers_may_come_one_by_one(self) -> None:
        begun = self.act(asks_two)
        self.assertEqual(set(self.get(begun)["inputRequests"]), {"one", "two"})
        self.update(begun, two={"action": "decline"})
        told = self.get(begun)
        self.assertEqual((told["status"], set(told["inputRequests"])), ("input_required", {"one"}))
        self.update(begun, one=YES)
        result = self.get(begun)["result"]
        self.assertEqual(result["content"][0]["text"], "two: decline, one: accept")

    def test_an_answer_that_was_given_is_not_taken_again(self) -> None:
        begun = self.act(asks_two)
        self.update(begun, two=YES)
        self.update(begun, two={"action": "decline"}, one=YES)
        self.assertIn("two: accept", self.get(begun)["result"]["content"][0]["text"])

    def test_no_key_means_two_questions_of_one_task(self) -> None:
        begun = self.act(asks_twice)
        self.update(begun, sure=YES)
        self.assertEqual(set(self.get(begun)["inputRequests"]), {"sure-2"})
        self.update(begun, sure={"action": "cancel"})
        self.assertEqual(self.get(begun)["status"], "input_required")
        self.update(begun, **{"sure-2": {"action": "decline"}})
        told = self.get(begun)
        self.assertEqual(told["result"]["content"][0]["text"], "accept, decline")

    def test_answers_to_nothing_asked_mean_nothing(self) -> None:
        begun = self.act(asks_once)
        self.update(begun, unknown={"ignored": True})
        self.assertEqual(self.get(begun)["status"], "input_required")
        self.update(self.begin(), sure=YES)

    def test_an_answer_that_does_not_fit_is_refused_and_none_is_taken(self) -> None:
        begun = self.act(asks_two)
        unfit: tuple[Any, ...] = (
            {"one": YES, "two": {"action": "accept", "content": {"ok": "yes"}}},
            {"two": {}},
            {"two": {"action": "perhaps"}},
        )
        for bad in unfit:
            asked = self.asked("update", taskId=begun["taskId"], inputResponses=bad)
            self.assertIn("'two'", self.refused(asked, INVALID_PARAMS).message)
        self.assertEqual(set(self.get(begun)["inputRequests"]), {"one", "two"})

    def test_a_client_that_cannot_be_asked_is_told_what_to_declare(self) -> None:
        context = self.context(KNOWS)
        work = self.tasks.begin(Job(asks_once), {}, context, MODERN)
        told = self.get(self.successResultOf(self.later(work)))
        self.assertEqual((told["status"], told["error"]["code"]), ("failed", MISSING_CAPABILITY))
        self.assertEqual(told["error"]["data"], {"requiredCapabilities": {"elicitation": {}}})

    def test_no_questions_need_no_answers(self) -> None:
        async def asks_none(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            return ToolResult.text(str(await context.client.ask({})))

        self.assertEqual(self.get(self.act(asks_none))["status"], "completed")


@define(eq=False)
class PreparedJob(Job):
    """A job that asks first."""

    async def prepare(
        self, arguments: Mapping[str, Any], context: CallContext
    ) -> Mapping[str, Any]:
        answers = await context.client.ask({"sure": QUESTION})
        if answers["sure"]["action"] != "accept":
            raise ToolError("Then not")
        return {**arguments, "sure": True}


@define(eq=False)
class Answering:
    """A client that has this answer, or none yet."""

    answer: Mapping[str, Any] | None

    progress = log = release = staticmethod(lambda *args, **more: None)

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        if self.answer is None:
            raise InputRequired(questions)
        return dict.fromkeys(questions, self.answer)


class PreparingTests(TaskTestCase):
    """What a tool has to know first is asked while the client still waits."""

    def setUp(self) -> None:
        super().setUp()
        self.seen: list[Mapping[str, Any]] = []

        async def note(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            self.seen.append(arguments)
            return ToolResult.text("done")

        self.job = PreparedJob(note)

    def called(self, answer: Mapping[str, Any] | None) -> "Deferred[Mapping[str, Any]]":
        context = self.context(client=Answering(answer))
        return self.later(self.tasks.begin(self.job, {"x": 1}, context, MODERN))

    def test_such_a_tool_is_told_from_others(self) -> None:
        self.assertIsInstance(self.job, IPreparing)
        self.assertNotIsInstance(self.waiting, IPreparing)

    def test_without_the_answer_there_is_no_task(self) -> None:
        self.failureResultOf(self.called(None), InputRequired)
        self.assertEqual((self.seen, self.tasks._live), ([], {}))

    def test_with_the_answer_the_task_has_what_came_of_it(self) -> None:
        begun = self.successResultOf(self.called(YES))
        self.assertEqual(begun["resultType"], "task")
        self.assertEqual(self.seen, [{"x": 1, "sure": True}])

    def test_a_tool_may_refuse_beforehand(self) -> None:
        refused = self.successResultOf(self.called({"action": "decline"}))
        self.assertEqual((refused["isError"], refused["content"][0]["text"]), (True, "Then not"))
        self.assertEqual(self.seen, [])

    def test_a_client_that_cannot_be_asked_is_told_what_to_declare(self) -> None:
        context = self.context(client=SILENT)
        begun = self.later(self.tasks.begin(self.job, {}, context, MODERN))
        self.refused(begun, MISSING_CAPABILITY)


class TellingTests(TaskTestCase):
    def listen(self, *tasks: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        told: list[Mapping[str, Any]] = []
        wants = Wants(tasks=frozenset(task["taskId"] for task in tasks))

        def tell(method: str, params: Mapping[str, Any]) -> None:
            self.assertEqual(method, "notifications/tasks")
            told.append(params)

        self.subscriptions.add(wants, tell)
        return told

    def test_who_listens_is_told_each_state_as_it_can_be_asked_for(self) -> None:
        begun = self.act(asks_once)
        told = self.listen(begun)
        self.update(begun, sure=YES)
        self.assertEqual([each["status"] for each in told], ["working", "completed"])
        self.assertEqual(told[-1], self.get(begun))

    def test_questions_are_told(self) -> None:
        begun = self.act(asks_twice)
        told = self.listen(begun)
        self.update(begun, sure=YES)
        self.assertEqual([each["status"] for each in told], ["working", "input_required"])
        self.assertEqual(set(told[-1]["inputRequests"]), {"sure-2"})

    def test_cancelling_and_failing_are_told_once(self) -> None:
        first, second = self.begin(), self.begin()
        told = self.listen(first, second)
        self.cancel(first)
        self.waiting.calls[1].errback(ZeroDivisionError())
        self.assertEqual([each["status"] for each in told], ["cancelled", "failed"])
        self.assertEqual(told[1]["error"]["code"], INTERNAL_ERROR)

    def test_how_far_it_is_can_be_asked_for(self) -> None:
        begun = self.begin()
        client = self.waiting.contexts[0].client
        client.log("error", "nobody hears it")
        client.release(1.0)
        self.clock.advance(2.0)
        client.progress(40, 100, "of the\nfiles")
        told = self.get(begun)
        self.assertEqual(told["statusMessage"], "40 of 100: of the files")
        self.assertTrue(re.match(r".*:22\.000Z", told["lastUpdatedAt"]))
        client.progress(40)
        self.assertEqual(self.get(begun)["statusMessage"], "40 of 100: of the files")
        client.progress(41, message="\ud800" + "x" * 1000)
        self.assertEqual(self.get(begun)["statusMessage"][:6], "41: ?x")
        self.assertEqual(len(self.get(begun)["statusMessage"]), 500)
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.assertNotIn("statusMessage", self.get(begun))
