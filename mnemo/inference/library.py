"""llama.cpp itself: the library, loaded once, its log and the GPUs it sees."""

import ctypes
import os
from typing import Any, Final

from attrs import frozen
from twisted.logger import Logger

log = Logger()

_ERROR: Final = 4  # GGML_LOG_LEVEL_ERROR
_GPU_TYPES: Final = (1, 2)  # GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU


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


def library() -> Library:
    """The library. It is loaded at the first call, and kept as long as the process lives."""
    global _library
    if _library is None:
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


def choose_device(llama: Any, gpu: str | int) -> Device:
    """
    The device that C{inference.gpu} asks for.

    @param gpu: C{"auto"} is the first GPU if there is one, C{"off"} the CPU, else a number
    @raise NoSuchGpu: there is no GPU of that number
    """
    gpus = [] if gpu == "off" else _gpus(llama)
    if isinstance(gpu, int):
        if gpu >= len(gpus):
            raise NoSuchGpu(
                f"inference.gpu is {gpu}, but llama.cpp sees {len(gpus)} GPUs, counted from 0; "
                'set it to "auto" or "off", or build llama-cpp-python for this GPU'
            )
        return gpus[gpu]
    return gpus[0] if gpus else CPU


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
