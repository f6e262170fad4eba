"""What is said on one WebSocket: the first message decides what is spoken."""

from json import dumps
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import SessionsConfig
from mnemo.sessions.manager import SessionManager
from mnemo.tools.interfaces import ToolResult
from mnemo.transports.credentials import Credentials
from mnemo.transports.websocket_talk import HELD, HELLO_SECONDS, House
from tests.mcp.fakes import (
    FakeResources,
    FakeSessions,
    initialize_message,
    legacy_message,
    make_server,
    modern_message,
)
from tests.sessions.fakes import FakeSessionStore
from tests.transports.talking import TOKEN, Room, report


class HelloTests(SynchronousTestCase):
    """A hello begins the dialect, in either spelling."""

    def test_op_hello_is_acknowledged_with_the_session(self) -> None:
        room = Room()
        guest = room.talk()
        guest.say(op="hello", session_id="my-own", token="")
        self.assertEqual(
            guest.heard(), [{"op": "hello_ack", "ok": True, "session_id": "session-1"}]
        )
        self.assertEqual(list(room.sessions.live), ["session-1"])

    def test_type_hello_is_acknowledged_in_its_spelling(self) -> None:
        guest = Room().talk()
        guest.say(type="hello", session_id="s", auth_token="whatever")
        self.assertEqual(
            guest.heard(), [{"type": "hello_ack", "ok": True, "session_id": "session-1"}]
        )

    def test_after_it_json_rpc_is_understood_as_well(self) -> None:
        guest = Room().talk()
        guest.say(type="hello", session_id="s")
        guest.heard()
        guest.say_json(initialize_message(1))
        guest.say_json(legacy_message("tools/call", 2, name="echo", arguments={"text": "a\nb"}))
        guest.call("echo", 3, text="c")
        begun, called = [frame for frame in guest.heard() if "jsonrpc" in frame]
        self.assertEqual(begun["result"]["serverInfo"]["name"], "mnemo")
        self.assertEqual(called["result"]["content"][0]["text"], "a\nb")

    def test_json_rpc_without_initialize_is_the_session_s_of_the_hello(self) -> None:
        room = Room()
        guest = room.talk()
        guest.say(type="hello")
        guest.say_json(legacy_message("tools/call", 1, name="echo", arguments={"text": "a"}))
        self.assertEqual([s.kind for s in room.sessions.live.values()], ["mcp"])
        self.assertEqual(guest.heard()[1]["result"]["content"][0]["text"], "a")

    def test_it_says_who_the_client_is(self) -> None:
        room = Room()
        room.greeted(clientInfo={"name": "window", "version": "2"})
        (session,) = room.sessions.live.values()
        self.assertEqual((session.opening.client, session.opening.client_version), ("window", "2"))

    def test_the_project_is_that_of_the_connection(self) -> None:
        room = Room()
        room.talk(hint="/work/there").say(op="hello")
        (session,) = room.sessions.live.values()
        self.assertEqual(session.project, "there")

    def test_what_comes_before_the_session_is_made_is_answered_after_it(self) -> None:
        store = FakeSessionStore(held=[])
        room = Room()
        room = Room(sessions=SessionManager(room.clock, store, SessionsConfig()))
        guest = room.talk()
        guest.say(op="hello")
        guest.say(op="ping", request_id=1)
        guest.say(op="ping", request_id=2)
        self.assertEqual(guest.heard(), [])
        self.assertFalse(guest.talk.idle)
        store.release()
        self.assertEqual([f["op"] for f in guest.heard()], ["hello_ack", "pong", "pong"])

    def test_but_not_without_end(self) -> None:
        store = FakeSessionStore(held=[])
        room = Room()
        room = Room(sessions=SessionManager(room.clock, store, SessionsConfig()))
        guest = room.talk()
        guest.say(op="hello")
        guest.say(op="ping", request_id="x" * HELD)
        self.assertEqual(guest.channel.closed, (1008, "wait for the hello_ack"))

    def test_a_client_that_goes_meanwhile_leaves_no_session(self) -> None:
        store = FakeSessionStore(held=[])
        room = Room()
        sessions = SessionManager(room.clock, store, SessionsConfig())
        guest = Room(clock=room.clock, sessions=sessions).talk()
        guest.say(op="hello")
        ended = Deferred.fromCoroutine(guest.talk.end())
        store.release()
        self.successResultOf(ended)
        self.assertEqual(sessions.statistics.live, 0)


class FirstMessageTests(SynchronousTestCase):
    """What else a client may begin with."""

    def closed(self, message: bytes) -> Any:
        guest = Room().talk()
        guest.talk.receive(message)
        (answer,) = guest.heard()
        self.assertEqual((answer["op"], answer["ok"]), ("hello_ack", False))
        assert guest.channel.closed is not None
        return guest.channel.closed[0], answer["error"]

    def test_what_is_not_json_closes_with_4000(self) -> None:
        self.assertEqual(self.closed(b"hello"), (4000, "invalid_hello"))

    def test_what_is_no_hello_closes_with_4001(self) -> None:
        for other in (b"{}", b'{"op":"list_tools"}', b'{"type":"hi"}', b"5", b"null"):
            self.assertEqual(self.closed(other), (4001, "missing_hello"))

    def test_silence_closes_with_4002(self) -> None:
        room = Room()
        guest = room.talk()
        room.clock.advance(HELLO_SECONDS - 1)
        self.assertIsNone(guest.channel.closed)
        room.clock.advance(1)
        assert guest.channel.closed is not None
        self.assertEqual(guest.channel.closed[0], 4002)

    def test_who_has_agreed_on_mcp_may_be_silent_and_may_be_wrong(self) -> None:
        room = Room()
        guest = room.talk(speaks_mcp=True)
        room.clock.advance(3600)
        guest.talk.receive(b"hello")
        self.assertEqual(guest.heard()[0]["error"]["code"], -32700)
        self.assertIsNone(guest.channel.closed)

    def test_initialize_begins_plain_mcp(self) -> None:
        room = Room()
        guest = room.talk()
        guest.say_json(initialize_message(0))
        guest.say_json({"jsonrpc": "2.0", "method": "notifications/initialized"})
        guest.say_json(legacy_message("tools/list", "one"))
        begun, listed = guest.heard()
        self.assertEqual(begun["id"], 0)
        self.assertEqual(listed["id"], "one")
        self.assertEqual(len(listed["result"]["tools"]), 5)
        room.clock.advance(HELLO_SECONDS)
        self.assertIsNone(guest.channel.closed)

    def test_so_does_a_request_of_the_stateless_era(self) -> None:
        guest = Room().talk()
        guest.say_json(modern_message("tools/call", 5, name="echo", arguments={"text": "hi"}))
        self.assertEqual(guest.heard()[0]["result"]["content"][0]["text"], "hi")

    def test_frames_of_the_dialect_are_none_of_plain_mcp(self) -> None:
        guest = Room().talk()
        guest.say_json(initialize_message(0))
        guest.heard()
        guest.say(op="ping")
        self.assertEqual(guest.heard()[0]["error"]["code"], -32600)


class TokenTests(SynchronousTestCase):
    """Where there are tokens, the connection or the hello brings one."""

    def setUp(self) -> None:
        self.room = Room(credentials=Credentials({"someone": TOKEN}))

    def test_a_hello_with_a_token_is_its_holder_s(self) -> None:
        for spelling in ({"op": "hello", "token": TOKEN}, {"type": "hello", "auth_token": TOKEN}):
            guest = self.room.talk("")
            guest.say(**spelling)
            self.assertTrue(guest.heard()[0]["ok"])
        principals = {s.opening.principal for s in self.room.sessions.live.values()}
        self.assertEqual(principals, {"someone"})

    def test_one_with_a_wrong_token_or_none_closes_with_4003(self) -> None:
        for token in ("", "wrong", TOKEN + "x"):
            guest = self.room.talk("")
            guest.say(op="hello", token=token)
            self.assertEqual(guest.heard()[0]["error"], "unauthorized")
            self.assertEqual(guest.channel.closed, (4003, "unauthorized"))

    def test_plain_mcp_without_one_closes_with_4003(self) -> None:
        guest = self.room.talk("")
        guest.say_json(initialize_message())
        self.assertEqual((guest.heard(), guest.channel.closed), ([], (4003, "unauthorized")))
        self.assertEqual(self.room.sessions.made, 0)

    def test_the_token_of_the_connection_will_do(self) -> None:
        guest = self.room.talk("someone")
        guest.say(op="hello")
        self.assertTrue(guest.heard()[0]["ok"])

    def test_a_session_is_taken_up_again_by_who_opened_it_alone(self) -> None:
        room = Room(credentials=Credentials({"someone": TOKEN, "other": TOKEN + "2"}))
        first = room.talk("someone")
        first.say(op="hello")
        opened = first.heard()[0]["session_id"]
        again, other = room.talk("someone"), room.talk("other")
        again.say(op="hello", session_id=opened)
        other.say(op="hello", session_id=opened)
        self.assertEqual(again.heard()[0]["session_id"], opened)
        self.assertNotEqual(other.heard()[0]["session_id"], opened)


class SessionTests(SynchronousTestCase):
    """The session of a hello."""

    def test_one_that_two_connections_have_outlives_either(self) -> None:
        room = Room()
        first = room.greeted()
        second = room.greeted(session_id=first.session_id)
        self.successResultOf(Deferred.fromCoroutine(first.talk.end()))
        self.assertEqual(room.sessions.ended, [])
        second.call("echo", 1, text="hi")
        self.assertEqual(second.heard("call_tool_res")[0]["text"], "hi")

    def test_there_are_only_so_many(self) -> None:
        room = Room(sessions=FakeSessions(limit=1))
        room.greeted()
        late = room.talk()
        late.say(op="hello")
        self.assertEqual(late.heard()[0]["error"], "over_capacity")
        assert late.channel.closed is not None
        self.assertEqual(late.channel.closed[0], 1013)

    def test_one_that_cannot_be_made_is_a_defect_for_the_log(self) -> None:
        store = FakeSessionStore(broken=True)
        room = Room()
        room = Room(sessions=SessionManager(room.clock, store, SessionsConfig()))
        guest = room.talk()
        guest.say(op="hello")
        self.assertEqual(guest.heard()[0]["error"], "internal_error")
        self.assertEqual(len(self.flushLoggedErrors()), 1)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
OPS = ["hello", "hello_ack", "list_tools", "call_tool", "tool_call", "health", "ping", "cancel"]
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "op": st.sampled_from([*OPS, "rotate_token"]) | JSON,
        "type": st.sampled_from(OPS) | JSON,
        "jsonrpc": st.just("2.0") | JSON,
        "method": st.sampled_from(["initialize", "ping", "tools/list", "tools/call"]) | JSON,
        "params": JSON,
        "id": JSON,
        "request_id": st.sampled_from([1, "1", "unnamed-1"]) | JSON,
        "session_id": st.just("session-1") | JSON,
        "token": JSON,
        "old": JSON,
        "new": JSON,
        "clientInfo": JSON,
        "name": st.sampled_from(["echo", "wait", "broken", "echo_EXAI-WS"]) | JSON,
        "tool": st.fixed_dictionaries({"name": st.just("echo") | JSON}) | JSON,
        "arguments": st.fixed_dictionaries({"text": JSON}) | JSON,
    },
)
MESSAGES = st.lists(
    FRAMES.map(lambda frame: dumps(frame).encode())
    | JSON.map(lambda v: dumps(v).encode())
    | st.binary(max_size=20),
    max_size=8,
)


class AnythingTests(SynchronousTestCase):
    """Whatever is said."""

    @given(MESSAGES, st.booleans(), st.booleans())
    def test_nothing_breaks_and_nothing_is_left(
        self, messages: list[bytes], speaks_mcp: bool, greets: bool
    ) -> None:
        room = Room()
        guest = room.talk(speaks_mcp=speaks_mcp)
        if greets:
            guest.say(op="hello")
        for message in messages:
            guest.talk.receive(message)
        self.successResultOf(Deferred.fromCoroutine(guest.talk.end()))
        self.assertTrue(all(isinstance(defect, ZeroDivisionError) for defect in room.defects))
        self.assertEqual({s.running for s in room.sessions.live.values()} - {0}, set())
        self.assertEqual(room.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class StopTests(SynchronousTestCase):
    """The daemon stops."""

    def test_leaving_says_why(self) -> None:
        guest = Room().greeted()
        guest.talk.leave()
        self.assertEqual(guest.channel.closed, (1001, "mnemo stops"))

    def test_what_comes_afterwards_is_not_begun(self) -> None:
        room = Room()
        guest = room.greeted()
        guest.talk.leave()
        guest.call("wait", 1)
        self.assertEqual(len(room.waiting.calls), 0)

    def test_who_only_waits_for_news_is_told_that_there_will_be_none(self) -> None:
        room = Room()
        server = make_server(room.sessions, resources=[FakeResources()])
        room.house = House(server, room.credentials, report, room.clock)
        guest = room.talk(speaks_mcp=True)
        guest.say_json(modern_message("subscriptions/listen", 1, notifications={}))
        self.assertFalse(guest.talk.idle)
        guest.heard()
        guest.talk.finish()
        self.assertEqual([message["id"] for message in guest.heard()], [1])
        self.assertTrue(guest.talk.idle)

    def test_it_is_told_when_the_last_call_has_ended(self) -> None:
        room = Room()
        guest = room.greeted()
        idle: list[bool] = []
        guest.call("wait", 1)
        guest.say_json(legacy_message("tools/call", 2, name="wait"))
        guest.talk.on_idle = lambda: idle.append(guest.talk.idle)
        for call in room.waiting.calls:
            self.assertEqual((idle, guest.talk.idle), ([], False))
            call.callback(ToolResult.text(""))
        self.assertEqual(idle, [True])
