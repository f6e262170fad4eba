"""Changes a key of C{mnemo.toml}, and nothing else in it."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mnemo.config_sources import ConfigError


def set_key(file: Path, key: str, value: Any) -> None:
    """
    Write C{value} under C{key}, such as C{inference.model}, into the TOML file C{file}.

    Comments, order and layout stay as they are. The file changes all at once; where there is
    none it is made. Raises L{ConfigError}.
    """
    section, _, name = key.rpartition(".")
    try:
        document = tomlkit.parse(file.read_text("utf-8") if file.exists() else "")
        table: Any = document.setdefault(section, tomlkit.table()) if section else document
        table[name] = value
        _replace(file.resolve(), tomlkit.dumps(document))
    except (TOMLKitError, UnicodeDecodeError, TypeError) as problem:
        raise ConfigError(f"{file}: is not TOML in UTF-8: {problem}") from None
    except OSError as problem:
        raise ConfigError(f"{file}: cannot be written: {problem.strerror}") from None


def _replace(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    with NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, delete=False) as made:
        try:
            made.write(text)
            made.flush()
            os.fsync(made.fileno())
            os.fchmod(made.fileno(), mode)
            os.replace(made.name, file)
        except BaseException:
            os.unlink(made.name)
            raise
