"""C{/api/v1/models/…} over HTTP, behind the guard that all addresses have."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mnemo.api.models_admin import ModelsAdmin
from mnemo.inference.kept import KeptGenerator
from mnemo.transports.credentials import Credentials
from mnemo.transports.models_address import addresses
from tests.inference.test_kept import ASKED, ComingAndGoing
from tests.transports.wire import HEADERS, Connection, Daemon


class ModelsAddressTests(SynchronousTestCase):
    def serve(self, **how: Any) -> Connection:
        daemon = Daemon(**how)
        self.inner = ComingAndGoing("good day")
        self.kept = KeptGenerator(daemon.clock, self.inner, 0.0)
        self.successResultOf(Deferred.fromCoroutine(self.kept.start()))
        daemon.front.site.exact.update(addresses(ModelsAdmin(self.kept, daemon.clock)))
        return daemon.connect()

    def test_the_model_is_released_and_loaded(self) -> None:
        connection = self.serve()
        connection.request("POST", "/api/v1/models/release", b"", HEADERS)
        response = connection.response()
        self.assertEqual((response.status, response.json()["state"]), (200, "released"))
        connection.request("POST", "/api/v1/models/load", b"", HEADERS)
        self.assertEqual(connection.responses(), [])
        self.inner.loaded()
        self.assertEqual(connection.response().json()["state"], "loaded")

    def test_a_client_that_goes_away_has_released_it(self) -> None:
        connection = self.serve()
        self.inner.hold()
        working = self.kept.generate(ASKED)
        connection.request("POST", "/api/v1/models/release", b"", HEADERS)
        connection.transport.hang_up()
        working.cancel()
        self.failureResultOf(working)
        self.assertEqual(self.kept.state, "released")

    def test_a_page_elsewhere_and_one_without_a_token_are_refused(self) -> None:
        connection = self.serve(credentials=Credentials.of(["0123456789abcdef"]))
        connection.request("POST", "/api/v1/models/release", b"", HEADERS)
        self.assertEqual(connection.response().status, 401)
        foreign = (*HEADERS, "Origin: https://evil.example")
        connection.request("POST", "/api/v1/models/release", b"", foreign)
        self.assertEqual(connection.response().status, 403)
        self.assertEqual(self.kept.state, "loaded")

    def test_a_defect_is_logged_and_not_told(self) -> None:
        connection = self.serve()

        def fail() -> None:
            raise ZeroDivisionError

        self.patch(KeptGenerator, "release", lambda _: fail())
        connection.request("POST", "/api/v1/models/release", b"", HEADERS)
        self.assertEqual(connection.response().status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
