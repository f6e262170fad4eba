"""C{/api/v1/inference} over HTTP, behind the guard that all addresses have."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mnemo.inference.snapshot import Ages, Counts, Embedding, Language, Snapshot, Spread
from mnemo.transports.credentials import Credentials
from mnemo.transports.inference_address import PATH, InferenceAddress
from tests.transports.wire import HEADERS, Connection, Daemon, Response

LANGUAGE = Language(
    name="writer",
    state="loaded",
    problem="",
    device="cpu",
    window=4096,
    loads=1,
    weights=900_000_000,
    cache=100_000_000,
    slots=2,
    running=0,
    waiting=Counts(),
    oldest=Ages(),
    tokens=120,
    tokens_per_second=41.0,
    first_token=Spread(100, 0.21, 0.8),
    prompt_tokens=1000,
    reused_tokens=630,
    reuse=0.63,
    kept_tokens=512,
)

EMBEDDING = Embedding(
    name="all-MiniLM-L6-v2-1a2b3c4d",
    problem="",
    device="cpu",
    weights=45_000_000,
    loads=1,
    waiting=Counts(),
    oldest=Ages(),
    steps=10,
    texts=20,
    tokens=400,
    texts_per_second=12.0,
    query_hits=2,
    query_misses=3,
    query_reuse=0.4,
    vectors=5678,
    memories=5678,
)

SNAPSHOT = Snapshot(at=0.0, language=LANGUAGE, embedding=EMBEDDING)


class InferenceAddressTests(SynchronousTestCase):
    def serve(self, **how: Any) -> Connection:
        daemon = Daemon(**how)
        daemon.front.site.exact[PATH.encode()] = InferenceAddress(lambda: SNAPSHOT)
        return daemon.connect()

    def ask(self, method: str = "GET", *more: str, **how: Any) -> Response:
        connection = self.serve(**how)
        connection.request(method, PATH, b"", (*HEADERS, *more))
        return connection.response()

    def test_it_is_said_as_json_and_kept_by_nobody(self) -> None:
        response = self.ask()
        self.assertEqual((response.status, response.headers["cache-control"]), (200, "no-store"))
        said = response.json()
        self.assertEqual(said["language"]["first_token"], {"count": 100, "p50": 0.21, "p95": 0.8})
        self.assertEqual((said["gpu"], said["servers"], said["callers"]), (None, [], []))

    def test_there_is_nothing_to_do_there(self) -> None:
        response = self.ask("POST")
        self.assertEqual((response.status, response.headers["allow"]), (405, "GET"))

    def test_a_page_elsewhere_and_one_without_a_token_are_refused(self) -> None:
        credentials = Credentials.of(["0123456789abcdef"])
        self.assertEqual(self.ask(credentials=credentials).status, 401)
        self.assertEqual(self.ask("GET", "Origin: https://evil.example").status, 403)
        token = "Authorization: Bearer 0123456789abcdef"
        self.assertEqual(self.ask("GET", token, credentials=credentials).status, 200)
