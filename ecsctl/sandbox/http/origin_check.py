"""Who may ask: programs on this machine, and no web page that a browser on this machine shows.

A page can send requests to 127.0.0.1 from another origin, which the browser then names in ``Origin``; or it can have a
name of its own resolve to 127.0.0.1, which then is the ``Host``. Where containers are real, a sandbox that listened to
pages would let them run anything.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# Names that no stranger can have in the public DNS, and those that AWS's clients are made for.
PRIVATE = (".localhost", ".localdomain", ".local", ".internal", ".test", ".lan", ".home.arpa")
OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def name_in(host: str) -> str:
    """The name or address of a ``Host`` header, without its port and brackets."""
    name = host if host.endswith("]") or ":" not in host else host.rsplit(":", 1)[0]
    return name.strip("[]").rstrip(".").lower()


def is_this_machine(host: str) -> bool:
    """Whether a ``Host`` header names this machine: a loopback address or localhost; or there is none."""
    name = name_in(host)
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_no_page(environ: Mapping[str, Any]) -> bool:
    """Whether a request comes from a program, or from a page of this machine's own; see the module."""
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and not is_local_origin(str(origin)):
        return False
    name = name_in(str(environ.get("HTTP_HOST", "")))
    if "." not in name or ":" in name or name.endswith((*PRIVATE, *OF_AWS)):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_local_origin(origin: str) -> bool:
    """Whether an ``Origin`` header is of a page that this machine itself serves."""
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(host) and is_this_machine(host)
