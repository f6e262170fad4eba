"""
The configuration: one tree of values, read once, each of which knows where it came from.

A later source wins over an earlier one: the defaults below, the TOML file, the C{MNEMO_*}
environment variables, the flags. Every value of every source is checked, also one that a
later source replaces.
"""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from ipaddress import ip_address
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, cast

from attrs import Attribute, field, fields, frozen, has, validators
from cattrs import Converter

from mnemo import legacy_environment

T = TypeVar("T")

Gpu = int | str
"""
Where a model runs: C{"auto"} is the first GPU if there is one, C{"off"} the CPU; else it is that
GPU, by its number or by its UUID, C{"GPU-…"}.
"""

Layers = int | Literal["auto"]
"""How many layers of a model are on the GPU: as many as there is memory for, or so many."""

OTHER_VARIABLES: Final = {
    "MNEMO_CONFIG": "The configuration file to read instead of `mnemo.toml` in the home.",
    "MNEMO_URL": "The daemon that mnemo's other commands speak to, instead of that of the home.",
}
"""The C{MNEMO_*} variables that set no key."""


class ConfigError(Exception):
    """It cannot be used. Its text is one line: where, which key, and what is accepted."""


def _key(
    default: T,
    help: str,
    accepts: str,
    *checks: Callable[[Any, Any, Any], Any],
    secret: bool = False,
) -> T:
    """
    A key of the file, with what the reference and the error messages say of it.

    @param secret: its value appears nowhere
    """
    return field(
        default=default,
        validator=list(checks) or None,
        repr=not secret,
        metadata={"help": help, "accepts": accepts, "secret": secret},
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. Raises C{ValueError} for what is none."""
    return host == "localhost" or ip_address(host).is_loopback


def _address(instance: object, attribute: object, host: str) -> None:
    is_loopback(host)


def _each(pattern: str) -> Callable[[Any, Any, Any], Any]:
    return validators.deep_iterable(validators.matches_re(pattern))


# A name or address, and the port, which may be any: "*".
_AUTHORITY = r"(?:[^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?:[0-9]{1,5}|\*))?"


def interface_of(endpoint: str) -> str | None:
    """
    The address that an endpoint's description listens on, by what it says; C{None} where that is
    no matter of the network, or is said elsewhere. Raises C{ValueError} for what is no address.
    """
    kind, *arguments = re.split(r"(?<!\\):", endpoint)
    if not kind.startswith("tcp"):
        return None
    said = dict(argument.split("=", 1) for argument in arguments[1:])
    interface = said.get("interface", "::" if kind == "tcp6" else "0.0.0.0").replace("\\", "")
    is_loopback(interface)
    return interface


def _endpoints(instance: object, attribute: object, descriptions: Sequence[str]) -> None:
    for description in descriptions:
        interface_of(description)


class Conflict(ValueError):
    """
    Two settings do not go together.

    @ivar key: the one that is to be changed
    """

    def __init__(self, key: str, message: str) -> None:
        self.key = key
        super().__init__(message)


class Exposed(Conflict):
    """Other machines would reach a daemon that asks for no token, by the setting C{key}."""

    def __init__(self, key: str, said: str) -> None:
        super().__init__(
            key,
            f"{key} must be on a loopback address (localhost, 127.0.0.0/8 or ::1) while"
            f" server.tokens is empty, not {said!r}",
        )


_TOKEN = r"(?:[A-Za-z0-9._\-]{1,64}:)?[A-Za-z0-9\-._~+/=]{16,512}"


def _distinct(instance: object, attribute: object, tokens: Sequence[str]) -> None:
    if len({token.rpartition(":")[2] for token in tokens}) < len(tokens):
        raise ValueError("twice")


@frozen
class ServerConfig:
    """Where the daemon listens, and whom it answers."""

    host: str = _key(
        "127.0.0.1",
        "The address to listen on. One that other machines can reach needs `server.tokens`.",
        "localhost or an IP address",
        _address,
    )
    port: int = _key(
        9999,
        "The TCP port to listen on; 0 takes any free one.",
        "a whole number from 0 to 65535",
        validators.ge(0),
        validators.le(65535),
    )
    allowed_hosts: tuple[str, ...] = _key(
        (),
        "Names besides those of this machine that the `Host` header of a request may carry, "
        "such as a proxy's.",
        "a list of host names or addresses, each with or without a port",
        _each(_AUTHORITY),
    )
    allowed_origins: tuple[str, ...] = _key(
        (),
        "Web pages' origins besides those of this machine that may call the daemon.",
        "a list of origins such as https://example.org",
        _each(r"[A-Za-z][A-Za-z0-9+.\-]*://" + _AUTHORITY),
    )
    trust_forwarded_host: bool = _key(
        False,
        "Whether `X-Forwarded-Host` stands for `Host` where a request has it: true only behind "
        "a proxy that sets it.",
        "true or false",
    )
    tokens: tuple[str, ...] = _key(
        (),
        "The tokens that a request needs one of, as `Authorization: Bearer TOKEN`. Without any, "
        "everybody on this machine may connect. mnemo's own commands send the first.",
        "a list of tokens of 16 characters or more (letters, digits and -._~+/=), each with or "
        "without `name:` before it, none twice",
        _each(_TOKEN),
        _distinct,
        secret=True,
    )
    listen: tuple[str, ...] = _key(
        (),
        "More addresses that carry all that the port does, each an endpoint: "
        "`tcp:8765:interface=127.0.0.1`, `unix:/run/user/1000/mnemo.sock:mode=600` or "
        "`systemd:domain=INET:index=0`. TCP is for this machine alone, unless there are tokens.",
        "a list of Twisted's server endpoints that begin with tcp:, tcp6:, unix: or systemd:",
        _each(r"tcp6?:[0-9]{1,5}(?::\S+)?|unix:\S+|systemd:\S+"),
        _endpoints,
    )

    def __attrs_post_init__(self) -> None:
        """Raises L{Exposed}."""
        if self.tokens:
            return
        if not is_loopback(self.host):
            raise Exposed("server.host", self.host)
        for endpoint in self.listen:
            interface = interface_of(endpoint)
            if interface is not None and not is_loopback(interface):
                raise Exposed("server.listen", endpoint)


@frozen
class SessionsConfig:
    """How long a session lives, and how much it may ask for at once."""

    idle_minutes: float = _key(
        30.0,
        "A session ends when it has had no request, no running call and no open stream for so "
        "many minutes.",
        "a number above 0",
        validators.gt(0),
    )
    limit: int = _key(
        10_000,
        "So many sessions may live at once.",
        "a whole number from 1",
        validators.ge(1),
    )
    running: int = _key(
        8,
        "So many calls of one session run at once.",
        "a whole number from 1",
        validators.ge(1),
    )
    waiting: int = _key(
        32,
        "So many more calls of one session wait for their turn; those beyond are refused.",
        "a whole number from 0",
        validators.ge(0),
    )
    project: str = _key(
        "",
        "The project of sessions that say none: a folder, or a project's name.",
        "a path or a name",
    )


# A model of a server: its address without a password in it, and words that say more.
_SERVER = (
    r"(?=.* model=\S)https?://[^\s/@]+(?:/\S*)?"
    r"(?: (?:model=\S+|key=[A-Za-z_][A-Za-z0-9_]*|window=[1-9][0-9]{2,6}%s))+"
)
_FOR = r"|for=(?:interactive|background)"


def _model(instance: object, attribute: object, value: str) -> None:
    """Nothing that begins as an address is a name."""
    if is_server(value) and not re.fullmatch(_SERVER % "", value):
        raise ValueError(value)


def _language_model(instance: object, attribute: object, value: str) -> None:
    if is_server(value) and not re.fullmatch(_SERVER % _FOR, value):
        raise ValueError(value)


def is_server(model: str) -> bool:
    """Whether a setting names a model of a server, and not one of this machine."""
    return model.startswith(("http://", "https://"))


def _gpu(instance: object, attribute: object, value: int | str) -> None:
    if isinstance(value, int):
        known = value >= 0
    else:
        known = value in ("auto", "off") or re.fullmatch(r"GPU-[0-9A-Fa-f-]{4,}", value) is not None
    if not known:
        raise ValueError(value)


def _layers(instance: object, attribute: object, value: int | str) -> None:
    if not (value == "auto" if isinstance(value, str) else value >= 0):
        raise ValueError(value)


@frozen
class InferenceConfig:
    """The embedding model, the language model, and what they run on."""

    model: str = _key(
        "all-MiniLM-L6-v2",
        "The embedding model: its name in the models folder, or a path; or that of a server with "
        "OpenAI's API, `http://HOST:PORT/v1 model=NAME key=VARIABLE window=TOKENS`, where all but "
        "the first two may be left out, and the key is in that environment variable.",
        "a model's name, the path of a GGUF file or model directory, or an address and model=NAME",
        validators.min_len(1),
        _model,
    )
    gpu: Gpu = _key(  # noqa: RUF009 - it makes a field
        "auto",
        "Where the models run: on a GPU if there is one, on the CPU, or on a certain GPU.",
        '"auto", "off", a GPU\'s number from 0, or its UUID ("GPU-…")',
        _gpu,
    )
    threads: int = _key(
        0,
        "How many CPU threads the model uses; 0 is one fewer than there are cores.",
        "a whole number from 0",
        validators.ge(0),
    )
    language_model: str = _key(
        "",
        "The language model: its name in the models folder, or a path; or that of a server, as for "
        "`model`, where `for=interactive` or `for=background` has it asked for such work alone. "
        "Without one nothing is generated.",
        "a model's name, the path of a GGUF file, or an address and model=NAME",
        _language_model,
    )
    gpu_layers: Layers = _key(  # noqa: RUF009 - it makes a field
        "auto",
        "How many layers of the language model are on the GPU: as many as there is memory for, or "
        "so many and no fewer.",
        '"auto" or a whole number from 0',
        _layers,
    )
    keep_alive: float = _key(
        5.0,
        "So many minutes after its last use the language model is taken out of memory; the next "
        "use brings it back. 0 keeps it for good, as the embedding model always is.",
        "a number from 0",
        validators.ge(0),
    )
    slots: int = _key(
        0,
        "How many generations run at once; the others wait for their turn. 0 is 4 on a GPU and 2 "
        "on a CPU.",
        "a whole number from 0 to 64",
        validators.ge(0),
        validators.le(64),
    )
    context: int = _key(
        8192,
        "For how many tokens, of prompts and answers, the running generations have room together. "
        "One alone has no more either.",
        "a whole number from 256",
        validators.ge(256),
    )
    step_ms: float = _key(
        40.0,
        "How many milliseconds of work the model is given at a time, as far as it can be cut. "
        "Who comes meanwhile waits so long.",
        "a number above 0",
        validators.gt(0),
    )
    mirror: str = _key(
        "",
        "Where `mnemo model fetch` takes models from instead of the internet: a copy of a models "
        "folder, as a folder or at an address.",
        "an absolute path, one that begins with ~/, or an address that begins with http:// or "
        "https://",
        validators.matches_re(r"|https?://\S+|(?:/|~/).*"),
    )
    fallbacks: tuple[str, ...] = _key(
        (),
        "Language models that are asked, in this order, where `language_model` cannot answer. One "
        "of them all may be of this machine.",
        "a list of what language_model accepts",
        validators.deep_iterable(validators.and_(validators.min_len(1), _language_model)),
    )

    def __attrs_post_init__(self) -> None:
        """Raises L{Conflict}."""
        if self.fallbacks and not self.language_model:
            raise Conflict(
                "inference.fallbacks",
                "inference.fallbacks must be empty while inference.language_model is",
            )
        if sum(not is_server(model) for model in self.language_models) > 1:
            raise Conflict(
                "inference.fallbacks",
                "inference.fallbacks must be servers, since there is room for one language model"
                " of this machine",
            )

    @property
    def language_models(self) -> tuple[str, ...]:
        """All of them, in the order in which they are asked."""
        return (self.language_model, *self.fallbacks) if self.language_model else ()


@frozen
class StdioConfig:
    """What C{mnemo mcp} and C{mnemo shim} do."""

    start_daemon: bool = _key(
        True,
        "Whether they start a daemon where none answers.",
        "true or false",
    )


@frozen
class LogConfig:
    """What the daemon logs."""

    level: str = _key(
        "info",
        "The least severe events that are logged.",
        '"debug", "info", "warn" or "error"',
        validators.in_(("debug", "info", "warn", "error")),
    )


@frozen
class Config:
    """
    Everything that can be set.

    @ivar home: the folder of the database, the log and C{mnemo.toml}
    @ivar models: the folder of the models, for all homes
    """

    home: Path = field(
        metadata={
            "help": "The folder of the database, the log and `mnemo.toml`.",
            "accepts": "a path",
            "default": "~/.mnemo",
        }
    )
    models: Path = field(
        metadata={
            "help": "The folder of the models, one for all homes.",
            "accepts": "a path; in the file an absolute one, or one that begins with ~/",
            "default": "$XDG_CACHE_HOME/mnemo/models, or ~/.cache/mnemo/models",
        }
    )
    server: ServerConfig = field(factory=ServerConfig)
    sessions: SessionsConfig = field(factory=SessionsConfig)
    inference: InferenceConfig = field(factory=InferenceConfig)
    stdio: StdioConfig = field(factory=StdioConfig)
    log: LogConfig = field(factory=LogConfig)


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
