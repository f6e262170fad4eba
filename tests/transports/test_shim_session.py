"""A client's conversation across connections, without a socket."""

import json
from typing import Any

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.shim_session import BROKEN, OWN_ID, ShimSession
from mnemo.transports.shim_waiting import HOLD_SECONDS, MOST_HELD

INITIALIZE = {"protocolVersion": "2025-11-25", "capabilities": {}}


@define
class FakeLink:
    """A connection in memory."""

    is_up: bool = True
    sent: list[Any] = field(factory=list)

    def send(self, message: bytes) -> None:
        self.sent.append(json.loads(message))

    def drop(self) -> None:
        self.is_up = False

    def take(self) -> list[Any]:
        """What was sent since this was last called."""
        sent, self.sent = self.sent, []
        return sent


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[Any] = []
        self.logged: list[str] = []
        self.now = 100.0
        self.session = ShimSession(lambda data: self.said.append(json.loads(data)), self.log)

    def log(self, text: str) -> None:
        self.logged.append(text)

    def heard(self) -> list[Any]:
        """What the client was told since this was last called."""
        said = list(self.said)
        self.said.clear()
        return said

    def tell(self, method: str, id: Any = None, **params: Any) -> dict[str, Any]:
        """The client sends a request, or without an id a notification."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params}
        if id is not None:
            message["id"] = id
        self.session.from_client(json.dumps(message).encode(), self.now)
        return message

    def answer(self, id: Any, **result: Any) -> None:
        """The daemon answers a request."""
        self.daemon_says({"id": id, "result": result})

    def daemon_says(self, message: Any) -> None:
        self.session.from_daemon(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def connect(self) -> FakeLink:
        link = FakeLink()
        self.session.opened(link)
        return link

    def begin(self) -> FakeLink:
        """A client and a daemon that have agreed on a session."""
        link = self.connect()
        self.tell("initialize", 1, **INITIALIZE)
        self.answer(1, protocolVersion="2025-11-25")
        self.tell("notifications/initialized")
        link.take()
        self.heard()
        return link


class ConnectedTests(SessionCase):
    """While there is a connection, it is a pipe."""

    def test_messages_pass_as_they_are(self) -> None:
        link = self.connect()
        asked = self.tell("tools/list", "a", cursor="x")
        told = self.tell("notifications/progress", progressToken=1)
        self.assertEqual(link.take(), [asked, told])

    def test_answers_pass_as_they_are_in_any_order(self) -> None:
        self.connect()
        self.tell("tools/call", 1, name="slow")
        self.tell("ping", 2)
        self.answer(2)
        self.answer(1, content=[])
        self.assertEqual([message["id"] for message in self.heard()], [2, 1])
        self.assertTrue(self.session.is_idle)

    def test_an_id_is_matched_with_its_type(self) -> None:
        self.connect()
        self.tell("ping", 0)
        self.answer("0")
        self.assertEqual(self.heard(), [])
        self.answer(0)
        self.assertEqual([message["id"] for message in self.heard()], [0])

    def test_a_second_answer_under_an_id_is_none(self) -> None:
        self.connect()
        self.tell("ping", 7)
        self.answer(7)
        self.answer(7)
        self.assertEqual(len(self.heard()), 1)
        self.assertEqual(len(self.logged), 1)

    def test_the_daemon_may_ask_and_tell(self) -> None:
        link = self.connect()
        self.daemon_says({"id": 0, "method": "roots/list"})
        self.daemon_says({"method": "notifications/progress", "params": {}})
        self.assertEqual(self.heard()[0]["method"], "roots/list")
        self.session.from_client(b'{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}', self.now)
        self.assertEqual(link.take(), [{"jsonrpc": "2.0", "id": 0, "result": {"roots": []}}])

    def test_what_is_no_message_is_answered_here(self) -> None:
        link = self.connect()
        self.session.from_client(b"{", self.now)
        self.assertEqual(self.heard()[0]["error"]["code"], -32700)
        self.assertEqual(link.take(), [])

    def test_what_the_daemon_sends_that_is_no_json_reaches_nobody(self) -> None:
        self.connect()
        self.session.from_daemon(b"Traceback (most recent call last):")
        self.assertEqual(self.heard(), [])
        self.assertEqual(len(self.logged), 1)

    def test_a_connection_that_is_closing_takes_nothing(self) -> None:
        link = self.connect()
        link.is_up = False
        self.tell("ping", 1)
        self.assertEqual(link.take(), [])
        self.session.closed(self.now)
        self.assertEqual(self.heard(), [])
        self.assertEqual(len(self.connect().take()), 1)

    def test_a_batch_passes_whole_and_so_does_its_answer(self) -> None:
        link = self.connect()
        batch = [
            {"jsonrpc": "2.0", "id": 1, "method": "ping"},
            {"jsonrpc": "2.0", "method": "notifications/x"},
            {"jsonrpc": "2.0", "id": 2, "method": "ping"},
        ]
        self.session.from_client(json.dumps(batch).encode(), self.now)
        self.assertEqual(link.take(), [batch])
        self.assertFalse(self.session.is_idle)
        self.session.from_daemon(b'[{"id":1,"result":{}},{"id":2,"result":{}}]')
        self.assertEqual([len(said) for said in self.heard()], [2])
        self.assertTrue(self.session.is_idle)

    def test_each_request_of_a_batch_is_answered_when_the_connection_breaks(self) -> None:
        self.connect()
        self.session.from_client(
            b'[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","id":2,"method":"ping"}]',
            self.now,
        )
        self.session.closed(self.now)
        self.assertEqual([message["id"] for message in self.heard()], [1, 2])

    def test_an_error_that_answers_no_request_is_for_the_client(self) -> None:
        self.connect()
        self.daemon_says({"id": None, "error": {"code": -32600, "message": "no batches"}})
        self.assertEqual(len(self.heard()), 1)


class LostTests(SessionCase):
    """When the connection breaks."""

    def test_what_runs_is_answered_at_once_and_never_sent_again(self) -> None:
        self.begin()
        self.tell("tools/call", 5, name="remember")
        self.tell("tools/list", "6")
        self.session.closed(self.now)
        errors = {message["id"]: message["error"]["message"] for message in self.heard()}
        self.assertEqual(errors, {5: BROKEN, "6": BROKEN})
        link = self.connect()
        self.answer(OWN_ID, protocolVersion="2025-11-25")
        self.assertNotIn("tools/call", [message["method"] for message in link.take()])

    def test_the_session_is_opened_again_and_the_client_hears_nothing_of_it(self) -> None:
        self.begin()
        self.session.closed(self.now)
        link = self.connect()
        (again,) = link.take()
        self.assertEqual((again["id"], again["method"]), (OWN_ID, "initialize"))
        self.assertEqual(again["params"], INITIALIZE)
        self.answer(OWN_ID, protocolVersion="2025-11-25")
        (initialized,) = link.take()
        self.assertEqual(initialized["method"], "notifications/initialized")
        self.assertEqual(self.heard(), [])

    def test_the_next_call_waits_until_it_is(self) -> None:
        self.begin()
        self.session.closed(self.now)
        call = self.tell("tools/call", 2, name="recall")
        link = self.connect()
        later = self.tell("tools/call", 3, name="recall")
        link.take()
        self.answer(OWN_ID)
        self.assertEqual(link.take()[1:], [call, later])
        self.answer(2, content=[])
        self.assertEqual(self.heard()[0]["id"], 2)

    def test_a_client_that_said_no_initialized_has_none_said_for_it(self) -> None:
        link = self.connect()
        self.tell("initialize", 1, **INITIALIZE)
        self.answer(1)
        self.session.closed(self.now)
        link = self.connect()
        self.answer(OWN_ID)
        self.assertEqual([message["method"] for message in link.take()], ["initialize"])

    def test_what_it_subscribed_to_is_subscribed_to_again(self) -> None:
        self.begin()
        self.tell("logging/setLevel", 2, level="error")
        self.tell("resources/subscribe", 3, uri="mnemo://a")
        self.tell("resources/subscribe", 4, uri="mnemo://b")
        self.tell("resources/subscribe", 5, uri="mnemo://refused")
        self.tell("resources/unsubscribe", 6, uri="mnemo://a")
        for number in (2, 3, 4, 6):
            self.answer(number)
        self.daemon_says({"id": 5, "error": {"code": -32002, "message": "unknown"}})
        self.heard()
        self.session.closed(self.now)
        link = self.connect()
        for _ in range(3):
            self.answer(OWN_ID)
        self.assertEqual(
            [(message["method"], message["params"]) for message in link.take() if "id" in message],
            [
                ("initialize", INITIALIZE),
                ("logging/setLevel", {"level": "error"}),
                ("resources/subscribe", {"uri": "mnemo://b"}),
            ],
        )
        self.assertEqual(self.heard(), [])
        call = self.tell("ping", 7)
        self.assertEqual(link.take(), [call])

    def test_an_initialize_that_was_not_answered_is_sent_again(self) -> None:
        self.connect()
        first = self.tell("initialize", 1, **INITIALIZE)
        self.session.closed(self.now)
        self.assertEqual(self.heard(), [])
        link = self.connect()
        self.assertEqual(link.take(), [first])
        self.answer(1)
        self.assertEqual(self.heard()[0]["id"], 1)

    def test_a_new_initialize_stands_for_the_old_one(self) -> None:
        self.begin()
        self.session.closed(self.now)
        fresh = self.tell("initialize", 9, protocolVersion="2025-06-18")
        link = self.connect()
        self.assertEqual(link.take(), [fresh])

    def test_a_connection_that_breaks_again_meanwhile_is_no_matter(self) -> None:
        self.begin()
        self.session.closed(self.now)
        self.connect()
        self.session.closed(self.now)
        link = self.connect()
        self.assertEqual([message["method"] for message in link.take()], ["initialize"])
        self.assertEqual(self.heard(), [])

    def test_a_daemon_that_refuses_the_session_is_told_of_and_left(self) -> None:
        self.begin()
        self.session.closed(self.now)
        self.tell("tools/call", 2, name="recall")
        link = self.connect()
        self.daemon_says({"id": OWN_ID, "error": {"code": -32000, "message": "too many"}})
        self.assertIn("too many", self.heard()[0]["error"]["message"])
        self.assertFalse(link.is_up)

    def test_an_answer_to_the_old_daemon_is_not_for_the_new_one(self) -> None:
        self.begin()
        self.daemon_says({"id": 0, "method": "roots/list"})
        self.session.closed(self.now)
        link = self.connect()
        self.answer(OWN_ID)
        link.take()
        self.session.from_client(b'{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}', self.now)
        self.assertEqual(link.take(), [])

    def test_a_client_of_the_stateless_protocol_needs_no_session(self) -> None:
        self.connect()
        self.tell("server/discover", 1)
        self.answer(1)
        self.session.closed(self.now)
        call = self.tell("tools/call", 2, name="recall")
        self.assertEqual(self.connect().take(), [call])


class WaitingTests(SessionCase):
    """While there is no connection."""

    def test_messages_are_kept_in_order(self) -> None:
        asked = [self.tell("ping", number) for number in (1, 2, 3)]
        self.assertTrue(self.session.is_held_up)
        self.assertEqual(self.connect().take(), asked)
        self.assertFalse(self.session.is_held_up)

    def test_they_are_refused_when_they_have_waited_for_too_long(self) -> None:
        self.session.problem = "No mnemo daemon answers."
        self.tell("ping", 1)
        self.tell("notifications/progress")
        self.session.expire(self.now + HOLD_SECONDS - 0.1)
        self.assertEqual(self.heard(), [])
        self.session.expire(self.now + HOLD_SECONDS)
        (answer,) = self.heard()
        self.assertEqual(answer["id"], 1)
        self.assertIn("No mnemo daemon answers. This was not sent", answer["error"]["message"])
        self.assertEqual(self.connect().take(), [])

    def test_no_more_than_so_many_wait(self) -> None:
        for number in range(MOST_HELD + 1):
            self.tell("ping", number)
        (answer,) = self.heard()
        self.assertEqual(answer["id"], MOST_HELD)
        self.assertIn("Too many", answer["error"]["message"])

    def test_when_it_is_hopeless_nobody_waits(self) -> None:
        self.tell("ping", 1)
        self.session.give_up("The port is taken.")
        self.assertIn("The port is taken.", self.heard()[0]["error"]["message"])
        self.assertTrue(self.session.is_idle)

    def test_what_waits_can_be_cancelled(self) -> None:
        self.tell("tools/call", 1, name="remember")
        self.tell("notifications/cancelled", requestId=1)
        self.assertEqual(self.connect().take(), [])
        self.assertEqual(self.heard(), [])

    def test_cancelling_what_the_daemon_does_not_have_is_nothing_to_tell_it(self) -> None:
        self.tell("notifications/cancelled", requestId=1)
        self.assertEqual(self.connect().take(), [])

    def test_cancelling_what_it_has_is(self) -> None:
        link = self.connect()
        self.tell("tools/call", 1, name="recall")
        cancelled = self.tell("notifications/cancelled", requestId=1)
        self.assertEqual(link.take()[1:], [cancelled])
        self.assertTrue(self.session.is_idle)

    def test_a_daemon_that_does_not_open_the_session_in_time_is_left(self) -> None:
        self.begin()
        self.session.closed(self.now)
        self.tell("ping", 2)
        link = self.connect()
        self.session.expire(self.now + HOLD_SECONDS)
        self.assertIn("does not answer", self.heard()[0]["error"]["message"])
        self.assertFalse(link.is_up)
