"""How a configuration names a model that another server has."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from attrs import field, frozen

from mnemo.inference.interfaces import Priority

WINDOW: Final = 8192
"""How many tokens a language model is taken to have room for, where nobody says."""

_PRIORITIES: Final = {"interactive": Priority.INTERACTIVE, "background": Priority.BACKGROUND}


@frozen
class ServerModel:
    """
    A model of a server that has OpenAI's API.

    @ivar address: such as C{http://localhost:8080/v1}
    @ivar key: sent as the bearer token; C{""} for none. It is shown and logged nowhere
    @ivar variable: the environment variable that the key is in; C{""} for none
    @ivar window: how many tokens it has room for
    """

    address: str
    model: str
    key: str = field(default="", repr=False)
    variable: str = ""
    window: int = WINDOW

    @property
    def host(self) -> str:
        """Where it is, with the port."""
        return urlsplit(self.address).netloc


@frozen
class Entry:
    """
    What a setting says.

    @ivar priority: what it is for; C{None} for everything
    """

    server: ServerModel
    priority: Priority | None


def entry_of(text: str, environ: Mapping[str, str], window: int = WINDOW) -> Entry:
    """
    Read C{"ADDRESS model=NAME key=VARIABLE window=TOKENS for=interactive"}, of which the first two
    are needed. The configuration has checked it.

    @param window: what is taken where it does not say
    """
    address, *words = text.split()
    said = dict(word.split("=", 1) for word in words)
    variable = said.get("key", "")
    server = ServerModel(
        address=address.rstrip("/"),
        model=said["model"],
        key=environ.get(variable, ""),
        variable=variable,
        window=int(said.get("window", window)),
    )
    return Entry(server, _PRIORITIES.get(said.get("for", "")))
