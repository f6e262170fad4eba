"""The models folder: what is in it, what it is for, and what goes out of it."""

from pathlib import Path

from attrs import frozen

from mnemo.inference.catalogue import CATALOGUE, SUFFIX, FetchError, ModelBroken, Purpose
from mnemo.inference.checksums import note_of, noted
from mnemo.inference.fetch import PART, failure, making, put
from mnemo.inference.gguf_header import read_header
from mnemo.inference.trial import fault


@frozen
class Model:
    """
    A model that is there, or could be fetched.

    @ivar purpose: C{None} where its file does not say
    @ivar size: in bytes, of its file or of what would be downloaded
    @ivar sha256: as noted when it was brought, or as the catalogue has it; C{""} where nothing is
        known of it
    @ivar present: whether it can be used
    @ivar problem: why it cannot, or C{""}
    @ivar link: the file elsewhere that it stands for, or C{None}
    """

    name: str
    purpose: Purpose | None
    size: int
    licence: str
    sha256: str
    present: bool
    problem: str = ""
    link: Path | None = None


def known(models: Path) -> list[Model]:
    """The models in the folder C{models}, and after them what the catalogue has besides."""
    files = sorted(models.glob(f"*{SUFFIX}"), key=lambda path: path.name.lower())
    there = [_installed(path) for path in files]
    names = {model.name for model in there}
    return there + [
        Model(entry.name, entry.purpose, entry.size, entry.licence, entry.sha256, present=False)
        for entry in CATALOGUE.values()
        if entry.name not in names
    ]


def add(models: Path, source: Path, name: str = "") -> Path:
    """
    Make a GGUF file known under a name, by a link to where it is.

    @return: the link in the folder C{models}
    @raise FetchError: it cannot be used, or another model has that name
    """
    source = source.expanduser().absolute()
    link = _place(models, name or source.stem)
    if link == source:
        raise FetchError(f"{source} is in the models folder already")
    if link.is_symlink() or link.exists():
        raise FetchError(f"there is a model {link.stem} already; give another --name, or remove it")
    try:
        purpose = read_header(source).purpose
    except ModelBroken as broken:
        raise FetchError(f"{source} {broken.reason}") from None
    if reason := fault(source, purpose):
        raise FetchError(f"{source} {reason}")
    try:
        with making(models) as folder:
            made = folder / link.name
            made.symlink_to(source)
            put(made, link)
    except OSError as problem:
        raise failure(problem) from None
    return link


def remove(models: Path, name: str) -> Path | None:
    """
    Remove a model from the folder; of one that was added, the link alone.

    @return: the file elsewhere that it stood for, or C{None}
    @raise FetchError: there is no such model
    """
    path = _place(models, name)
    part = path.with_name(f"{path.name}{PART}")
    if not (path.is_symlink() or path.exists() or part.exists()):
        raise FetchError(f"there is no model {name} in {models}")
    stands_for = path.readlink() if path.is_symlink() else None
    try:
        for file in (path, note_of(path), part):
            file.unlink(missing_ok=True)
    except OSError as problem:
        raise failure(problem) from None
    return stands_for


def _place(models: Path, name: str) -> Path:
    """The file of a name, which must be one, and no way out of the folder."""
    if not name or name != Path(name).name or name.startswith("."):
        raise FetchError(f"{name!r} is no name of a model; it has no slash, and no dot first")
    return models / f"{name}{SUFFIX}"


def _installed(path: Path) -> Model:
    entry = CATALOGUE.get(path.stem)
    link = path.readlink() if path.is_symlink() else None
    try:
        header = read_header(path)
    except ModelBroken as broken:
        licence = entry.licence if entry else ""
        return Model(path.stem, None, 0, licence, noted(path), False, broken.reason, link)
    return Model(
        path.stem,
        header.purpose,
        header.size,
        entry.licence if entry else header.licence,
        noted(path),
        present=True,
        link=link,
    )
