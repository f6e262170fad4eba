"""Which memories a call is about: the arguments that many tools share, as a store's filter."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import msgspec

from mnemo.memory import moments
from mnemo.memory.projects import is_path, project_of
from mnemo.store.records import State, Type
from mnemo.store.search import Filter
from mnemo.tools.base import Call, ResolveProject
from mnemo.tools.interfaces import ToolError

ALL = "*"
EVERYWHERE = "all projects"
CURRENT = "current"

Format = Annotated[
    Literal["text", "json"],
    msgspec.Meta(description="How the text of the answer is written."),
]

Project = Annotated[
    str,
    msgspec.Meta(
        description='The project, by name or path. Left out: this session\'s project. "*": all.',
        max_length=4096,
    ),
]

Home = Annotated[
    str,
    msgspec.Meta(
        description="The project it belongs to, by name or path. Left out: this session's project.",
        max_length=4096,
    ),
]

Source = Annotated[str, msgspec.Meta(description="Only memories from this source.", max_length=200)]

StateAsked = Annotated[
    State | None,
    msgspec.Meta(
        description="Only memories in this state. Left out: active and fading; forgotten "
        "memories (archived) come only when asked for."
    ),
]

MinSalience = Annotated[
    float,
    msgspec.Meta(description="Only memories at least this important.", ge=0, le=1),
]

TypeAsked = Annotated[Type | None, msgspec.Meta(description="Only memories of this type.")]

Types = Annotated[
    list[Type],
    msgspec.Meta(description="Only memories of these types; overrides type.", max_length=50),
]

SessionId = Annotated[
    str,
    msgspec.Meta(
        description='Only memories made in this session; "current" is the session of this call.',
        max_length=200,
    ),
]

Moment = str | Annotated[float, msgspec.Meta(ge=0)] | None

Since = Annotated[
    Moment, msgspec.Meta(description=f"Only memories made at or after: {moments.ACCEPTED}.")
]

HoursBack = Annotated[
    float, msgspec.Meta(description="How many hours to look back.", ge=0.01, le=876_000)
]

Until = Annotated[
    Moment,
    msgspec.Meta(description="Only memories made before; written likewise. A date is meant whole."),
]

AsOf = Annotated[
    Moment,
    msgspec.Meta(
        description="Answer as of a moment, written likewise: what was kept then, in its words of "
        "then, and what was not forgotten then. What was amended since is found by its words."
    ),
]

Concepts = Annotated[
    list[str],
    msgspec.Meta(description="Only memories filed under at least one of these.", max_length=50),
]

ExcludeConcepts = Annotated[
    list[str], msgspec.Meta(description="No memory filed under any of these.", max_length=50)
]


def project_shown(project: str | None) -> str:
    """How an answer names the project of a filter."""
    if project is None:
        return EVERYWHERE
    return project or "no project"


async def project_asked(call: Call, asked: str) -> str | None:
    """
    The project to search: the one asked for, else the session's, else C{None} for all.
    """
    asked = asked.strip()
    if asked == ALL:
        return None
    return await named(call, asked) if asked else call.session.project or None


async def home_of(call: Call, asked: str) -> str:
    """The project that a new memory belongs to: the one asked for, else the session's."""
    asked = asked.strip()
    if asked == ALL:
        raise ToolError('"project" was "*", but a memory belongs to one project: name it')
    return await named(call, asked) if asked else call.session.project


async def named(call: Call, asked: str) -> str:
    """The name of a project given by name or path. Raises L{ToolError} where it has none."""
    return await project_named(call.resolve_project, asked)


async def project_named(resolve_project: ResolveProject, asked: str) -> str:
    """The name of a project given by name or path. Raises L{ToolError} where it has none."""
    name = await resolve_project(asked) if is_path(asked) else project_of(asked)
    if not name:
        raise ToolError(f'"project" was {asked[:60]!r}, which names no project')
    return name


def session_asked(call: Call, asked: str) -> str:
    """The id of the session asked for; L{CURRENT} and nothing are the caller's own."""
    asked = asked.strip()
    return call.session.id if asked in ("", CURRENT) else asked


async def wanted(
    call: Call,
    *,
    project: str = "",
    type: Type | None = None,
    types: Sequence[Type] = (),
    source: str = "",
    session_id: str = "",
    state: State | None = None,
    since: Moment = None,
    until: Moment = None,
    min_salience: float = 0.0,
    concepts: Sequence[str] = (),
    exclude_concepts: Sequence[str] = (),
    as_of: Moment = None,
) -> Filter:
    """The filter that the arguments of a call ask for. Raises L{ToolError}."""
    moment = _moment("as_of", as_of, call.now, moments.until)
    return Filter(
        now=call.now,
        project=await project_asked(call, project),
        types=tuple(types) or ((type,) if type else ()),
        source=source.strip() or None,
        session=session_asked(call, session_id) if session_id.strip() else None,
        state=state,
        since=_moment("since", since, call.now, moments.since),
        until=_moment("until", until, call.now, moments.until),
        min_salience=min_salience,
        concepts=tuple(concepts),
        exclude_concepts=tuple(exclude_concepts),
        # The end of today has not come yet.
        as_of=moment if moment is not None and moment < call.now else None,
    )


def _moment(
    name: str, asked: Moment, now: float, read: Callable[[str | float, float], float]
) -> float | None:
    if asked is None or asked == "":
        return None
    try:
        return read(asked, now)
    except moments.NotAMoment as error:
        raise ToolError(f'"{name}": {error}') from None
