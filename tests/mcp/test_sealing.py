"""What is given away and comes back: nobody else can have made it, and it does not last."""

from base64 import urlsafe_b64encode
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.sealing import LONGEST, TTL, BadSeal, Sealer

KEY = bytes(range(32))

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class SealingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000.0)
        self.sealer = Sealer(KEY, self.clock.seconds)

    def refused(self, text: str, binding: bytes = b"call") -> str:
        refusal = self.assertRaises(BadSeal, self.sealer.open, text, binding)
        self.assertNotIn("\n", str(refusal))
        return str(refusal)

    @given(JSON, st.binary())
    def test_what_was_sealed_opens_as_it_was(self, value: Any, binding: bytes) -> None:
        sealer = Sealer(KEY, lambda: 1000.0)
        self.assertEqual(sealer.open(sealer.seal(value, binding), binding), value)

    @settings(max_examples=300)
    @given(st.data())
    def test_no_character_can_be_changed_taken_away_or_put_in(self, data: st.DataObject) -> None:
        sealer = Sealer(KEY, lambda: 1000.0)
        text = sealer.seal({"step": 1, "said": "yes"}, b"call")
        at = data.draw(st.integers(0, len(text)))
        taken = data.draw(st.integers(0, 2))
        put = data.draw(st.text(max_size=2) | st.text("Aa0-_.=", max_size=2))
        changed = text[:at] + put + text[at + taken :]
        if changed != text:
            self.assertRaises(BadSeal, sealer.open, changed, b"call")

    def test_no_bit_of_it_can_be_flipped(self) -> None:
        text = self.sealer.seal(["a", 1], b"call")
        for at in range(len(text)):
            for bit in range(8):
                self.refused(text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :])

    def test_nothing_that_comes_is_more_than_refused(self) -> None:
        short = "1.e30." + "A" * 43
        for text in ("", ".", "..", "a.b.c", short, "é" * 60, "1.e30=." + "A" * 43, "\ud800"):
            self.refused(text)

    def test_it_opens_for_what_it_was_sealed_for_alone(self) -> None:
        text = self.sealer.seal("yes", b"call")
        for binding in (b"", b"other", b"call2", b"cal"):
            self.refused(text, binding)

    def test_a_part_of_the_binding_cannot_pass_for_what_is_sealed(self) -> None:
        expiry, payload, signature = self.sealer.seal("yes", b"a.b").split(".")
        self.refused(f"{expiry}.{payload}.a.{signature}", b"b")

    def test_another_key_does_not_open_it(self) -> None:
        text = Sealer(b"another" * 5, self.clock.seconds).seal("yes", b"call")
        self.refused(text)

    def test_the_same_key_opens_it_in_another_process(self) -> None:
        again = Sealer(KEY, self.clock.seconds)
        self.assertEqual(again.open(self.sealer.seal("yes", b"call"), b"call"), "yes")

    def test_it_opens_until_its_time_is_over(self) -> None:
        text = self.sealer.seal("yes", b"call")
        self.clock.advance(TTL - 0.01)
        self.assertEqual(self.sealer.open(text, b"call"), "yes")
        self.clock.advance(0.01)
        self.assertIn("600 seconds", self.refused(text))

    def test_nobody_can_make_it_last_longer(self) -> None:
        expiry, payload, signature = self.sealer.seal("yes", b"call").split(".")
        self.clock.advance(TTL)
        self.refused(f"{int(expiry) + 1000}.{payload}.{signature}")

    def test_it_can_stand_in_an_address(self) -> None:
        text = self.sealer.seal("\xff" * 50, b"call")
        self.assertRegex(text, r"\A[A-Za-z0-9._-]+\Z")

    def test_half_of_a_surrogate_pair_comes_back(self) -> None:
        self.assertEqual(self.sealer.open(self.sealer.seal("\ud800", b""), b""), "\ud800")

    def test_what_is_too_long_is_not_sealed(self) -> None:
        fits = "a" * (LONGEST * 3 // 4 - 100)
        self.assertEqual(self.sealer.open(self.sealer.seal(fits, b""), b""), fits)
        self.assertRaises(ValueError, self.sealer.seal, fits + "a" * 100, b"")

    def test_what_is_too_long_is_not_even_looked_at(self) -> None:
        long = urlsafe_b64encode(b"a" * LONGEST).decode()
        self.refused(f"1.{long}.{'A' * 43}")

    def test_the_key_is_not_shown(self) -> None:
        self.assertNotIn(repr(KEY), repr(self.sealer))
