"""What somebody who starts a daemon is told."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mnemo.observe.connect import how_to_connect


class ConnectTests(SynchronousTestCase):
    """The lines for a terminal."""

    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        self.file = self.home / "mnemo.toml"

    def test_they_say_how_to_connect(self) -> None:
        lines = how_to_connect("http://127.0.0.1:9999", self.home, self.file)
        self.assertIn("claude mcp add --transport http mnemo http://127.0.0.1:9999/mcp\n", lines)
        self.assertIn('{"type":"http","url":"http://127.0.0.1:9999/mcp"}', lines)

    def test_they_say_where_things_are(self) -> None:
        self.file.write_text("")
        lines = how_to_connect("http://127.0.0.1:9999", self.home, self.file)
        for place in (self.home, self.file, self.home / "mnemo.log"):
            self.assertIn(f"{place}\n", lines)

    def test_they_say_that_there_is_no_file(self) -> None:
        lines = how_to_connect("http://127.0.0.1:9999", self.home, self.file)
        self.assertIn(f"{self.file}  (not there", lines)

    def test_they_say_it_for_the_transport_that_was_asked_for(self) -> None:
        address = "http://127.0.0.1:8765"
        for transport, command in {
            "sse": f"claude mcp add --transport sse mnemo {address}/sse\n",
            "http": f"claude mcp add --transport http mnemo {address}/mcp\n",
            "streamable-http": f"claude mcp add --transport http mnemo {address}/mcp\n",
            "ws": 'claude mcp add-json mnemo \'{"type":"ws","url":"ws://127.0.0.1:8765/ws"}\'\n',
            "websocket": '{"type":"ws","url":"ws://127.0.0.1:8765/ws"}',
        }.items():
            self.assertIn(command, how_to_connect(address, self.home, self.file, transport))

    def test_they_say_where_a_token_goes(self) -> None:
        for transport in ("http", "ws"):
            lines = how_to_connect("http://[::1]:1", self.home, self.file, transport, True)
            self.assertIn("Bearer TOKEN", lines)
            self.assertIn("one of server.tokens", lines)
