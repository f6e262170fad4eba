"""An agent that calls the real tools on a real store, each answer held against its schema."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from jsonschema import Draft202012Validator
from twisted.internet.defer import maybeDeferred

from mnemo.memory.projects import project_of
from mnemo.sessions.interfaces import Opening, Session
from mnemo.store.sessions import SessionRow
from mnemo.tools.catalogue import all_tools
from mnemo.tools.interfaces import (
    SILENT,
    CallContext,
    IClient,
    ITool,
    Question,
    Silent,
    ToolResult,
)
from mnemo.transfer.transfer import Transfer
from tests.memory.room import MemoryTestCase

OPENING = Opening("2025-11-25", "claude-code", "2.1", "local", "mnemo")


async def resolve(hint: str) -> str:
    return project_of(hint)


class ToolTestCase(MemoryTestCase):
    """
    @ivar session: whose calls they are; it works in the project C{mnemo}
    @ivar client: who waits for them
    """

    client: IClient = SILENT

    def setUp(self) -> None:
        super().setUp()
        self.transfer = Transfer(self.memories, Path(self.mktemp()).absolute(), maybeDeferred)
        self.tools: dict[str, ITool] = {
            tool.description.name: tool
            for tool in all_tools(self.memories, self.transfer, resolve, self.choose_project)
        }
        self.session = self.open_session("s1")

    def open_session(self, id: str, project: str = "mnemo") -> Session:
        opening = evolve(OPENING, project=project)
        now = self.clock.seconds()
        row = SessionRow(
            id=id,
            kind="mcp",
            version=opening.version,
            client=opening.client,
            client_version=opening.client_version,
            principal=opening.principal,
            project=project,
            created=now,
            active=now,
        )
        self.done(self.store.sessions.save(row))
        return Session(id, "mcp", opening, project, now, now)

    async def choose_project(self, session: Session, project: str) -> None:
        session.project, session.chosen = project, True

    def result(self, name: str, **arguments: Any) -> ToolResult:
        """What a call comes to."""
        context = CallContext(self.session, client=self.client)
        found: ToolResult = self.done(self.tools[name].call(arguments, context))
        return found

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The structured content of a call that succeeds."""
        found = self.result(name, **arguments)
        self.assertFalse(found.is_error, found.content)
        tool = self.tools[name].description
        assert tool.output_schema is not None
        Draft202012Validator(tool.input_schema).validate(arguments)
        structured: dict[str, Any] = json.loads(json.dumps(found.structured))
        Draft202012Validator(tool.output_schema).validate(structured)
        return structured

    def text(self, name: str, **arguments: Any) -> str:
        """The text of a call that succeeds."""
        found = self.result(name, **arguments)
        self.assertFalse(found.is_error, found.content)
        return text_of(found)

    def error(self, name: str, **arguments: Any) -> str:
        """The one line with which a call is refused."""
        found = self.result(name, **arguments)
        self.assertTrue(found.is_error, found.content)
        self.assertIsNone(found.structured)
        self.assertNotIn("\n", text_of(found))
        return text_of(found)

    def kept(self, text: str, **arguments: Any) -> str:
        """The id of a memory that the remember tool keeps."""
        kept: str = self.call("remember", text=text, **arguments)["id"]
        return kept

    def found(self, query: str, **arguments: Any) -> list[str]:
        """The ids that the recall tool finds."""
        return ids(self.call("recall", query=query, **arguments))


class AskedClient(Silent):
    """
    A client whose user answers every form with the same.

    @ivar questions: what it was asked
    @ivar told: what it was told of the progress
    @ivar broken_off: raised instead of an answer
    """

    def __init__(
        self,
        content: Mapping[str, Any] | None = None,
        action: str = "accept",
        broken_off: Exception | None = None,
    ) -> None:
        self.answer = {"action": action} | ({} if content is None else {"content": content})
        self.questions: list[Question] = []
        self.told: list[tuple[float, float | None, str]] = []
        self.broken_off = broken_off

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        self.told.append((done, total, message))

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        self.questions += questions.values()
        if self.broken_off is not None:
            raise self.broken_off
        return dict.fromkeys(questions, self.answer)


def text_of(result: ToolResult) -> str:
    (block,) = result.content
    text: str = block["text"]
    return text


def ids(answer: dict[str, Any]) -> list[str]:
    """The ids of an answer's memories."""
    return [memory["id"] for memory in answer["memories"]]
