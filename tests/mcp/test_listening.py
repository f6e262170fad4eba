"""Being told of what changes: the stateless way, and the way of sessions."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import listening
from mnemo.mcp.get_streams import OpenStream
from mnemo.mcp.streamable import Endpoint
from mnemo.mcp.subscriptions import SUBSCRIPTION_ID
from tests.mcp.fakes import (
    Client,
    EchoTool,
    Events,
    FakePrompt,
    FakeResources,
    FakeSessions,
    described,
    done,
    json,
    legacy_message,
    make_server,
    modern_exchange,
    modern_message,
)
from tests.mcp.test_answer_stream import Posted

ALL: dict[str, Any] = {
    "toolsListChanged": True,
    "promptsListChanged": True,
    "resourcesListChanged": True,
    "resourceSubscriptions": ["mnemo://a"],
}


class ListeningCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.server = self.make()
        self.endpoint = Endpoint(self.server)

    def make(self, dynamic: Sequence[Any] = ("tools", "prompts"), **more: Any) -> Any:
        more.setdefault("resources", [FakeResources()])
        return make_server(
            self.sessions,
            [EchoTool()],
            dynamic=frozenset(dynamic),
            prompts=[FakePrompt()],
            **more,
        )

    def change(self) -> None:
        """Everything changes."""
        self.server.add_tool(EchoTool(described("another")))
        self.server.remove_tool("another")
        self.server.subscriptions.list_changed("prompts")
        self.server.subscriptions.list_changed("resources")
        self.server.subscriptions.resource_updated("mnemo://a")
        self.server.subscriptions.resource_updated("mnemo://b")


class ModernTests(ListeningCase):
    def listen(self, id: Any = "listen:0", accept: str = "*/*", **filter: Any) -> Posted:
        message = modern_message("subscriptions/listen", id, notifications=filter)
        return Posted(self.endpoint, modern_exchange(message, accept=accept))

    def told(self, posted: Posted) -> list[str]:
        return [message.get("method", "the result") for message in posted.events.messages]

    def test_it_is_told_first_what_it_will_be_told(self) -> None:
        posted = self.listen(**ALL)
        (first,) = posted.events.messages
        self.assertEqual(first["method"], "notifications/subscriptions/acknowledged")
        self.assertEqual(
            first["params"]["notifications"],
            {
                "toolsListChanged": True,
                "promptsListChanged": True,
                "resourceSubscriptions": ["mnemo://a"],
            },
        )

    def test_it_is_told_only_what_it_asked_for(self) -> None:
        posted = self.listen(toolsListChanged=True)
        self.change()
        changed = "notifications/tools/list_changed"
        self.assertEqual(self.told(posted)[1:], [changed, changed])

    def test_every_message_says_which_listening_it_is_of(self) -> None:
        for asked in ("listen:0", 0, 7):
            posted = self.listen(asked, **ALL)
            self.change()
            for message in posted.events.messages:
                self.assertEqual(message["params"]["_meta"][SUBSCRIPTION_ID], asked)

    def test_when_the_server_stops_it_is_answered(self) -> None:
        listeners = [self.listen(7, **ALL), self.listen("8")]
        self.endpoint.end_listening()
        for posted, asked in zip(listeners, (7, "8"), strict=True):
            assert posted.call is not None
            self.successResultOf(posted.call)
            answer = posted.events.messages[-1]
            self.assertEqual((answer["id"], answer["result"]["resultType"]), (asked, "complete"))
            self.assertEqual(answer["result"]["_meta"][SUBSCRIPTION_ID], asked)
            self.assertEqual(posted.events.closed, 1)
        self.change()
        self.assertEqual(len(listeners[1].events.messages), 2)

    def test_a_client_that_goes_away_is_told_nothing_any_more(self) -> None:
        posted = self.listen(**ALL)
        assert posted.call is not None
        posted.call.cancel()
        self.failureResultOf(posted.call, CancelledError)
        self.change()
        self.assertEqual(len(posted.events.messages), 1)
        self.assertEqual(len(self.endpoint._listening), 0)
        self.assertFalse(self.server.subscriptions.wanted("mnemo://a"))

    def refused(self, posted: Posted) -> tuple[int, int]:
        assert posted.call is not None
        reply = self.successResultOf(posted.call)
        self.assertEqual(posted.opened, 0)
        return reply.status, json(reply)["error"]["code"]

    def test_what_is_malformed_is_refused(self) -> None:
        self.assertEqual(self.refused(self.listen(toolsListChanged=1)), (400, -32602))

    def test_a_client_that_takes_no_events_cannot_listen(self) -> None:
        self.assertEqual(self.refused(self.listen(accept="application/json")), (406, -32600))

    def test_where_nothing_changes_nobody_listens(self) -> None:
        self.endpoint = Endpoint(self.make((), resources=[]))
        self.assertEqual(self.refused(self.listen(**ALL)), (404, -32601))

    def test_there_is_room_for_so_many(self) -> None:
        self.patch(listening, "LISTENERS", 2)
        for _ in range(2):
            self.listen()
        self.assertEqual(self.refused(self.listen()), (503, -32603))


class LegacyTests(ListeningCase):
    def setUp(self) -> None:
        super().setUp()
        self.client = Client(self.endpoint)
        self.client.initialize()
        (self.session,) = self.sessions.live.values()

    def get(self) -> tuple[OpenStream, Events]:
        stream = done(self.endpoint.get(self.client.exchange(method="GET")))
        assert isinstance(stream, OpenStream)
        events = Events()
        stream.attach(events.send, events.close)
        return stream, events

    def ask(self, method: str, uri: Any) -> Any:
        return json(self.client.post(legacy_message(method, uri=uri)))

    def updates(self, events: Events) -> list[str]:
        method = "notifications/resources/updated"
        return [m["params"]["uri"] for m in events.messages if m["method"] == method]

    def test_lists_that_change_are_told_on_the_standing_stream(self) -> None:
        _, events = self.get()
        self.change()
        self.assertEqual(
            [message["method"] for message in events.messages],
            ["notifications/tools/list_changed"] * 2
            + ["notifications/prompts/list_changed", "notifications/resources/list_changed"],
        )

    def test_a_resource_is_told_of_from_subscribe_to_unsubscribe(self) -> None:
        _, events = self.get()
        self.assertEqual(self.ask("resources/subscribe", "mnemo://a")["result"], {})
        self.change()
        self.assertEqual(self.updates(events), ["mnemo://a"])
        self.assertEqual(self.ask("resources/unsubscribe", "mnemo://a")["result"], {})
        self.assertEqual(self.ask("resources/unsubscribe", "mnemo://a")["result"], {})
        self.change()
        self.assertEqual(self.updates(events), ["mnemo://a"])

    def test_a_subscription_is_the_sessions_and_outlives_its_streams(self) -> None:
        self.ask("resources/subscribe", "mnemo://a")
        self.assertEqual(self.session.subscriptions, {"mnemo://a"})
        stream, first = self.get()
        stream.detach()
        self.change()
        _, second = self.get()
        self.change()
        self.assertEqual((self.updates(first), self.updates(second)), ([], ["mnemo://a"]))

    def test_after_a_restart_it_is_still_told(self) -> None:
        self.ask("resources/subscribe", "mnemo://a")
        self.server = self.make()
        self.client.endpoint = self.endpoint = Endpoint(self.server)
        _, events = self.get()
        self.change()
        self.assertEqual(self.updates(events), ["mnemo://a"])

    def test_what_is_no_uri_is_refused(self) -> None:
        for uri in (None, 7, "", "x" * 2049):
            for method in ("resources/subscribe", "resources/unsubscribe"):
                self.assertEqual(self.ask(method, uri)["error"]["code"], -32602)

    def test_a_session_subscribes_to_so_many(self) -> None:
        self.session.subscriptions = frozenset(map(str, range(1000)))
        self.assertEqual(self.ask("resources/subscribe", "one more")["error"]["code"], -32602)

    def test_without_resources_there_is_nothing_to_subscribe_to(self) -> None:
        self.client.endpoint = Endpoint(self.make(resources=[]))
        self.assertEqual(self.ask("resources/subscribe", "mnemo://a")["error"]["code"], -32601)
