"""
llama.cpp's own C{llama-server} and C{llama-batched-bench}, of the version in llama-cpp-python.

They are made of the sources in llama-cpp-python's source distribution, and linked with the very
libraries that compute in the installed one: so both have the same version, flags and devices.
Run it by itself to make them ahead of a measurement: C{native_llama.py [--sources FILE]}.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import venv
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from attrs import frozen
from servers import BUILD

NAME = "llama-cpp-python"
TARGETS = ("llama-server", "llama-batched-bench")

SETTINGS = {
    "CMAKE_BUILD_TYPE": "Release",
    "LLAMA_USE_SYSTEM_GGML": "ON",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_APP": "OFF",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_USE_PREBUILT_UI": "OFF",
    "LLAMA_CURL": "OFF",
    "LLAMA_OPENSSL": "OFF",
}


@frozen
class Native:
    """The programs."""

    server: Path
    batched_bench: Path


def native(sources: Path | None = None) -> Native:
    """
    The programs, which are compiled at the first call and brought up to date at others.

    @param sources: llama-cpp-python's source distribution; else pip fetches it
    """
    folder = BUILD.parent / f"llama-{version(NAME)}"
    tree = folder / "sources"
    if not (folder / "unpacked").exists():
        folder.mkdir(parents=True, exist_ok=True)
        _unpack(sources or _fetch(folder), tree)
        (folder / "unpacked").touch()
    build = folder / "build"
    settings = SETTINGS | {"ggml_DIR": str(_installed() / "lib" / "cmake" / "ggml")}
    cmake = _cmake()
    flags = [f"-D{name}={value}" for name, value in settings.items()]
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    _run([cmake, "-S", str(tree), "-B", str(build), *generator, *flags], folder / "configure.log")
    jobs = str(os.cpu_count() or 1)
    command = ["nice", "-n", "19", cmake, "--build", str(build), "--parallel", jobs]
    _run([*command, "--target", *TARGETS], folder / "build.log")
    return Native(*(build / "bin" / target for target in TARGETS))


def _installed() -> Path:
    """The folder that llama-cpp-python is installed into."""
    spec = find_spec("llama_cpp")
    if spec is None or spec.origin is None:
        raise SystemExit(f"{NAME} is not installed")
    return Path(spec.origin).parent.parent


def _fetch(folder: Path) -> Path:
    """The source distribution of the installed version."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", NAME]
    _run([*command, "--dest", str(folder), f"{NAME}=={version(NAME)}"], folder / "fetch.log")
    return next(folder.glob("*.tar.gz"))


def _unpack(archive: Path, tree: Path) -> None:
    """The sources of llama.cpp alone, without the folder names before them."""
    shutil.rmtree(tree, ignore_errors=True)
    with tarfile.open(archive) as packed:
        for member in packed:
            _, marker, inside = member.name.partition("/vendor/llama.cpp/")
            if marker and (member.isfile() or member.isdir()):
                member.name = inside
                packed.extract(member, tree, filter="data")


def _cmake() -> str:
    """CMake, which is installed below C{.build} where the machine has none."""
    found = shutil.which("cmake")
    if found is not None:
        return found
    tools = BUILD / "cmake"
    if not (tools / "bin" / "cmake").exists():
        venv.create(tools, with_pip=True, clear=True)
        subprocess.run(
            [tools / "bin" / "python", "-m", "pip", "install", "-q", "cmake"], check=True
        )
    return str(tools / "bin" / "cmake")


def _run(command: list[str], log: Path) -> None:
    with log.open("wb") as out:
        if subprocess.run(command, stdout=out, stderr=out, check=False).returncode == 0:
            return
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    raise SystemExit(f"{' '.join(command)} failed; the end of {log}:\n{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sources", type=Path, metavar="FILE", help=f"{NAME}'s .tar.gz")
    made = native(parser.parse_args().sources)
    print(made.server, made.batched_bench, sep="\n")


if __name__ == "__main__":
    main()
