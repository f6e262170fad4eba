"""The pages for clients: what stands in them is of the form that it should have."""

import json
import shlex
import tomllib

from twisted.trial.unittest import SynchronousTestCase

from mnemo.config import ServerConfig
from tests.clients.pages import ADDRESS, PAGES, blocks

NAMES = sorted(page.stem for page in PAGES.glob("*.md") if page.stem != "README")


class PagesTests(SynchronousTestCase):
    """Every page in C{docs/clients}."""

    def test_each_has_something_to_copy(self) -> None:
        for name in NAMES:
            self.assertTrue(blocks(name), name)

    def test_the_index_names_them_all(self) -> None:
        index = (PAGES / "README.md").read_text()
        for name in NAMES:
            self.assertIn(f"({name}.md)", index)

    def test_the_address_is_that_of_a_daemon_that_nobody_has_configured(self) -> None:
        self.assertEqual(ADDRESS, f"{ServerConfig().host}:{ServerConfig().port}")
        for name in NAMES:
            self.assertIn(ADDRESS, (PAGES / f"{name}.md").read_text(), name)

    def test_files_can_be_read_by_what_reads_such_files(self) -> None:
        readers = {"json": json.loads, "toml": tomllib.loads}
        for name in NAMES:
            for language, text in blocks(name):
                if language in readers:
                    self.assertIsInstance(readers[language](text), dict, name)

    def test_commands_are_one_line_for_a_shell(self) -> None:
        for name in NAMES:
            for language, text in blocks(name):
                if language == "sh":
                    self.assertNotIn("\n", shlex.split(text.replace("\\\n", "")), name)

    def test_a_server_is_an_address_or_a_command_of_ours(self) -> None:
        for name in ("codex", "cursor", "gemini-cli", "vscode"):
            for language, text in blocks(name):
                if language == "sh":
                    continue
                tree = tomllib.loads(text) if language == "toml" else json.loads(text)
                (servers,) = tree.values()
                server = servers["mnemo"]
                url = server.get("url") or server.get("httpUrl")
                if url is None:
                    self.assertEqual((server["command"], server["args"][0]), ("mnemo", "mcp"))
                else:
                    self.assertEqual(url, f"http://{ADDRESS}/mcp")
