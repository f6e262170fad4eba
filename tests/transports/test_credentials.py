"""Whose token is whose."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.transports.credentials import LOCAL, SHORTEST, Credentials, token_of

ONE, TWO, THREE = "one-0123456789abc", "two-0123456789abc", "three-0123456789a"

tokens = st.text("abcXYZ019-._~+/=", min_size=SHORTEST, max_size=64)


class PrincipalTests(SynchronousTestCase):
    """Who sent a request."""

    def setUp(self) -> None:
        self.credentials = Credentials({"me": ONE, "ci": TWO})

    def test_without_a_token_everybody_is_local(self) -> None:
        for said in (None, "", "Bearer anything", "Basic eDp5"):
            self.assertEqual(Credentials().principal(said), LOCAL)
        self.assertFalse(Credentials().required)

    def test_a_token_tells_whose_it_is(self) -> None:
        self.assertTrue(self.credentials.required)
        self.assertEqual(self.credentials.principal(f"Bearer {ONE}"), "me")
        self.assertEqual(self.credentials.principal(f"bearer   {TWO} "), "ci")

    def test_nothing_else_is_let_in(self) -> None:
        wrong = [None, "", ONE, "Bearer", "Bearer ", f"Basic {ONE}", f"Bearer {ONE[:-1]}"]
        wrong += [f"Bearer {ONE}x", f"Bearer {ONE} {ONE}", f"Bearer me:{ONE}", "Bearer \udcff"]
        self.assertEqual([self.credentials.principal(said) for said in wrong], [None] * len(wrong))

    def test_a_token_that_is_too_short_is_no_token(self) -> None:
        with self.assertRaises(ValueError) as caught:
            Credentials({"me": "x" * (SHORTEST - 1)})
        self.assertNotIn("xxx", str(caught.exception))
        self.assertRaises(ValueError, Credentials, {"me": ""})

    def test_tokens_are_kept_nowhere(self) -> None:
        self.assertNotIn(ONE, repr(vars(self.credentials)))

    @given(st.lists(tokens, min_size=1, max_size=4, unique=True), tokens)
    def test_each_token_is_known_and_no_other(self, known: list[str], other: str) -> None:
        credentials = Credentials({str(place): token for place, token in enumerate(known)})
        for place, token in enumerate(known):
            self.assertEqual(credentials.principal(f"Bearer {token}"), str(place))
        expected = str(known.index(other)) if other in known else None
        self.assertEqual(credentials.principal(f"Bearer {other}"), expected)


class SettingTests(SynchronousTestCase):
    """The entries of C{server.tokens}."""

    def test_one_without_a_name_is_local(self) -> None:
        credentials = Credentials.of([ONE, f"ci:{TWO}", f"ci:{THREE}"])
        found = [credentials.holder_of(token) for token in (ONE, TWO, THREE, f"ci:{TWO}")]
        self.assertEqual(found, [LOCAL, "ci", "ci", None])

    def test_none_asks_for_none(self) -> None:
        self.assertFalse(Credentials.of(()).required)

    def test_the_first_is_what_our_own_commands_send(self) -> None:
        self.assertEqual(token_of((f"me:{ONE}", TWO)), ONE)
        self.assertEqual(token_of((TWO,)), TWO)
        self.assertEqual(token_of(()), "")


class RotateTests(SynchronousTestCase):
    """A token in place of another."""

    def setUp(self) -> None:
        self.credentials = Credentials({"me": ONE, "ci": TWO})

    def test_the_new_one_is_the_same_person(self) -> None:
        self.assertTrue(self.credentials.rotate(ONE, THREE))
        self.assertEqual(self.credentials.holder_of(THREE), "me")
        self.assertIsNone(self.credentials.holder_of(ONE))
        self.assertEqual(self.credentials.holder_of(TWO), "ci")

    def test_nothing_changes_where_it_cannot_be(self) -> None:
        for old, new in ((THREE, "x" * 16), (ONE, "x" * 15), (ONE, TWO), (ONE, ONE), ("", THREE)):
            self.assertFalse(self.credentials.rotate(old, new))
        self.assertEqual(self.credentials.holder_of(ONE), "me")
        self.assertEqual(self.credentials.holder_of(TWO), "ci")

    def test_where_no_token_is_asked_for_there_is_none_to_change(self) -> None:
        credentials = Credentials()
        self.assertFalse(credentials.rotate("", THREE))
        self.assertFalse(credentials.required)
