"""OpenAI's API over HTTP: streams, and what becomes of a request without a client."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.generation import GenerationFailed
from mnemo.transports.openai_address import PATIENCE
from mnemo.transports.sse import HEARTBEAT
from tests.api.scripted_generator import completion
from tests.api.serving import Serving, chat, events, head_and_body, read_events, unchunked

CHAT = "/v1/chat/completions"


class AddressTestCase(SynchronousTestCase):
    """A daemon whose model answers when a test says so."""

    def setUp(self) -> None:
        self.serving = Serving()
        self.generator = self.serving.generator
        self.generator.reply = None


class GoneTests(AddressTestCase):
    """What nobody waits for any more is given up."""

    def tearDown(self) -> None:
        self.assertEqual(self.serving.timers, [])

    def test_a_client_that_waits_for_an_answer(self) -> None:
        self.serving.send(CHAT, chat()).transport.hang_up()
        self.assertEqual((self.generator.cancelled, self.generator.waiting), (1, []))

    def test_a_client_whose_stream_has_not_begun(self) -> None:
        self.serving.send(CHAT, chat(stream=True)).transport.hang_up()
        self.assertEqual(self.generator.cancelled, 1)

    def test_a_client_in_the_middle_of_a_stream(self) -> None:
        connection = self.serving.send(CHAT, chat(stream=True))
        self.generator.waiting[0].say("Hel")
        connection.transport.hang_up()
        self.assertEqual(self.generator.cancelled, 1)

    def test_a_client_that_waits_for_its_turn(self) -> None:
        connections = [self.serving.send(CHAT, chat()) for _ in range(3)]
        connections[2].transport.hang_up()
        self.assertEqual(self.generator.cancelled, 0)
        self.serving.send(CHAT, chat())
        for asked in list(self.generator.waiting):
            asked.end(completion())
        self.assertEqual(len(self.generator.asked), 3)
        self.generator.waiting[0].end(completion())

    def test_embeddings(self) -> None:
        self.serving.embedder.hold()
        connection = self.serving.send("/v1/embeddings", {"model": "fake", "input": "x"})
        connection.transport.hang_up()
        self.assertEqual(self.serving.embedder.held, 0)

    def test_a_stop_lets_answers_end(self) -> None:
        connection = self.serving.send(CHAT, chat())
        finished = Deferred.fromCoroutine(self.serving.front.finish(10))
        self.assertNoResult(finished)
        self.generator.waiting[0].end(completion())
        self.serving.clock.advance(0.1)
        self.successResultOf(finished)
        self.assertEqual(connection.response().status, 200)

    def test_a_stop_waits_no_longer_than_it_may(self) -> None:
        in_one, streamed = (
            self.serving.send(CHAT, chat(stream=stream)) for stream in (False, True)
        )
        self.generator.waiting[1].say("Hel")
        finished = Deferred.fromCoroutine(self.serving.front.finish(1))
        self.serving.clock.pump([0.1] * 12)
        self.successResultOf(finished)
        self.assertEqual(in_one.response().status, 503)
        self.assertIn("stopped", events(streamed)[-1]["error"]["message"])


class StreamTests(AddressTestCase):
    """A stream begins late enough for a refusal, and early enough to be seen to live."""

    def test_it_begins_after_a_while_and_shows_that_it_lives(self) -> None:
        connection = self.serving.send(CHAT, chat(stream=True))
        self.serving.clock.advance(PATIENCE)
        head, body = head_and_body(connection)
        self.assertIn(b" 200 ", head)
        self.assertEqual(body, b": waiting\n\n")
        self.serving.clock.advance(HEARTBEAT)
        self.assertEqual(unchunked(connection.taken()), b":\n\n")
        (asked,) = self.generator.waiting
        asked.say("Hello")
        asked.end(completion("Hello"))
        self.assertEqual(read_events(unchunked(connection.taken()))[-1], "[DONE]")
        self.assertEqual(self.serving.timers, [])

    def test_a_failure_in_the_middle_is_an_event(self) -> None:
        connection = self.serving.send(CHAT, chat(stream=True))
        (asked,) = self.generator.waiting
        asked.say("Hel")
        asked.answer.errback(GenerationFailed("It failed."))
        self.assertEqual(events(connection)[-1]["error"]["message"], "It failed.")

    def test_a_defect_in_the_middle_as_well(self) -> None:
        connection = self.serving.send(CHAT, chat(stream=True))
        (asked,) = self.generator.waiting
        asked.say("Hel")
        asked.answer.errback(ZeroDivisionError())
        self.assertEqual(events(connection)[-1]["error"]["message"], "Internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_reader_that_is_slow_is_waited_for(self) -> None:
        connection = self.serving.send(CHAT, chat(stream=True))
        (asked,) = self.generator.waiting
        asked.say("Hel")
        connection.taken()
        connection.fall_behind()
        asked.say("lo")
        self.assertEqual(connection.taken(), b"")
        connection.catch_up()
        self.assertIn(b'"content":"lo"', connection.taken())
