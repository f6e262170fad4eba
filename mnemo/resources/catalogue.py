"""All families of resources, and the page that describes them."""

from mnemo.memory.memories import Memories
from mnemo.resources.family import Family
from mnemo.resources.handoffs import HandoffResources
from mnemo.resources.histories import HistoryResources
from mnemo.resources.memories import MemoryResources
from mnemo.resources.patterns import PatternResources
from mnemo.resources.projects import ProjectResources
from mnemo.resources.sessions import SessionResources
from mnemo.tools.interfaces import IResources

FAMILIES: tuple[type[Family], ...] = (
    ProjectResources,
    HandoffResources,
    SessionResources,
    MemoryResources,
    HistoryResources,
    PatternResources,
)
"""Every family, in the order in which they are listed."""

_PREFACE = """\
# Resources

What a client can read by its address, in Markdown, and be told of when it changes. A list shows
what belongs to the project of the session: the context of the project, its newest handoffs, and
the latest sessions that remembered something. A session without a project is shown all. Whatever
else there is can be read by whoever names its address. Names and ids are completed. Texts are
word for word, but for characters that nobody sees or that reorder others: these are shown
escaped, as `\\u202e`.

In an address, all but letters, digits and `-._~` is percent-encoded: the project `twisted/klein`
has `mnemo://project/twisted%2Fklein/context`.

| address | what it is |
|---|---|
"""


def all_resources(memories: Memories) -> list[IResources]:
    """Every family."""
    return [family(memories) for family in FAMILIES]


def render_reference() -> str:
    """The page of the documentation that describes every family."""
    rows = [
        f"| `{family.template.uri_template}` | {family.template.description} |\n"
        for family in FAMILIES
    ]
    return _PREFACE + "".join(rows)
