"""llama.cpp itself: the library, loaded once, its log, the GPUs it sees and their memory."""

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import frozen
from twisted.logger import Logger

log = Logger()

_ERROR: Final = 4  # GGML_LOG_LEVEL_ERROR
_GPU_TYPES: Final = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU


_UUID: Final = "GPU-"
_MEMORY: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")


class NoSuchGpu(Exception):
    """The configured GPU is not there. Its text is one line."""


class Library:
    """
    The C functions of llama.cpp, whose log goes to ours.

    @ivar llama: the module of ctypes functions
    @ivar complaint: the first error that it has logged since this was emptied
    """

    def __init__(self) -> None:
        # An assertion of llama.cpp would otherwise run gdb on the daemon.
        os.environ.setdefault("GGML_NO_BACKTRACE", "1")
        from llama_cpp import llama_cpp

        self.llama: Any = llama_cpp
        self.complaint = ""
        # llama.cpp keeps only the bare pointer to it.
        self._callback = llama_cpp.llama_log_callback(self._take_line)
        llama_cpp.llama_log_set(self._callback, None)
        llama_cpp.llama_backend_init()

    def _take_line(self, level: int, text: bytes, user_data: object) -> None:
        line = text.decode("utf-8", "replace").strip()
        if line.strip("."):
            log.debug("llama.cpp: {line}", line=line)
        if level == _ERROR and not self.complaint:
            # A line begins with the name of the function that says it.
            self.complaint = line.partition(": ")[2] or line


_library: Library | None = None


def library(gpu: str | int = "auto") -> Library:
    """
    The library. It is loaded at the first call, and kept as long as the process lives.

    @param gpu: what C{inference.gpu} is. A UUID hides the other GPUs from the process, so that
        nothing of theirs is touched; that has to be known at the first call
    """
    global _library
    if _library is None:
        if isinstance(gpu, str) and gpu.startswith(_UUID):
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        _library = Library()
    return _library


@frozen
class Device:
    """
    What a model runs on.

    @ivar name: C{"cpu"} or the GPU's name
    @ivar handle: the C{ggml_backend_dev_t} of the GPU, None for the CPU
    """

    name: str
    handle: int | None


CPU: Final = Device("cpu", None)


@frozen
class Memory:
    """
    The memory of a device, in bytes.

    @ivar free: how much of it nobody uses now
    """

    free: int
    total: int


def choose_device(llama: Any, gpu: str | int) -> Device:
    """
    The device that C{inference.gpu} asks for.

    @param gpu: C{"auto"} is the first GPU if there is one, C{"off"} the CPU, else a number, or
        the UUID with which L{library} was called
    @raise NoSuchGpu: there is no such GPU
    """
    gpus = [] if gpu == "off" else _gpus(llama)
    if isinstance(gpu, int):
        if gpu >= len(gpus):
            raise NoSuchGpu(
                f"inference.gpu is {gpu}, but llama.cpp sees {len(gpus)} GPUs, counted from 0; "
                'set it to "auto" or "off", or build llama-cpp-python for this GPU'
            )
        return gpus[gpu]
    if gpu.startswith(_UUID) and len(gpus) != 1:
        raise NoSuchGpu(
            f"inference.gpu is {gpu}, but llama.cpp sees no GPU of that UUID; nvidia-smi -L shows "
            'those of this machine; set it to one of them, to "auto" or to "off"'
        )
    return gpus[0] if gpus else CPU


def memory_of(llama: Any, device: Device) -> Memory | None:
    """
    The memory of a device; C{None} where it cannot be known.

    That of the CPU is what a new process could have, within the limits of its control group.
    """
    if device.handle is None:
        return _memory_of_machine()
    ggml, free, total = llama._lib, ctypes.c_size_t(), ctypes.c_size_t()
    ggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, *[ctypes.c_void_p] * 2]
    ggml.ggml_backend_dev_memory.restype = None
    ggml.ggml_backend_dev_memory(device.handle, ctypes.byref(free), ctypes.byref(total))
    return Memory(free.value, total.value)


def memory_of_gpu(gpu: str | int) -> Memory | None:
    """The memory of the GPU that C{inference.gpu} chooses. It may take a while."""
    llama = library(gpu).llama
    return memory_of(llama, choose_device(llama, gpu))


def _memory_of_machine() -> Memory | None:
    try:
        rows = dict(line.split(":", 1) for line in _MEMORY.read_text("ascii").splitlines())
        total, free = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, KeyError, ValueError):
        return None
    with suppress(OSError, ValueError):  # "max" where there is no limit
        limit = int((_GROUP / "memory.max").read_text("ascii"))
        used = int((_GROUP / "memory.current").read_text("ascii"))
        rows = dict(line.split(" ") for line in (_GROUP / "memory.stat").read_text().splitlines())
        # Files that were read long ago make room when it is needed.
        used -= int(rows.get("inactive_file", 0))
        total, free = min(total, limit), min(free, max(0, limit - used))
    return Memory(free, total)


def _gpus(llama: Any) -> list[Device]:
    # The Python package declares no device functions, though its library has them.
    ggml = llama._lib
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_description.argtypes = [ctypes.c_void_p]
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    handles = [ggml.ggml_backend_dev_get(n) for n in range(ggml.ggml_backend_dev_count())]
    return [
        Device(ggml.ggml_backend_dev_description(handle).decode("utf-8", "replace"), handle)
        for handle in handles
        if ggml.ggml_backend_dev_type(handle) in _GPU_TYPES
    ]
