"""Regions: which botocore knows, and which one a mistyped name was meant to be."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ecsctl.errors import UsageError


def known_regions(session: Any) -> set[str]:
    """The regions of all partitions, as the installed botocore has them."""
    partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
    return {name for partition in partitions for name in partition["regions"] if not name.endswith("-global")}


def region_hint(session: Any) -> str | None:
    """``did you mean eu-west-1?`` where botocore does not know the session's region; None where it does."""
    region = session.get_config_variable("region")
    known = known_regions(session)
    if not region or region in known:
        return None
    import difflib

    near = difflib.get_close_matches(region.strip().lower(), sorted(known), n=1, cutoff=0.7)
    return f"did you mean {near[0]}?" if near else "`aws ec2 describe-regions` lists the regions"


def require_region(session: Any, endpoint_url: str) -> None:
    """Find a mistyped region before its endpoint is tried again and again.

    A region that botocore does not know may be a new one, or one of an emulator: it is wrong where the name of its
    endpoint does not resolve. Behind a proxy that cannot be known here.

    Raises:
        UsageError: the region is unknown, and its endpoint's name does not resolve.
    """
    hint = region_hint(session)
    if hint is None:
        return
    import socket

    from botocore.utils import get_environ_proxies

    if get_environ_proxies(endpoint_url).get(urlsplit(endpoint_url).scheme):
        return
    host = urlsplit(endpoint_url).hostname or ""
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        region = session.get_config_variable("region")
        raise UsageError(f"there is no AWS region {region}: {host} does not resolve", hint=hint) from None
