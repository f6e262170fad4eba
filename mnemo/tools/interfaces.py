"""The contract of a tool as the protocol sees it. Free of Twisted."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from mnemo.sessions.interfaces import Session


class ToolError(Exception):
    """A call that cannot be done as asked. Its text tells the model what to do instead."""


class MissingCapability(Exception):
    """
    A call needs something that the client has not said it can do.

    @ivar required: the capabilities, as a client declares them: C{{"sampling": {}}}
    """

    def __init__(self, required: Mapping[str, Any]) -> None:
        super().__init__(f"The client must declare: {', '.join(required)}")
        self.required = required


@frozen
class ToolDescription:
    """
    How a tool is listed.

    @ivar input_schema: a JSON Schema of type object
    @ivar output_schema: likewise, or C{None} for a tool without structured output
    @ivar annotations: the protocol's hints, C{readOnlyHint} and so on
    @ivar meta: the C{_meta} of the listing
    """

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] = field(factory=dict)
    meta: Mapping[str, Any] = field(factory=dict)


@frozen
class ToolResult:
    """
    What a call brought.

    @ivar content: the protocol's content blocks
    @ivar structured: what conforms to the output schema, or C{None}
    """

    content: Sequence[Mapping[str, Any]]
    structured: Mapping[str, Any] | None = None
    is_error: bool = False
    meta: Mapping[str, Any] = field(factory=dict)

    @classmethod
    def text(cls, text: str, structured: Mapping[str, Any] | None = None) -> "ToolResult":
        """One block of text."""
        return cls([{"type": "text", "text": text}], structured)

    @classmethod
    def error(cls, text: str, **meta: Any) -> "ToolResult":
        """A failure the model can act on."""
        return cls([{"type": "text", "text": text}], is_error=True, meta=meta)


@frozen
class CallContext:
    """
    Who calls.

    @ivar capabilities: what the client said it can do, for this request
    """

    session: Session
    capabilities: Mapping[str, Any] = field(factory=dict)


class ITool(Protocol):
    """Something an agent can call."""

    @property
    def description(self) -> ToolDescription:
        """How it is listed."""

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """
        Do it. Arguments that do not fit give a result with C{is_error}; only a defect raises.
        """
