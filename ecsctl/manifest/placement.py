"""Where the tasks of a definition run, and which ports of their hosts they take: of plain definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.refusals.networking import mode_of
from ecsctl.refusals.service_context import FARGATE_PROVIDERS, launch_type

__all__ = ["FARGATE_PROVIDERS", "host_port", "network_mode", "on_fargate"]

# In these modes a container's port is the host's, too.
SHARED_PORTS = ("awsvpc", "host")


def on_fargate(service: Mapping[str, Any]) -> bool:
    """Whether a service or a run says that it is placed on Fargate."""
    return launch_type(service) == "FARGATE"


def network_mode(definition: Mapping[str, Any], *, fargate: bool) -> str:
    """The network mode that a task definition gets: its own, ``awsvpc`` on Fargate, else ``bridge``."""
    return mode_of(definition, fargate=fargate)


def host_port(mode: str, mapping: Mapping[str, Any]) -> int | None:
    """The fixed port of the host that a port mapping takes, or None where it is drawn when the task starts."""
    port = mapping.get("containerPort") if mode in SHARED_PORTS else mapping.get("hostPort")
    return port or None
