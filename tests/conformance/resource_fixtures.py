"""The resources that the conformance suite reads."""

import json
from collections.abc import Mapping, Sequence

from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    ResourceContent,
    ResourceDescription,
    TemplateDescription,
)
from tests.conformance.fixtures import red_pixel

CONTENTS: Mapping[str, tuple[str, str | bytes]] = {
    "test://static-binary": ("image/png", red_pixel()),
    "test://static-text": ("text/plain", "This is the content of the static text resource."),
    "test://watched-resource": ("text/plain", "Somebody may want to know when this changes."),
}

PREFIX, SUFFIX = "test://template/", "/data"


class FixtureResources:
    """Three fixed resources and a template (L{mnemo.tools.interfaces.IResources})."""

    templates = (
        TemplateDescription(
            PREFIX + "{id}" + SUFFIX,
            "template",
            description="Says which one it is.",
            mime_type="application/json",
        ),
    )

    async def list(
        self, after: str, limit: int, context: CallContext
    ) -> Sequence[ResourceDescription]:
        """Those that are fixed."""
        listed = [
            ResourceDescription(uri, uri.partition("://")[2], mime_type=media_type)
            for uri, (media_type, _) in CONTENTS.items()
            if uri > after
        ]
        return listed[:limit]

    async def read(self, uri: str, context: CallContext) -> Sequence[ResourceContent]:
        """A fixed one, or what the template makes of the URI."""
        if uri in CONTENTS:
            return [ResourceContent(uri, *CONTENTS[uri])]
        name = uri.removeprefix(PREFIX).removesuffix(SUFFIX)
        if not name or uri != PREFIX + name + SUFFIX:
            raise NoSuchResource(f"There is {', '.join(CONTENTS)} and {PREFIX}{{id}}{SUFFIX}")
        data = {"id": name, "templateTest": True, "data": f"Data for ID: {name}"}
        return [ResourceContent(uri, "application/json", json.dumps(data))]

    async def complete(
        self,
        uri_template: str,
        variable: str,
        value: str,
        others: Mapping[str, str],
        context: CallContext,
    ) -> Sequence[str]:
        """Any id will do."""
        return []


RESOURCES = (FixtureResources(),)
