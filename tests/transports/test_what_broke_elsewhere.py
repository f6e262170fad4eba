"""
What broke for the users of an earlier daemon of this kind, failure by failure.

Each number is a failure; each has a test whose name begins with it:

  - 1, 3 to 13, 15, 19, 23, 25, 26: here
  - 2, 18, 20, 22, 24, 27, with a whole daemon: L{tests.transports.test_websocket_daemon}
  - 14, 16, 17, 21, of the bridge between stdio and WebSocket, and its side of 15, 18, 22 and 23:
    L{tests.transports.test_shim}
"""

import random
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.config_sources import ConfigError, load
from mnemo.sessions.manager import SessionManager
from mnemo.tools.interfaces import CallContext, ToolDescription, ToolResult
from mnemo.transports.credentials import Credentials
from mnemo.transports.websocket import PING_SECONDS
from tests.mcp.fakes import FakeSessions, described, initialize_message, legacy_message
from tests.sessions.fakes import FakeSessionStore
from tests.transports.talking import OTHER_TOKEN, TOKEN, Guest, Room, SocketClient
from tests.transports.wire import Daemon


class CountingTool:
    """Says how often it was called, and by which session."""

    description: ToolDescription = described("count")

    def __init__(self) -> None:
        self.calls = 0

    async def call(self, arguments: Any, context: CallContext) -> ToolResult:
        self.calls += 1
        return ToolResult.text(f"{self.calls} {context.session.id}")


def real_room(**config: Any) -> Room:
    """A room whose sessions are bounded as the daemon's are."""
    clock = Clock()
    store = FakeSessionStore()
    sessions = SessionManager(clock, store, SessionsConfig(**config))
    sessions.start()
    return Room(clock=clock, sessions=sessions)


class OneSocketTests(SynchronousTestCase):
    """What went wrong for one client."""

    def test_01_a_slow_call_holds_up_no_other_call_and_no_ping(self) -> None:
        guest = real_room().greeted()
        guest.call("wait", "slow")
        guest.say(op="ping", request_id="ping")
        guest.call("echo", "quick", text="at once")
        answers = [f["request_id"] for f in guest.heard() if f["op"] in ("pong", "call_tool_res")]
        self.assertEqual(answers, ["ping", "quick"])

    def test_01_nor_in_plain_mcp(self) -> None:
        client = SocketClient.of(Daemon(), "/ws", "Sec-WebSocket-Protocol: mcp")
        client.say(initialize_message(0))
        client.say(legacy_message("tools/call", "slow", name="wait"))
        client.say(legacy_message("ping", "ping"))
        client.say(legacy_message("tools/call", "quick", name="echo", arguments={"text": "x"}))
        self.assertEqual([message["id"] for message in client.heard()], [0, "ping", "quick"])

    def test_03_a_call_that_was_told_to_come_back_is_no_duplicate_when_it_does(self) -> None:
        room = real_room(running=1, waiting=0)
        guest = room.greeted()
        guest.call("wait", "first")
        guest.call("echo", "second", text="x")
        refused = guest.heard("call_tool_res")[0]["error"]
        self.assertEqual((refused["code"], refused["retry_after"]), ("OVER_CAPACITY", 1))
        room.waiting.calls[0].callback(ToolResult.text(""))
        guest.heard()
        guest.call("echo", "second", text="x")
        self.assertEqual(guest.heard("call_tool_res")[0]["text"], "x")

    def test_05_calls_without_a_request_id_each_get_their_own_answer(self) -> None:
        guest = real_room().greeted()
        for n in range(5):
            guest.call("echo", text=str(n))
        answers = guest.heard("call_tool_res")
        self.assertEqual([frame["text"] for frame in answers], list("01234"))
        self.assertEqual(len({frame["request_id"] for frame in answers}), 5)

    def test_05_also_where_they_run_at_once_beside_named_ones(self) -> None:
        room = real_room()
        guest = room.greeted()
        guest.call("wait", "unnamed-1")
        guest.call("wait")
        guest.call("wait")
        for n, call in enumerate(room.waiting.calls):
            call.callback(ToolResult.text(str(n)))
        answers = {f["request_id"]: f["text"] for f in guest.heard("call_tool_res")}
        self.assertEqual(answers, {"unnamed-1": "0", "unnamed-2": "1", "unnamed-3": "2"})

    def test_07_a_result_is_in_outputs_and_is_no_progress_frame(self) -> None:
        guest = real_room().greeted()
        guest.call("echo", "a", text="the result")
        heard = guest.heard()
        results = [frame for frame in heard if "outputs" in frame]
        self.assertEqual([frame["op"] for frame in results], ["call_tool_res"])
        self.assertEqual(results[0]["outputs"], [{"type": "text", "text": "the result"}])
        for frame in heard:
            if frame["op"] == "progress":
                self.assertEqual(set(frame), {"op", "request_id", "name", "t", "note"})

    def test_08_both_spellings_of_a_call_are_understood(self) -> None:
        guest = real_room().greeted()
        guest.say(op="call_tool", request_id=1, name="echo", arguments={"text": "a"})
        guest.say(op="tool_call", request_id=2, tool={"name": "echo"}, arguments={"text": "b"})
        self.assertEqual([f["text"] for f in guest.heard("call_tool_res")], ["a", "b"])

    def test_08_every_error_frame_says_what_it_is_and_what_it_answers(self) -> None:
        guest = real_room().greeted()
        wrong: list[dict[str, Any]] = [{"op": "no_such"}, {}, {"op": "hello"}, {"op": None}]
        for frame in wrong:
            guest.say(request_id="mine", **frame)
        guest.talk.receive(b"not JSON")
        answers = guest.heard()
        self.assertEqual([frame["op"] for frame in answers], ["error"] * 5)
        self.assertEqual([f["request_id"] for f in answers], ["mine"] * 4 + [None])

    def test_08_and_a_refused_call_ends_with_its_one_result(self) -> None:
        guest = real_room().greeted()
        for frame in ({"name": "none"}, {"name": 1}, {"name": "echo", "arguments": 1}, {}):
            guest.say(op="call_tool", request_id="mine", **frame)
            self.assertEqual([f["op"] for f in guest.heard()], ["call_tool_res"])

    def test_13_at_the_limit_of_sessions_a_hello_is_refused_and_said_why(self) -> None:
        room = Room(sessions=FakeSessions(limit=1))
        room.greeted()
        late = room.talk()
        late.say(op="hello")
        self.assertEqual(late.heard(), [{"op": "hello_ack", "ok": False, "error": "over_capacity"}])
        self.assertEqual(self.flushLoggedErrors(), [])


class ManySocketTests(SynchronousTestCase):
    """What one client did to another."""

    def test_04_an_equal_call_is_carried_out_again_and_answered_anew(self) -> None:
        tool = CountingTool()
        room = Room(offered=[tool])
        first, second = room.greeted(), room.greeted()
        texts = []
        for guest in (first, first, second):
            guest.call("count", "same")
            texts.append(guest.heard("call_tool_res")[0]["text"])
        self.assertEqual(texts, ["1 session-1", "2 session-1", "3 session-2"])

    def test_04_a_failure_is_not_kept_either(self) -> None:
        room = Room()
        guest = room.greeted()
        for text, failed in ((5, True), ("x", False)):
            guest.call("echo", "same", text=text)
            self.assertEqual("error" in guest.heard("call_tool_res")[0], failed)

    def test_06_clients_that_say_id_get_their_own_results(self) -> None:
        room = real_room()
        guests = [room.greeted(), room.greeted()]
        for guest in guests:
            guest.say(op="call_tool", id="unknown", name="wait")
        for call, text in zip(reversed(room.waiting.calls), "BA", strict=True):
            call.callback(ToolResult.text(text))
        for guest, text in zip(guests, "AB", strict=True):
            (answer,) = guest.heard("call_tool_res")
            self.assertEqual((answer["request_id"], answer["text"]), ("unknown", text))

    def test_09_under_load_with_cancels_and_losses_each_slot_is_given_back_once(self) -> None:
        room = real_room(running=4, waiting=8)
        chance = random.Random(9)
        guests = [room.greeted() for _ in range(5)]
        for n in range(1000):
            self.do_something(room, guests, chance, n)
            statistics = room.sessions.statistics
            self.assertLessEqual(statistics.running, 4 * len(guests))
        for guest in guests:
            self.successResultOf(Deferred.fromCoroutine(guest.talk.end()))
        statistics = room.sessions.statistics
        self.assertEqual((statistics.live, statistics.running, statistics.waiting), (0, 0, 0))
        last = room.greeted()
        for n in range(12):
            last.call("wait", n)
        self.assertEqual(len(last.heard("call_tool_ack")), 4)

    def do_something(self, room: Room, guests: list[Guest], chance: Any, n: int) -> None:
        """One event, of those that happen to a daemon."""
        i = chance.randrange(len(guests))
        guest = guests[i]
        match chance.randrange(8):
            case 0 | 1 | 2:
                guest.call("wait", n)
            case 3:
                guest.say(op="cancel", request_id=chance.randrange(n + 1))
            case 4 | 5 if room.waiting.calls:
                call = room.waiting.calls.popleft()
                if not call.called:
                    call.callback(ToolResult.text("done"))
            case 6 if room.waiting.calls:
                call = room.waiting.calls.popleft()
                if not call.called:
                    call.errback(ZeroDivisionError())
            case _ if n % 7 == 0:
                self.successResultOf(Deferred.fromCoroutine(guest.talk.end()))
                guests[i] = room.greeted()

    def test_10_a_session_that_ends_while_its_calls_run_gives_its_slots_back(self) -> None:
        room = real_room()
        guest = room.greeted()
        for n in range(20):
            guest.call("wait", n)
        session = room.sessions.find(guest.session_id, "local")
        self.successResultOf(Deferred.fromCoroutine(room.sessions.end(session, "gone")))
        self.successResultOf(Deferred.fromCoroutine(guest.talk.end()))
        statistics = room.sessions.statistics
        self.assertEqual((statistics.running, statistics.waiting), (0, 0))

    def test_11_a_stuck_client_holds_up_no_other(self) -> None:
        room = real_room()
        stuck, other = room.greeted(), room.greeted()
        for n in range(40):
            stuck.call("wait", n)
        other.call("echo", "mine", text="at once")
        self.assertEqual(other.heard("call_tool_res")[0]["text"], "at once")

    def test_11_and_its_slots_come_back_after_the_longest_time_of_a_call(self) -> None:
        room = real_room()
        stuck = room.greeted()
        for n in range(8):
            stuck.call("wait", n)
        room.clock.pump([60, 60, 60])
        self.assertEqual(room.sessions.statistics.running, 0)

    def test_15_a_second_client_and_its_end_are_no_matter_to_the_first(self) -> None:
        daemon = Daemon()
        first, second = SocketClient.of(daemon), SocketClient.of(daemon)
        for client in (first, second):
            client.say({"op": "hello"})
            self.assertTrue(client.heard()[0]["ok"])
        second.connection.transport.hang_up()
        for _ in range(4):
            daemon.clock.advance(PING_SECONDS + 1)
            ((opcode, payload),) = first.frames()
            self.assertEqual(opcode, 9)
            first.send_frame(0x8A, payload)
        first.say({"op": "ping"})
        self.assertEqual(first.heard()[0]["op"], "pong")


class LifeTests(SynchronousTestCase):
    """How long something lives."""

    def idle_for(self, room: Room, hours: int, each_hour: Any) -> None:
        for _ in range(hours):
            room.clock.pump([60.0] * 60)
            each_hour()

    def test_12_a_session_that_is_used_outlives_the_hour(self) -> None:
        room = real_room(idle_minutes=60)
        guest = room.greeted()
        self.idle_for(room, 3, lambda: guest.say(op="ping"))
        self.assertIsNotNone(room.sessions.find(guest.session_id, "local"))
        guest.call("echo", 1, text="still here")
        self.assertEqual(guest.heard("call_tool_res")[0]["text"], "still here")

    def test_12_so_does_one_whose_connection_stands(self) -> None:
        room = real_room(idle_minutes=30)
        guest = room.greeted()
        plain = room.talk(speaks_mcp=True)
        plain.say_json(initialize_message())
        self.idle_for(room, 2, lambda: None)
        self.assertEqual(room.sessions.statistics.live, 2)
        guest.call("echo", 1, text="still here")
        self.assertEqual(guest.heard("call_tool_res")[0]["text"], "still here")

    def test_12_and_one_whose_connection_has_gone_does_not(self) -> None:
        room = real_room()
        guest = room.greeted()
        self.successResultOf(Deferred.fromCoroutine(guest.talk.end()))
        self.assertEqual(room.sessions.statistics.live, 0)

    def test_19_plain_mcp_has_the_real_tools_and_is_not_closed_for_being_idle(self) -> None:
        daemon = Daemon()
        client = SocketClient.of(daemon, "/ws", "Sec-WebSocket-Protocol: mcp")
        client.say(initialize_message(0))
        client.say(legacy_message("tools/list", 1))
        begun, listed = client.heard()
        self.assertEqual(begun["result"]["serverInfo"], {"name": "mnemo", "version": "1.2.3"})
        self.assertEqual(len(listed["result"]["tools"]), 5)
        for _ in range(20):
            daemon.clock.advance(PING_SECONDS + 1)
            ((_, payload),) = client.frames()
            client.send_frame(0x8A, payload)
        client.say(legacy_message("tools/call", 2, name="wait"))
        self.assertEqual(client.heard(), [])
        daemon.waiting.calls[0].callback(ToolResult.text("real work"))
        self.assertEqual(client.heard()[0]["result"]["content"][0]["text"], "real work")


class TokenTests(SynchronousTestCase):
    """What became of tokens."""

    def test_23_no_token_is_in_a_log_or_in_an_answer(self) -> None:
        seen: list[LogEvent] = []
        with capturedLogs() as events:
            daemon = Daemon(credentials=Credentials({"someone": TOKEN}))
            answers = [
                self.talked(daemon, {"op": "hello", "token": TOKEN}),
                self.talked(daemon, {"op": "hello", "token": TOKEN + "-wrong"}),
                self.talked(daemon, {"op": TOKEN}),
                self.talked(daemon, [TOKEN], f"Authorization: Bearer {TOKEN}"),
                self.talked(daemon, {}, f"Authorization: Bearer {TOKEN}-wrong"),
                self.talked(
                    daemon,
                    {"op": "hello", "token": TOKEN},
                    rotate={"op": "rotate_token", "old": TOKEN, "new": OTHER_TOKEN},
                ),
            ]
        seen.extend(events)
        for event in seen:
            told = f"{formatEvent(event)} {event.get('log_failure', '')}"
            self.assertNotIn(TOKEN, told)
            self.assertNotIn(OTHER_TOKEN, told)
        self.assertNotIn(TOKEN.encode(), b"".join(answers))
        self.assertNotIn(OTHER_TOKEN.encode(), b"".join(answers))

    def talked(self, daemon: Daemon, first: Any, *headers: str, rotate: Any = None) -> bytes:
        """All that a client was told."""
        client = SocketClient.of(daemon, "/ws", *headers)
        if client.status == 101:
            client.say(first)
            if rotate is not None:
                client.say(rotate)
        return client.head + client.connection.taken()

    def loaded(self, **environ: str) -> Any:
        home = Path(self.mktemp()).absolute()
        home.mkdir()
        return load({"HOME": str(home), **environ})

    def test_25_a_value_with_blanks_and_a_comment_is_the_value(self) -> None:
        loaded = self.loaded(EXAI_WS_PORT=" 8765 #x", EXAI_WS_BACKPRESSURE="16   # calls")
        self.assertEqual(loaded.config.server.port, 8765)
        self.assertEqual(loaded.config.sessions.waiting, 16)
        self.assertEqual(len(loaded.warnings), 2)

    def test_26_a_short_token_is_refused_and_never_none(self) -> None:
        for short in ("x", "fifteen-letters", " short # but commented"):
            self.assertRaises(ConfigError, self.loaded, EXAI_WS_TOKEN=short)
            self.assertRaises(ConfigError, self.loaded, MNEMO_SERVER_TOKENS=short)
            self.assertRaises(ValueError, Credentials, {"someone": short[:15]})
        loaded = self.loaded(EXAI_WS_TOKEN=TOKEN)
        self.assertTrue(Credentials.of(loaded.config.server.tokens).required)

    def test_26_a_rotation_to_a_short_one_changes_nothing(self) -> None:
        room = Room(credentials=Credentials({"someone": TOKEN}))
        guest = room.greeted(token=TOKEN)
        guest.say(op="rotate_token", old=TOKEN, new="")
        guest.say(op="rotate_token", old=TOKEN, new="short")
        self.assertEqual([frame["ok"] for frame in guest.heard()], [False, False])
        self.assertTrue(room.credentials.required)
        room.greeted(token=TOKEN)
