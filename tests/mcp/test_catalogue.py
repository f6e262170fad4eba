"""Things offered under names."""

from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp.catalogue import Catalogue
from mnemo.tools.interfaces import ITool
from tests.mcp.fakes import EchoTool, described


def catalogue(*names: str) -> Catalogue[ITool]:
    """A catalogue of tools."""
    return Catalogue([EchoTool(described(name)) for name in names])


class CatalogueTests(SynchronousTestCase):
    def test_what_is_offered_is_found_by_its_name(self) -> None:
        offered = catalogue("b", "a")
        found = offered.find("a")
        assert found is not None
        self.assertEqual(found.description.name, "a")
        for name in ("c", "", None, 1, ["a"]):
            self.assertIsNone(offered.find(name))

    def test_it_is_in_order_of_name(self) -> None:
        offered = catalogue("b", "c", "a")
        self.assertEqual([each.description.name for each in offered], ["a", "b", "c"])
        self.assertEqual(len(offered), 3)

    def test_it_changes_while_it_is_gone_through(self) -> None:
        offered = catalogue("a", "b")
        for each in offered:
            offered.remove(each.description.name)
        self.assertEqual(len(offered), 0)

    def test_a_page_names_its_last_where_others_follow(self) -> None:
        page, last = catalogue("b", "c", "a").page("", 2)
        self.assertEqual(([each.description.name for each in page], last), (["a", "b"], "b"))
        page, last = catalogue("b", "c", "a").page("b", 2)
        self.assertEqual(([each.description.name for each in page], last), (["c"], ""))

    def test_who_is_mistaken_is_told_of_what_is_near(self) -> None:
        self.assertEqual(catalogue("recall", "status").near("recal"), "recall")

    def test_and_else_of_the_first_few(self) -> None:
        self.assertEqual(catalogue("recall", "status").near("x" * 1000), "recall, status")
        self.assertEqual(catalogue().near("x"), "none")
        many = catalogue(*(f"tool-{number:03}" for number in range(100)))
        self.assertTrue(many.near("x").endswith("tool-014, tool-015 and 84 more"))
