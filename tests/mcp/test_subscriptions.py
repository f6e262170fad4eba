"""Who is told of what, and how a modern client asks for it."""

from collections.abc import Mapping
from typing import Any

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.errors import INVALID_PARAMS, ProtocolError
from mnemo.mcp.subscriptions import (
    KINDS,
    SUBSCRIPTION_ID,
    URI_LENGTH,
    URIS,
    Subscription,
    Subscriptions,
    Wants,
    acknowledgement,
    ended,
    granted,
    listened,
    tagged,
)

Told = tuple[str, Mapping[str, Any]]

TOOLS: Told = ("notifications/tools/list_changed", {})


def updated(uri: str) -> Told:
    return ("notifications/resources/updated", {"uri": uri})


class TellingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.defects: list[BaseException] = []
        self.all = Subscriptions(self.defects.append)

    def listener(self, **wants: Any) -> tuple[list[Told], Subscription]:
        told: list[Told] = []
        return told, self.all.add(Wants(**wants), lambda *what: told.append(what))

    def test_a_listener_is_told_of_what_it_wants_and_nothing_else(self) -> None:
        told, _ = self.listener(tools=True, uris=frozenset({"a:1"}), tasks=frozenset({"t1"}))
        for kind in KINDS:
            self.all.list_changed(kind)
        for uri in ("a:1", "a:2", "t1", "tools"):
            self.all.resource_updated(uri)
        for task in ("t1", "t2", "a:1"):
            self.all.task_changed(task, {"taskId": task, "status": "working"})
        task_told = ("notifications/tasks", {"taskId": "t1", "status": "working"})
        self.assertEqual(told, [TOOLS, updated("a:1"), task_told])

    def test_each_list_has_its_own_notification(self) -> None:
        told, _ = self.listener(tools=True, prompts=True, resources=True)
        for kind in KINDS:
            self.all.list_changed(kind)
        self.assertEqual(
            [method for method, _ in told],
            [f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources")],
        )

    def test_listeners_are_told_in_the_order_in_which_they_came(self) -> None:
        order: list[int] = []
        for number in range(5):
            self.all.add(Wants(tools=True), lambda *_, number=number: order.append(number))
        self.all.list_changed("tools")
        self.assertEqual(order, [0, 1, 2, 3, 4])

    def test_one_that_is_cancelled_is_told_nothing_more(self) -> None:
        told, subscription = self.listener(tools=True)
        subscription.cancel()
        subscription.cancel()
        subscription.wants = Wants(tools=True)
        self.all.list_changed("tools")
        self.assertEqual(told, [])

    def test_what_it_wants_can_be_replaced(self) -> None:
        told, subscription = self.listener(uris=frozenset({"a:1", "a:2"}))
        subscription.wants = Wants(uris=frozenset({"a:2", "a:3"}))
        for uri in ("a:1", "a:2", "a:3"):
            self.all.resource_updated(uri)
        self.assertEqual(told, [updated("a:2"), updated("a:3")])

    def test_one_may_cancel_others_and_itself_while_it_is_told(self) -> None:
        told, later = [], []

        def first(*what: Any) -> None:
            told.append("first")
            mine.cancel()
            other.cancel()

        mine = self.all.add(Wants(tools=True), first)
        other = self.all.add(Wants(tools=True), lambda *_: later.append("second"))
        self.all.add(Wants(tools=True), lambda *_: told.append("third"))
        self.all.list_changed("tools")
        self.all.list_changed("tools")
        self.assertEqual((told, later), (["first", "third", "third"], []))

    def test_one_added_while_others_are_told_hears_the_next(self) -> None:
        told: list[str] = []

        def adding(*_: Any) -> None:
            if not told:
                self.all.add(Wants(tools=True), lambda *_: told.append("new"))
            told.append("old")

        self.all.add(Wants(tools=True), adding)
        self.all.list_changed("tools")
        self.assertEqual(told, ["old"])
        self.all.list_changed("tools")
        self.assertEqual(told, ["old", "old", "new"])

    def test_one_that_raises_harms_nobody_and_is_reported(self) -> None:
        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        self.all.add(Wants(tools=True), broken)
        told, _ = self.listener(tools=True)
        self.all.list_changed("tools")
        self.assertEqual(told, [TOOLS])
        self.assertIsInstance(self.defects[0], ZeroDivisionError)

    def test_it_is_known_whether_anybody_wants_a_resource(self) -> None:
        _, subscription = self.listener(uris=frozenset({"a:1"}))
        self.assertEqual((self.all.wanted("a:1"), self.all.wanted("a:2")), (True, False))
        subscription.cancel()
        self.assertFalse(self.all.wanted("a:1"))

    def test_only_those_who_want_it_are_looked_at(self) -> None:
        """Among a thousand listeners, a change costs what its own listeners cost."""
        asked = []

        @define(eq=False)
        class Counting(Subscription):
            def __hash__(self) -> int:
                asked.append(self)
                return id(self)

        told: list[Told] = []
        for number in range(1000):
            subscription = Counting(self.all, lambda *what: told.append(what))
            subscription.wants = Wants(uris=frozenset({f"a:{number % 500}"}))
        asked.clear()
        self.all.resource_updated("a:7")
        self.assertEqual(told, [updated("a:7")] * 2)
        self.assertLess(len(asked), 10)


@define(eq=False)
class Listener:
    """What one listener was told, and should have been."""

    wants: Wants
    told: list[Told] = field(factory=list)
    expected: list[Told] = field(factory=list)
    subscription: Subscription | None = None


URI = st.sampled_from(["a:1", "a:2", "a:3"])
WANTS = st.builds(
    Wants,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.frozensets(URI),
    st.frozensets(st.sampled_from(["t1", "t2"])),
)


class Machine(RuleBasedStateMachine):
    """Listeners come, change their minds and go, while things change."""

    def __init__(self) -> None:
        super().__init__()
        self.all = Subscriptions()
        self.listeners: list[Listener] = []

    @rule(wants=WANTS)
    def comes(self, wants: Wants) -> None:
        listener = Listener(wants)
        listener.subscription = self.all.add(wants, lambda *what: listener.told.append(what))
        self.listeners.append(listener)

    @rule(which=st.integers(0, 9), wants=WANTS)
    def changes_its_mind(self, which: int, wants: Wants) -> None:
        for listener in self.listeners[which : which + 1]:
            assert listener.subscription is not None
            listener.subscription.wants = listener.wants = wants

    @rule(which=st.integers(0, 9))
    def goes(self, which: int) -> None:
        for listener in self.listeners[which : which + 1]:
            assert listener.subscription is not None
            listener.subscription.cancel()
            self.listeners.remove(listener)
            assert listener.told == listener.expected

    @rule(kind=st.sampled_from(KINDS))
    def list_changes(self, kind: Any) -> None:
        for listener in self.listeners:
            if getattr(listener.wants, kind):
                listener.expected.append((f"notifications/{kind}/list_changed", {}))
        self.all.list_changed(kind)

    @rule(uri=URI)
    def resource_changes(self, uri: str) -> None:
        for listener in self.listeners:
            if uri in listener.wants.uris:
                listener.expected.append(updated(uri))
        self.all.resource_updated(uri)

    @rule(task=st.sampled_from(["t1", "t2"]))
    def task_changes(self, task: str) -> None:
        for listener in self.listeners:
            if task in listener.wants.tasks:
                listener.expected.append(("notifications/tasks", {"taskId": task}))
        self.all.task_changed(task, {"taskId": task})

    @invariant()
    def each_was_told_what_it_wanted(self) -> None:
        for listener in self.listeners:
            assert listener.told == listener.expected

    def teardown(self) -> None:
        for listener in self.listeners:
            assert listener.subscription is not None
            listener.subscription.cancel()
        assert not self.all._index


class ModelTests(SynchronousTestCase):
    def test_it_tells_what_a_naive_model_tells(self) -> None:
        run_state_machine_as_test(Machine, settings=settings(max_examples=100, deadline=None))


class ListeningTests(SynchronousTestCase):
    def refused(self, params: Any) -> str:
        with self.assertRaises(ProtocolError) as raised:
            listened(params)
        refusal: ProtocolError = raised.exception
        self.assertEqual((refusal.code, refusal.status), (INVALID_PARAMS, 400))
        return refusal.message

    def test_a_client_says_what_it_wants(self) -> None:
        asked = {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": False,
            "resourceSubscriptions": ["a:1", "a:2", "a:1"],
            "taskIds": ["t1"],
        }
        wants = Wants(True, True, False, frozenset({"a:1", "a:2"}), frozenset({"t1"}))
        self.assertEqual(listened({"notifications": asked}), wants)

    def test_it_may_want_nothing_and_what_nobody_knows(self) -> None:
        self.assertEqual(listened({"notifications": {}}), Wants())
        self.assertEqual(listened({"notifications": {"weather": 5}, "more": 1}), Wants())

    def test_without_notifications_it_is_refused(self) -> None:
        without: tuple[Any, ...] = (None, [], True, "all")
        for params in ({}, *({"notifications": each} for each in without)):
            self.assertIn("notifications, an object", self.refused(params))

    def test_what_is_malformed_is_refused_by_name(self) -> None:
        for name, value in (
            ("toolsListChanged", "yes"),
            ("promptsListChanged", 1),
            ("resourcesListChanged", None),
            ("resourceSubscriptions", "a:1"),
            ("resourceSubscriptions", {"a:1": True}),
            ("resourceSubscriptions", [1]),
            ("resourceSubscriptions", [""]),
            ("resourceSubscriptions", ["a" * (URI_LENGTH + 1)]),
            ("resourceSubscriptions", ["a"] * (URIS + 1)),
            ("taskIds", [None]),
        ):
            self.assertIn(name, self.refused({"notifications": {name: value}}))

    def test_only_what_is_supported_is_granted(self) -> None:
        all_of_it = Wants(True, True, True, frozenset({"a:1"}), frozenset({"t1", "t2"}))
        self.assertEqual(granted(all_of_it, (), resources=False), Wants())
        self.assertEqual(granted(all_of_it, KINDS, tasks={"t1", "t2"}), all_of_it)
        self.assertEqual(
            granted(all_of_it, {"prompts"}, tasks={"t2", "t3"}),
            Wants(prompts=True, uris=frozenset({"a:1"}), tasks=frozenset({"t2"})),
        )
        self.assertEqual(granted(Wants(), KINDS, tasks={"t1"}), Wants())

    def test_what_is_granted_is_acknowledged_and_nothing_else(self) -> None:
        wants = Wants(tools=True, uris=frozenset({"b:1", "a:1"}))
        expected = {"toolsListChanged": True, "resourceSubscriptions": ["a:1", "b:1"]}
        message = acknowledgement("listen:0", wants)
        self.assertEqual(message["method"], "notifications/subscriptions/acknowledged")
        self.assertEqual(message["params"]["notifications"], expected)
        self.assertEqual(acknowledgement(1, Wants())["params"]["notifications"], {})
        tasks = acknowledgement(1, Wants(tasks=frozenset({"t2", "t1"})))
        self.assertEqual(tasks["params"]["notifications"], {"taskIds": ["t1", "t2"]})

    def test_every_message_carries_the_id_of_the_request_as_it_was_sent(self) -> None:
        for listen in (0, 7, "7", "listen:0", ""):
            for params in (
                acknowledgement(listen, Wants())["params"],
                tagged(listen, "notifications/tools/list_changed", {})["params"],
                ended(listen),
            ):
                found = params["_meta"][SUBSCRIPTION_ID]
                self.assertEqual((found, type(found)), (listen, type(listen)))

    def test_a_tag_leaves_the_params_as_they_are(self) -> None:
        params = {"uri": "a:1", "_meta": {"more": 1}}
        message = tagged(7, "notifications/resources/updated", params)
        self.assertEqual(
            message,
            {
                "jsonrpc": "2.0",
                "method": "notifications/resources/updated",
                "params": {"uri": "a:1", "_meta": {"more": 1, SUBSCRIPTION_ID: 7}},
            },
        )
        self.assertEqual(params, {"uri": "a:1", "_meta": {"more": 1}})

    def test_a_listen_that_ends_from_this_side_is_complete(self) -> None:
        self.assertEqual(ended(7), {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: 7}})
