"""Results as each version has them."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import results
from mnemo.mcp.versions import LEGACY
from mnemo.tools.interfaces import (
    PromptDescription,
    PromptResult,
    ResourceContent,
    ResourceDescription,
    ToolDescription,
    ToolResult,
)

TOOL = ToolDescription(
    "name",
    "Title",
    "What it does.",
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"readOnlyHint": True},
    {"a/b": 1},
)


class ToolTests(SynchronousTestCase):
    def test_a_tool_has_the_fields_that_its_reader_knows(self) -> None:
        first = {"name", "description", "inputSchema"}
        cases = {
            "2024-11-05": first,
            "2025-03-26": first | {"annotations"},
            "2025-06-18": first | {"annotations", "title", "outputSchema", "_meta"},
            "2025-11-25": first | {"annotations", "title", "outputSchema", "_meta"},
            "2026-07-28": first | {"annotations", "title", "outputSchema", "_meta"},
        }
        for version, fields in cases.items():
            self.assertEqual(set(results.tool(TOOL, version)), fields, version)

    def test_what_a_tool_does_not_have_is_left_out(self) -> None:
        plain = ToolDescription("name", "", "What it does.", {"type": "object"})
        self.assertEqual(
            results.tool(plain, "2026-07-28"),
            {"name": "name", "description": "What it does.", "inputSchema": {"type": "object"}},
        )


TEXT = {"type": "text", "text": "t"}
IMAGE = {"type": "image", "data": "", "mimeType": "image/png"}
AUDIO = {"type": "audio", "data": "", "mimeType": "audio/wav"}
LINK = {"type": "resource_link", "uri": "test://a", "name": "An A"}


class ContentTests(SynchronousTestCase):
    def kinds(self, version: str) -> list[str]:
        content = [TEXT, IMAGE, AUDIO, LINK]
        return [block["type"] for block in results.content(content, version)]

    def test_content_that_a_version_lacks_is_told_in_words(self) -> None:
        self.assertEqual(self.kinds("2024-11-05"), ["text", "image", "text", "text"])
        self.assertEqual(self.kinds("2025-03-26"), ["text", "image", "audio", "text"])
        for version in ("2025-06-18", "2025-11-25", "2026-07-28"):
            self.assertEqual(self.kinds(version), ["text", "image", "audio", "resource_link"])

    def test_a_link_told_in_words_keeps_its_address(self) -> None:
        told = results.content([LINK], "2024-11-05")
        self.assertEqual(told, [{"type": "text", "text": "An A: test://a"}])


class CompleteTests(SynchronousTestCase):
    def test_legacy_results_are_as_they_are(self) -> None:
        for version in LEGACY:
            self.assertEqual(results.complete({"a": 1}, version, {"name": "n"}, 5), {"a": 1})

    def test_modern_ones_say_what_they_are_and_whose(self) -> None:
        told = results.complete({"a": 1, "_meta": {"b": 2}}, "2026-07-28", {"name": "n"})
        meta = {"b": 2, "io.modelcontextprotocol/serverInfo": {"name": "n"}}
        self.assertEqual(told, {"a": 1, "resultType": "complete", "_meta": meta})

    def test_a_result_that_is_not_complete_keeps_its_type(self) -> None:
        told = results.complete({"resultType": "input_required"}, "2026-07-28", {})
        self.assertEqual(told["resultType"], "input_required")

    def test_how_long_it_may_be_kept_is_for_its_reader_alone(self) -> None:
        told = results.complete({}, "2026-07-28", {}, 5)
        self.assertEqual((told["ttlMs"], told["cacheScope"]), (5, "private"))
        self.assertNotIn("ttlMs", results.complete({}, "2026-07-28", {}))

    def test_what_it_is_made_of_stays_as_it_was(self) -> None:
        result: dict[str, object] = {"_meta": {"b": 2}}
        results.complete(result, "2026-07-28", {}, 5)
        self.assertEqual(result, {"_meta": {"b": 2}})


class ToolResultTests(SynchronousTestCase):
    def test_a_modern_one_names_its_work_session(self) -> None:
        told = results.tool_result(ToolResult([], meta={"a": 1}), "handle", "2026-07-28")
        self.assertEqual(told["_meta"], {"a": 1, "mnemo/session": "handle"})
        self.assertNotIn("_meta", results.tool_result(ToolResult([]), "handle", "2025-11-25"))

    def test_each_kind_of_content_is_one_that_the_version_knows(self) -> None:
        outcome = ToolResult([AUDIO, LINK], {"a": 1}, is_error=True)
        told = results.tool_result(outcome, "handle", "2024-11-05")
        self.assertEqual([block["type"] for block in told["content"]], ["text", "text"])
        self.assertEqual((set(told), told["isError"]), ({"content", "isError"}, True))


class PromptTests(SynchronousTestCase):
    def test_what_a_prompt_does_not_have_is_left_out(self) -> None:
        plain = PromptDescription("name", "", "What it does.")
        for version in (*LEGACY, "2026-07-28"):
            told = results.prompt(plain, version)
            self.assertEqual(told, {"name": "name", "description": "What it does."})

    def test_each_message_has_content_that_the_version_knows(self) -> None:
        outcome = PromptResult([{"role": "user", "content": each} for each in (TEXT, AUDIO, LINK)])
        for version, kinds in {
            "2024-11-05": ["text", "text", "text"],
            "2025-03-26": ["text", "audio", "text"],
            "2025-06-18": ["text", "audio", "resource_link"],
            "2026-07-28": ["text", "audio", "resource_link"],
        }.items():
            told = results.prompt_result(outcome, version)
            self.assertEqual([each["content"]["type"] for each in told["messages"]], kinds)
            self.assertEqual({each["role"] for each in told["messages"]}, {"user"})
            self.assertNotIn("description", told)


class ResourceTests(SynchronousTestCase):
    def test_what_a_resource_does_not_have_is_left_out(self) -> None:
        plain = ResourceDescription("a:b", "b", mime_type="")
        for version in (*LEGACY, "2026-07-28"):
            self.assertEqual(results.resource(plain, version), {"uri": "a:b", "name": "b"})

    def test_content_without_a_known_type_says_none(self) -> None:
        told = results.resource_content(ResourceContent("a:b", "", "text"))
        self.assertEqual(told, {"uri": "a:b", "text": "text"})
