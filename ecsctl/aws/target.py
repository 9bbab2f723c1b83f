"""Where to call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """Where to call: all that the command line, the file and the environment say of it.

    ``region`` and ``profile`` are None where boto3's own configuration chain decides. ``endpoint_url`` replaces the
    endpoint of every service (a sandbox, an emulator). ``credentials`` are (access key, secret) for an endpoint that
    comes with its own, as the sandbox does.
    """

    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    credentials: tuple[str, str] | None = None
    debug: bool = False
