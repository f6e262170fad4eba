"""Asking a running daemon over HTTP how it is."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

import msgspec

from mnemo.lock import Holder

ANSWER_SECONDS = 2.0


def is_ready(holder: Holder) -> bool:
    """Whether a daemon serves calls."""
    answer = ask(holder, "/health/ready")
    return answer is not None and answer[0] == 200


def ask(
    holder: Holder,
    path: str,
    token: str = "",
    *,
    method: str = "GET",
    seconds: float = ANSWER_SECONDS,
) -> tuple[int, Mapping[str, Any]] | None:
    """The status and the JSON at one of a daemon's addresses; C{None} where it does not answer."""
    connection = HTTPConnection(holder.host, holder.port, timeout=seconds)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response.status, msgspec.json.decode(response.read(), type=dict[str, Any])
    except (OSError, HTTPException, msgspec.MsgspecError):
        return None
    finally:
        connection.close()
