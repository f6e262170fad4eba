"""The configuration: one tree of values. L{mnemo.config_sources} says where they come from."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from attrs import field, frozen, validators

from mnemo import config_checks as checks

T = TypeVar("T")

Gpu = int | str
"""
Where a model runs: C{"auto"} is the first GPU if there is one, C{"off"} the CPU; else it is that
GPU, by its number or by its UUID, C{"GPU-…"}.
"""

Layers = int | Literal["auto"]
"""How many layers of a model are on the GPU: as many as there is memory for, or so many."""


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


@frozen
class ServerConfig:
    """Where the daemon listens, and whom it answers."""

    host: str = _key(
        "127.0.0.1",
        "The address to listen on. One that other machines can reach needs `server.tokens`.",
        "localhost or an IP address",
        checks.address,
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
        checks.each(checks.AUTHORITY),
    )
    allowed_origins: tuple[str, ...] = _key(
        (),
        "Web pages' origins besides those of this machine that may call the daemon.",
        "a list of origins such as https://example.org",
        checks.each(r"[A-Za-z][A-Za-z0-9+.\-]*://" + checks.AUTHORITY),
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
        checks.each(checks.TOKEN),
        checks.distinct,
        secret=True,
    )
    listen: tuple[str, ...] = _key(
        (),
        "More addresses that carry all that the port does, each an endpoint: "
        "`tcp:8765:interface=127.0.0.1`, `unix:/run/user/1000/mnemo.sock:mode=600` or "
        "`systemd:domain=INET:index=0`. TCP is for this machine alone, unless there are tokens.",
        "a list of Twisted's server endpoints that begin with tcp:, tcp6:, unix: or systemd:",
        checks.each(r"tcp6?:[0-9]{1,5}(?::\S+)?|unix:\S+|systemd:\S+"),
        checks.endpoints,
    )

    def __attrs_post_init__(self) -> None:
        """Raises L{checks.Exposed}."""
        if self.tokens:
            return
        if not checks.is_loopback(self.host):
            raise checks.Exposed("server.host", self.host)
        for endpoint in self.listen:
            interface = checks.interface_of(endpoint)
            if interface is not None and not checks.is_loopback(interface):
                raise checks.Exposed("server.listen", endpoint)


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
        checks.model,
    )
    gpu: Gpu = _key(  # noqa: RUF009 - it makes a field
        "auto",
        "Where the models run: on a GPU if there is one, on the CPU, or on a certain GPU.",
        '"auto", "off", a GPU\'s number from 0, or its UUID ("GPU-…")',
        checks.gpu,
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
        checks.language_model,
    )
    gpu_layers: Layers = _key(  # noqa: RUF009 - it makes a field
        "auto",
        "How many layers of the language model are on the GPU: as many as there is memory for, or "
        "so many and no fewer.",
        '"auto" or a whole number from 0',
        checks.layers,
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
        validators.deep_iterable(validators.and_(validators.min_len(1), checks.language_model)),
    )

    def __attrs_post_init__(self) -> None:
        """Raises L{checks.Conflict}."""
        if self.fallbacks and not self.language_model:
            raise checks.Conflict(
                "inference.fallbacks",
                "inference.fallbacks must be empty while inference.language_model is",
            )
        if sum(not checks.is_server(model) for model in self.language_models) > 1:
            raise checks.Conflict(
                "inference.fallbacks",
                "inference.fallbacks must be servers, since there is room for one language model"
                " of this machine",
            )

    @property
    def language_models(self) -> tuple[str, ...]:
        """All of them, in the order in which they are asked."""
        return (self.language_model, *self.fallbacks) if self.language_model else ()


@frozen
class UnderstandingConfig:
    """What is made of many memories together, in the background."""

    patterns: bool = _key(
        False,
        "Whether what recurs in memories is found, and what follows from it: `get_patterns` and "
        "`get_insights` show it.",
        "true or false",
    )
    gists: bool = _key(
        False,
        "Whether memories that say nearly the same, and old ones of little weight, get one more "
        "that sums them up. They stay as they are.",
        "true or false",
    )


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
    understanding: UnderstandingConfig = field(factory=UnderstandingConfig)
    stdio: StdioConfig = field(factory=StdioConfig)
    log: LogConfig = field(factory=LogConfig)
