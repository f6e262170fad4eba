"""Completion of a prompt's arguments and of a template's variables."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import completion, versions
from mnemo.mcp.errors import INVALID_PARAMS
from mnemo.mcp.server import Server
from mnemo.tools.interfaces import TemplateDescription, ToolError
from tests.mcp.fakes import MODERN, FakePrompt, FakeResources, answered, make_server, refused

TEMPLATES = [
    TemplateDescription("test://project/{project}/file/{file}", "files"),
    TemplateDescription("test://thing/{id}", "things"),
]


def furnished(**prompt: Any) -> Server:
    """A server with something to complete in."""
    return make_server(
        prompts=[FakePrompt(**prompt)], resources=[FakeResources(templates=TEMPLATES)]
    )


def of_prompt(argument: str = "name", value: str = "", **more: Any) -> dict[str, Any]:
    """Params that ask for an argument of the prompt."""
    ref = {"type": "ref/prompt", "name": "greet"}
    return {"ref": ref, "argument": {"name": argument, "value": value}, **more}


def of_template(uri: str, variable: str = "id", value: str = "", **more: Any) -> dict[str, Any]:
    """Params that ask for a variable of a template."""
    ref = {"type": "ref/resource", "uri": uri}
    return {"ref": ref, "argument": {"name": variable, "value": value}, **more}


def completed(server: Server, params: dict[str, Any], version: str = MODERN) -> dict[str, Any]:
    """What the values are, how many, and whether there are more."""
    told: dict[str, Any] = answered(server, "completion/complete", version, **params)["completion"]
    return told


class PromptTests(SynchronousTestCase):
    def test_an_argument_is_completed(self) -> None:
        server = furnished(known=["Ann", "Anton", "Bob"])
        for version in versions.REVISIONS[1:]:
            self.assertEqual(
                completed(server, of_prompt(value="An"), version),
                {"values": ["Ann", "Anton"], "total": 2, "hasMore": False},
            )

    def test_nothing_to_complete_to_is_an_answer(self) -> None:
        told = completed(furnished(), of_prompt("tone", "x"))
        self.assertEqual(told, {"values": [], "total": 0, "hasMore": False})

    def test_no_more_than_a_hundred_are_given(self) -> None:
        for count, more in ((99, False), (100, False), (101, True), (1000, True)):
            known = [str(number) for number in range(count)]
            told = completed(furnished(known=known), of_prompt())
            self.assertEqual(told, {"values": known[:100], "total": count, "hasMore": more})

    def test_what_the_other_arguments_are_is_known(self) -> None:
        params = of_prompt(context={"arguments": {"tone": "kind"}})
        self.assertEqual(completed(furnished(), params)["values"], ["tone=kind"])

    def test_a_prompt_may_refuse(self) -> None:
        server = furnished(problem=ToolError("Say the project first"))
        problem = refused(server, "completion/complete", **of_prompt())
        self.assertEqual((problem.code, problem.message), (INVALID_PARAMS, "Say the project first"))


class TemplateTests(SynchronousTestCase):
    def test_a_variable_is_completed_by_its_template(self) -> None:
        told = completed(furnished(), of_template("test://thing/{id}", "id", "i"))
        self.assertEqual(told["values"], ["id"])

    def test_and_by_a_uri_made_with_it(self) -> None:
        told = completed(furnished(), of_template("test://thing/12"))
        self.assertEqual(told["values"], ["id"])

    def test_the_other_variables_are_known_from_the_uri(self) -> None:
        told = completed(furnished(), of_template("test://project/mnemo/file/a", "file"))
        self.assertEqual(told["values"], ["file", "project=mnemo"])

    def test_what_the_context_says_counts_more(self) -> None:
        context = {"arguments": {"project": "other"}}
        params = of_template("test://project/mnemo/file/a", "file", context=context)
        self.assertEqual(completed(furnished(), params)["values"], ["file", "project=other"])

    def test_families_without_it_are_passed_over(self) -> None:
        server = make_server(resources=[FakeResources(), FakeResources(templates=TEMPLATES)])
        self.assertEqual(completed(server, of_template("test://thing/{id}"))["values"], ["id"])


class RefusalTests(SynchronousTestCase):
    def assertRefused(self, word: str, params: dict[str, Any]) -> None:
        for version in versions.REVISIONS[1:]:
            problem = refused(furnished(), "completion/complete", version, **params)
            self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))
            self.assertIn(word, problem.message)
            self.assertLess(len(problem.message), 1000)

    def test_what_is_not_offered_cannot_be_completed_in(self) -> None:
        self.assertRefused("greet", {**of_prompt(), "ref": {"type": "ref/prompt", "name": "x"}})
        for uri in ("test://else/{id}", "test://thing/", "test://thing/a/b", "x" * 9999):
            if uri != "test://thing/":
                self.assertRefused("test://thing/{id}", of_template(uri))

    def test_nor_what_it_does_not_have(self) -> None:
        self.assertRefused("name, tone", of_prompt("x" * 9999))
        self.assertRefused("project, file", of_template(TEMPLATES[0].uri_template, "id"))

    def test_malformed_params_are_refused(self) -> None:
        good = of_prompt()
        odd: list[tuple[str, Any]] = [
            ("ref", None),
            ("ref", "greet"),
            ("ref", {"type": "ref/tool", "name": "greet"}),
            ("ref", {"type": "ref/prompt"}),
            ("ref", {"type": "ref/resource", "uri": 1}),
            ("argument", None),
            ("argument", "name"),
            ("argument", {"name": "name"}),
            ("argument", {"name": "name", "value": 1}),
            ("argument", {"name": 1, "value": ""}),
            ("context", []),
            ("context", {"arguments": []}),
            ("context", {"arguments": {"tone": 1}}),
        ]
        for member, value in odd:
            self.assertRefused("", {**good, member: value})
        self.assertRefused("ref", {})

    def test_a_context_may_be_empty(self) -> None:
        contexts: list[Any] = [None, {}, {"arguments": None}, {"arguments": {}}]
        for context in contexts:
            completed(furnished(), of_prompt(context=context))


class MatchTests(SynchronousTestCase):
    def test_a_template_has_its_variables(self) -> None:
        cases = {
            "a://b": [],
            "a://{b}/c/{d}": ["b", "d"],
            "a://{+b}{?c,d*}{#e:3}": ["b", "c", "d", "e"],
        }
        for template, expected in cases.items():
            self.assertEqual(completion.variables(template), expected)

    @given(st.text("ab.%-", max_size=5), st.text("ab.%-", max_size=5))
    def test_a_uri_gives_back_what_was_put_into_it(self, first: str, second: str) -> None:
        found = completion.matched("a.b://{x}/+/{y}", f"a.b://{first}/+/{second}")
        self.assertEqual(found, {"x": first, "y": second})

    def test_other_uris_do_not_match(self) -> None:
        for uri in (
            "",
            "a.b://",
            "aXb://1/+/2",
            "a.b://1/2/+/3",
            "a.b://1/+/2?q",
            "a.b://1/+/2\n/",
        ):
            self.assertIsNone(completion.matched("a.b://{x}/+/{y}", uri), uri)
        self.assertIsNone(completion.matched("a://{x}", "a://" + "x" * 3000))

    def test_expressions_that_cannot_be_told_apart_match_nothing(self) -> None:
        for template in ("a://{+x}", "a://{x,y}", "a://{x*}"):
            self.assertIsNone(completion.matched(template, "a://b"))
