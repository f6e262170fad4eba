"""Names for memories and recalls: short enough to say, too many to guess."""

import base64
import secrets
from collections.abc import Callable

MEMORY = "m"
QUERY = "q"

MakeId = Callable[[str], str]
"""Makes a new id that begins with the given letter."""


def random_id(kind: str) -> str:
    """C{kind} and 80 random bits in 16 characters, C{a-z2-7}."""
    return kind + base64.b32encode(secrets.token_bytes(10)).decode("ascii").lower()
