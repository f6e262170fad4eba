"""A session that reads the resources of a real store."""

from typing import Any

from mnemo.resources.catalogue import FAMILIES, all_resources
from mnemo.tools.interfaces import (
    CallContext,
    IResources,
    NoSuchResource,
    ResourceContent,
    ResourceDescription,
)
from tests.tools.room import ToolTestCase


class ResourceTestCase(ToolTestCase):
    """
    @ivar families: by the kind in their addresses
    """

    def setUp(self) -> None:
        super().setUp()
        self.families: dict[str, IResources] = {
            family.kind: made
            for family, made in zip(FAMILIES, all_resources(self.memories), strict=True)
        }

    @property
    def context(self) -> CallContext:
        return CallContext(self.session)

    def listed(self, kind: str, after: str = "", limit: int = 100) -> list[ResourceDescription]:
        found: Any = self.done(self.families[kind].list(after, limit, self.context))
        return list(found)

    def uris(self, kind: str, after: str = "", limit: int = 100) -> list[str]:
        return [each.uri for each in self.listed(kind, after, limit)]

    def read(self, uri: str) -> str:
        """The text at an address, from the one family that has it."""

        async def contents() -> list[ResourceContent]:
            found: list[ResourceContent] = []
            for family in self.families.values():
                try:
                    found += await family.read(uri, self.context)
                except NoSuchResource:
                    continue
            return found

        (content,) = self.done(contents())
        self.assertEqual((content.uri, content.mime_type), (uri, "text/markdown"))
        return str(content.content)

    def missing(self, uri: str) -> str:
        """What all families say of an address that none has."""
        said = {
            self.refused(NoSuchResource, family.read(uri, self.context))
            for family in self.families.values()
        }
        return " ".join(sorted(said)).strip()

    def completed(self, kind: str, value: str) -> list[str]:
        family = self.families[kind]
        (template,) = family.templates
        variable = template.uri_template.partition("{")[2].partition("}")[0]
        return list(
            self.done(family.complete(template.uri_template, variable, value, {}, self.context))
        )
