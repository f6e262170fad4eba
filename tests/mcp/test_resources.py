"""Resources: how they are listed, and how they are read."""

from itertools import islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mnemo.mcp import versions
from mnemo.mcp.errors import INVALID_PARAMS, RESOURCE_NOT_FOUND
from mnemo.mcp.server import Server
from mnemo.tools.interfaces import (
    CallContext,
    ResourceContent,
    ResourceDescription,
    TemplateDescription,
)
from tests.mcp.fakes import (
    LATEST_LEGACY,
    MODERN,
    FakeResources,
    answered,
    make_server,
    paged,
    refused,
)

uris = st.text("ab/", min_size=1, max_size=4)


def holding(*families: FakeResources, page_size: int = 100) -> Server:
    """A server with these families."""
    return make_server(resources=list(families), page_size=page_size)


def family(*held: str) -> FakeResources:
    """A family that holds something under each URI."""
    return FakeResources(dict.fromkeys(held, "something"))


def listed(server: Server, version: str = LATEST_LEGACY) -> list[str]:
    """The URIs of all resources, page after page."""
    return [each["uri"] for each in paged(server, "resources/list", "resources", version)]


class ListTests(SynchronousTestCase):
    def test_families_come_one_behind_the_other_each_in_its_order(self) -> None:
        server = holding(family("z:b", "z:a"), family(), family("a:b", "a:a"))
        self.assertEqual(listed(server), ["z:a", "z:b", "a:a", "a:b"])

    def test_where_there_is_nothing_the_list_is_empty(self) -> None:
        self.assertEqual(answered(holding(family()), "resources/list"), {"resources": []})

    @given(st.lists(st.sets(uris), min_size=1, max_size=4), st.integers(1, 5))
    def test_the_pages_together_are_every_resource_once_in_order(
        self, held: list[set[str]], size: int
    ) -> None:
        server = holding(*(family(*each) for each in held), page_size=size)
        self.assertEqual(listed(server), [uri for each in held for uri in sorted(each)])

    @given(
        st.lists(st.sets(uris), min_size=1, max_size=3),
        st.integers(1, 3),
        st.lists(st.tuples(st.integers(0, 2), uris)),
    )
    def test_what_stays_is_neither_lost_nor_repeated(
        self, held: list[set[str]], size: int, changes: list[tuple[int, str]]
    ) -> None:
        families = [family(*(f"{place}:{uri}" for uri in each)) for place, each in enumerate(held)]
        stayed = {uri for each in families for uri in each.held}
        server = holding(*families, page_size=size)
        coming, seen, params = iter(changes), list[str](), dict[str, str]()
        while True:
            page = answered(server, "resources/list", **params)
            seen += [each["uri"] for each in page["resources"]]
            if "nextCursor" not in page:
                break
            params = {"cursor": page["nextCursor"]}
            for place, text in islice(coming, 1):
                uri = f"{place % len(families)}:{text}"
                there = families[place % len(families)].held
                # What is there goes, and what is not comes.
                if there.pop(uri, None) is not None:
                    stayed.discard(uri)
                else:
                    there[uri] = "new"
        self.assertEqual(seen, sorted(set(seen)))
        self.assertLessEqual(stayed, set(seen))

    def test_no_family_is_asked_for_more_than_a_page_and_one(self) -> None:
        first, second = family("a:a", "a:b"), family("b:a", "b:b")
        answered(holding(first, second, page_size=3), "resources/list")
        self.assertEqual((first.limits, second.limits), ([4], [2]))

    def test_a_family_that_the_page_does_not_reach_is_not_asked(self) -> None:
        first, second = family("a:a", "a:b"), family("b:a")
        answered(holding(first, second, page_size=1), "resources/list")
        self.assertEqual(second.limits, [])

    def test_a_cursor_is_good_for_another_process(self) -> None:
        def begun() -> Server:
            return holding(family("a:a", "a:b"), family("b:a"), page_size=2)

        cursor = answered(begun(), "resources/list")["nextCursor"]
        page = answered(begun(), "resources/list", cursor=cursor)
        self.assertEqual([each["uri"] for each in page["resources"]], ["b:a"])

    def test_a_cursor_of_a_family_that_there_is_not_is_refused(self) -> None:
        many = holding(family("a:a"), family("b:a", "b:b"), page_size=2)
        cursor = answered(many, "resources/list")["nextCursor"]
        for bad in (cursor, "x", 1):
            for version in versions.REVISIONS:
                problem = refused(holding(family("a:a")), "resources/list", version, cursor=bad)
                self.assertEqual((problem.code, problem.status), (INVALID_PARAMS, 400))

    def test_an_entry_has_the_fields_that_its_reader_knows(self) -> None:
        entry = ResourceDescription(
            "a:a", "a", "An A", "What it is.", "text/plain", {"priority": 1, "lastModified": "x"}, 0
        )

        class One(FakeResources):
            async def list(
                self, after: str, limit: int, context: CallContext
            ) -> list[ResourceDescription]:
                return [entry]

        for version in versions.REVISIONS:
            (told,) = answered(holding(One()), "resources/list", version)["resources"]
            recent = version >= "2025-06-18"
            self.assertEqual("title" in told, recent)
            self.assertEqual("lastModified" in told["annotations"], recent)
            self.assertEqual(told["annotations"]["priority"], 1)
            self.assertEqual((told["uri"], told["name"], told["size"]), ("a:a", "a", 0))
            self.assertEqual((told["description"], told["mimeType"]), ("What it is.", "text/plain"))


class TemplateTests(SynchronousTestCase):
    def server(self, *names: str, page_size: int = 100) -> Server:
        half = len(names) // 2
        return holding(
            *(
                FakeResources(
                    templates=[TemplateDescription(f"{name}:{{id}}", name) for name in part]
                )
                for part in (names[:half], names[half:])
            ),
            page_size=page_size,
        )

    def test_they_come_in_one_order_whatever_family_has_them(self) -> None:
        for names in ("abcd", "dbca"):
            for size in (1, 2, 3, 100):
                server = self.server(*names, page_size=size)
                seen = paged(server, "resources/templates/list", "resourceTemplates")
                self.assertEqual([each["name"] for each in seen], ["a", "b", "c", "d"])

    def test_an_entry_has_the_fields_that_its_reader_knows(self) -> None:
        template = TemplateDescription("a:{id}", "a", "An A", "What it is.")
        server = holding(FakeResources(templates=[template]))
        full = {
            "uriTemplate": "a:{id}",
            "name": "a",
            "title": "An A",
            "description": "What it is.",
            "mimeType": "text/plain",
        }
        for version in versions.REVISIONS:
            (told,) = answered(server, "resources/templates/list", version)["resourceTemplates"]
            dropped = set() if version >= "2025-06-18" else {"title"}
            self.assertEqual(set(full) - set(told), dropped)
        self.assertEqual(told, full)

    def test_a_description_is_no_longer_than_models_are_shown(self) -> None:
        template = TemplateDescription("a:{id}", "a", "", "x" * 4097)
        self.assertRaises(ValueError, holding, FakeResources(templates=[template]))


class ReadTests(SynchronousTestCase):
    def test_text_is_read_as_text_and_bytes_as_base64(self) -> None:
        server = holding(
            FakeResources({"a:t": "héllo", "a:e": ""}), FakeResources({"a:b": b"\xff"})
        )
        for uri, held in (
            ("a:t", {"text": "héllo"}),
            ("a:e", {"text": ""}),
            ("a:b", {"blob": "/w=="}),
        ):
            for version in versions.REVISIONS:
                (content,) = answered(server, "resources/read", version, uri=uri)["contents"]
                self.assertEqual(content, {"uri": uri, "mimeType": "text/plain", **held})

    def assertMissing(self, server: Server, uri: str) -> None:
        for version in versions.REVISIONS:
            code = INVALID_PARAMS if version == MODERN else RESOURCE_NOT_FOUND
            problem = refused(server, "resources/read", version, uri=uri)
            self.assertEqual((problem.code, problem.status), (code, 400))
            self.assertEqual(problem.data, {"uri": uri})
            self.assertLess(len(problem.message), 1000)

    def test_what_no_family_has_is_not_found(self) -> None:
        server = holding(family("a:a"), family("b:a", "b:b"))
        for uri in ("a:b", "no uri at all", "../../etc/passwd", "a:" + "x" * 5000):
            self.assertMissing(server, uri)

    def test_the_refusal_says_what_there_is(self) -> None:
        problem = refused(holding(family("a:a"), family(), family()), "resources/read", uri="x:x")
        self.assertEqual(
            problem.message, "Resource not found: x:x. There are 1 here. There are 0 here."
        )

    def test_what_holds_nothing_is_not_found_either(self) -> None:
        class Empty(FakeResources):
            async def read(self, uri: str, context: CallContext) -> list[ResourceContent]:
                return []

        self.assertMissing(holding(Empty()), "a:a")

    def test_a_uri_must_be_text(self) -> None:
        odd: list[dict[str, Any]] = [{}, {"uri": None}, {"uri": ""}, {"uri": 1}, {"uri": ["a:a"]}]
        for params in odd:
            for version in versions.REVISIONS:
                problem = refused(holding(family("a:a")), "resources/read", version, **params)
                self.assertEqual(problem.code, INVALID_PARAMS)
