"""What a client does about its tasks."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from mnemo.mcp import task_methods
from mnemo.mcp.errors import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    MISSING_CAPABILITY,
)
from mnemo.mcp.tasks import TASKS
from mnemo.tools.interfaces import (
    CallContext,
    ToolResult,
)
from tests.mcp.task_room import YES, TaskTestCase, asks_nothing, asks_once


class FindingTests(TaskTestCase):
    METHODS = ("get", "update", "cancel")

    def test_an_unknown_task_is_refused(self) -> None:
        for method in self.METHODS:
            self.refused(self.asked(method, taskId="unknown", inputResponses={}), INVALID_PARAMS)

    def test_the_task_of_another_principal_is_unknown(self) -> None:
        running, done = self.begin(), self.act(asks_nothing)
        for begun in (running, done):
            own = self.asked("get", taskId="x" * 32)
            for method in self.METHODS:
                asked = self.asked(method, "bob", taskId=begun["taskId"], inputResponses={})
                problem = self.refused(asked, INVALID_PARAMS)
            unknown = self.refused(own, INVALID_PARAMS)
            self.assertEqual(
                problem.message.replace(begun["taskId"], ""), unknown.message.replace("x" * 32, "")
            )
        self.assertEqual(self.get(running)["status"], "working")

    def test_an_id_that_is_none_is_refused(self) -> None:
        no_ids: tuple[Any, ...] = (None, 5, [], {})
        for given in no_ids:
            for method in self.METHODS:
                self.refused(self.asked(method, taskId=given, inputResponses={}), INVALID_PARAMS)

    def test_it_is_known_which_tasks_are_somebodys(self) -> None:
        running, done = self.begin()["taskId"], self.act(asks_nothing)["taskId"]
        for principal, expected in (("ann", {running, done}), ("bob", set())):
            known = self.later(self.tasks.known({running, done, "x"}, principal))
            self.assertEqual(self.successResultOf(known), expected)

    def test_without_the_extension_nothing_can_be_asked_about_tasks(self) -> None:
        begun = self.begin()
        for method in ("get", "update", "cancel"):
            params = {"taskId": begun["taskId"], "inputResponses": {}}
            answer = self.later(
                task_methods.answer(self.tasks, f"tasks/{method}", params, {}, "ann")
            )
            problem = self.refused(answer, MISSING_CAPABILITY)
            self.assertEqual(problem.data, {"requiredCapabilities": {"extensions": {TASKS: {}}}})

    def test_there_is_no_other_method(self) -> None:
        for method in ("list", "result", "", "get/"):
            problem = self.refused(self.asked(method, taskId="x"), METHOD_NOT_FOUND)
            self.assertEqual(problem.status, 404)

    def test_what_are_no_answers_is_refused(self) -> None:
        begun = self.act(asks_once)
        no_answers: tuple[Any, ...] = (None, [], "yes", {"sure": True}, {"sure": None})
        for bad in no_answers:
            asked = self.asked("update", taskId=begun["taskId"], inputResponses=bad)
            self.refused(asked, INVALID_PARAMS)


class CancellingTests(TaskTestCase):
    def test_the_work_really_ends(self) -> None:
        begun = self.begin()
        self.cancel(begun)
        self.assertEqual(self.waiting.cancelled, 1)
        self.assertEqual(self.session.streams, 0)
        told = self.get(begun)
        self.assertEqual(told["status"], "cancelled")
        self.assertFalse({"result", "error"} & told.keys())
        self.assertEqual((self.defects, self.tasks._live), ([], {}))

    def test_it_stays_cancelled_in_another_process(self) -> None:
        begun = self.begin()
        self.cancel(begun)
        self.killed_and_started()
        self.assertEqual(self.get(begun)["status"], "cancelled")

    def test_work_that_takes_no_notice_changes_nothing(self) -> None:
        end: Deferred[None] = Deferred()

        async def stubborn(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
            try:
                await Deferred()
            except CancelledError:
                await end
            context.client.progress(99)
            return ToolResult.text("done all the same")

        begun = self.act(stubborn)
        self.cancel(begun)
        end.callback(None)
        self.assertEqual(self.get(begun)["status"], "cancelled")

    def test_one_that_waits_for_an_answer_ends_too(self) -> None:
        begun = self.act(asks_once)
        self.cancel(begun)
        told = self.get(begun)
        self.assertEqual(told["status"], "cancelled")
        self.assertNotIn("inputRequests", told)
        self.update(begun, sure=YES)
        self.assertEqual(self.get(begun)["status"], "cancelled")

    def test_one_that_has_ended_stays_as_it_is(self) -> None:
        begun = self.act(asks_nothing)
        told = self.get(begun)
        self.cancel(begun)
        self.cancel(begun)
        self.assertEqual(self.get(begun), told)

    def test_one_that_is_just_ending_stays_as_it_is(self) -> None:
        begun = self.begin()
        self.pools.writer.hold()
        self.waiting.calls[0].callback(ToolResult.text("done"))
        self.cancel(begun)
        self.pools.writer.release()
        self.assertEqual(self.get(begun)["status"], "completed")
