import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.memory.changes import Changed
from mnemo.resources.addresses import TEMPLATES, Address, address, addresses_of
from mnemo.tools.interfaces import NoSuchResource


class Addresses(SynchronousTestCase):
    def problem(self, uri: str) -> str:
        return str(self.assertRaises(NoSuchResource, address, uri))

    def test_each_kind_has_its_own(self) -> None:
        for kind, uri in (
            ("memory", "mnemo://memory/m1"),
            ("history", "mnemo://memory/m1/history"),
            ("project", "mnemo://project/mnemo/context"),
            ("session", "mnemo://session/ab12"),
            ("handoff", "mnemo://handoff/m2"),
        ):
            self.assertEqual(address(uri).kind, kind)
            self.assertEqual(address(uri).uri, uri)

    def test_a_name_is_percent_encoded(self) -> None:
        uri = Address("project", "twisted/klein & co?").uri
        self.assertEqual(uri, "mnemo://project/twisted%2Fklein%20%26%20co%3F/context")
        self.assertEqual(address(uri).name, "twisted/klein & co?")

    @given(st.sampled_from(list(TEMPLATES)), st.text(st.characters(codec="utf-8"), min_size=1))
    def test_every_name_comes_back(self, kind: str, name: str) -> None:
        made = Address(kind, name)  # type: ignore[arg-type]
        self.assertEqual(address(made.uri), made)

    @given(st.text())
    def test_no_address_is_too_strange(self, rest: str) -> None:
        for uri in (rest, f"mnemo://{rest}", f"mnemo://memory/{rest}"):
            with contextlib.suppress(NoSuchResource):
                address(uri)

    def test_what_is_none_is_told_which_there_are(self) -> None:
        for uri in (
            "",
            "mnemo://",
            "mnemo://memory",
            "mnemo://memory/",
            "mnemo://memory/a/b",
            "mnemo://memory/../m1",
            "mnemo://project/a/b/context",
            "mnemo://project/a",
            "mnemo://memory/m1?x",
            "mnemo://memory/m1\n",
            "file:///etc/passwd",
            "MNEMO://memory/m1",
        ):
            said = self.problem(uri)
            self.assertTrue(said.startswith(("There are mnemo://memory/{id}", "Is it ")), uri)

    def test_there_is_one_way_to_write_each(self) -> None:
        """Whoever watches one is told under the address that it has."""
        self.assertEqual(
            self.problem("mnemo://project/a b/context"), "Is it mnemo://project/a%20b/context?"
        )
        self.assertEqual(
            self.problem("mnemo://project/twisted%2fklein/context"),
            "Is it mnemo://project/twisted%2Fklein/context?",
        )
        self.assertEqual(self.problem("mnemo://memory/%6d1"), "Is it mnemo://memory/m1?")

    def test_all_that_has_changed_has_an_address(self) -> None:
        changed = Changed(
            memories=frozenset({"m2", "m1"}),
            handoffs=frozenset({"m2"}),
            projects=frozenset({"a b"}),
            sessions=frozenset({"s1"}),
        )
        self.assertEqual(
            addresses_of(changed),
            [
                "mnemo://memory/m1",
                "mnemo://memory/m2",
                "mnemo://memory/m1/history",
                "mnemo://memory/m2/history",
                "mnemo://handoff/m2",
                "mnemo://project/a%20b/context",
                "mnemo://session/s1",
            ],
        )
