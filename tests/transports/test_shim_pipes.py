"""The client's side of the shim: a message a line."""

import json

from attrs import define, field
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mnemo.transports.shim_pipes import LONGEST_LINE, Pipes


@define
class FakeBridge:
    """Hears the client."""

    heard: list[bytes | str] = field(factory=list)

    def from_client(self, line: bytes) -> None:
        self.heard.append(line)

    def client_closed(self) -> None:
        self.heard.append("closed")

    def end(self) -> None:
        self.heard.append("reads no more")

    def finish(self) -> None:
        self.heard.append("gone")


class PipesTests(SynchronousTestCase):
    """What is a message, and what is not."""

    def setUp(self) -> None:
        self.bridge = FakeBridge()
        self.pipes = Pipes(self.bridge)
        self.client = StringTransport()
        self.pipes.makeConnection(self.client)

    def hears(self, *pieces: bytes) -> list[bytes | str]:
        """What comes of the bytes that a client writes."""
        for piece in pieces:
            self.pipes.dataReceived(piece)
        heard, self.bridge.heard = self.bridge.heard, []
        return heard

    def test_an_answer_with_line_breaks_is_one_line(self) -> None:
        self.pipes.say(b'{"id":1,\r\n"method":"x"}')
        (line,) = self.client.value().splitlines()
        self.assertEqual(json.loads(line)["method"], "x")

    def test_a_message_that_comes_in_pieces_is_one(self) -> None:
        self.assertEqual(self.hears(b'{"id"', b":1", b"}\n", b"\r\n\n"), [b'{"id":1}'])

    def test_several_may_come_at_once(self) -> None:
        self.assertEqual(self.hears(b"1\n2\n3"), [b"1", b"2"])

    def test_one_that_is_too_large_is_refused_and_the_next_one_is_not(self) -> None:
        pieces = [b"x" * 2**20] * (LONGEST_LINE // 2**20 + 1)
        self.assertEqual(self.hears(*pieces, b"x\n", b"2\n"), [b"2"])
        (answer,) = map(json.loads, self.client.value().splitlines())
        self.assertIn(str(LONGEST_LINE), answer["error"]["message"])

    def test_the_last_line_needs_no_line_break(self) -> None:
        self.pipes.dataReceived(b"1")
        self.pipes.readConnectionLost()
        self.assertEqual(self.hears(), [b"1", "closed"])

    def test_each_end_closes_by_itself(self) -> None:
        verifyObject(IHalfCloseableProtocol, self.pipes)
        self.pipes.writeConnectionLost()
        self.pipes.connectionLost()
        self.assertEqual(self.hears(), ["reads no more", "gone"])
