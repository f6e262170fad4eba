"""Resources: a chain of families, listed one behind the other and read from whichever has it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import define, field

from mnemo.mcp import pages, results
from mnemo.mcp.catalogue import check_text
from mnemo.mcp.errors import (
    INVALID_PARAMS,
    RESOURCE_NOT_FOUND,
    ProtocolError,
    invalid_params,
)
from mnemo.mcp.versions import MODERN
from mnemo.tools.interfaces import (
    CallContext,
    IResources,
    NoSuchResource,
    ResourceDescription,
    TemplateDescription,
)


@define(eq=False, init=False)
class Resources:
    """The families on offer, in the order in which they are listed."""

    families: tuple[IResources, ...] = field()

    def __init__(self, families: Iterable[IResources] = ()) -> None:
        self.families = tuple(families)
        for template, _ in self.templates():
            check_text(f"The description of {template.uri_template!r}", template.description)

    def __len__(self) -> int:
        return len(self.families)

    def __iter__(self) -> Iterator[IResources]:
        return iter(self.families)

    def templates(self) -> list[tuple[TemplateDescription, IResources]]:
        """Every template in order, with its family."""
        found = [(template, family) for family in self.families for template in family.templates]
        return sorted(found, key=lambda pair: pair[0].uri_template)

    def listed_templates(self, behind: str, size: int, version: str) -> dict[str, Any]:
        """The result of C{resources/templates/list}."""
        found = {template.uri_template: template for template, _ in self.templates()}
        names, more = pages.page(list(found), behind, size)
        result: dict[str, Any] = {
            "resourceTemplates": [results.template(found[name], version) for name in names]
        }
        if more:
            result["nextCursor"] = pages.cursor("resources/templates/list", names[-1])
        return result

    async def listed(
        self, behind: str, size: int, context: CallContext, version: str
    ) -> dict[str, Any]:
        """
        The result of C{resources/list}.

        @param behind: the number of a family and a URI of it, behind which the page begins
        """
        start, after = self._place(behind)
        found: list[tuple[int, ResourceDescription]] = []
        for number, family in enumerate(self.families[start:], start):
            # One more than the page holds tells whether there is another.
            wanted = size + 1 - len(found)
            got = await family.list(after if number == start else "", wanted, context)
            found += [(number, resource) for resource in got]
            if len(found) > size:
                break
        result: dict[str, Any] = {
            "resources": [results.resource(resource, version) for _, resource in found[:size]]
        }
        if len(found) > size:
            number, last = found[size - 1]
            result["nextCursor"] = pages.cursor("resources/list", f"{number} {last.uri}")
        return result

    def _place(self, behind: str) -> tuple[int, str]:
        if not behind:
            return 0, ""
        number, _, uri = behind.partition(" ")
        if not number.isdecimal() or int(number) >= len(self.families):
            raise pages.unknown_cursor()
        return int(number), uri

    async def read(self, uri: str, context: CallContext, version: str) -> dict[str, Any]:
        """
        The result of C{resources/read}. Raises L{ProtocolError} where no family has it, or it
        holds nothing.
        """
        reasons: dict[str, None] = {}
        for family in self.families:
            try:
                contents = await family.read(uri, context)
            except NoSuchResource as missing:
                reasons[str(missing)] = None
                continue
            if contents:
                return {"contents": [results.resource_content(each) for each in contents]}
        message = f"Resource not found: {uri[:256]}. {' '.join(filter(None, reasons))[:512]}"
        code = INVALID_PARAMS if version in MODERN else RESOURCE_NOT_FOUND
        raise ProtocolError(code, message.rstrip(), {"uri": uri})


def asked(params: Mapping[str, Any]) -> str:
    """The URI that a C{resources/read} names. Raises L{ProtocolError} where it names none."""
    uri = params.get("uri")
    if not isinstance(uri, str) or not uri:
        raise invalid_params("resources/read needs the uri of a resource, a string")
    return uri
