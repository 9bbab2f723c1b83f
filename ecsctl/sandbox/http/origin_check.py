"""Who may send requests: programs on this machine, and no web page that a browser on this machine shows.

A page can send requests to 127.0.0.1 from another origin, which the browser then names in ``Origin``; or it can have a
name of its own resolve to 127.0.0.1, which is then the ``Host``. With real containers, a sandbox that listened to web
pages would let them run anything.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from ecsctl.sandbox.http.request import Request

# Names that no stranger can have in the public DNS, and the names that AWS's clients are made for.
_PRIVATE = (".localhost", ".localdomain", ".local", ".internal", ".test", ".lan", ".home.arpa")
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def comes_from_a_program(request: Request) -> bool:
    """Whether a request comes from a program, or from a page that this machine itself serves; see the module."""
    origin = request.headers.get("origin")
    if origin is not None and not _is_local_origin(origin):
        return False
    name = _host_name(request.header("host"))
    if "." not in name or ":" in name or name.endswith((*_PRIVATE, *_AWS)):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_this_machine(host: str) -> bool:
    """Whether a ``Host`` header names this machine by a loopback address or localhost, or is missing."""
    name = _host_name(host)
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _is_local_origin(origin: str) -> bool:
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(host) and is_this_machine(host)


def _host_name(host: str) -> str:
    """The name or address in a ``Host`` header, without its port and brackets."""
    name = host if host.endswith("]") or ":" not in host else host.rsplit(":", 1)[0]
    return name.strip("[]").rstrip(".").lower()
