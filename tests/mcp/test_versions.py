"""The revisions, and what each can read."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import UNSUPPORTED_VERSION, ProtocolError
from mnemo.tools.interfaces import ToolDescription

TOOL = ToolDescription(
    "name",
    "Title",
    "What it does.",
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"readOnlyHint": True},
    {"a/b": 1},
)


class NegotiationTests(SynchronousTestCase):
    def test_a_legacy_version_is_granted_and_any_other_gets_the_latest_legacy_one(self) -> None:
        cases = {
            "2024-11-05": "2024-11-05",
            "2025-03-26": "2025-03-26",
            "2025-06-18": "2025-06-18",
            "2025-11-25": "2025-11-25",
            "2026-07-28": "2025-11-25",
            "1999-01-01": "2025-11-25",
            "": "2025-11-25",
        }
        for requested, granted in cases.items():
            self.assertEqual(versions.negotiate(requested), granted)

    def test_an_unsupported_version_is_told_which_are_supported(self) -> None:
        versions.require_modern("2026-07-28")
        for version in ("2025-11-25", "2099-01-01", ""):
            problem = self.assertRaises(ProtocolError, versions.require_modern, version)
            self.assertEqual((problem.code, problem.status), (UNSUPPORTED_VERSION, 400))
            self.assertEqual(problem.data, {"supported": ["2026-07-28"], "requested": version})
            self.assertIn("2026-07-28", problem.message)
            self.assertIn("2025-11-25", problem.message)


class ListedTests(SynchronousTestCase):
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
            self.assertEqual(set(versions.listed(TOOL, version)), fields, version)

    def test_what_a_tool_does_not_have_is_left_out(self) -> None:
        plain = ToolDescription("name", "", "What it does.", {"type": "object"})
        self.assertEqual(
            versions.listed(plain, "2026-07-28"),
            {"name": "name", "description": "What it does.", "inputSchema": {"type": "object"}},
        )


TEXT = {"type": "text", "text": "t"}
IMAGE = {"type": "image", "data": "", "mimeType": "image/png"}
AUDIO = {"type": "audio", "data": "", "mimeType": "audio/wav"}
LINK = {"type": "resource_link", "uri": "test://a", "name": "An A"}


class ReadableTests(SynchronousTestCase):
    def kinds(self, version: str) -> list[str]:
        content = [TEXT, IMAGE, AUDIO, LINK]
        return [block["type"] for block in versions.readable(content, version)]

    def test_content_that_a_version_lacks_is_told_in_words(self) -> None:
        self.assertEqual(self.kinds("2024-11-05"), ["text", "image", "text", "text"])
        self.assertEqual(self.kinds("2025-03-26"), ["text", "image", "audio", "text"])
        for version in ("2025-06-18", "2025-11-25", "2026-07-28"):
            self.assertEqual(self.kinds(version), ["text", "image", "audio", "resource_link"])

    def test_a_link_told_in_words_keeps_its_address(self) -> None:
        told = versions.readable([LINK], "2024-11-05")
        self.assertEqual(told, [{"type": "text", "text": "An A: test://a"}])
