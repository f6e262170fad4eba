"""The daemon's dialect: one session's frames, without a socket."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.sessions.manager import SessionManager
from mnemo.tools.interfaces import CallContext, Question, ToolDescription, ToolResult
from mnemo.transports import daemon_frames as frames
from mnemo.transports.credentials import Credentials
from mnemo.transports.daemon_dialect import CALL_SECONDS, PROGRESS_SECONDS
from tests.mcp.fakes import EchoTool, GivingTool, described, tools
from tests.sessions.fakes import FakeSessionStore
from tests.transports.talking import OTHER_TOKEN, TOKEN, Guest, Room


class DialectTestCase(SynchronousTestCase):
    """A client that has said hello."""

    def setUp(self) -> None:
        self.room = Room()
        self.guest = self.room.greeted()

    def ask(self, **frame: Any) -> Any:
        """The one frame that answers this one."""
        self.guest.say(**frame)
        (answer,) = self.guest.heard()
        return answer


class AskingTests(DialectTestCase):
    """What is answered at once."""

    def test_list_tools_has_the_name_the_description_and_the_schema_of_each(self) -> None:
        answer = self.ask(op="list_tools", request_id="a")
        self.assertEqual((answer["op"], answer["request_id"]), ("list_tools_res", "a"))
        self.assertEqual(
            [tool["name"] for tool in answer["tools"]],
            ["broken", "echo", "refusing", "sampling", "wait"],
        )
        self.assertEqual(
            answer["tools"][1],
            {"name": "echo", "description": "The tool echo.", "inputSchema": {"type": "object"}},
        )

    def test_ping_is_answered_by_pong(self) -> None:
        self.room.clock.advance(5)
        self.assertEqual(
            self.ask(op="ping", request_id=7), {"op": "pong", "request_id": 7, "timestamp": 5.0}
        )

    def test_health_says_how_the_daemon_is(self) -> None:
        answer = self.ask(op="health", request_id="h")
        self.assertEqual((answer["op"], answer["ok"]), ("health_res", True))
        self.assertEqual(
            answer["health"],
            {
                "t": 0.0,
                "pid": 42,
                "status": "ok",
                "sessions": 3,
                "global_capacity": 64,
                "global_inflight": 1,
                "uptime_human": "1:01:01",
                "tool_count": 5,
            },
        )

    def test_id_will_do_for_request_id(self) -> None:
        self.assertEqual(self.ask(op="ping", id="x")["request_id"], "x")
        self.assertEqual(self.ask(op="ping", id="x", request_id="y")["request_id"], "y")

    def test_frames_without_an_id_are_counted(self) -> None:
        self.assertEqual(self.ask(op="ping")["request_id"], "unnamed-1")
        self.assertEqual(self.ask(op="ping")["request_id"], "unnamed-2")

    def test_what_is_not_understood_is_answered_by_an_error_with_op_and_request_id(self) -> None:
        self.guest.say_json([1])
        self.guest.say_json(7)
        for frame in self.guest.heard("error"):
            self.assertEqual(set(frame), {"op", "request_id", "message", "error"})
        wrongs: list[dict[str, Any]] = [
            {},
            {"op": "fly"},
            {"op": 5},
            {"op": ["ping"]},
            {"op": "hello"},
        ]
        for wrong in wrongs:
            answer = self.ask(request_id="w", **wrong)
            self.assertEqual((answer["op"], answer["request_id"]), ("error", "w"))
            self.assertEqual(answer["error"]["code"], "INVALID_REQUEST")

    def test_an_id_of_another_kind_is_refused(self) -> None:
        wrongs: list[Any] = [True, 1.5, [], {}]
        for wrong in wrongs:
            answer = self.ask(op="ping", request_id=wrong)
            self.assertEqual((answer["op"], answer["request_id"]), ("error", None))


class CallTests(DialectTestCase):
    """A call, from its beginning to its one answer."""

    def test_a_call_is_told_that_it_waits_that_it_begins_and_what_came_of_it(self) -> None:
        self.guest.call("echo", "a", text="hi")
        waits, begins, answer = self.guest.heard()
        self.assertEqual((waits["op"], waits["note"]), ("progress", frames.ACCEPTED))
        self.assertEqual(
            begins,
            {
                "op": "call_tool_ack",
                "request_id": "a",
                "accepted": True,
                "timeout": CALL_SECONDS,
                "name": "echo",
            },
        )
        self.assertEqual(
            answer,
            {
                "op": "call_tool_res",
                "request_id": "a",
                "outputs": [{"type": "text", "text": "hi"}],
                "text": "hi",
            },
        )

    def test_tool_call_with_a_tool_object_is_a_call_too(self) -> None:
        self.guest.say(op="tool_call", request_id=1, tool={"name": "echo"}, arguments={"text": "a"})
        self.guest.say(
            op="tool_call", request_id=2, tool={"name": "echo", "arguments": {"text": "b"}}
        )
        self.assertEqual([f["text"] for f in self.guest.heard("call_tool_res")], ["a", "b"])

    def test_a_tool_is_found_under_the_suffixes_of_clients(self) -> None:
        for suffix in ("_EXAI-WS", "-EXAI-WS", "_EXAI_WS", "-EXAI_WS"):
            self.guest.call("echo" + suffix, "s", text="x")
            self.assertEqual(self.guest.heard("call_tool_res")[0]["text"], "x")

    def test_a_call_that_takes_long_is_said_to_be_alive_every_eight_seconds(self) -> None:
        self.guest.call("wait", "a")
        self.guest.heard()
        self.room.clock.pump([PROGRESS_SECONDS] * 3)
        alive = self.guest.heard()
        self.assertEqual([frame["t"] for frame in alive], [8.0, 16.0, 24.0])
        self.assertEqual({frame["op"] for frame in alive}, {"progress"})
        self.room.waiting.calls.popleft().callback(ToolResult.text("done"))
        self.room.clock.pump([PROGRESS_SECONDS] * 3)
        self.assertEqual([f["op"] for f in self.guest.heard()], ["call_tool_res"])

    def test_what_a_tool_says_of_its_progress_is_a_progress_frame(self) -> None:
        class Telling:
            description: ToolDescription = described("telling")

            async def call(self, arguments: Any, context: CallContext) -> ToolResult:
                context.client.progress(1, 4, "one")
                context.client.progress(1)
                context.client.progress(2)
                context.client.log("info", "nobody wants to know")
                context.client.release(1)
                return ToolResult.text("")

        room = Room(offered=[Telling()])
        guest = room.greeted()
        guest.call("telling", "a")
        _, first, second = guest.heard("progress")
        self.assertEqual((first["progress"], first["total"], first["note"]), (1, 4, "one"))
        self.assertEqual(second["progress"], 2)

    def test_a_tool_that_asks_its_client_is_told_that_it_cannot(self) -> None:
        class Asking:
            description: ToolDescription = described("asking")

            async def call(self, arguments: Any, context: CallContext) -> ToolResult:
                await context.client.ask({"q": Question("elicitation/create")})
                return ToolResult.text("")

        guest = Room(offered=[Asking()]).greeted()
        guest.call("asking", "a")
        error = guest.heard("call_tool_res")[0]["error"]
        self.assertEqual(error["code"], "EXEC_ERROR")
        self.assertIn("elicitation", error["message"])

    def test_calls_end_in_any_order_each_under_its_own_id(self) -> None:
        for name in ("a", "b", "c"):
            self.guest.call("wait", name)
        self.guest.heard()
        for call, text in zip(reversed(self.room.waiting.calls), "CBA", strict=True):
            call.callback(ToolResult.text(text))
        self.assertEqual(
            [(f["request_id"], f["text"]) for f in self.guest.heard()],
            [("c", "C"), ("b", "B"), ("a", "A")],
        )


class OutcomeTests(DialectTestCase):
    """What an answer looks like."""

    def outcome(self, name: str, **arguments: Any) -> Any:
        self.guest.call(name, "o", **arguments)
        (answer,) = self.guest.heard("call_tool_res")
        return answer

    def given(self, *content: Any) -> Any:
        guest = Room(offered=[GivingTool(described("give"), ToolResult(content))]).greeted()
        guest.call("give", "g")
        return guest.heard("call_tool_res")[0]

    def test_each_text_is_an_output_and_together_they_are_the_text(self) -> None:
        answer = self.given({"type": "text", "text": "a"}, {"type": "text", "text": "b"})
        self.assertEqual([output["text"] for output in answer["outputs"]], ["a", "b"])
        self.assertEqual(answer["text"], "a\nb")

    def test_no_output_is_one_empty_text(self) -> None:
        self.assertEqual(self.given()["outputs"], [{"type": "text", "text": ""}])

    def test_what_is_no_text_becomes_text(self) -> None:
        (output,) = self.given({"type": "image", "data": "AA==", "mimeType": "image/png"})[
            "outputs"
        ]
        self.assertEqual(output["type"], "text")
        self.assertIn('"image/png"', output["text"])

    def test_an_unknown_tool_is_refused_with_those_there_are(self) -> None:
        error = self.outcome("ecco")["error"]
        self.assertEqual(error["code"], "TOOL_NOT_FOUND")
        self.assertIn("echo", error["message"])

    def test_a_call_without_a_name_or_with_other_arguments_is_refused(self) -> None:
        wrongs: list[dict[str, Any]] = [{}, {"name": 5}, {"name": "echo", "arguments": [1]}]
        for wrong in wrongs:
            self.guest.say(op="call_tool", request_id="w", **wrong)
            (answer,) = self.guest.heard()
            self.assertEqual(answer["op"], "call_tool_res")
            self.assertEqual(answer["error"]["code"], "INVALID_REQUEST")

    def test_a_tool_that_refuses_says_why(self) -> None:
        answer = self.outcome("refusing")
        self.assertEqual(answer["error"], {"code": "EXEC_ERROR", "message": "Say it otherwise"})
        self.assertEqual(answer["text"], "Say it otherwise")

    def test_a_result_that_is_an_error_is_one_here(self) -> None:
        self.assertEqual(self.outcome("echo", text=5)["error"]["code"], "EXEC_ERROR")

    def test_a_defect_is_for_the_log_alone(self) -> None:
        error = self.outcome("broken")["error"]
        self.assertEqual(error["code"], "INTERNAL_ERROR")
        self.assertNotIn("secret", error["message"])
        self.assertIsInstance(self.room.defects[0], ZeroDivisionError)

    def test_a_call_that_takes_too_long_is_told_so_and_frees_its_slot(self) -> None:
        self.guest.call("wait", "slow")
        (session,) = self.room.sessions.live.values()
        self.assertEqual(session.running, 1)
        self.room.clock.pump([60, 60, 59])
        self.assertEqual(self.guest.heard("call_tool_res"), [])
        self.room.clock.advance(1)
        (answer,) = self.guest.heard("call_tool_res")
        self.assertEqual(answer["error"]["code"], "TIMEOUT")
        self.assertEqual(session.running, 0)


class CancelTests(DialectTestCase):
    """Cancelling stops the work."""

    def test_what_runs_is_stopped_and_answered(self) -> None:
        self.guest.call("wait", "a")
        self.guest.heard()
        self.guest.say(op="cancel", request_id="a")
        answer, cancelled = self.guest.heard()
        self.assertEqual(answer["error"]["code"], "CANCELLED")
        self.assertEqual(cancelled, {"op": "cancelled", "request_id": "a", "stopped": True})
        self.assertTrue(self.room.waiting.calls[0].called)
        (session,) = self.room.sessions.live.values()
        self.assertEqual(session.running, 0)

    def test_what_does_not_run_cannot_be_stopped(self) -> None:
        self.assertFalse(self.ask(op="cancel", request_id="nothing")["stopped"])

    def test_others_run_on(self) -> None:
        self.guest.call("wait", "a")
        self.guest.call("wait", "b")
        self.guest.say(op="cancel", request_id="a")
        self.guest.heard()
        self.room.waiting.calls[1].callback(ToolResult.text("b"))
        self.assertEqual(self.guest.heard()[0]["text"], "b")

    def test_an_id_that_runs_cannot_be_used_again_and_is_free_afterwards(self) -> None:
        self.guest.call("wait", "a")
        self.guest.heard()
        duplicate = self.ask(op="call_tool", name="echo", request_id="a")
        self.assertEqual(duplicate["op"], "error")
        self.assertEqual(duplicate["error"]["code"], "DUPLICATE")
        self.assertEqual(duplicate["error"]["original_request_id"], "a")
        self.room.waiting.calls[0].callback(ToolResult.text("first"))
        self.assertEqual(self.guest.heard()[0]["text"], "first")
        self.guest.call("echo", "a", text="again")
        self.assertEqual(self.guest.heard("call_tool_res")[0]["text"], "again")


class CapacityTests(SynchronousTestCase):
    """How much of one session runs and waits."""

    def setUp(self) -> None:
        self.room = Room()
        config = SessionsConfig(running=8, waiting=32)
        sessions = SessionManager(self.room.clock, FakeSessionStore(), config)
        self.room = Room(clock=self.room.clock, sessions=sessions)
        self.guest = self.room.greeted()

    def test_of_a_hundred_calls_forty_are_taken_and_sixty_told_when_to_come_back(self) -> None:
        for n in range(100):
            self.guest.call("wait", n)
        heard = self.guest.heard()
        refused = [frame for frame in heard if frame["op"] == "call_tool_res"]
        self.assertEqual([frame["request_id"] for frame in refused], list(range(40, 100)))
        for frame in refused:
            self.assertEqual(frame["error"]["code"], "OVER_CAPACITY")
            self.assertEqual(frame["error"]["retry_after"], 1)
        begun = [frame["request_id"] for frame in heard if frame["op"] == "call_tool_ack"]
        self.assertEqual(begun, list(range(8)))

    def test_each_is_acknowledged_once_when_its_turn_comes(self) -> None:
        for n in range(40):
            self.guest.call("wait", n)
        while self.room.waiting.calls:
            self.room.waiting.calls.popleft().callback(ToolResult.text("x"))
        heard = self.guest.heard()
        for op in ("call_tool_ack", "call_tool_res"):
            ids = [frame["request_id"] for frame in heard if frame["op"] == op]
            self.assertEqual(sorted(ids), list(range(40)))


class TokenTests(SynchronousTestCase):
    """rotate_token replaces a token until the daemon ends."""

    def setUp(self) -> None:
        self.room = Room(credentials=Credentials({"someone": TOKEN}))
        self.guest = self.room.greeted(token=TOKEN)

    def rotate(self, **frame: Any) -> Any:
        self.guest.say(op="rotate_token", request_id="r", **frame)
        (answer,) = self.guest.heard()
        self.assertEqual((answer["op"], answer["request_id"]), ("rotate_token_res", "r"))
        return answer

    def test_the_new_one_opens_and_the_old_one_does_not(self) -> None:
        self.assertEqual(self.rotate(old=TOKEN, new=OTHER_TOKEN)["ok"], True)
        late = self.room.talk("")
        late.say(op="hello", token=TOKEN)
        self.assertEqual(late.channel.closed, (4003, "unauthorized"))
        self.room.greeted(token=OTHER_TOKEN)

    def test_who_is_connected_stays(self) -> None:
        self.rotate(old=TOKEN, new=OTHER_TOKEN)
        self.guest.call("echo", 1, text="still here")
        self.assertEqual(self.guest.heard("call_tool_res")[0]["text"], "still here")

    def test_each_way_to_fail_is_named(self) -> None:
        self.assertEqual(self.rotate(old=TOKEN)["error"], "missing_params")
        self.assertEqual(self.rotate(old="wrong", new=OTHER_TOKEN)["error"], "unauthorized")
        self.assertEqual(self.rotate(old=TOKEN, new="short")["error"], "invalid_params")
        self.room.greeted(token=TOKEN)


class FrameTests(SynchronousTestCase):
    """Reading frames."""

    def test_only_json_is_read(self) -> None:
        for wrong in (b"", b"{", b"\xff", b"[" * 200 + b"]" * 200, b"[" * 100_000):
            self.assertRaises(frames.Unreadable, frames.read, wrong)

    def test_a_tool_that_is_really_named_so_keeps_its_suffix(self) -> None:
        guest = Room(offered=[*tools(), EchoTool(described("echo_EXAI-WS"))]).greeted()
        guest.call("echo_EXAI-WS", 1)
        self.assertEqual(guest.heard("call_tool_ack")[0]["name"], "echo_EXAI-WS")

    def test_an_uptime_is_hours_minutes_and_seconds(self) -> None:
        self.assertEqual(frames.uptime(0.9), "0:00:00")
        self.assertEqual(frames.uptime(26 * 3600 + 3 * 60 + 9), "26:03:09")


class EndTests(DialectTestCase):
    """The end of a talk."""

    def end(self, guest: Guest, stopping: bool = False) -> None:
        self.successResultOf(Deferred.fromCoroutine(guest.talk.end(stopping)))

    def test_what_runs_is_given_up_and_the_session_ends(self) -> None:
        self.guest.call("wait", "a")
        (session,) = self.room.sessions.live.values()
        self.end(self.guest)
        self.assertEqual(session.running, 0)
        self.assertEqual(self.room.sessions.ended, [(self.guest.session_id, "closed")])
        self.assertEqual(self.room.clock.getDelayedCalls(), [])

    def test_a_session_outlives_the_daemon(self) -> None:
        self.end(self.guest, stopping=True)
        again = self.room.greeted(session_id=self.guest.session_id)
        self.assertEqual(again.session_id, self.guest.session_id)
        self.assertEqual(self.room.sessions.ended, [])
