"""
Tries a model file out in a process of its own.

Of a file that is damaged in the wrong place llama.cpp makes no error: it ends the process.
That must not be the daemon.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from mnemo.inference.catalogue import ModelBroken, Purpose
from mnemo.inference.checksums import digest, note_of, noted
from mnemo.inference.gguf_header import read_header

_SECONDS: Final = 120
_TINY: Final = 64

_sound: set[tuple[object, ...]] = set()


def check(path: Path, purpose: Purpose) -> None:
    """
    Refuse what could crash llama.cpp or is another kind of model.

    The file must be as it was brought, or else pass a trial. A file that is as it was when it
    was found good is not looked into again, so that a model comes back into memory at once. Blocks.

    @raise ModelBroken: it cannot be used for C{purpose}
    """
    try:
        found = read_header(path).purpose
    except ModelBroken as broken:
        raise ModelBroken(path, broken.reason, purpose) from None
    if found != purpose:
        does = "makes vectors and no text" if found == "embedding" else "makes text and no vectors"
        wanted = "an embedding model" if purpose == "embedding" else "a language model"
        raise ModelBroken(path, f"is not {wanted}: it {does}", purpose)
    status = path.stat()
    state = (path, noted(path), status.st_ino, status.st_size, status.st_mtime_ns)
    if state in _sound:
        return
    if reason := _unfit(path, purpose):
        raise ModelBroken(path, reason, purpose)
    _sound.add(state)


def _unfit(path: Path, purpose: Purpose) -> str:
    expected = noted(path)
    if not expected:
        return fault(path, purpose)
    if expected != digest(path):
        return f"is damaged: {note_of(path).name} beside it is of another file"
    return ""


def fault(path: Path, purpose: Purpose = "embedding") -> str:
    """Why the file C{path} cannot be used; empty where it can. Blocks for about a second."""
    command = [sys.executable, "-m", "mnemo.inference.trial", os.fspath(path), purpose]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_SECONDS,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"keeps llama.cpp busy for over {_SECONDS} seconds"
    if child.returncode == 0:
        return ""
    said = child.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word of it"]
    if child.returncode < 0:
        return f"makes llama.cpp crash: {said[0].rpartition('/')[2]}"
    return said[-1]


def main() -> None:
    """Try the file named on the command line, and say what is wrong with it."""
    path = Path(sys.argv[1])
    try:
        if sys.argv[2] == "embedding":
            _embed_a_word(path)
        else:
            _read_a_token(path)
    except ModelBroken as broken:
        sys.exit(broken.reason)
    except Exception as problem:
        sys.exit(f"cannot be used: {problem}")


def _embed_a_word(path: Path) -> None:
    from mnemo.inference.library import CPU
    from mnemo.inference.llama import load_unchecked

    backend = load_unchecked(path, CPU, 1, lambda: 0.0)
    backend.encode([backend.tokenize("word"), []])


def _read_a_token(path: Path) -> None:
    """Load a language model, and have it compute one token. What it takes ends with the process."""
    from mnemo.inference.library import library

    shared = library()
    llama: Any = shared.llama
    params = llama.llama_model_default_params()
    params.n_gpu_layers = 0
    params.check_tensors = True
    devices = (ctypes.c_void_p * 1)(None)
    params.devices = ctypes.cast(devices, ctypes.c_void_p)
    model = llama.llama_model_load_from_file(os.fsencode(path), params)
    if model is None:
        raise ModelBroken(path, f"cannot be loaded: {shared.complaint}", "language")
    if not llama.llama_model_has_decoder(model):
        raise ModelBroken(path, "holds a model that writes no text", "language")
    limits = llama.llama_context_default_params()
    limits.n_ctx = limits.n_batch = limits.n_ubatch = _TINY
    limits.n_threads = limits.n_threads_batch = 1
    context = llama.llama_init_from_model(model, limits)
    if context is None:
        raise ModelBroken(path, f"cannot be used: {shared.complaint}", "language")
    token = (llama.llama_token * 1)(0)
    if llama.llama_decode(context, llama.llama_batch_get_one(token, 1)) != 0:
        raise ModelBroken(path, "fails at its first token", "language")


if __name__ == "__main__":
    main()
