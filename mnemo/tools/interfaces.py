"""The contracts of what an agent can use, as the protocol sees them. Free of Twisted."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

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


class NoSuchResource(Exception):
    """No resource has this URI. Its text says which there are."""


@frozen
class ToolDescription:
    """
    How a tool is listed.

    @ivar input_schema: a JSON Schema of type object
    @ivar output_schema: likewise, or C{None} for a tool without structured output
    @ivar annotations: the protocol's hints, C{readOnlyHint} and so on
    @ivar meta: the C{_meta} of the listing
    @ivar task: whether a call may, or must, run as a task of its own, for clients that know
        such (the extension C{io.modelcontextprotocol/tasks})
    """

    name: str
    title: str
    description: str
    input_schema: Mapping[str, Any]
    output_schema: Mapping[str, Any] | None = None
    annotations: Mapping[str, Any] = field(factory=dict)
    meta: Mapping[str, Any] = field(factory=dict)
    task: Literal["forbidden", "optional", "required"] = "forbidden"


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


LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]


@frozen
class Question:
    """
    Something to ask the client while its call runs.

    @ivar method: C{elicitation/create}, C{sampling/createMessage} or C{roots/list}
    @ivar params: what the protocol has with this method
    """

    method: Literal["elicitation/create", "sampling/createMessage", "roots/list"]
    params: Mapping[str, Any] = field(factory=dict)

    @property
    def capability(self) -> str:
        """What the client must have declared to be asked this."""
        return self.method.partition("/")[0]


class IClient(Protocol):
    """The client that waits for a call: what it can be told and asked meanwhile."""

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """
        Say how far the call has come, if the client wants to know. C{done} must grow with each
        telling; what does not is dropped.
        """

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """Tell the client's log something, if the client wants to know at this level."""

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        """
        The client's answers, by the keys of the questions: each the result of its method.

        What stands before this may run again for the same call: a stateless client is given
        the questions as its answer, and sends the call anew with what it was told. So ask
        before doing anything that counts.

        @raise MissingCapability: where the client cannot be asked
        @raise ToolError: where it answered with an error
        """

    def release(self, retry: float) -> None:
        """
        Let the client hang up, and come back for the answer after C{retry} seconds. Does
        nothing where the client could not find its answer again.
        """


class Silent:
    """A client that wants to know nothing and can be asked nothing (L{IClient})."""

    def progress(self, done: float, total: float | None = None, message: str = "") -> None:
        """Nobody wants to know."""

    def log(self, level: LogLevel, data: Any, logger: str = "mnemo") -> None:
        """Nobody wants to know."""

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Mapping[str, Any]]:
        """Raise L{MissingCapability}."""
        raise MissingCapability({question.capability: {} for question in questions.values()})

    def release(self, retry: float) -> None:
        """Nobody waits."""


SILENT = Silent()


@frozen
class CallContext:
    """
    Who calls.

    @ivar capabilities: what the client said it can do, for this request
    @ivar client: the way back to it while the call runs
    """

    session: Session
    capabilities: Mapping[str, Any] = field(factory=dict)
    client: IClient = SILENT


class ITool(Protocol):
    """Something an agent can call."""

    @property
    def description(self) -> ToolDescription:
        """How it is listed."""

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """
        Do it. Arguments that do not fit give a result with C{is_error}; only a defect raises,
        and what L{IClient.ask} raises passes through.
        """


@runtime_checkable
class IPreparing(Protocol):
    """A tool that has to know something before it can run as a task of its own."""

    async def prepare(
        self, arguments: Mapping[str, Any], context: CallContext
    ) -> Mapping[str, Any]:
        """
        The arguments for its C{call}, with what C{context.client} was asked for besides.
        Called while the client still waits, and not at all where the call is no task.

        @raise ToolError: where there is no point in running
        """


# -- prompts


@frozen
class PromptArgument:
    """What a prompt can be given; all are text."""

    name: str
    description: str
    required: bool = False
    title: str = ""


@frozen
class PromptDescription:
    """How a prompt is listed."""

    name: str
    title: str
    description: str
    arguments: Sequence[PromptArgument] = ()


@frozen
class PromptResult:
    """
    A prompt filled in.

    @ivar messages: the protocol's prompt messages, each with C{role} and C{content}
    """

    messages: Sequence[Mapping[str, Any]]
    description: str = ""


class IPrompt(Protocol):
    """Something a user can pick for the agent to do."""

    @property
    def description(self) -> PromptDescription:
        """How it is listed."""

    async def get(self, arguments: Mapping[str, str], context: CallContext) -> PromptResult:
        """
        Fill it in. The required arguments are there; unknown ones are not.

        @raise ToolError: where an argument cannot be used
        """

    async def complete(
        self, argument: str, value: str, others: Mapping[str, str], context: CallContext
    ) -> Sequence[str]:
        """Values for C{argument} that begin with what was typed, the likeliest first."""


# -- resources


@frozen
class ResourceDescription:
    """
    How a resource is listed.

    @ivar annotations: the protocol's C{audience}, C{priority} and C{lastModified}
    @ivar size: bytes, where known
    """

    uri: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = "text/plain"
    annotations: Mapping[str, Any] = field(factory=dict)
    size: int | None = None


@frozen
class TemplateDescription:
    """
    How a family of resources is listed.

    @ivar uri_template: RFC 6570
    """

    uri_template: str
    name: str
    title: str = ""
    description: str = ""
    mime_type: str = "text/plain"


@frozen
class ResourceContent:
    """What a resource holds: text, or bytes."""

    uri: str
    mime_type: str
    content: str | bytes


class IResources(Protocol):
    """A family of things that a client can read, and be told of when they change."""

    @property
    def templates(self) -> Sequence[TemplateDescription]:
        """What can be read besides what is listed."""

    async def list(
        self, after: str, limit: int, context: CallContext
    ) -> Sequence[ResourceDescription]:
        """
        At most C{limit} resources in a lasting order of their URIs, beginning behind the URI
        C{after}, which may be gone; C{""} is the start.
        """

    async def read(self, uri: str, context: CallContext) -> Sequence[ResourceContent]:
        """
        What is there now.

        @raise NoSuchResource: where it is not one of this family
        """

    async def complete(
        self,
        uri_template: str,
        variable: str,
        value: str,
        others: Mapping[str, str],
        context: CallContext,
    ) -> Sequence[str]:
        """Values for a variable of a template that begin with what was typed."""
