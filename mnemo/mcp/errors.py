"""The error codes of JSON-RPC and MCP, and the exception that carries one to the client."""

from collections.abc import Mapping
from typing import Any

from mnemo.tools.interfaces import MissingCapability

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603

RESOURCE_NOT_FOUND = -32002
"""Of the legacy revisions."""

HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022


class ProtocolError(Exception):
    """
    An answer that is a JSON-RPC error.

    @ivar message: one line for the developer or model at the other end
    @ivar data: what the code asks to be said besides, or C{None}
    @ivar status: the HTTP status in the modern era; the legacy era sends the errors of its
        methods with 200
    """

    def __init__(
        self, code: int, message: str, data: Mapping[str, Any] | None = None, status: int = 400
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self.status = status


def invalid_request(message: str, status: int = 400) -> ProtocolError:
    """The message is no request that can be served."""
    return ProtocolError(INVALID_REQUEST, message, status=status)


def invalid_params(message: str) -> ProtocolError:
    """The parameters do not fit the method."""
    return ProtocolError(INVALID_PARAMS, message)


def header_mismatch(message: str) -> ProtocolError:
    """A header is missing, sent twice or says something else than the body."""
    return ProtocolError(HEADER_MISMATCH, message)


def method_not_found(method: str) -> ProtocolError:
    """The method is unknown, removed, or belongs to a capability that is not declared."""
    return ProtocolError(METHOD_NOT_FOUND, f"Method not found: {method[:128]}", status=404)


def missing_capability(missing: MissingCapability) -> ProtocolError:
    """What a modern client is told that has not declared what its request needs."""
    return ProtocolError(
        MISSING_CAPABILITY, str(missing), {"requiredCapabilities": dict(missing.required)}
    )


def internal_error() -> ProtocolError:
    """A defect here. What it was is for the log alone."""
    return ProtocolError(INTERNAL_ERROR, "Internal error: see the daemon's log", status=200)
