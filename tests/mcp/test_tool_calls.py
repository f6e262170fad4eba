"""Tools: how they are listed, and how they are called."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import INTERNAL_ERROR, INVALID_PARAMS, MISSING_CAPABILITY, ProtocolError
from mnemo.mcp.server import Server
from mnemo.mcp.tool_calls import Tools
from mnemo.tools.interfaces import ToolDescription, ToolResult
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    EchoTool,
    FakeSessions,
    GivingTool,
    answered,
    asked,
    described,
    make_server,
    paged,
    refused,
)


def offering(*names: str, page_size: int = 100) -> Server:
    """A server with tools of these names."""
    return make_server(offered=[EchoTool(described(name)) for name in names], page_size=page_size)


def listed(server: Server, version: str = LATEST_LEGACY, **params: Any) -> Any:
    """A page of tools."""
    return answered(server, "tools/list", version, **params)


class CountingTool(EchoTool):
    """Counts how often its description is read in full."""

    def __init__(self, shown: ToolDescription) -> None:
        super().__init__(shown)
        self.shown = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "description":
            self.shown += 1
        return super().__getattribute__(name)


class ListTests(SynchronousTestCase):
    def test_tools_are_listed_by_name_whatever_their_order(self) -> None:
        for names in ("abc", "cab"):
            page = listed(offering(*names))
            self.assertEqual([tool["name"] for tool in page["tools"]], ["a", "b", "c"])
            self.assertNotIn("nextCursor", page)

    def test_a_server_without_tools_lists_none(self) -> None:
        self.assertEqual(listed(offering()), {"tools": []})

    def test_a_modern_listing_says_how_long_it_may_be_kept(self) -> None:
        page = listed(offering("a"), MODERN)
        self.assertEqual(page["resultType"], "complete")
        self.assertEqual(page["cacheScope"], "private")
        self.assertGreater(page["ttlMs"], 0)
        self.assertEqual(
            page["_meta"],
            {"io.modelcontextprotocol/serverInfo": {"name": "mnemo", "version": "1.2.3"}},
        )

    def test_a_legacy_listing_has_nothing_of_the_modern_era(self) -> None:
        for version in versions.LEGACY:
            self.assertEqual(set(listed(offering("a"), version)), {"tools"})

    def test_a_listing_is_encoded_once(self) -> None:
        described_once = CountingTool(described("a"))
        server = make_server(offered=[described_once])
        before = described_once.shown
        for _ in range(3):
            self.assertEqual(len(listed(server)["tools"]), 1)
        self.assertEqual(described_once.shown, before + 1)

    @given(st.sets(st.text("abc", min_size=1, max_size=4)), st.integers(1, 5))
    def test_the_pages_together_are_every_tool_once(self, names: set[str], size: int) -> None:
        for version in (LATEST_LEGACY, MODERN):
            seen = paged(offering(*names, page_size=size), "tools/list", "tools", version)
            self.assertEqual([tool["name"] for tool in seen], sorted(names))

    def test_no_page_is_larger_than_it_may_be(self) -> None:
        self.assertEqual(len(listed(offering(*"abcde", page_size=2))["tools"]), 2)

    def test_a_cursor_is_good_for_another_process_with_the_same_tools(self) -> None:
        cursor = listed(offering(*"abcd", page_size=2))["nextCursor"]
        page = listed(offering(*"dcba", page_size=2), cursor=cursor)
        self.assertEqual([tool["name"] for tool in page["tools"]], ["c", "d"])

    def test_an_empty_or_null_cursor_begins_at_the_start(self) -> None:
        for cursor in ("", None):
            self.assertEqual(len(listed(offering("a"), cursor=cursor)["tools"]), 1)

    def test_a_cursor_that_is_not_ours_is_refused(self) -> None:
        cursors: list[Any] = ["x", "YQ", 1, [], "YQ==\n", True]
        for cursor in cursors:
            problem = refused(offering("b"), "tools/list", MODERN, cursor=cursor)
            self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))


class CalledTests(SynchronousTestCase):
    def test_the_tool_and_its_arguments(self) -> None:
        tools = Tools([EchoTool(described("a"))])
        tool, arguments = tools.called({"name": "a", "arguments": {"b": 1}})
        self.assertEqual((tool.description.name, arguments), ("a", {"b": 1}))

    def test_arguments_may_be_absent_or_null(self) -> None:
        server = offering("a")
        self.assertEqual(server.tools.called({"name": "a"})[1], {})
        self.assertEqual(server.tools.called({"name": "a", "arguments": None})[1], {})

    def test_an_unknown_tool_is_told_of_near_ones(self) -> None:
        server = offering("remember", "recall", "status")
        problem = self.assertRaises(ProtocolError, server.tools.called, {"name": "recal"})
        self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))
        self.assertIn("recall", problem.message)
        self.assertNotIn("status", problem.message)

    def test_where_none_is_near_all_are_named(self) -> None:
        server = offering("remember", "recall")
        problem = self.assertRaises(ProtocolError, server.tools.called, {"name": "x" * 10_000})
        self.assertIn("recall, remember", problem.message)
        self.assertLess(len(problem.message), 300)

    def test_params_that_are_no_call_are_refused(self) -> None:
        server = offering("a")
        for params in ({}, {"name": 1}, {"name": None}, {"name": "a", "arguments": []}):
            problem = self.assertRaises(ProtocolError, server.tools.called, params)
            self.assertEqual(problem.code, INVALID_PARAMS)


class CallTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.sessions = FakeSessions()
        self.defects: list[BaseException] = []
        self.server = make_server(self.sessions, defects=self.defects)

    def call(
        self,
        name: str,
        version: str = LATEST_LEGACY,
        server: Server | None = None,
        **arguments: Any,
    ) -> Any:
        return asked(server or self.server, "tools/call", version, name=name, arguments=arguments)

    def test_a_result_has_content_and_its_structure(self) -> None:
        self.assertEqual(
            self.call("echo", text="hi"),
            {"content": [{"type": "text", "text": "hi"}], "structuredContent": {"text": "hi"}},
        )

    def test_structure_is_for_versions_that_know_it(self) -> None:
        for version in ("2024-11-05", "2025-03-26"):
            self.assertNotIn("structuredContent", self.call("echo", version, text="hi"))

    def test_a_modern_result_says_that_it_is_complete_and_by_whom(self) -> None:
        result = self.call("echo", MODERN, text="hi")
        self.assertEqual(result["resultType"], "complete")
        self.assertIn("io.modelcontextprotocol/serverInfo", result["_meta"])
        self.assertNotIn("ttlMs", result)

    def test_what_the_tool_says_besides_is_kept(self) -> None:
        tool = GivingTool(described("t"), ToolResult([], meta={"mnemo/a": 1}))
        server = make_server(offered=[tool])
        self.assertEqual(self.call("t", server=server), {"content": [], "_meta": {"mnemo/a": 1}})
        self.assertEqual(self.call("t", MODERN, server)["_meta"]["mnemo/a"], 1)

    def test_a_tool_that_refuses_gives_a_result_that_says_so(self) -> None:
        for version in (LATEST_LEGACY, MODERN):
            result = self.call("refusing", version)
            self.assertTrue(result["isError"])
            self.assertEqual(result["content"][0]["text"], "Say it otherwise")
        self.assertEqual(self.defects, [])

    def test_text_that_utf_8_cannot_hold_is_still_answered(self) -> None:
        self.assertEqual(self.call("echo", text="\ud800")["content"][0]["type"], "text")

    def test_a_session_that_calls_too_much_is_told_when_to_try_again(self) -> None:
        self.sessions.waiting_limit = 0
        for version in (LATEST_LEGACY, MODERN):
            result = self.call("echo", version, text="hi")
            self.assertTrue(result["isError"])
            self.assertEqual(result["_meta"]["mnemo/retryAfter"], 5)
            self.assertIn("5 s", result["content"][0]["text"])

    def test_a_capability_that_is_missing_is_an_error_of_the_modern_era(self) -> None:
        problem = self.call("sampling", MODERN)
        self.assertEqual((problem.code, problem.status), (MISSING_CAPABILITY, 400))
        self.assertEqual(problem.data, {"requiredCapabilities": {"sampling": {}}})

    def test_and_a_failed_call_in_the_legacy_era(self) -> None:
        result = self.call("sampling")
        self.assertTrue(result["isError"])
        self.assertIn("sampling", result["content"][0]["text"])

    def test_a_defect_is_for_the_log_and_not_for_the_client(self) -> None:
        problem = self.call("broken")
        self.assertEqual((problem.code, problem.status), (INTERNAL_ERROR, 200))
        self.assertNotIn("secret", problem.message)
        self.assertIsNone(problem.data)
        self.assertIsInstance(self.defects.pop(), ZeroDivisionError)

    def test_a_result_that_cannot_be_encoded_is_a_defect(self) -> None:
        server = make_server(
            offered=[GivingTool(described("t"), ToolResult([], {"a": object()}))],
            defects=self.defects,
        )
        self.assertEqual(self.call("t", server=server).code, INTERNAL_ERROR)
        self.assertEqual(len(self.defects), 1)


class OfferTests(SynchronousTestCase):
    def test_no_two_tools_have_one_name(self) -> None:
        problem = self.assertRaises(ValueError, offering, "a", "b", "a")
        self.assertIn("'a'", str(problem))

    def test_a_description_is_no_longer_than_models_are_shown(self) -> None:
        def offer(length: int) -> Server:
            tool = ToolDescription("a", "A", "x" * length, {"type": "object"})
            return make_server(offered=[EchoTool(tool)])

        offer(4096)
        problem = self.assertRaises(ValueError, offer, 4097)
        self.assertIn("4097", str(problem))

    def test_a_schema_that_asks_for_impossible_headers_is_not_offered(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "array", "x-mcp-header": "A"}}}
        tool = EchoTool(ToolDescription("a", "A", "An A.", schema))
        self.assertRaises(ValueError, make_server, offered=[tool])
