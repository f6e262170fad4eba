"""What recurs, by its id."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from mnemo.memory.moments import iso
from mnemo.resources.addresses import Kind
from mnemo.resources.completion import beginning_with
from mnemo.resources.family import Family, template
from mnemo.resources.markdown import document, section
from mnemo.store.understanding import Pattern
from mnemo.tools.interfaces import CallContext, NoSuchResource, TemplateDescription
from mnemo.tools.views import counted
from mnemo.understanding.strength import strength, strongest


class PatternResources(Family):
    """
    Patterns with their evidence.
    """

    kind: ClassVar[Kind] = "pattern"
    template: ClassVar[TemplateDescription] = template(
        "pattern",
        "pattern",
        "Something that recurs",
        "What recurs in the memories of a project, how strong it is, and the newest of the "
        "memories that show it, word for word.",
    )

    async def text(self, name: str, context: CallContext) -> str:
        """A pattern, dismissed or not, and the memories behind it."""
        store = self._memories.store
        found = await store.understanding.patterns(ids=[name], dismissed=True)
        if not found:
            raise NoSuchResource("No pattern has this id: get_patterns lists them.")
        (pattern,) = found
        evidence = await store.get(pattern.evidence)
        lines = [*_facts(pattern, self._memories.clock.seconds())]
        return document(
            f"Pattern {name}: {pattern.title}",
            [*lines, *section("The newest memories that show it", evidence)],
        )

    async def names(self, value: str, context: CallContext) -> Sequence[str]:
        """Those of the project, the strongest first."""
        project = context.session.project or None
        found = await self._memories.store.understanding.patterns(project)
        strong = strongest(found, self._memories.clock.seconds())
        return beginning_with(value, [each.id for each in strong])


def _facts(pattern: Pattern, now: float) -> Iterator[str]:
    state = ", dismissed" if pattern.dismissed else ""
    yield f"- kind: {pattern.kind}{state}"
    yield f"- project: {pattern.project or 'none'}"
    yield f"- strength: {strength(pattern, now):.2f}"
    yield (
        f"- evidence: {counted(pattern.count, 'memory', 'memories')} of "
        f"{counted(pattern.occasions, 'occasion')}, {iso(pattern.first)} to {iso(pattern.last)}"
    )
    yield f"- most central: {pattern.said} ({pattern.source})"
