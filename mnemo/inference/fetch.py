"""
Brings a model into the models folder: from the internet, from a mirror, or from a local path.

A model appears there whole or not at all: it is made under another name or in a folder beside
it, checked, and renamed. This is blocking code for the command line.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from mnemo.inference.catalogue import (
    CATALOGUE,
    SUFFIX,
    CatalogueModel,
    FetchError,
    ModelBroken,
    Report,
)
from mnemo.inference.checksums import digest, note, note_of, noted
from mnemo.inference.convert import NotConvertible, convert
from mnemo.inference.download import download, read_note
from mnemo.inference.gguf_header import read_header
from mnemo.inference.trial import fault
from mnemo.inference.wheel import unpacked

PART: Final = ".part"
"""What the name of a download ends with until it is a model."""

_WEB: Final = ("http://", "https://")


def fetch(models: Path, name_or_path: str, report: Report, mirror: str = "") -> Path:
    """
    Bring a model into the folder C{models}.

    @param name_or_path: a name in the catalogue or in the mirror, the address of a GGUF file, a
        GGUF file, or a model directory as the C{transformers} library saves it
    @param mirror: C{inference.mirror}: where models are taken from by their name instead of
        where the catalogue has them from
    @return: the model's GGUF file. One that is there already and whole is left alone
    @raise FetchError: it could not be brought, and no model has changed
    """
    source = Path(name_or_path).expanduser()
    entry = CATALOGUE.get(name_or_path)
    by_name = len(source.parts) == 1 and not name_or_path.startswith(".")
    try:
        models.mkdir(parents=True, exist_ok=True)
        if name_or_path.startswith(_WEB):
            return _from_address(models, name_or_path, report)
        if entry is None and source.is_dir():
            return _from_directory(models, source, report)
        if entry is None and source.is_file():
            return _from_file(models, source, report)
        if by_name and mirror:
            return _from_mirror(models, mirror, name_or_path, entry, report)
        if entry is not None:
            return _from_catalogue(models, entry, report)
    except NotConvertible as problem:
        raise FetchError(str(problem)) from None
    except OSError as problem:
        raise failure(problem) from None
    raise FetchError(
        f"{name_or_path} is no file or directory; known by name: {', '.join(CATALOGUE)}"
    )


def failure(problem: OSError) -> FetchError:
    """What the system refused, in one line."""
    where = f"{problem.filename}: " if problem.filename else ""
    return FetchError(f"{where}{problem.strerror or problem}")


# -- by name or address


def _from_catalogue(models: Path, entry: CatalogueModel, report: Report) -> Path:
    target = models / f"{entry.name}{SUFFIX}"
    if entry.url:
        if _is_there(target, entry.sha256, report):
            return target
        report(f"downloading {entry.name} ({_megabytes(entry.size)}, {entry.licence}): {entry.url}")
        return _downloaded(entry.url, target, entry.size, entry.sha256, report)
    if _is_there(target, noted(target), report):
        return target
    with making(models) as folder:
        directory = unpacked(entry, folder, report)
        report("its checksum is right; converting it to GGUF")
        made = folder / target.name
        convert(directory, made)
        put(made, target)
    return target


def _from_address(models: Path, url: str, report: Report) -> Path:
    name = Path(unquote(urlsplit(url).path)).name
    if not name.endswith(SUFFIX):
        raise FetchError(f"{url} is not the address of a {SUFFIX} file")
    target = models / name
    expected = noted(target)
    if _is_there(target, expected, report):
        return target
    report(f"downloading {url}")
    return _downloaded(url, target, 0, expected, report)


def _from_mirror(
    models: Path, mirror: str, name: str, entry: CatalogueModel | None, report: Report
) -> Path:
    target = models / f"{name}{SUFFIX}"
    remote = mirror.startswith(_WEB)
    base = mirror.rstrip("/") if remote else str(Path(mirror).expanduser())
    place = f"{base}/{quote(target.name) if remote else target.name}"
    # Of what is converted here the catalogue does not know the checksum.
    expected, size = (entry.sha256, entry.size) if entry and entry.url else ("", 0)
    if not expected:
        told = read_note(f"{place}.sha256") if remote else noted(Path(place))
        expected = told.partition(" ")[0].strip() or noted(target)
    if _is_there(target, expected, report):
        return target
    if remote:
        report(f"downloading {place}")
        return _downloaded(place, target, size, expected, report)
    if not Path(place).is_file():
        raise FetchError(f"the mirror {base} has no {target.name}")
    report(f"copying {place}")
    with making(models) as folder:
        made = folder / target.name
        shutil.copyfile(place, made)
        found = digest(made)
        if expected and found != expected:
            raise FetchError(
                f"{place} is damaged, or another file: its sha256 is {found}, not {expected}"
            )
        _accept(made, target, found, bool(expected), report)
    return target


def _downloaded(url: str, target: Path, size: int, sha256: str, report: Report) -> Path:
    part = target.with_name(f"{target.name}{PART}")
    found = download(url, part, size, sha256, report)
    _accept(part, target, found, bool(sha256), report)
    return target


def _accept(made: Path, target: Path, sha256: str, proven: bool, report: Report) -> None:
    """Put a file that has come in its place, once it is known to be a model."""
    try:
        purpose = read_header(made).purpose
        reason = "" if proven else fault(made, purpose)
    except ModelBroken as broken:
        reason = broken.reason
    if reason:
        made.unlink()
        raise FetchError(f"{target.name} {reason}")
    if proven:
        report("its checksum is right")
    else:
        report(f"nobody says what its checksum should be; noted is what came: {sha256}")
    put(made, target, sha256)


def _is_there(target: Path, sha256: str, report: Report) -> bool:
    if not sha256 or not target.exists() or digest(target) != sha256:
        return False
    if noted(target) != sha256:
        note(target, sha256=sha256)
    report(f"{target.stem} is there already")
    return True


# -- from a local path


def _from_directory(models: Path, source: Path, report: Report) -> Path:
    target = models / f"{source.resolve().name}{SUFFIX}"
    report(f"converting {source} to GGUF")
    with making(models) as folder:
        made = folder / target.name
        convert(source, made)
        if reason := fault(made):
            raise FetchError(f"{source} {reason}")
        put(made, target)
    return target


def _from_file(models: Path, source: Path, report: Report) -> Path:
    try:
        purpose = read_header(source).purpose
    except ModelBroken as broken:
        raise FetchError(f"{source} {broken.reason}; give a GGUF file, or a directory") from None
    target = models / f"{source.stem}{SUFFIX}"
    report(f"copying {source}")
    with making(models) as folder:
        made = folder / target.name
        shutil.copyfile(source, made)
        if reason := fault(made, purpose):
            raise FetchError(f"{source} {reason}")
        put(made, target)
    return target


# -- the models folder


@contextmanager
def making(models: Path) -> Iterator[Path]:
    """A folder on the disk of the models, to make one in. It is gone afterwards."""
    models.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetch-", dir=models) as name:
        yield Path(name)


def put(made: Path, target: Path, sha256: str = "") -> None:
    """
    Put a finished file in its place, all at once, after its checksum.

    @param sha256: of the file, where that is known already
    """
    checksum = note(made, target.name, sha256)
    # In this order a daemon that sees the new file finds its checksum, not the last one's.
    for path, place in ((checksum, note_of(target)), (made, target)):
        with path.open("rb") as file:
            os.fsync(file.fileno())
        path.replace(place)


def _megabytes(size: int) -> str:
    return f"{size // 1_000_000} MB"
