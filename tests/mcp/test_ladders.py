"""Twenty thousand requests of both eras, each answered as a naive model of the ladders says."""

from collections import Counter
from random import Random
from typing import Any

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.answer_stream import AnswerStream
from mnemo.mcp.exchanges import Exchange, Reply
from mnemo.mcp.get_streams import OpenStream
from mnemo.mcp.streamable import Endpoint
from mnemo.sessions.interfaces import Opening, Session
from tests.mcp.fakes import (
    EchoTool,
    Events,
    FakePrompt,
    FakeResources,
    FakeSessions,
    described,
    failing_tools,
    make_server,
)
from tests.mcp.ladder_model import REGIONS, RUNGS, SESSIONS, Asked, Verdict, verdict
from tests.mcp.ladder_requests import Choices, draw, made, plainest

REQUESTS = 20_000
SEED = 2026
REACHED = 10
"""How many requests at least every rung must decide, so that none goes untried."""

HEADERS = [header.removeprefix("mcp-param-") for header in REGIONS]
TYPES = ("string", "integer", "boolean")
SCHEMA = {
    "type": "object",
    "properties": {
        name: {"type": kind, "x-mcp-header": name.title()}
        for name, kind in zip(HEADERS, TYPES, strict=True)
    },
}
REGIONAL = evolve(described("regional"), input_schema=SCHEMA)


class House:
    """An endpoint with the sessions and with what is offered that the model knows of."""

    def __init__(self, condition: str) -> None:
        self.sessions = FakeSessions()
        self.defects: list[BaseException] = []
        for name, (owner, version) in SESSIONS.items():
            opening = Opening(version, "tester", "9", owner, "")
            self.sessions.live[name] = Session(name, "mcp", opening, "", 0, 0)
        stateless = Opening("2026-07-28", "another", "9", "local", "")
        self.sessions.live["work"] = Session("work", "work", stateless, "", 0, 0, lookup="w")
        if condition == "full":
            self.sessions.limit = len(self.sessions.live)
        if condition == "busy":
            self.sessions.waiting_limit = 0
        self.endpoint = Endpoint(
            make_server(
                self.sessions,
                [EchoTool(), EchoTool(REGIONAL), *failing_tools()],
                defects=self.defects,
                prompts=[FakePrompt()],
                resources=[FakeResources({"test://there": "here"})],
            )
        )

    @property
    def opened(self) -> int:
        """How many sessions of the legacy era there are more than in the beginning."""
        return sum(each.kind == "mcp" for each in self.sessions.live.values()) - len(SESSIONS)

    @property
    def remains(self) -> int:
        """How much of the requests that were answered is still here."""
        running = sum(session.running for session in self.sessions.live.values())
        return running + len(self.endpoint.running)


class Posted(AnswerStream):
    """What becomes of the answer to a POST."""

    can_stream = True

    def __init__(self) -> None:
        super().__init__()
        self.events = Events()

    def open_sink(self) -> Events:
        return self.events


def answer(house: House, asked: Asked) -> Verdict:
    """What a house answers, told as the model tells it."""
    endpoint, stream = house.endpoint, Posted()
    exchange = Exchange(asked.verb, asked.headers, asked.body, asked.principal)
    if asked.verb == "GET":
        work: Any = endpoint.get(exchange)
    elif asked.verb == "DELETE":
        work = endpoint.delete(exchange)
    elif asked.verb == "POST":
        work = endpoint.post(exchange, stream)
    else:
        return told(endpoint.refuse(exchange))
    try:
        work.send(None)
    except StopIteration as end:
        return Verdict("", 200) if isinstance(end.value, OpenStream) else told(end.value)
    # It has not ended, so it must be one that listens.
    (acknowledged,) = stream.events.messages
    work.close()
    subscription = "io.modelcontextprotocol/subscriptionId"
    return Verdict("", 200, None, acknowledged["params"]["_meta"][subscription])


def told(reply: Reply) -> Verdict:
    """A reply, told as the model tells it."""
    allow = dict(reply.headers).get("Allow", "")
    if not reply.body:
        return Verdict("", reply.status, allow=allow)
    said = msgspec.json.decode(reply.body)
    if isinstance(said, list):
        return Verdict("", reply.status, tuple(map(code, said)), tuple(each["id"] for each in said))
    return Verdict("", reply.status, code(said), said["id"], allow)


def code(said: dict[str, Any]) -> int | None:
    """The error that an answer is, if it is one."""
    number: int | None = said["error"]["code"] if "error" in said else None
    assert ("error" in said) != ("result" in said), said
    return number


def compared(choices: Choices) -> tuple[Verdict, Verdict, House]:
    """What the model says and what a house says."""
    asked = made(choices)
    house = House(asked.house)
    return verdict(asked), answer(house, asked), house


def differs(choices: Choices) -> bool:
    """Whether the two disagree."""
    expected, actual, _ = compared(choices)
    return not agree(expected, actual)


def agree(expected: Verdict, actual: Verdict) -> bool:
    # Python takes 1, 1.0 and True for the same; a client does not.
    same = evolve(expected, rung="") == actual
    return same and repr(expected.id) == repr(actual.id)


class LadderTests(SynchronousTestCase):
    def test_each_request_is_answered_as_the_first_rung_that_decides_says(self) -> None:
        pick = Random(SEED)
        reached: Counter[str] = Counter()
        for _ in range(REQUESTS):
            choices: Choices = draw(pick)
            expected, actual, house = compared(choices)
            if not agree(expected, actual):
                choices = plainest(choices, differs)
                expected, actual, _ = compared(choices)
                self.fail(f"{expected}\nbut was {actual}\n{made(choices)}")
            reached[expected.rung] += 1
            opened = {"opened": 1, "ended": -1}.get(expected.rung, 0)
            self.assertEqual((house.opened, house.remains), (opened, 0), choices)
            planted = [type(defect) for defect in house.defects]
            self.assertLessEqual(set(planted), {ZeroDivisionError}, choices)
        self.assertEqual(set(reached), set(RUNGS))
        seldom = {rung: count for rung, count in reached.items() if count < REACHED}
        self.assertEqual(seldom, {})
