import os
import time

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference import chat
from mnemo.inference.chat import Template
from mnemo.inference.generation import Message, UnfitRequest
from mnemo.inference.text_stream import Thinking
from tests.inference import templates

SYSTEM = Message("system", "Be brief.")
USER = Message("user", "Hello <b>é</b>")
ASSISTANT = Message("assistant", "Hi.")
TOOL = {"type": "function", "function": {"name": "find", "description": "Finds <it> é."}}
CALL = {
    "id": "abcdefghi",
    "type": "function",
    "function": {"name": "find", "arguments": '{"what": "é"}'},
}


def template(source: str, clock: Clock | None = None) -> Template:
    return Template(source, "<s>", "</s>", clock)


class Prompts(SynchronousTestCase):
    def test_chatml(self) -> None:
        self.assertEqual(
            template(templates.CHATML).render([SYSTEM, USER, ASSISTANT, USER]),
            "<|im_start|>system\nBe brief.<|im_end|>\n"
            "<|im_start|>user\nHello <b>é</b><|im_end|>\n"
            "<|im_start|>assistant\nHi.<|im_end|>\n"
            "<|im_start|>user\nHello <b>é</b><|im_end|>\n"
            "<|im_start|>assistant\n",
        )

    def test_without_the_model_s_turn(self) -> None:
        self.assertEqual(
            template(templates.CHATML).render([USER], add_generation_prompt=False),
            "<|im_start|>user\nHello <b>é</b><|im_end|>\n",
        )

    def test_a_model_without_a_template_has_chatml_and_says_so(self) -> None:
        default = template("")
        self.assertTrue(default.is_default)
        self.assertFalse(template(templates.CHATML).is_default)
        self.assertFalse(default.knows_tools)
        chat_of_four = [SYSTEM, USER, ASSISTANT, USER]
        self.assertEqual(
            default.render(chat_of_four), template(templates.CHATML).render(chat_of_four)
        )

    def test_the_tokens_at_begin_and_end_are_the_model_s(self) -> None:
        self.assertEqual(
            template(templates.MISTRAL).render([SYSTEM, USER, ASSISTANT, USER]),
            "<s>[INST] Hello <b>é</b>[/INST] Hi.</s>[INST] Be brief.\n\nHello <b>é</b>[/INST]",
        )

    def test_a_chat_has_a_message(self) -> None:
        with self.assertRaisesRegex(UnfitRequest, "no messages"):
            template("").render([])


class Dates(SynchronousTestCase):
    def test_are_those_of_the_clock_in_local_time(self) -> None:
        self.be_at("Etc/GMT-12")  # twelve hours before Greenwich
        clock = Clock()
        clock.advance(1_700_000_000)  # 2023-11-14 22:13 in Greenwich
        self.assertIn("Date: 15 Nov 2023", template(templates.LLAMA_3, clock).render([USER]))

    def be_at(self, zone: str) -> None:
        before = os.environ.get("TZ")

        def go_back() -> None:
            os.environ.pop("TZ")
            if before is not None:
                os.environ["TZ"] = before
            time.tzset()

        self.addCleanup(go_back)
        os.environ["TZ"] = zone
        time.tzset()

    def test_are_the_template_s_own_where_there_is_no_clock(self) -> None:
        self.assertIn("Date: 26 Jul 2024", template(templates.LLAMA_3).render([USER]))


class Systems(SynchronousTestCase):
    def test_are_told_by_the_user_where_the_template_takes_none(self) -> None:
        self.assertEqual(
            template(templates.GEMMA).render([SYSTEM, USER]),
            "<s><start_of_turn>user\nBe brief.\n\nHello <b>é</b><end_of_turn>\n"
            "<start_of_turn>model\n",
        )

    def test_also_where_the_template_leaves_them_out(self) -> None:
        silent = template("{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")
        self.assertEqual(silent.render([SYSTEM, USER]), "Be brief.\n\nHello <b>é</b>")

    def test_of_which_there_are_several_are_told_as_one(self) -> None:
        for source in (templates.MISTRAL, templates.GEMMA):
            prompt = template(source).render([SYSTEM, Message("system", "Be kind."), USER])
            self.assertIn("Be brief.\n\nBe kind.\n\nHello", prompt)

    def test_alone_are_the_user_s_message(self) -> None:
        self.assertIn("user\nBe brief.", template(templates.GEMMA).render([SYSTEM]))


class Thoughts(SynchronousTestCase):
    def test_are_off_unless_asked_for(self) -> None:
        qwen = template(templates.QWEN_3)
        self.assertTrue(qwen.render([USER]).endswith("assistant\n<think>\n\n</think>\n\n"))
        self.assertTrue(qwen.render([USER], think=True).endswith("assistant\n"))

    def test_a_template_says_how_they_are_marked(self) -> None:
        qwen = template(templates.QWEN_3)
        for think in (True, False):
            prompt = qwen.render([USER], think=think)
            self.assertEqual(qwen.thinking(prompt), Thinking("<think>", "</think>"))
        self.assertIsNone(template(templates.LLAMA_3).thinking("a prompt"))

    def test_a_template_may_begin_one(self) -> None:
        always = template(templates.ALWAYS_THINKS)
        self.assertEqual(always.thinking(always.render([USER])), Thinking(opened=True))


class Tools(SynchronousTestCase):
    def test_are_known_to_a_template_that_looks_at_them(self) -> None:
        knowing = [templates.LLAMA_3, templates.QWEN_3]
        ignorant = [templates.CHATML, templates.GEMMA, templates.MISTRAL, "{# tools #}tools"]
        self.assertEqual([template(each).knows_tools for each in knowing], [True, True])
        self.assertEqual([template(each).knows_tools for each in ignorant], [False] * 4)

    def test_are_written_as_json_not_as_html(self) -> None:
        self.assertIn(
            '\n{"type": "function", "function": '
            '{"name": "find", "description": "Finds <it> é."}}\n</tools>',
            template(templates.QWEN_3).render([USER], tools=[TOOL]),
        )
        self.assertIn(
            '{\n    "type": "function",',
            template(templates.LLAMA_3).render([USER], tools=[TOOL]),
        )

    def test_are_refused_where_the_template_knows_none(self) -> None:
        with self.assertRaisesRegex(UnfitRequest, "knows no tools"):
            template(templates.GEMMA).render([USER], tools=[TOOL])

    def test_calls_reach_the_template_with_their_arguments_read(self) -> None:
        calling = Message("assistant", "", {"tool_calls": [CALL]})
        told = Message("tool", "Found.", {"tool_call_id": "abcdefghi"})
        prompt = template(templates.LLAMA_3).render([USER, calling, told])
        self.assertIn('{"name": "find", "parameters": {"what": "é"}}', prompt)
        self.assertIn("tool<|end_header_id|>\n\nFound.", prompt)

    def test_arguments_that_cannot_be_read_are_left(self) -> None:
        broken = {"function": {"name": "find", "arguments": "{"}}
        calling = Message("assistant", "", {"tool_calls": [broken]})
        self.assertIn('"parameters": "{"', template(templates.LLAMA_3).render([USER, calling]))


class Refusals(SynchronousTestCase):
    def unfit(self, source: str, *messages: Message) -> str:
        with self.assertRaises(UnfitRequest) as caught:
            template(source).render(messages or [USER])
        self.assertNotIn("\n", str(caught.exception))
        return str(caught.exception)

    def test_the_template_s_own_is_told(self) -> None:
        self.assertEqual(
            self.unfit(templates.MISTRAL, USER, USER),
            "The model's chat template refuses this: "
            "Conversation roles must alternate user/assistant/...",
        )

    def test_a_template_that_is_no_jinja_is_a_problem_and_nothing_worse(self) -> None:
        broken = template("{% if %}")
        self.assertIn("cannot be read", broken.problem)
        self.assertEqual(self.unfit("{% if %}"), broken.problem)
        self.assertEqual(template(templates.QWEN_3).problem, "")

    def test_whatever_fails_within_a_template_is_one_line(self) -> None:
        for source in ("{{ nothing.at.all }}", "{{ 1 / 0 }}", "{{ messages[0].content + 1 }}"):
            self.assertIn("cannot render this chat", self.unfit(source))

    def test_a_template_cannot_leave_its_sandbox(self) -> None:
        for source in (
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ messages.append(1) }}",
            "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        ):
            self.assertIn("cannot render this chat", self.unfit(source))

    def test_a_prompt_has_a_bound(self) -> None:
        self.patch(chat, "LONGEST_PROMPT", 1000)
        for source in (
            "{% for i in range(99999) %}{{ messages[0].content }}{% endfor %}",
            "{{ 'a' * 999999999999 }}",
            "{{ 999999999999 * [1] }}",
            "{{ 9 ** 9999999999 }}",
        ):
            self.unfit(source)

    def test_arithmetic_is_left_to_a_template(self) -> None:
        self.assertEqual(template("{{ 2 ** 10 + 3 * 4 }}{{ '-' * 3 }}").render([USER]), "1036---")

    def test_what_other_readers_of_templates_know_is_known(self) -> None:
        source = (
            "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}"
            "{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
            "{{ {'b': 1, 'a': 2} | tojson(sort_keys=true, separators=(',', ':')) }}"
        )
        self.assertEqual(template(source).render([ASSISTANT, USER]), 'Hi.{"a":2,"b":1}')
