"""Who may speak to the daemon."""

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.guard import Guard

LISTED = Guard(
    allowed_hosts=("box:80", "mnemo.lan:*"),
    allowed_origins=("https://app.example", "https://dev.example:*"),
)


class HostTests(SynchronousTestCase):
    """C{Host} is what tells a rebound name from this machine."""

    def statuses(self, guard: Guard, hosts: Sequence[str]) -> dict[str, int]:
        return {
            host: refusal.status if (refusal := guard.refusal([host], [])) else 200
            for host in hosts
        }

    def test_loopback_names_pass_with_any_port(self) -> None:
        names = ["localhost", "localhost:1", "LocalHost:9999", "127.0.0.2:0", "[::1]", "[::1]:99"]
        self.assertEqual(self.statuses(Guard(), names), dict.fromkeys(names, 200))

    def test_other_names_are_misdirected(self) -> None:
        names = ["evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", "10.0.0.1"]
        self.assertEqual(self.statuses(Guard(), names), dict.fromkeys(names, 421))

    def test_what_is_no_host_is_misdirected(self) -> None:
        names = ["", "::1", "me@localhost", "localhost/x", "localhost#", "localhost:x", "[::1"]
        self.assertEqual(self.statuses(Guard(), names), dict.fromkeys(names, 421))

    def test_a_listed_host_passes_with_its_port_or_with_any(self) -> None:
        self.assertEqual(
            self.statuses(
                LISTED, ["box:80", "BOX:80", "box", "box:81", "mnemo.lan", "mnemo.lan:7"]
            ),
            {"box:80": 200, "BOX:80": 200, "box": 421, "box:81": 421}
            | {"mnemo.lan": 200, "mnemo.lan:7": 200},
        )

    def test_a_request_names_one_host(self) -> None:
        missing, twice = Guard().refusal([], []), Guard().refusal(["localhost", "localhost"], [])
        assert missing is not None
        assert twice is not None
        self.assertEqual((missing.status, twice.status), (400, 400))

    def test_http_1_0_need_not_name_one(self) -> None:
        self.assertIsNone(Guard().refusal([], [], needs_host=False))

    def test_the_refusal_names_the_value_and_both_ways_to_allow_it(self) -> None:
        refusal = Guard().refusal(["mnemo.lan:9999"], [])
        assert refusal is not None
        for part in ("'mnemo.lan:9999'", "server.allowed_hosts", "MNEMO_SERVER_ALLOWED_HOSTS"):
            self.assertIn(part, refusal.message)


class ForwardedHostTests(SynchronousTestCase):
    """C{X-Forwarded-Host} is what a proxy was asked for, if it was a proxy that said so."""

    TRUSTING = Guard(allowed_hosts=("mnemo.lan:*",), trust_forwarded_host=True)

    def passes(self, guard: Guard, host: str, *forwarded: str) -> bool:
        return guard.refusal([host], [], forwarded=forwarded) is None

    def test_it_means_nothing_unless_it_is_trusted(self) -> None:
        guard = Guard(allowed_hosts=("mnemo.lan:*",))
        self.assertFalse(self.passes(guard, "inner:9999", "mnemo.lan"))
        self.assertTrue(self.passes(guard, "localhost", "evil.example"))

    def test_a_listed_one_stands_for_the_host(self) -> None:
        for said in ("mnemo.lan", "mnemo.lan:443", "mnemo.lan, inner:80"):
            self.assertTrue(self.passes(self.TRUSTING, "inner:9999", said), said)

    def test_no_other_does(self) -> None:
        for said in (
            "evil.example",
            "localhost",
            "127.0.0.1",
            "",
            "me@mnemo.lan",
            "inner, mnemo.lan",
        ):
            self.assertFalse(self.passes(self.TRUSTING, "inner:9999", said), said)
        self.assertFalse(self.passes(self.TRUSTING, "inner:9999", "mnemo.lan", "mnemo.lan"))

    def test_the_refusal_names_it_and_the_setting(self) -> None:
        refusal = self.TRUSTING.refusal(["inner:9999"], [], forwarded=["evil.example"])
        assert refusal is not None
        self.assertEqual(refusal.status, 421)
        for part in ("X-Forwarded-Host 'evil.example'", "server.allowed_hosts"):
            self.assertIn(part, refusal.message)


class OriginTests(SynchronousTestCase):
    """C{Origin} is what tells a page of another site from a program."""

    def statuses(self, guard: Guard, origins: Sequence[str]) -> dict[str, int]:
        return {
            origin: refusal.status if (refusal := guard.refusal(["localhost"], [origin])) else 200
            for origin in origins
        }

    def test_no_origin_passes(self) -> None:
        self.assertIsNone(Guard().refusal(["localhost"], []))

    def test_pages_from_this_machine_pass(self) -> None:
        origins = ["http://localhost:6274", "https://127.0.0.1", "http://[::1]:3"]
        self.assertEqual(self.statuses(Guard(), origins), dict.fromkeys(origins, 200))

    def test_other_pages_are_forbidden(self) -> None:
        origins = [
            "null",
            "",
            "file://",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://localhost/",
            "http://localhost:x",
            "ftp://localhost",
        ]
        self.assertEqual(self.statuses(Guard(), origins), dict.fromkeys(origins, 403))

    def test_a_listed_origin_passes_with_its_port_or_with_any(self) -> None:
        self.assertEqual(
            self.statuses(
                LISTED,
                [
                    "https://app.example",
                    "https://app.example:444",
                    "http://app.example",
                    "https://dev.example",
                    "https://dev.example:5173",
                ],
            ),
            {
                "https://app.example": 200,
                "https://app.example:444": 403,
                "http://app.example": 403,
                "https://dev.example": 200,
                "https://dev.example:5173": 200,
            },
        )

    def test_null_cannot_be_listed(self) -> None:
        refusal = Guard(allowed_origins=("null",)).refusal(["localhost"], ["null"])
        assert refusal is not None
        self.assertEqual(refusal.status, 403)

    def test_every_origin_of_the_request_must_pass(self) -> None:
        refusal = Guard().refusal(["localhost"], ["http://localhost", "http://evil.example"])
        assert refusal is not None
        self.assertEqual(refusal.status, 403)

    def test_the_refusal_names_the_value_and_both_ways_to_allow_it(self) -> None:
        refusal = Guard().refusal(["localhost"], ["https://app.example"])
        assert refusal is not None
        for part in ("app.example", "server.allowed_origins", "MNEMO_SERVER_ALLOWED_ORIGINS"):
            self.assertIn(part, refusal.message)

    def test_a_long_value_is_cut_in_the_message(self) -> None:
        refusal = Guard().refusal(["x" * 10_000], [])
        assert refusal is not None
        self.assertLess(len(refusal.message), 500)
