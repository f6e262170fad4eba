"""Where the layers of a language model go: as many as there is memory for to the GPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from mnemo.inference.catalogue import ModelBroken
from mnemo.inference.gguf_header import Header
from mnemo.inference.library import Device, Memory

WORKSPACE: Final = 256 * 1024 * 1024
"""What llama.cpp takes to compute in, beside the weights and the cache, in bytes."""

_GB: Final = 1e9

Loaded = TypeVar("Loaded")


def place(
    path: Path,
    header: Header,
    device: Device,
    memory: Memory | None,
    wanted: int | str,
    cache_tokens: int,
    load: Callable[[int], Loaded],
) -> Loaded:
    """
    Load a language model with as many layers on the GPU as there is room for.

    @param memory: of C{device}; C{None} where it is not known, so that nothing is refused for it
    @param wanted: C{inference.gpu_layers}, C{"auto"} or a number
    @param cache_tokens: how many tokens its cache holds
    @param load: loads it with so many layers on the GPU; raises L{ModelBroken}
    @raise ModelBroken: there is no room for it, or it cannot be loaded at all
    """
    try:
        return _place(path, header, device, memory, wanted, cache_tokens, load)
    except ModelBroken as broken:
        # Whoever found it need not have known what the model is for.
        raise ModelBroken(path, broken.reason, "language") from None


def _place(
    path: Path,
    header: Header,
    device: Device,
    memory: Memory | None,
    wanted: int | str,
    cache_tokens: int,
    load: Callable[[int], Loaded],
) -> Loaded:
    needed = header.size + header.cache_bytes(cache_tokens) + WORKSPACE
    if device.handle is None:
        if memory is not None and needed > memory.free:
            raise ModelBroken(
                path,
                f"needs {needed / _GB:.1f} GB of memory, and {memory.free / _GB:.1f} GB are free; "
                "free some or take a smaller one",
            )
        return load(0)
    free = needed if memory is None else memory.free
    for layers in layers_to_try(wanted, header.blocks, needed, free):
        try:
            return load(layers)
        except ModelBroken as broken:
            problem = broken
    if wanted == "auto":
        raise problem
    raise ModelBroken(
        path,
        f"does not fit the GPU with inference.gpu_layers = {wanted} ({problem.reason}, "
        f'{free / _GB:.1f} GB are free); set fewer, or "auto"',
    )


def layers_to_try(wanted: int | str, blocks: int, needed: int, free: int) -> list[int]:
    """
    How many layers to put on the GPU, and how many if that fails, and so on.

    @param wanted: a number is the one thing tried; C{"auto"} ends with none on the GPU
    @param blocks: how many layers the model has; llama.cpp counts its output as one more
    @param needed: bytes for all of them
    @param free: bytes there are
    """
    if wanted != "auto":
        return [int(wanted)]
    whole = blocks + 1
    count = whole if needed <= free else max(0, free - WORKSPACE) * whole // max(1, needed)
    tries = []
    while count > 0:
        tries.append(count)
        count //= 2
    return [*tries, 0]
