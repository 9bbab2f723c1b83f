"""Definitions in the API's words as people would write them: shorthands, defaults left out, a good order of keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecsctl.importers.report import escape
from ecsctl.importers.write import Flow

CONTAINER_ORDER = (
    "name", "image", "essential", "cpu", "memory", "memoryReservation", "portMappings", "entryPoint", "command",
    "workingDirectory", "user", "environment", "secrets", "dependsOn", "links", "healthCheck", "mountPoints",
)  # fmt: skip
TASK_ORDER = (
    "requiresCompatibilities", "networkMode", "cpu", "memory", "runtimePlatform", "executionRoleArn", "taskRoleArn",
    "containerDefinitions", "volumes",
)  # fmt: skip
SERVICE_ORDER = ("taskDefinition", "desiredCount", "launchType", "capacityProviderStrategy", "loadBalancer",
                 "loadBalancers", "networkConfiguration", "deploymentConfiguration")  # fmt: skip

Data = Mapping[str, Any]


def ordered(data: Data, order: Sequence[str]) -> dict[str, Any]:
    """The members in that order, then the others as they come."""
    return {name: data[name] for name in (*order, *data) if name in data}


def task_definition(definition: Data) -> dict[str, Any]:
    """The input of RegisterTaskDefinition, as a section of ecsctl.yaml; the family is its key there and left out."""
    made = {key: _escaped(value) for key, value in definition.items() if key not in ("family", "tags")}
    made["containerDefinitions"] = [container(box) for box in definition.get("containerDefinitions", ())]
    if "volumes" in made:
        made["volumes"] = _volumes(made["volumes"])
    return ordered(made, TASK_ORDER)


def container(box: Data) -> dict[str, Any]:
    """A container definition with its shorthands."""
    made = {key: _escaped(value) for key, value in box.items()}
    for key, member in (("environment", "value"), ("secrets", "valueFrom")):
        if key in made:
            made[key] = pairs(made[key], "name", member)
    if "dependsOn" in made:
        waits = pairs(made["dependsOn"], "containerName", "condition")
        made["dependsOn"] = Flow(waits) if isinstance(waits, dict) else waits
    if "portMappings" in made:
        made["portMappings"] = [_port(mapping) for mapping in made["portMappings"]]
    if "mountPoints" in made:
        made["mountPoints"] = [_mount(mount) for mount in made["mountPoints"]]
    if "ulimits" in made:
        made["ulimits"] = [Flow(limit) for limit in made["ulimits"]]
    return ordered(made, CONTAINER_ORDER)


def service(definition: Data) -> dict[str, Any]:
    """The input of CreateService, as a section of ecsctl.yaml; its name is the key there."""
    made = {key: _escaped(value) for key, value in definition.items() if key not in ("serviceName", "cluster", "tags")}
    return ordered(made, SERVICE_ORDER)


def pairs(items: Any, name: str, value: str) -> Any:
    """A list of names and values as a mapping, where it says no more than that."""
    simple = all(isinstance(item, Mapping) and set(item) <= {name, value} and name in item for item in items)
    if not simple or len({item[name] for item in items}) != len(items):
        return items
    return short_pairs({str(item[name]): item.get(value, "") for item in items}, name, value)


def short_pairs(values: Mapping[str, Any], name: str, value: str) -> Any:
    """Values by their names as a mapping, or as the list that it stands for where it would be taken for one item."""
    if name in values and set(values) <= {name, value}:
        return [Flow({name: key, value: item}) for key, item in values.items()]
    return dict(values)


def _port(mapping: Data) -> Any:
    if not set(mapping) <= {"containerPort", "containerPortRange", "hostPort", "protocol"}:
        return dict(mapping)
    port = mapping.get("containerPort") or mapping.get("containerPortRange")
    host = mapping.get("hostPort")
    if not port or (host and "containerPortRange" in mapping) or ("hostPort" in mapping and not host):
        return dict(mapping)
    protocol = "" if mapping.get("protocol", "tcp") == "tcp" else f"/{mapping['protocol']}"
    return f"{host}:{port}{protocol}" if host else f"{port}{protocol}"


def _mount(mount: Data) -> Any:
    source, target = mount.get("sourceVolume"), mount.get("containerPath")
    plain = set(mount) <= {"sourceVolume", "containerPath", "readOnly"} and source and target
    if not plain or ":" in str(target) or ":" in str(source):
        return dict(mount)
    return f"{source}:{target}{':ro' if mount.get('readOnly') else ''}"


def _volumes(volumes: Sequence[Data]) -> Any:
    names = [volume.get("name") for volume in volumes]
    if None in names or len(set(names)) != len(names):
        return list(volumes)
    made: dict[str, Any] = {}
    for volume in volumes:
        rest = {key: value for key, value in volume.items() if key != "name"}
        host = rest.get("host")
        if set(rest) == {"host"} and isinstance(host, Mapping) and set(host) == {"sourcePath"}:
            made[str(volume["name"])] = host["sourcePath"]
        else:
            made[str(volume["name"])] = rest
    return made


def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, Mapping):
        return {key: _escaped(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(item) for item in value]
    return value
