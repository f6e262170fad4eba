"""What the commands have in common that lead from a client's pipes to the daemon."""

from click import ClickException
from twisted.trial.unittest import SynchronousTestCase

from mnemo.cli.bridging import address_of
from mnemo.transports.upstream import Address

WEBSOCKET = "ws://127.0.0.1:9999/ws", "ws"


class AddressTests(SynchronousTestCase):
    def test_of_the_endpoint(self) -> None:
        for url, address in (
            ("http://127.0.0.1:9999/mcp", Address("127.0.0.1", 9999)),
            ("http://localhost:80/", Address("localhost", 80)),
            ("http://[::1]:9999", Address("::1", 9999)),
            ("http://host/memory/mcp/", Address("host", 80, "/memory/mcp")),
        ):
            self.assertEqual(address_of(url), address)

    def test_of_the_websocket(self) -> None:
        for url, address in (
            ("ws://127.0.0.1:9999/ws", Address("127.0.0.1", 9999, "/ws")),
            ("ws://localhost:80", Address("localhost", 80, "/ws")),
            ("http://127.0.0.1:9999/mcp", Address("127.0.0.1", 9999, "/ws")),
            ("http://[::1]:9999/memory/mcp/", Address("::1", 9999, "/memory/ws")),
        ):
            self.assertEqual(address_of(url, *WEBSOCKET), address)

    def test_what_is_none_is_refused_with_one_that_is(self) -> None:
        for url in ("wss://127.0.0.1", "127.0.0.1:9999", "ws://h:port/ws", "ws:///ws"):
            with self.assertRaises(ClickException) as refused:
                address_of(url, *WEBSOCKET)
            self.assertIn("ws://127.0.0.1:9999/ws", refused.exception.message)
        with self.assertRaises(ClickException):
            address_of("ws://127.0.0.1:9999/ws")
