"""What the families of resources have in common."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from attrs import define, evolve

from mnemo.memory.memories import Memories
from mnemo.resources.addresses import TEMPLATES, Address, Kind, address
from mnemo.tools.interfaces import (
    CallContext,
    NoSuchResource,
    ResourceContent,
    ResourceDescription,
    TemplateDescription,
)
from mnemo.tools.shown import shown

MARKDOWN = "text/markdown"


@define(eq=False)
class Family(ABC):
    """
    Resources of one kind (L{mnemo.tools.interfaces.IResources}), written in Markdown. What hides
    or reorders text is shown escaped, in lists and in what is read.

    A list shows what belongs to the project of the session, or of all projects where it has
    none; whoever knows the address of anything else can read it.
    """

    kind: ClassVar[Kind]
    template: ClassVar[TemplateDescription]

    _memories: Memories

    @property
    def templates(self) -> Sequence[TemplateDescription]:
        """How its addresses are made."""
        return (self.template,)

    async def list(
        self, after: str, limit: int, context: CallContext
    ) -> Sequence[ResourceDescription]:
        """At most C{limit} of what is listed, in order of address, behind C{after}."""
        listed = sorted(await self.listed(context), key=lambda each: each.uri)
        return [_with_nothing_hidden(each) for each in listed if each.uri > after][:limit]

    async def read(self, uri: str, context: CallContext) -> Sequence[ResourceContent]:
        """What is there. Raises L{NoSuchResource}."""
        found = address(uri)
        if found.kind != self.kind:
            raise NoSuchResource("")
        return [ResourceContent(uri, MARKDOWN, shown(await self.text(found.name, context)))]

    async def complete(
        self,
        uri_template: str,
        variable: str,
        value: str,
        others: Mapping[str, str],
        context: CallContext,
    ) -> Sequence[str]:
        """What there is that begins with C{value}, the latest first."""
        return await self.names(value, context)

    def uri(self, name: str) -> str:
        """The address of one of them."""
        return Address(self.kind, name).uri

    async def listed(self, context: CallContext) -> Iterable[ResourceDescription]:
        """All that is listed, a bounded number, in any order."""
        return ()

    @abstractmethod
    async def text(self, name: str, context: CallContext) -> str:
        """One of them, in Markdown. Raises L{NoSuchResource}."""

    @abstractmethod
    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """What C{value} is the beginning of, the latest first."""


def template(kind: Kind, name: str, title: str, description: str) -> TemplateDescription:
    """How a kind is listed."""
    return TemplateDescription(TEMPLATES[kind], name, title, description, MARKDOWN)


def _with_nothing_hidden(found: ResourceDescription) -> ResourceDescription:
    return evolve(
        found,
        name=shown(found.name),
        title=shown(found.title),
        description=shown(found.description),
    )
