"""Which memories a call is about: the arguments that name them."""

from typing import Annotated

import msgspec

from mnemo.tools.interfaces import ToolError

MemoryId = Annotated[
    str,
    msgspec.Meta(description="The id of a memory, as remember or recall gave it.", max_length=200),
]

RawId = Annotated[str, msgspec.Meta(description="Another name for memory_id.", max_length=200)]

MemoryIds = Annotated[list[str], msgspec.Meta(description="Several ids at once.", max_length=1000)]


def one_id(memory_id: str, raw_id: str) -> str:
    """The id that was given under either name. Raises L{ToolError}."""
    given = {each.strip() for each in (memory_id, raw_id) if each.strip()}
    if len(given) != 1:
        raise ToolError("exactly one memory is needed: give memory_id (raw_id is the same)")
    return given.pop()
