"""What was written into files, when memories are removed for good."""

from collections.abc import Collection

from mnemo.tools.base import Call
from mnemo.tools.interfaces import ToolError
from mnemo.transfer.training import CannotWrite


async def discard_training_set(call: Call) -> None:
    """Remove what train_model wrote, which is written anew at any time. Raises L{ToolError}."""
    try:
        await call.transfer.training.discard()
    except CannotWrite as problem:
        raise ToolError(f"nothing was removed: {problem}") from None


async def exports_with(call: Call, ids: Collection[str]) -> list[str]:
    """The exports that hold one of these memories. They are the user's, and stay."""
    return [str(path) for path in await call.transfer.exporting.holding(ids)]


def exports_as_text(exports: list[str]) -> list[str]:
    """A sentence, where there are any."""
    if not exports:
        return []
    return [f"Exports are left as they are; still in: {', '.join(exports)}."]
