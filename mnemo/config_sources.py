"""
Where the configuration comes from: it is read once, and each value knows what set it.

A later source wins over an earlier one: the defaults of L{mnemo.config}, the TOML file, the
C{MNEMO_*} environment variables, the flags. Every value of every source is checked, also one that
a later source replaces.
"""

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Final, cast

from attrs import Attribute, fields, frozen, has
from cattrs import Converter

from mnemo import legacy_environment
from mnemo.config import Config, Gpu, Layers
from mnemo.config_checks import Conflict

OTHER_VARIABLES: Final = {
    "MNEMO_CONFIG": "The configuration file to read instead of `mnemo.toml` in the home.",
    "MNEMO_URL": "The daemon that mnemo's other commands speak to, instead of that of the home.",
}
"""The C{MNEMO_*} variables that set no key."""


class ConfigError(Exception):
    """It cannot be used. Its text is one line: where, which key, and what is accepted."""


@frozen
class Loaded:
    """
    A configuration and its history.

    @ivar origins: for each key such as C{server.port}: C{default}, the file's path, the
        environment variable or the flag that set it
    @ivar file: where the file is, or would be
    @ivar warnings: a line for each thing that was said in vain, or not quite right
    """

    config: Config
    origins: Mapping[str, str]
    file: Path
    warnings: Sequence[str] = ()


def from_here(project: str | None) -> str | None:
    """A project that a flag names. A folder is where the process that has the flag sees it."""
    if project is None or project.startswith("file:"):
        return project
    is_folder = "/" in project or project.startswith(".")
    return str(Path(project).expanduser().absolute()) if is_folder else project


# -- the keys


def sections() -> "Iterator[tuple[str, type[Any]]]":
    """The tables of the file, by name."""
    return ((top.name, top.type) for top in fields(Config) if top.type and has(top.type))


def _keys() -> "Iterator[tuple[str, Attribute[Any]]]":
    tables = dict(sections())
    for top in fields(Config):
        if top.name in tables:
            yield from ((f"{top.name}.{key.name}", key) for key in fields(tables[top.name]))
        else:
            yield top.name, top


KEYS: "Final[Mapping[str, Attribute[Any]]]" = dict(_keys())
"""Every key, C{home} to C{log.level}, in the order of the classes above."""


def variable_of(key: str) -> str:
    """The environment variable that sets C{key}."""
    return "MNEMO_" + key.replace(".", "_").upper()


def _unknown(where: str, name: str, known: Sequence[str]) -> ConfigError:
    """An error that names the key most like C{name}, by the whole or by the last part."""
    by_last = {key.rpartition(".")[2]: key for key in known}
    near = get_close_matches(name, known, 1) or [
        by_last[last] for last in get_close_matches(name.rpartition(".")[2], by_last, 1)
    ]
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return ConfigError(f"{where}: {name!r} is unknown; {hint}")


# -- the sources


@frozen
class _Setting:
    """A checked value, and where it came from."""

    value: Any
    origin: str


Settings = dict[str, _Setting]


def load(
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    config_file: Path | None = None,
) -> Loaded:
    """
    The configuration in force.

    @param flags: values by key (C{"home"}, C{"server.port"}), as text or converted; C{None}
        stands for a flag that was not given
    @param config_file: the file named by a flag; it must exist, as must that of C{MNEMO_CONFIG}
    @raise ConfigError: for an unknown key, a wrong type, an impossible value or a bad file
    """
    user = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    warnings: list[str] = []
    environment = _from_aliases(environ, user, warnings) | _from_environment(environ, user)
    above = environment | _from_flags(flags or {}, user)
    chosen = _defaults(environ, user) | above
    named = config_file or environ.get("MNEMO_CONFIG")
    file = _absolute(Path(named), user) if named else chosen["home"].value / "mnemo.toml"
    chosen = chosen | _from_file(file, user, required=bool(named)) | above
    tree: dict[str, Any] = {}
    for name, setting in chosen.items():
        section, _, key = name.rpartition(".")
        (tree.setdefault(section, {}) if section else tree)[key] = setting.value
    origins = {name: setting.origin for name, setting in chosen.items()}
    try:
        return Loaded(_CONVERTER.structure(tree, Config), origins, file, warnings)
    except Conflict as problem:
        raise ConfigError(f"{origins[problem.key]}: {problem}") from None


def _defaults(environ: Mapping[str, str], user: Path) -> Settings:
    cache = Path(environ.get("XDG_CACHE_HOME", ""))
    # The XDG base directory specification has relative paths ignored.
    cache = cache if cache.is_absolute() else user / ".cache"
    own = {"home": user / ".mnemo", "models": cache / "mnemo" / "models"}
    return {name: _Setting(own.get(name, key.default), "default") for name, key in KEYS.items()}


def _from_file(file: Path, user: Path, required: bool) -> Settings:
    try:
        tree = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if required:
            raise ConfigError(f"{file}: there is no such file") from None
        return {}
    except OSError as problem:
        raise ConfigError(f"{file}: cannot be read: {problem.strerror}") from None
    except ValueError as problem:
        raise ConfigError(f"{file}: is not TOML in UTF-8: {problem}") from None
    values = _flattened(tree, str(file))
    return {name: _checked(name, raw, str(file), user) for name, raw in values}


def _flattened(tree: Mapping[str, Any], file: str) -> Iterator[tuple[str, Any]]:
    """The values of a TOML tree by key. Raises L{ConfigError} for what is no key of a file."""
    tables = dict(sections())
    # The default file lies in the home, so it cannot say where that is.
    known = [key for key in KEYS if key != "home"]
    for name, raw in tree.items():
        if name in tables and not isinstance(raw, dict):
            raise ConfigError(f"{file}: {name} must be a table, [{name}], not {raw!r}")
        values = raw.items() if name in tables else [("", raw)]
        for key, value in values:
            full = f"{name}.{key}".rstrip(".")
            if full not in known:
                raise _unknown(file, full, known)
            yield full, value


def _from_environment(environ: Mapping[str, str], user: Path) -> Settings:
    keys = {variable_of(key): key for key in KEYS}
    settings = {}
    for name in sorted(environ):
        if name in keys:
            raw = _untext(keys[name], environ[name])
            settings[keys[name]] = _checked(keys[name], raw, name, user)
        elif name.startswith("MNEMO_") and name not in OTHER_VARIABLES:
            raise _unknown("environment", name, [*keys, *OTHER_VARIABLES])
    return settings


def _from_aliases(environ: Mapping[str, str], user: Path, warnings: list[str]) -> Settings:
    return {
        alias.key: _checked(alias.key, _untext(alias.key, alias.text), alias.variable, user)
        for alias in legacy_environment.read(environ, warnings.append)
    }


def _from_flags(flags: Mapping[str, object], user: Path) -> Settings:
    settings = {}
    for key, given in flags.items():
        if given is not None:
            raw = _untext(key, given) if isinstance(given, str) else given
            flag = "--" + key.rpartition(".")[2].replace("_", "-")
            settings[key] = _checked(key, raw, flag, user)
    return settings


# -- the values


def _untext(key: str, text: str) -> Any:
    """What a variable or flag says, in the types TOML has. Lists have commas in between."""
    wanted = KEYS[key].type
    if wanted is str:
        return text
    if wanted is Path:
        return Path(text) if text else text
    if wanted == tuple[str, ...]:
        return [item.strip() for item in text.split(",")] if text.strip() else []
    try:
        return json.loads(text)
    except ValueError:
        return text


def _checked(key: str, raw: object, origin: str, user: Path) -> _Setting:
    attribute = KEYS[key]
    try:
        value = _CONVERTER.structure(raw, cast(type[Any], attribute.type))
        if attribute.validator is not None:
            attribute.validator(None, attribute, value)
    except (TypeError, ValueError):
        accepts = attribute.metadata["accepts"]
        given = "" if attribute.metadata.get("secret") else f", not {raw!r}"
        raise ConfigError(f"{origin}: {key} must be {accepts}{given}") from None
    return _Setting(_absolute(value, user) if isinstance(value, Path) else value, origin)


def _absolute(path: Path, user: Path) -> Path:
    if path.parts[:1] == ("~",):
        path = user.joinpath(*path.parts[1:])
    return path.absolute()


def _exactly(*types: type) -> Callable[[Any, Any], Any]:
    """A hook that takes values of these very types, so that C{true} is no number."""

    def take(raw: Any, _: Any) -> Any:
        if type(raw) not in types:
            raise TypeError(raw)
        return raw

    return take


def _finite(raw: Any, _: Any) -> float:
    if type(raw) not in (int, float) or not isfinite(raw):
        raise TypeError(raw)
    return float(raw)


def _texts(raw: Any, _: Any) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) for item in raw):
        raise TypeError(raw)
    return tuple(raw)


def _path(raw: Any, _: Any) -> Path:
    """A path; where it is text from a file, one that means the same wherever mnemo starts."""
    path = Path(raw)
    steady = isinstance(raw, Path) or path.is_absolute() or path.parts[:1] == ("~",)
    if not steady or "\0" in str(path):
        raise ValueError(raw)
    return path


_CONVERTER: Final = Converter(detailed_validation=False)
_CONVERTER.register_structure_hook(bool, _exactly(bool))
_CONVERTER.register_structure_hook(int, _exactly(int))
_CONVERTER.register_structure_hook(float, _finite)
_CONVERTER.register_structure_hook(str, _exactly(str))
_CONVERTER.register_structure_hook(Gpu, _exactly(int, str))
_CONVERTER.register_structure_hook(Layers, _exactly(int, str))
_CONVERTER.register_structure_hook(Path, _path)
_CONVERTER.register_structure_hook_func(lambda wanted: wanted == tuple[str, ...], _texts)
