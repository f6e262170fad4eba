"""The revisions of the protocol: which there are, and how one is agreed on."""

from mnemo.mcp.errors import UNSUPPORTED_VERSION, ProtocolError

LEGACY = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""Revisions that begin with C{initialize} and keep sessions, oldest first."""

MODERN = ("2026-07-28",)
"""Stateless revisions, in which every request says its version itself."""

REVISIONS = LEGACY + MODERN


def negotiate(requested: str) -> str:
    """The version for a session whose C{initialize} asks for C{requested}."""
    return requested if requested in LEGACY else LEGACY[-1]


def require_modern(version: str) -> None:
    """Raise L{ProtocolError} where a request's version is not a modern one of ours."""
    if version not in MODERN:
        raise ProtocolError(
            UNSUPPORTED_VERSION,
            f"Unsupported protocol version {version[:64]!r}: this server speaks "
            f"{', '.join(MODERN)} per request, and {', '.join(LEGACY)} after initialize",
            {"supported": list(MODERN), "requested": version[:64]},
        )
