"""The revisions, and which one is agreed on."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import UNSUPPORTED_VERSION, ProtocolError


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
