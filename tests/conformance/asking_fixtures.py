"""
Tools that ask the client something while they run.

Those that begin with C{test_input_required_result_} are called in the stateless way, the others
in the way of sessions; to a tool this is the same.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mnemo.tools.interfaces import CallContext, ITool, Question, ToolResult
from tests.conformance.fixtures import Act, one_text, text, tool

Answers = Mapping[str, Mapping[str, Any]]


def form(message: str, **properties: Mapping[str, Any]) -> Question:
    """A form to be filled in."""
    schema = {"type": "object", "properties": properties}
    return Question("elicitation/create", {"message": message, "requestedSchema": schema})


def needed(question: Question) -> Question:
    """The same form, in which nothing may be left out."""
    schema = question.params["requestedSchema"]
    schema = {**schema, "required": list(schema["properties"])}
    return Question(question.method, {**question.params, "requestedSchema": schema})


def sampling(prompt: str, most: int = 100) -> Question:
    """Something for the client's model to say."""
    messages = [{"role": "user", "content": text(prompt)}]
    return Question("sampling/createMessage", {"messages": messages, "maxTokens": most})


NAME = needed(form("What is your name?", name={"type": "string"}))
CONFIRMATION = needed(form("Please confirm", ok={"type": "boolean"}))
ROOTS = Question("roots/list")

# -- with sessions


@tool("test_sampling", "Has the client's model answer a prompt.", one_text("prompt"))
async def ask_model(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """The model's answer."""
    answers = await context.client.ask({"prompt": sampling(arguments["prompt"])})
    return ToolResult.text(f"LLM response: {json.dumps(answers['prompt']['content'])}")


@tool("test_elicitation", "Asks the user for a name and an address.", one_text("message"))
async def ask_user(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """The user's answer."""
    question = form(
        arguments["message"],
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    answers = await context.client.ask({"user": needed(question)})
    return ToolResult.text(f"User response: {json.dumps(answers['user'])}")


def asks_form(name: str, does: str, question: Question) -> ITool:
    """A tool that answers with what became of a form."""

    @tool(name, does)
    async def act(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        answer = (await context.client.ask({"form": question}))["form"]
        content = json.dumps(answer.get("content", {}))
        return ToolResult.text(
            f"Elicitation completed: action={answer.get('action')}, content={content}"
        )

    return act


DEFAULTS = form(
    "Please review the defaults",
    name={"type": "string", "default": "John Doe"},
    age={"type": "integer", "default": 30},
    score={"type": "number", "default": 95.5},
    status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    verified={"type": "boolean", "default": True},
)


def titled(*titles: str) -> Sequence[Mapping[str, str]]:
    """Choices with a title each."""
    return [{"const": f"value{at}", "title": title} for at, title in enumerate(titles, 1)]


ENUMS = form(
    "Please choose",
    untitledSingle={"type": "string", "enum": ["option1", "option2", "option3"]},
    titledSingle={
        "type": "string",
        "oneOf": titled("First Option", "Second Option", "Third Option"),
    },
    legacyEnum={
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    untitledMulti={
        "type": "array",
        "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
    },
    titledMulti={
        "type": "array",
        "items": {"anyOf": titled("First Choice", "Second Choice", "Third Choice")},
    },
)

# -- without


def asks(name: str, says: str = "The answers", **questions: Question) -> ITool:
    """A tool that repeats the answers to its questions."""

    @tool(f"test_input_required_result_{name}", f"Asks for {', '.join(questions)}.")
    async def act(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return ToolResult.text(f"{says}: {json.dumps(await context.client.ask(questions))}")

    return act


def input_required(name: str, does: str) -> Callable[[Act], ITool]:
    """Makes a function the tool of this name."""
    return tool(f"test_input_required_result_{name}", does)


@input_required("elicitation", "Asks the user for a name.")
async def greet(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """A greeting."""
    answers = await context.client.ask({"user_name": NAME})
    return ToolResult.text(f"Hello, {answers['user_name'].get('content', {}).get('name')}!")


@input_required("multi_round", "Asks the user for a name, and then for a colour.")
async def two_rounds(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """One question after the other."""
    name = needed(form("Step 1: What is your name?", name={"type": "string"}))
    colour = needed(form("Step 2: What is your favorite color?", color={"type": "string"}))
    first = await context.client.ask({"step1": name})
    second = await context.client.ask({"step2": colour})
    return ToolResult.text(f"The answers: {json.dumps({**first, **second})}")


@input_required("capabilities", "Asks what the client says it can be asked.")
async def what_is_declared(arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
    """Only what is declared."""
    possible = {"user_name": NAME, "capital_question": CAPITAL, "client_roots": ROOTS}
    answers: Answers = await context.client.ask(
        {
            key: question
            for key, question in possible.items()
            if question.capability in context.capabilities
        }
    )
    return ToolResult.text(f"The answers: {json.dumps(answers)}")


CAPITAL = sampling("What is the capital of France?")

TOOLS: Sequence[ITool] = (
    ask_model,
    ask_user,
    asks_form(
        "test_elicitation_sep1034_defaults", "Shows the user a form with defaults.", DEFAULTS
    ),
    asks_form("test_elicitation_sep1330_enums", "Has the user choose, in five ways.", ENUMS),
    greet,
    asks("sampling", capital_question=CAPITAL),
    asks("list_roots", client_roots=ROOTS),
    asks("request_state", says="state-ok", confirm=CONFIRMATION),
    asks("tampered_state", confirm=CONFIRMATION),
    asks(
        "multiple_inputs",
        user_name=NAME,
        greeting=sampling("Generate a greeting", 50),
        client_roots=ROOTS,
    ),
    two_rounds,
    what_is_declared,
)
