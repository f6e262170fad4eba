"""What the values of the configuration must be, beyond their types."""

import re
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from attrs import validators


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address. Raises C{ValueError} for what is none."""
    return host == "localhost" or ip_address(host).is_loopback


def address(instance: object, attribute: object, host: str) -> None:
    is_loopback(host)


def each(pattern: str) -> Callable[[Any, Any, Any], Any]:
    return validators.deep_iterable(validators.matches_re(pattern))


# A name or address, and the port, which may be any: "*".
AUTHORITY = r"(?:[^\s/:@\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?:[0-9]{1,5}|\*))?"


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


def endpoints(instance: object, attribute: object, descriptions: Sequence[str]) -> None:
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


TOKEN = r"(?:[A-Za-z0-9._\-]{1,64}:)?[A-Za-z0-9\-._~+/=]{16,512}"


def distinct(instance: object, attribute: object, tokens: Sequence[str]) -> None:
    if len({token.rpartition(":")[2] for token in tokens}) < len(tokens):
        raise ValueError("twice")


# A model of a server: its address without a password in it, and words that say more.
_SERVER = (
    r"(?=.* model=\S)https?://[^\s/@]+(?:/\S*)?"
    r"(?: (?:model=\S+|key=[A-Za-z_][A-Za-z0-9_]*|window=[1-9][0-9]{2,6}%s))+"
)
_FOR = r"|for=(?:interactive|background)"


def model(instance: object, attribute: object, value: str) -> None:
    """Nothing that begins as an address is a name."""
    if is_server(value) and not re.fullmatch(_SERVER % "", value):
        raise ValueError(value)


def language_model(instance: object, attribute: object, value: str) -> None:
    if is_server(value) and not re.fullmatch(_SERVER % _FOR, value):
        raise ValueError(value)


def is_server(model: str) -> bool:
    """Whether a setting names a model of a server, and not one of this machine."""
    return model.startswith(("http://", "https://"))


def gpu(instance: object, attribute: object, value: int | str) -> None:
    if isinstance(value, int):
        known = value >= 0
    else:
        known = value in ("auto", "off") or re.fullmatch(r"GPU-[0-9A-Fa-f-]{4,}", value) is not None
    if not known:
        raise ValueError(value)


def layers(instance: object, attribute: object, value: int | str) -> None:
    if not (value == "auto" if isinstance(value, str) else value >= 0):
        raise ValueError(value)
