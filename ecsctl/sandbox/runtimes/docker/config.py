"""What Docker is told about a container of a task: the container definition in Docker's own words.

Nothing of the user's machine goes into a container: host volumes are Docker volumes of the sandbox's own, one set an
instance, network mode ``host`` publishes the ports on the instance's loopback address, and ``privileged`` gives no more
rights than other containers have: an instance is this very machine here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecsctl.sandbox.interfaces import ContainerRequest

SANDBOX = "ecsctl.sandbox"
FOLDER = "ecsctl.sandbox.folder"
TASK = "com.amazonaws.ecs.task-arn"
CONTAINER = "com.amazonaws.ecs.container-name"
# The loopback address on which its ports are published.
ADDRESS = "ecsctl.sandbox.address"
MIB = 1024 * 1024
SECOND = 1_000_000_000
# Docker takes no fewer shares; ECS sends these for a container without CPU units.
LEAST_SHARES = 2

_PLAIN = {
    "user": "user",
    "workingDirectory": "working_dir",
    "hostname": "hostname",
    "readonlyRootFilesystem": "read_only",
    "interactive": "stdin_open",
    "pseudoTerminal": "tty",
    "dnsServers": "dns",
    "dnsSearchDomains": "dns_search",
    "entryPoint": "entrypoint",
    "command": "command",
}


@dataclass(frozen=True)
class Owner:
    """Which sandbox: its name, and the folder that tells it from another one of the same name."""

    name: str
    folder: str

    @property
    def labels(self) -> dict[str, str]:
        """What everything that this sandbox makes in Docker carries."""
        return {SANDBOX: self.name, FOLDER: self.folder}

    @property
    def filters(self) -> list[str]:
        """The same as a filter of Docker's lists."""
        return [f"{key}={value}" for key, value in self.labels.items()]

    def volume(self, *parts: str) -> str:
        """The name of a volume; the parts say whose it is."""
        digest = hashlib.sha256("\0".join((self.folder, *parts)).encode()).hexdigest()[:20]
        return f"ecsctl-{self.name}-{digest}"


def labels_of(request: ContainerRequest, owner: Owner) -> dict[str, str]:
    """The sandbox's labels, those that the ECS agent sets, and those of the definition."""
    own = {
        TASK: request.task_arn,
        CONTAINER: request.name,
        ADDRESS: request.address,
        "com.amazonaws.ecs.cluster": request.cluster,
        "com.amazonaws.ecs.task-definition-family": request.family,
        "com.amazonaws.ecs.task-definition-version": str(request.revision),
    }
    return {**_mapping(request.definition.get("dockerLabels")), **own, **owner.labels}


def settings_of(
    request: ContainerRequest, owner: Owner, names: Mapping[str, str], namespace: str | None = None
) -> dict[str, Any]:
    """The arguments of docker's ``containers.create``, the name left out.

    Args:
        names: the containers of the same task by their ECS names, as Docker knows them (for links, ``volumesFrom``).
        namespace: the Docker container whose network this one shares, and which publishes its ports then.

    Raises:
        LookupError: ``names`` lacks one that is linked or lends its volumes.
    """
    definition = request.definition
    settings: dict[str, Any] = {
        "image": request.image,
        "detach": True,
        "environment": dict(request.environment),
        "labels": labels_of(request, owner),
        "mounts": mounts_of(request, owner),
        "cpu_shares": max(LEAST_SHARES, int(_number(definition.get("cpu")))),
    }
    for key, name in _PLAIN.items():
        if definition.get(key):
            settings[name] = definition[key]
    if request.memory_mib:
        settings["mem_limit"] = request.memory_mib * MIB
    if definition.get("memoryReservation"):
        settings["mem_reservation"] = int(_number(definition["memoryReservation"])) * MIB
    if namespace:
        settings["network_mode"] = f"container:{namespace}"
        for excluded in ("hostname", "dns", "dns_search"):
            settings.pop(excluded, None)
    elif request.network_mode == "none" or definition.get("disableNetworking"):
        settings["network_mode"] = "none"
    else:
        settings["ports"] = ports_of(request)
    if definition.get("links") and not namespace:
        settings["links"] = _links(_rows(definition["links"]), names)
    shared = [
        f"{_known(names, item.get('sourceContainer'))}{':ro' if item.get('readOnly') else ''}"
        for item in _rows(definition.get("volumesFrom"))
    ]
    if shared:
        settings["volumes_from"] = shared
    _add_lists(settings, definition, namespaced=namespace is not None)
    _add_linux(settings, _mapping(definition.get("linuxParameters")))
    health = health_check(definition)
    if health is not None:
        settings["healthcheck"] = health
    return settings


def ports_of(request: ContainerRequest) -> dict[str, list[tuple[str, int]]]:
    """Published ports: ``80/tcp`` → the instance's address and the host ports."""
    published: dict[str, list[tuple[str, int]]] = {}
    for port in request.ports:
        published.setdefault(f"{port.container_port}/{port.protocol}", []).append((request.address, port.host_port))
    return published


def mounts_of(request: ContainerRequest, owner: Owner) -> list[dict[str, Any]]:
    """The mount points as volumes of Docker: those of a host path and those that tasks share are the instance's,
    the others the task's own."""
    volumes = {str(volume.get("name")): volume for volume in request.volumes}
    host = request.instance_id or request.task_arn
    mounts = []
    for point in _rows(request.definition.get("mountPoints")):
        name = str(point.get("sourceVolume") or "")
        volume = volumes.get(name, {})
        docker = _mapping(volume.get("dockerVolumeConfiguration"))
        path = str(_mapping(volume.get("host")).get("sourcePath") or "")
        remote = volume.get("efsVolumeConfiguration") or volume.get("fsxWindowsFileServerVolumeConfiguration")
        labels = owner.labels
        if path:
            source = owner.volume(host, "path", os.path.normpath(path))
        elif docker.get("scope") == "shared":
            source = owner.volume(host, "shared", name)
        elif remote:
            source = owner.volume("remote", str(remote))
        else:
            source = owner.volume(request.task_arn, name)
            labels = {**labels, TASK: request.task_arn}
        mounts.append(
            {
                "Type": "volume",
                "Source": source,
                "Target": str(point.get("containerPath") or "/"),
                "ReadOnly": bool(point.get("readOnly")),
                "VolumeOptions": {"Labels": labels},
            }
        )
    return mounts


def health_check(definition: Mapping[str, object]) -> dict[str, Any] | None:
    """Docker's health check; the definition's times are seconds, Docker's are nanoseconds."""
    check = _mapping(definition.get("healthCheck"))
    if not check.get("command"):
        return None
    return {
        "test": list(check["command"]),
        "interval": int(check.get("interval") or 30) * SECOND,
        "timeout": int(check.get("timeout") or 5) * SECOND,
        "retries": int(check.get("retries") or 3),
        "start_period": int(check.get("startPeriod") or 0) * SECOND,
    }


def _links(links: Sequence[Any], names: Mapping[str, str]) -> dict[str, str]:
    pairs = (str(link).partition(":") for link in links)
    return {_known(names, name): alias or name for name, _, alias in pairs}


def _known(names: Mapping[str, str], name: object) -> str:
    found = names.get(str(name))
    if found is None:
        raise LookupError(f"No such container: {name}")
    return found


def _add_lists(settings: dict[str, Any], definition: Mapping[str, object], *, namespaced: bool) -> None:
    if definition.get("extraHosts") and not namespaced:
        hosts = _rows(definition["extraHosts"])
        settings["extra_hosts"] = {str(item["hostname"]): str(item["ipAddress"]) for item in hosts}
    if definition.get("ulimits"):
        settings["ulimits"] = [
            {"Name": item["name"], "Soft": item["softLimit"], "Hard": item["hardLimit"]}
            for item in _rows(definition["ulimits"])
        ]
    if definition.get("systemControls") and not namespaced:
        controls = _rows(definition["systemControls"])
        settings["sysctls"] = {str(item["namespace"]): str(item["value"]) for item in controls}


def _add_linux(settings: dict[str, Any], linux: Mapping[str, Any]) -> None:
    capabilities = _mapping(linux.get("capabilities"))
    if capabilities.get("add"):
        settings["cap_add"] = list(capabilities["add"])
    if capabilities.get("drop"):
        settings["cap_drop"] = list(capabilities["drop"])
    if linux.get("initProcessEnabled"):
        settings["init"] = True
    if linux.get("sharedMemorySize"):
        settings["shm_size"] = int(linux["sharedMemorySize"]) * MIB
    if linux.get("tmpfs"):
        settings["tmpfs"] = {
            str(item["containerPath"]): ",".join([f"size={item['size']}m", *item.get("mountOptions", ())])
            for item in linux["tmpfs"]
        }


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> Sequence[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
