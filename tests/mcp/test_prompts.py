"""Prompts: how they are listed, and how they are filled in."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import INVALID_PARAMS
from mnemo.mcp.server import Server
from mnemo.tools.interfaces import PromptArgument, ToolError
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    FakePrompt,
    answered,
    greeting,
    make_server,
    paged,
    refused,
)


def offering(*names: str, page_size: int = 100) -> Server:
    """A server with prompts of these names."""
    prompts = [FakePrompt(greeting(name=name)) for name in names]
    return make_server(prompts=prompts, page_size=page_size)


class ListTests(SynchronousTestCase):
    def test_a_prompt_is_listed_with_its_arguments(self) -> None:
        self.assertEqual(
            answered(offering("greet"), "prompts/list")["prompts"],
            [
                {
                    "name": "greet",
                    "title": "Greet",
                    "description": "Greets somebody.",
                    "arguments": [
                        {
                            "name": "name",
                            "title": "Name",
                            "description": "Whom.",
                            "required": True,
                        },
                        {"name": "tone", "description": "How."},
                    ],
                }
            ],
        )

    def test_titles_are_for_versions_that_have_them(self) -> None:
        for version in ("2024-11-05", "2025-03-26"):
            prompt = answered(offering("greet"), "prompts/list", version)["prompts"][0]
            self.assertNotIn("title", prompt)
            self.assertNotIn("title", prompt["arguments"][0])

    def test_they_come_in_order_of_name_whatever_their_order(self) -> None:
        for names in ("abc", "cab"):
            prompts = answered(offering(*names), "prompts/list")["prompts"]
            self.assertEqual([prompt["name"] for prompt in prompts], ["a", "b", "c"])

    @given(st.sets(st.text("abc", min_size=1, max_size=4), min_size=1), st.integers(1, 5))
    def test_the_pages_together_are_every_prompt_once(self, names: set[str], size: int) -> None:
        seen = paged(offering(*names, page_size=size), "prompts/list", "prompts")
        self.assertEqual([prompt["name"] for prompt in seen], sorted(names))

    def test_a_cursor_of_the_tools_is_refused(self) -> None:
        cursor = answered(make_server(page_size=1), "tools/list")["nextCursor"]
        problem = refused(offering("greet"), "prompts/list", MODERN, cursor=cursor)
        self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))


class GetTests(SynchronousTestCase):
    def get(self, version: str = LATEST_LEGACY, **params: Any) -> dict[str, Any]:
        return answered(offering("greet"), "prompts/get", version, **params)

    def assertRefused(self, word: str, **params: Any) -> None:
        for version in versions.REVISIONS:
            problem = refused(offering("greet", "part"), "prompts/get", version, **params)
            self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))
            self.assertIn(word, problem.message)
            self.assertLess(len(problem.message), 400)

    def test_it_is_filled_in_with_the_arguments(self) -> None:
        told = self.get(name="greet", arguments={"name": "Ann", "tone": "kind"})
        self.assertEqual(
            told,
            {
                "description": "Filled in.",
                "messages": [
                    {"role": "user", "content": {"type": "text", "text": "name=Ann, tone=kind"}}
                ],
            },
        )

    def test_what_is_not_required_may_be_left_out(self) -> None:
        told = self.get(MODERN, name="greet", arguments={"name": "Ann"})
        self.assertEqual(told["messages"][0]["content"]["text"], "name=Ann")

    def test_a_prompt_without_arguments_needs_none(self) -> None:
        server = make_server(prompts=[FakePrompt(greeting(arguments=()))])
        left_out: list[dict[str, Any]] = [{}, {"arguments": None}, {"arguments": {}}]
        for params in left_out:
            told = answered(server, "prompts/get", name="greet", **params)
            self.assertEqual(told["messages"][0]["content"]["text"], "")

    def test_an_unknown_prompt_is_told_of_near_ones(self) -> None:
        self.assertRefused("greet", name="gret")
        self.assertRefused("greet, part", name="x" * 10_000)

    def test_a_name_that_is_none_is_refused(self) -> None:
        for params in ({}, {"name": None}, {"name": 1}, {"name": ["greet"]}):
            self.assertRefused("string", **params)

    def test_what_is_required_must_be_there(self) -> None:
        self.assertRefused("needs name", name="greet")
        self.assertRefused("needs name", name="greet", arguments={"tone": "kind"})

    def test_what_it_does_not_have_is_refused(self) -> None:
        self.assertRefused("name, tone", name="greet", arguments={"name": "Ann", "z" * 9999: "x"})

    def test_arguments_are_texts(self) -> None:
        odd: list[Any] = [[], "Ann", 1, {"name": 1}, {"name": None}, {"name": ["Ann"]}]
        for arguments in odd:
            self.assertRefused("strings", name="greet", arguments=arguments)

    def test_a_prompt_may_refuse_what_it_is_given(self) -> None:
        server = make_server(prompts=[FakePrompt(problem=ToolError("No project of that name"))])
        problem = refused(server, "prompts/get", name="greet", arguments={"name": "Ann"})
        self.assertEqual(
            (problem.code, problem.message), (INVALID_PARAMS, "No project of that name")
        )


class OfferTests(SynchronousTestCase):
    def test_texts_are_no_longer_than_models_are_shown(self) -> None:
        for more in (
            {"description": "x" * 4097},
            {"arguments": [PromptArgument("a", "x" * 4097)]},
        ):
            prompt = FakePrompt(greeting(**more))
            self.assertRaises(ValueError, make_server, prompts=[prompt])

    def test_no_two_prompts_have_one_name(self) -> None:
        self.assertRaises(ValueError, offering, "a", "a")
