"""Who speaks: the tokens that the daemon knows, and whose each of them is."""

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

LOCAL = "local"
"""Who everybody is where no token is configured, and whoever has a token without a name."""

SHORTEST = 16
"""Characters that a token has at least."""


class Credentials:
    """
    The tokens, by their digests: a token itself is kept nowhere.

    Without a token everybody may speak.
    """

    def __init__(self, tokens: Mapping[str, str] | None = None) -> None:
        """
        @param tokens: the token of each principal
        """
        self._principals: dict[bytes, str] = {}
        for name, token in (tokens or {}).items():
            self._add(name, token)

    @classmethod
    def of(cls, entries: Iterable[str]) -> "Credentials":
        """Those of the setting C{server.tokens}: C{"name:token"}, or a token alone."""
        credentials = cls()
        for entry in entries:
            name, _, token = entry.rpartition(":")
            credentials._add(name or LOCAL, token)
        return credentials

    @property
    def required(self) -> bool:
        """Whether one has to have a token."""
        return bool(self._principals)

    def principal(self, authorization: str | None) -> str | None:
        """
        Who sent a request, by its C{Authorization} header; C{None} where that is to be refused.
        """
        if not self.required:
            return LOCAL
        scheme, _, token = (authorization or "").strip().partition(" ")
        return self.holder_of(token.strip()) if scheme.lower() == "bearer" else None

    def holder_of(self, token: str) -> str | None:
        """Whose token this is, C{None} for nobody's. Takes as long for every answer."""
        given = _digest(token)
        found = None
        for known, name in self._principals.items():
            if hmac.compare_digest(known, given):
                found = name
        return found

    def rotate(self, old: str, new: str) -> bool:
        """
        Let C{new} stand for C{old} until the daemon ends. Sessions stay with who opened them.

        @return: false, and nothing has changed, where C{old} is nobody's token, or C{new} is
            too short or is somebody's already
        """
        name = self.holder_of(old)
        if name is None or len(new) < SHORTEST or self.holder_of(new) is not None:
            return False
        del self._principals[_digest(old)]
        self._add(name, new)
        return True

    def _add(self, name: str, token: str) -> None:
        # It never falls open: the configuration has been checked, but perhaps not by its file.
        if len(token) < SHORTEST:
            raise ValueError(f"the token of {name} is shorter than {SHORTEST} characters")
        self._principals[_digest(token)] = name


def token_of(entries: Iterable[str]) -> str:
    """The token that mnemo's own commands send: the first of C{server.tokens}, or C{""}."""
    return next((entry.rpartition(":")[2] for entry in entries), "")


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
