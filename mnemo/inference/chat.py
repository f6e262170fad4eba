"""
From a chat to the prompt that a model was trained on: the chat template in its GGUF.

Templates are Jinja, as Hugging Face's transformers reads them. They come with a model that
somebody downloaded, so they run in a sandbox, and what they write has a bound.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, Final, NoReturn

from attrs import evolve
from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from twisted.internet.interfaces import IReactorTime

from mnemo.inference.generation import Message, UnfitRequest
from mnemo.inference.text_stream import Thinking

LONGEST_PROMPT: Final = 4_000_000
"""How many characters a prompt may have: more than any model's window holds."""

CHATML: Final = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""
"""What is used for a model without a template: the form that most models understand."""

THOUGHT_MARKS: Final = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
)
"""What models put before and after what they think."""


class Template:
    """
    A model's chat template.

    @ivar is_default: whether the model has none, and L{CHATML} stands in for it
    @ivar knows_tools: whether it tells the model of tools
    @ivar problem: empty, or one line that says why no chat can be rendered
    """

    def __init__(self, source: str, bos: str, eos: str, clock: IReactorTime | None = None) -> None:
        """
        @param source: C{tokenizer.chat_template} of the model's file, C{""} where it has none
        @param bos: the text of the token that a prompt begins with. Many templates write it
            themselves; it must not be put before the prompt again.
        @param clock: for templates that write the date
        """
        self.is_default = not source.strip()
        self.knows_tools = False
        self.problem = ""
        self._source = CHATML if self.is_default else source
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._takes_system: bool | None = None
        environment = _environment(clock)
        try:
            tree = environment.parse(self._source)
            self._template = environment.from_string(self._source)
        except TemplateError as error:
            self.problem = f"The model's chat template cannot be read: {error}"
            return
        self.knows_tools = any(name.name == "tools" for name in tree.find_all(nodes.Name))

    def render(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[Mapping[str, Any]] = (),
        think: bool = False,
        add_generation_prompt: bool = True,
    ) -> str:
        """
        The prompt for C{messages}.

        System messages at the beginning become one; where the template takes none, it goes
        before the first message of the user.

        @param tools: functions the model may call, as OpenAI's API has them
        @param think: whether a model that thinks first may, where the template has the choice
        @param add_generation_prompt: whether the model's turn begins at the end
        @raise UnfitRequest: where the template refuses or cannot render them
        """
        if self.problem:
            raise UnfitRequest(self.problem)
        if not messages:
            raise UnfitRequest("The chat has no messages; at least one is needed.")
        if tools and not self.knows_tools:
            raise UnfitRequest("This model's chat template knows no tools; ask without them.")
        messages = _with_one_system(messages)
        if messages[0].role == "system" and not self._system_is_taken():
            messages = _system_told_by_user(messages)
        return self._render(
            messages,
            tools=list(tools) or None,
            enable_thinking=think,
            thinking=think,
            add_generation_prompt=add_generation_prompt,
        )

    def thinking(self, prompt: str) -> Thinking | None:
        """
        How the model marks its thoughts, if the template knows any.

        @param prompt: what was rendered; some templates open the thought themselves
        """
        for begin, end in THOUGHT_MARKS:
            if end in self._source:
                return Thinking(begin, end, opened=prompt.rstrip().endswith(begin))
        return None

    def _system_is_taken(self) -> bool:
        """Whether the template writes system messages, as not all do. Found out once."""
        if self._takes_system is None:
            probe = "a system message"
            messages = [Message("system", probe), Message("user", "a user's message")]
            try:
                prompt = self._render(messages, tools=None, add_generation_prompt=True)
                self._takes_system = probe in prompt
            except UnfitRequest:
                self._takes_system = False
        return self._takes_system

    def _render(self, messages: Sequence[Message], **given: Any) -> str:
        written: list[str] = []
        room = LONGEST_PROMPT
        try:
            for part in self._template.generate(
                messages=[_as_dict(message) for message in messages], **self._tokens, **given
            ):
                written.append(part)
                room -= len(part)
                if room < 0:
                    raise UnfitRequest(
                        f"The prompt is too long: over {LONGEST_PROMPT:,} characters."
                    )
        except _Refused as refused:
            raise UnfitRequest(f"The model's chat template refuses this: {refused}") from None
        except UnfitRequest:
            raise
        except Exception as error:  # whatever a template's own code may raise
            said = " ".join(str(error).split()) or type(error).__name__
            raise UnfitRequest(
                f"The model's chat template cannot render this chat: {said}"
            ) from None
        return "".join(written)


class _Refused(TemplateError):
    """The template itself says that it cannot render these messages."""


class _Generation(Extension):
    """C{{% generation %}} marks the model's own turns for training; here it says nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own is written so

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Sandbox(ImmutableSandboxedEnvironment):
    """A sandbox in which no number or text grows beyond what a prompt may hold."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" and abs(right) > 64:
            raise _Refused(f"{right} is too large an exponent")
        for text, times in ((left, right), (right, left)):
            if isinstance(text, str | list | tuple) and len(text) * times > LONGEST_PROMPT:
                raise _Refused("it repeats a text too often")
        return super().call_binop(context, operator, left, right)


def _environment(clock: IReactorTime | None) -> _Sandbox:
    """What transformers gives a template, so that templates work as they were written."""
    environment = _Sandbox(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols", _Generation],
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise_exception
    if clock is not None:

        def strftime_now(form: str) -> str:
            now = datetime.fromtimestamp(clock.seconds(), UTC).astimezone()
            return now.strftime(form)

        environment.globals["strftime_now"] = strftime_now
    return environment


def _raise_exception(message: str) -> NoReturn:
    raise _Refused(message)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """JSON as it is: Jinja's own filter would write it for HTML."""
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _as_dict(message: Message) -> dict[str, Any]:
    more = dict(message.more)
    if more.get("tool_calls"):
        more["tool_calls"] = [_with_read_arguments(call) for call in more["tool_calls"]]
    return more | {"role": message.role, "content": message.content}


def _with_read_arguments(call: Mapping[str, Any]) -> Mapping[str, Any]:
    """A call whose arguments are an object: OpenAI's API has a text, templates want this."""
    function = dict(call.get("function", {}))
    if isinstance(function.get("arguments"), str):
        try:
            function["arguments"] = json.loads(function["arguments"])
        except ValueError:
            return call
    return {**call, "function": function}


def _with_one_system(messages: Sequence[Message]) -> Sequence[Message]:
    """Templates take one system message at most, at the beginning."""
    systems = list(takewhile(lambda message: message.role == "system", messages))
    if len(systems) < 2:
        return messages
    told = "\n\n".join(message.content for message in systems)
    return [evolve(systems[0], content=told), *messages[len(systems) :]]


def _system_told_by_user(messages: Sequence[Message]) -> Sequence[Message]:
    system, *rest = messages
    if rest and rest[0].role == "user":
        told = f"{system.content}\n\n{rest[0].content}"
        return [evolve(rest[0], content=told), *rest[1:]]
    return [evolve(system, role="user"), *rest]
