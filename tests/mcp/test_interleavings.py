"""
Many clients at once, in any order: calls, answers, progress, questions, hang-ups, cancellations,
ends and restarts. Each answer reaches its caller once, and in the end nothing is left.
"""

import gc
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.client import ANSWER_SECONDS
from mnemo.mcp.running import CANCELLED
from mnemo.store.sqlite.store import SqliteStore
from tests.mcp.fakes import (
    MODERN,
    EchoTool,
    initialize_message,
    legacy_message,
    meta,
    modern_message,
)
from tests.mcp.interleaving_house import IDLE_MINUTES, RUNNING, WAITING, House, Wire
from tests.store.inline import open_store, result_of

T = TypeVar("T")

WINDOW = IDLE_MINUTES * 60
ROUND = 60.0
"""How often idle sessions are looked for, in seconds."""

LATEST, OLDER = "2025-11-25", "2025-06-18"

which = st.integers(0, 1000)


def picked(there: Sequence[T], number: int) -> T:
    """One of them."""
    return there[number % len(there)]


# -- what an answer can be


def says(text: str) -> Callable[[Any], bool]:
    return lambda answer: answer["result"]["content"] == [{"type": "text", "text": text}]


def is_error(answer: Any) -> bool:
    return bool(answer["result"].get("isError"))


def is_question(answer: Any) -> bool:
    return bool(answer["result"].get("resultType") == "input_required")


def is_cancelled(answer: Any) -> bool:
    return bool(answer["error"]["code"] == CANCELLED)


# -- what the model knows


@define(eq=False)
class Client:
    """
    A legacy client with a session.

    @ivar active: when it last did something
    @ivar stream: what it holds open for what belongs to no call
    """

    session: str
    version: str
    active: float
    stream: Wire | None = None

    @property
    def headers(self) -> dict[str, str]:
        return {"Mcp_Session_Id": self.session, "MCP_Protocol_Version": self.version}


@define(eq=False)
class Call:
    """
    A call of the tool C{work}.

    @ivar caller: a client with a session, or the name of one without
    @ivar wires: the connections on which its answer was to come
    @ivar state: C{"pending"}; C{"answered"}; C{"missed"}, while nobody was there for the answer;
        C{"lost"}, where nobody will get it
    @ivar is_right: whether an answer is the one
    @ivar began: when its tool began
    @ivar told: how often its progress was told
    @ivar listens: whether the client is there for the answer
    """

    number: int
    caller: Client | str
    asks: bool
    wires: list[Wire]
    state: str = "pending"
    is_right: Callable[[Any], bool] = field(default=bool)
    began: float | None = None
    told: int = 0
    listens: bool = True

    @property
    def answers(self) -> list[Any]:
        return [answer for wire in self.wires for answer in wire.answers(self.number)]

    @property
    def progress(self) -> list[int]:
        """What its client heard of its progress."""
        notes = [note for wire in self.wires for note in wire.notes("notifications/progress")]
        return [note["progress"] for note in notes if note["progressToken"] == self.number]

    @property
    def last_event(self) -> str:
        return next((wire.last_event for wire in self.wires[::-1] if wire.last_event), "")

    @property
    def can_resume(self) -> bool:
        """Whether its client knows how to take up its stream again."""
        return isinstance(self.caller, Client) and self.caller.version == LATEST

    def answer(self, is_right: Callable[[Any], bool]) -> None:
        """Its answer has been made."""
        assert self.state == "pending", self
        self.state = "answered" if self.listens else "missed"
        self.is_right = is_right


class Interleavings(RuleBasedStateMachine):
    """Clients that do whatever clients do, and a daemon that is replaced now and then."""

    store: SqliteStore

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.last_number = 0
        self.clients: list[Client] = []
        self.calls: list[Call] = []
        # Stateless clients that listen, and of which changes each was to be told.
        self.listeners: dict[Wire, int] = {}
        self.news: dict[Wire, int] = {}
        # What an example has left that failed.
        for row in result_of(self.store.sessions.live()):
            result_of(self.store.sessions.end(row.id, self.now, "idle"))
        self.start()

    def start(self) -> None:
        clock = Clock()
        clock.rightNow = self.now
        self.house = House(self.store, clock)

    # -- who there is

    @property
    def pending(self) -> list[Call]:
        return [call for call in self.calls if call.state == "pending"]

    @property
    def working(self) -> list[Call]:
        return [call for call in self.pending if call.number in self.house.work.running]

    @property
    def held(self) -> list[Client]:
        """Clients that hold a stream open."""
        return [client for client in self.clients if client.stream is not None]

    def of(self, caller: Client | str) -> list[Call]:
        return [call for call in self.pending if call.caller == caller]

    def begin(self, caller: Client | str, asks: bool, wire: Wire, crowd: int) -> None:
        call = Call(self.last_number, caller, asks, [wire])
        self.calls.append(call)
        if crowd >= RUNNING + WAITING:
            call.answer(is_error)

    def arguments(self, asks: bool) -> dict[str, Any]:
        self.last_number += 1
        return {
            "name": "work",
            "arguments": {"number": self.last_number, "asks": asks},
        }

    # -- clients with a session

    @precondition(lambda self: len(self.clients) < 6)
    @rule(version=st.sampled_from([LATEST, LATEST, OLDER]), roots=st.booleans())
    def open_session(self, version: str, roots: bool) -> None:
        capabilities: dict[str, Any] = {"elicitation": {}} | ({"roots": {}} if roots else {})
        opening = initialize_message(version=version, capabilities=capabilities)
        wire = self.house.send("POST", opening)
        self.clients.append(Client(wire.headers["mcp-session-id"], version, self.now))

    def request(self, client: Client, method: str, body: Any = None, **more: str) -> Wire | None:
        """A request of a client; C{None} where its session has ended meanwhile, as it may."""
        wire = self.house.send(method, body, **client.headers, **more)
        if wire.status == 404:
            assert not self.of(client), "its session ended while a call was pending"
            assert client.stream is None, "its session ended while a stream was open"
            assert self.now - client.active >= WINDOW - ROUND, "its session ended too early"
            self.clients.remove(client)
            return None
        client.active = self.now
        return wire

    @precondition(lambda self: self.clients)
    @rule(which=which, asks=st.booleans())
    def call(self, which: int, asks: bool) -> None:
        client = picked(self.clients, which)
        crowd = len(self.of(client))
        arguments = self.arguments(asks)
        token = {"progressToken": self.last_number}
        message = legacy_message("tools/call", self.last_number, **arguments, _meta=token)
        wire = self.request(client, "POST", message)
        if wire is not None:
            self.begin(client, asks, wire, crowd)

    @precondition(lambda self: self.clients)
    @rule(which=which)
    def listen(self, which: int) -> None:
        client = picked(self.clients, which)
        older = client.stream
        wire = self.request(client, "GET")
        if wire is not None:
            assert wire.is_open
            assert older is None or not older.is_open, "the older stream is still open"
            client.stream = wire
            self.news[wire] = 0

    @precondition(lambda self: self.held)
    @rule(which=which)
    def listen_no_more(self, which: int) -> None:
        client = picked(self.held, which)
        assert client.stream is not None
        client.stream.hang_up()
        client.stream, client.active = None, self.now

    @precondition(lambda self: self.held)
    @rule(which=which)
    def tell_roots(self, which: int) -> None:
        client = picked(self.held, which)
        assert client.stream is not None
        for question in client.stream.asked("roots/list"):
            roots = {"roots": [{"uri": f"file:///home/{question}"}]}
            wire = self.request(client, "POST", response(question, roots))
            assert wire is not None
            assert wire.status == 202

    @precondition(lambda self: any(isinstance(call.caller, Client) for call in self.calls))
    @rule(which=which)
    def cancel(self, which: int) -> None:
        call = picked([call for call in self.calls if isinstance(call.caller, Client)], which)
        if call.caller not in self.clients or not isinstance(call.caller, Client):
            return
        note = {"jsonrpc": "2.0", "method": "notifications/cancelled"}
        wire = self.request(call.caller, "POST", {**note, "params": {"requestId": call.number}})
        if wire is not None:
            assert wire.status == 202
            if call.state == "pending":
                call.answer(is_cancelled)

    @precondition(lambda self: self.clients)
    @rule(which=which)
    def end_session(self, which: int) -> None:
        client = picked(self.clients, which)
        if self.request(client, "DELETE") is None:
            return
        self.clients.remove(client)
        assert client.stream is None or not client.stream.is_open
        client.stream = None

    @precondition(lambda self: any(call.last_event for call in self.calls))
    @rule(which=which)
    def resume(self, which: int) -> None:
        call = picked([call for call in self.calls if call.last_event], which)
        if call.caller not in self.clients or not isinstance(call.caller, Client):
            return
        older = call.wires[-1]
        wire = self.request(call.caller, "GET", Last_Event_ID=call.last_event)
        if wire is None:
            return
        assert not older.is_open
        call.wires.append(wire)
        if call.state == "missed":
            call.state = "answered"
        assert wire.is_open == (call.state == "pending")
        call.listens = True

    # -- clients without one

    @rule(who=st.sampled_from("abc"), asks=st.booleans())
    def call_stateless(self, who: str, asks: bool) -> None:
        crowd = len(self.of(who))
        wire = self.stateless(who, "tools/call", **self.arguments(asks))
        self.begin(who, asks, wire, crowd)

    @precondition(lambda self: any(call.is_right is is_question for call in self.calls))
    @rule(which=which)
    def answer_stateless(self, which: int) -> None:
        call = picked([call for call in self.calls if call.is_right is is_question], which)
        if self.of(call.caller) or not call.answers:
            return
        asked = call.answers[0]["result"]
        call.is_right = bool
        arguments = {"name": "work", "arguments": {"number": call.number, "asks": True}}
        wire = self.stateless(
            str(call.caller),
            "tools/call",
            **arguments,
            inputResponses={key: filled_in("so") for key in asked["inputRequests"]},
            requestState=asked["requestState"],
        )
        (answer,) = wire.answers(self.last_number)
        # The state is good for ten minutes, and for a daemon with the same key.
        assert "error" in answer or says("so")(answer), answer

    @rule()
    def listen_stateless(self) -> None:
        self.last_number += 1
        wire = self.stateless("a", "subscriptions/listen", notifications={"toolsListChanged": True})
        assert wire.is_open
        self.listeners[wire] = self.news[wire] = 0

    @precondition(lambda self: self.listeners)
    @rule(which=which)
    def listen_stateless_no_more(self, which: int) -> None:
        wire = picked(list(self.listeners), which)
        wire.hang_up()
        del self.listeners[wire]

    def stateless(self, who: str, method: str, **params: Any) -> Wire:
        said = meta(
            clientInfo={"name": who, "version": "1"}, clientCapabilities={"elicitation": {}}
        )
        said["progressToken"] = self.last_number
        headers = {"MCP_Protocol_Version": MODERN, "Mcp_Method": method}
        if "name" in params:
            headers["Mcp_Name"] = params["name"]
        message = modern_message(method, self.last_number, _meta=said, **params)
        return self.house.send("POST", message, **headers)

    # -- what befalls calls

    @precondition(lambda self: self.working)
    @rule(which=which)
    def finish(self, which: int) -> None:
        call = picked(self.working, which)
        if not call.asks:
            text = f"{call.number} is done"
            call.answer(says(text))
            self.house.work.running[call.number][1].callback(text)

    @precondition(lambda self: self.working)
    @rule(which=which)
    def tell_progress(self, which: int) -> None:
        call = picked(self.working, which)
        call.told += 1
        self.house.work.running[call.number][0].client.progress(call.told)

    @precondition(lambda self: self.working)
    @rule(which=which)
    def release(self, which: int) -> None:
        call = picked(self.working, which)
        self.house.work.running[call.number][0].client.release(1.0)
        if call.can_resume:
            assert not call.wires[-1].is_open
            call.listens = False

    @precondition(lambda self: any(call.listens for call in self.pending))
    @rule(which=which)
    def hang_up(self, which: int) -> None:
        call = picked([call for call in self.pending if call.listens], which)
        call.listens = False
        if isinstance(call.caller, str):
            call.state = "lost"
        else:
            call.caller.active = self.now
        call.wires[-1].hang_up()
        if call.state == "lost":
            assert call.number not in self.house.work.running, "nobody wants it any more"

    @precondition(lambda self: any(call.asks for call in self.working))
    @rule(which=which)
    def answer_question(self, which: int) -> None:
        call = picked([call for call in self.working if call.asks], which)
        asked = [question for wire in call.wires for question in wire.asked("elicitation/create")]
        assert isinstance(call.caller, Client)
        if asked:
            (question,) = asked
            text = f"{call.number} was answered"
            wire = self.request(call.caller, "POST", response(question, filled_in(text)))
            assert wire is not None
            assert wire.status == 202
            call.answer(says(text))

    # -- what befalls all

    @rule(seconds=st.sampled_from([1, 20, ANSWER_SECONDS, WINDOW + ROUND]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.house.clock.advance(seconds)

    @rule()
    def change_tools(self) -> None:
        if self.house.server.tools.find("echo") is None:
            self.house.server.add_tool(EchoTool())
        else:
            self.house.server.remove_tool("echo")
        for wire in self.news:
            self.news[wire] += wire.is_open

    @rule(how=st.sampled_from(["told", "killed"]))
    def restart(self, how: str) -> None:
        """The daemon is told to stop, or it is killed; another takes its place."""
        if how == "told":
            self.house.stop()
            self.now = self.house.clock.seconds()
            assert not self.house.work.running
            self.check_left()
        self.cut_all()
        self.start()

    def cut_all(self) -> None:
        for call in self.calls:
            call.listens = False
            call.wires[-1].cut = True
            if call.state == "pending":
                call.state = "lost"
        self.every_answer_came_once()
        for client in self.clients:
            client.stream = None
            # Who has not ended before has its whole time again.
            if self.now - client.active < WINDOW - ROUND:
                client.active = self.now
        self.listeners.clear()
        self.news.clear()
        self.calls.clear()

    # -- what holds at all times

    @invariant()
    def calls_that_ended_by_themselves_had_a_reason(self) -> None:
        work = self.house.work
        for call in self.pending:
            if call.number in work.running:
                call.began = self.now if call.began is None else call.began
            elif call.number in work.begun:
                assert call.asks, f"{call.number} ended by itself"
                if isinstance(call.caller, str):
                    call.answer(is_question)
                else:
                    waited = self.now - (self.now if call.began is None else call.began)
                    assert call.caller not in self.clients or waited >= ANSWER_SECONDS
                    call.answer(is_error)
        for call in self.working:
            assert not call.asks or call.caller in self.clients, "nobody can answer that"

    @invariant()
    def every_answer_came_once(self) -> None:
        for call in self.calls:
            answers, progress = call.answers, call.progress
            assert len(answers) == (call.state == "answered") or call.state == "lost", call
            assert len(answers) <= 1
            assert all(call.is_right(answer) for answer in answers), (call, answers)
            assert progress == sorted(set(progress)), progress
            if call.listens and (call.can_resume or len(call.wires) == 1):
                assert progress == list(range(1, call.told + 1)), progress

    @invariant()
    def news_came_once(self) -> None:
        for wire, count in self.news.items():
            assert len(wire.notes("notifications/tools/list_changed")) == count

    @invariant()
    def what_is_counted_is_there(self) -> None:
        house, pending = self.house, self.pending
        calls = house.sessions.statistics
        assert calls.running == len(house.work.running) == len(self.working)
        assert calls.waiting == len(pending) - len(self.working)
        legacy = [call for call in pending if isinstance(call.caller, Client)]
        assert len(house.endpoint.running) == len(legacy)
        wires = [wire for call in self.calls for wire in call.wires]
        wires += [client.stream for client in self.held if client.stream] + [*self.listeners]
        streams = [wire for wire in wires if wire.is_open and wire.is_stream]
        assert len(house.front.streams) == len(streams)
        # What calls ask, and for the roots of each client that is remembered.
        assert house.questions <= sum(call.asks for call in self.working) + house.remembered
        assert not house.defects, house.defects

    # -- the end

    def teardown(self) -> None:
        house = self.house
        while self.working:
            for call in self.working:
                if not call.asks:
                    call.answer(says("at last"))
                    house.work.running[call.number][1].callback("at last")
            self.calls_that_ended_by_themselves_had_a_reason()
            self.pass_time(ANSWER_SECONDS)
            self.calls_that_ended_by_themselves_had_a_reason()
        self.every_answer_came_once()
        self.what_is_counted_is_there()
        for wire in [*self.listeners, *(wire for call in self.calls for wire in call.wires)]:
            wire.hang_up()
        for client in self.held:
            assert client.stream is not None
            client.stream.hang_up()
        house.clock.advance(WINDOW + ROUND)
        self.check_left()
        assert house.sessions.statistics.live == 0
        assert result_of(self.store.sessions.live()) == []
        gc.collect()
        assert house.remembered == 0
        result_of(house.sessions.stop())
        assert house.clock.getDelayedCalls() == []

    def check_left(self) -> None:
        """Nobody is there, so nothing may be kept of anybody but the sessions."""
        calls, house = self.house.sessions.statistics, self.house
        assert (calls.running, calls.waiting, len(house.endpoint.running)) == (0, 0, 0)
        assert (len(house.front.streams), house.listening, house.subscribed) == (0, 0, 0)
        assert house.questions <= house.remembered


def response(id: str, result: Any) -> dict[str, Any]:
    """A client's answer."""
    return {"jsonrpc": "2.0", "id": id, "result": result}


def filled_in(text: str) -> dict[str, Any]:
    """A form, filled in."""
    return {"action": "accept", "content": {"answer": text}}


class InterleavingTests(SynchronousTestCase):
    def test_each_answer_reaches_its_caller_once_and_nothing_is_left(self) -> None:
        Interleavings.store = store = open_store(self.mktemp(), Clock())
        try:
            run_state_machine_as_test(
                Interleavings,
                settings=settings(max_examples=60, stateful_step_count=40, deadline=None),
            )
        finally:
            result_of(store.stop())
