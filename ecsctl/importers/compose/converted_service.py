"""What one Compose service becomes, before it is put into a task: a container, and what its task and service need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecsctl.importers.compose.interpolation import Interpolation
from ecsctl.importers.report import Report, Section
from ecsctl.manifest.yaml.nodes import Node, Path


@dataclass
class Context:
    """What all services of a project share. ``volumes``, ``secrets``, ``configs`` are the project's own sections."""

    project: str
    report: Report
    dialect: Interpolation
    fargate: bool
    volumes: Mapping[str, Section]
    secrets: Mapping[str, Section]
    configs: Mapping[str, Section]
    used: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True)
class Dependency:
    """A service that must have come to ``condition`` (the API's word) first; ``node`` and ``path`` say where."""

    condition: str
    node: Node
    path: Path
    required: bool = True


@dataclass(frozen=True)
class Port:
    """A port that is published on the instance. ``public``: Compose publishes it to other machines too."""

    first: int
    last: int
    protocol: str = "tcp"
    public: bool = True


@dataclass
class Part:
    """One Compose service.

    ``container`` is a container definition of the API, ``task`` and ``volumes`` go to the task definition, ``service``
    is the service's definition. ``joins`` has the services that it cannot be parted from;
    ``mounts_of`` those whose volumes it mounts too, and whether only to read them; ``lost_mounts`` the paths in the
    container of mounts that could not be carried over. ``exposed`` has the TCP ports of ``expose``; ``offers`` the
    entries of Service Connect by which the services of other tasks reach it.
    """

    key: str
    name: str
    section: Section
    container: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    volumes: dict[str, Any] = field(default_factory=dict)
    service: dict[str, Any] = field(default_factory=dict)
    depends: dict[str, Dependency] = field(default_factory=dict)
    links: dict[str, tuple[str, Node, Path]] = field(default_factory=dict)
    joins: dict[str, tuple[Node, Path]] = field(default_factory=dict)
    mounts_of: dict[str, bool] = field(default_factory=dict)
    lost_mounts: list[str] = field(default_factory=list)
    ports: list[Port] = field(default_factory=list)
    exposed: list[int] = field(default_factory=list)
    offers: list[dict[str, Any]] = field(default_factory=list)
    cpu: int = 0
    memory: int = 256
    gpu: bool = False
    runs_once: bool = False
    needs_role: bool = False

    def linux(self) -> dict[str, Any]:
        """The container's ``linuxParameters``, made when first asked for."""
        found: dict[str, Any] = self.container.setdefault("linuxParameters", {})
        return found
