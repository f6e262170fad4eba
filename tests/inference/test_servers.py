"""How a configuration names the model of a server."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.interfaces import Priority
from mnemo.inference.servers import WINDOW, Entry, ServerModel, entry_of


class EntryTests(SynchronousTestCase):
    def test_an_address_and_a_model_are_enough(self) -> None:
        entry = entry_of("http://localhost:8080/v1/ model=qwen3", {})
        self.assertEqual(entry, Entry(ServerModel("http://localhost:8080/v1", "qwen3"), None))
        self.assertEqual((entry.server.host, entry.server.window), ("localhost:8080", WINDOW))

    def test_more_may_be_said(self) -> None:
        text = "https://api.example/v1 for=background window=32768 key=THE_KEY model=a/b"
        entry = entry_of(text, {"THE_KEY": "s3cret"})
        server = ServerModel("https://api.example/v1", "a/b", "s3cret", "THE_KEY", 32768)
        self.assertEqual(entry, Entry(server, Priority.BACKGROUND))

    def test_the_key_is_shown_nowhere(self) -> None:
        entry = entry_of("https://a/v1 model=m key=K", {"K": "s3cret"})
        self.assertNotIn("s3cret", repr(entry))
