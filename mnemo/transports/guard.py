"""
Who may speak: a decision on C{Host} and C{Origin}, before anything else is looked at.

A page in a browser can send requests to a server on the same machine. It cannot choose its
C{Origin}, and a name that it has made to point here (DNS rebinding) stays in C{Host}.
"""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from attrs import frozen


@frozen
class Refusal:
    """
    Why a request goes no further.

    @ivar status: the HTTP status
    @ivar message: one line that names the value and the setting that would let it pass
    """

    status: int
    message: str


@frozen
class Guard:
    """
    Loopback names pass, with any port. Others pass when they are listed.

    @ivar allowed_hosts: as C{Host} has them, C{"name:port"} or C{"name"}; C{"name:*"} is any port
    @ivar allowed_origins: as C{Origin} has them, C{"https://name:port"} or C{"https://name"};
        C{"https://name:*"} is any port
    @ivar trust_forwarded_host: whether a listed C{X-Forwarded-Host} will do where C{Host} does
        not. Anybody can send one, so there must be no way to the daemon but by a proxy
    """

    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    trust_forwarded_host: bool = False

    def refusal(
        self,
        hosts: Sequence[str],
        origins: Sequence[str],
        needs_host: bool = True,
        forwarded: Sequence[str] = (),
    ) -> Refusal | None:
        """
        Why these headers are refused, or C{None} where they pass.

        @param hosts: every C{Host} header of the request
        @param origins: every C{Origin} header of the request
        @param needs_host: false for HTTP/1.0, which did not have C{Host} yet
        @param forwarded: every C{X-Forwarded-Host} header of the request
        """
        for origin in origins:
            if origin == "null":
                return Refusal(403, "Origin 'null' is never allowed: it could be any page.")
            if not _origin_passes(origin, self.allowed_origins):
                return Refusal(403, _line("Origin", origin, "origins"))
        if len(hosts) > 1 or (needs_host and not hosts):
            return Refusal(400, f"The request has {len(hosts) or 'no'} Host headers; send one.")
        if not hosts or _host_passes(hosts[0], self.allowed_hosts):
            return None
        if not self.trust_forwarded_host or len(forwarded) != 1:
            return Refusal(421, _line("Host", hosts[0], "hosts"))
        # Each proxy on the way may have added one; the first is what the client asked for.
        asked = forwarded[0].partition(",")[0].strip()
        if _forwarded_passes(asked, self.allowed_hosts):
            return None
        return Refusal(421, _line("X-Forwarded-Host", asked, "hosts"))


# Clients send the same few values over and over.


@lru_cache(maxsize=64)
def _host_passes(host: str, allowed: tuple[str, ...]) -> bool:
    parts = _split(f"//{host}")
    if parts is None or parts.netloc != host or "@" in host:
        return False
    return _is_loopback(parts.hostname) or _listed(host, parts, allowed)


@lru_cache(maxsize=64)
def _forwarded_passes(host: str, allowed: tuple[str, ...]) -> bool:
    parts = _split(f"//{host}")
    return parts is not None and parts.netloc == host and _listed(host, parts, allowed)


@lru_cache(maxsize=64)
def _origin_passes(origin: str, allowed: tuple[str, ...]) -> bool:
    parts = _split(origin)
    # Anything behind the port, or a name before it, is no origin but an address.
    if parts is None or "@" in origin or origin != f"{parts.scheme}://{parts.netloc}":
        return False
    if parts.scheme in ("http", "https") and _is_loopback(parts.hostname):
        return True
    return _listed(origin, parts, allowed)


def _split(address: str) -> SplitResult | None:
    """The parts of an address with a name and, if any, a port that is a number."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 - a port that is no number raises here
    except ValueError:
        return None
    return parts if parts.hostname else None


def _is_loopback(name: str | None) -> bool:
    """Whether a name can mean nothing but this machine."""
    try:
        return name == "localhost" or ip_address(name or "").is_loopback
    except ValueError:
        return False


def _listed(value: str, parts: SplitResult, allowed: Sequence[str]) -> bool:
    """Whether a value is in a list, or its name is there with any port."""
    low = value.lower()
    bare = low if parts.port is None else low.rpartition(":")[0]
    return any(entry.lower() in (low, f"{bare}:*") for entry in allowed)


def _line(header: str, value: str, setting: str) -> str:
    shown = value if len(value) <= 200 else value[:200] + "…"
    return (
        f"{header} {shown!r} is not allowed. If you trust it, add it to server.allowed_{setting}"
        f" (in mnemo.toml, or MNEMO_SERVER_ALLOWED_{setting.upper()})."
    )
