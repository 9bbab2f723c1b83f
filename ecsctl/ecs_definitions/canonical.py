"""The canonical form of definitions, so that what is registered and then described again compares equal.

ECS fills in defaults, adds what only it knows, and keeps no order where order means nothing.
``normalize_task_definition`` and ``normalize_service`` take all of that away, from an input and from an answer alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ecsctl import units
from ecsctl.manifest.placement import SHARED_PORTS, network_mode
from ecsctl.manifest.schema.api import definitions

Data = Mapping[str, Any]

# What ECS means when a member is left out, by the member that the structure stands under ("" is the definition itself).
TASK_DEFAULTS: dict[str, dict[str, Any]] = {
    "": {"enableFaultInjection": False},
    "containerDefinitions": {
        "cpu": 0,
        "essential": True,
        "privileged": False,
        "readonlyRootFilesystem": False,
        "interactive": False,
        "pseudoTerminal": False,
        "disableNetworking": False,
        "versionConsistency": "enabled",
    },
    "portMappings": {"protocol": "tcp", "hostPort": 0},
    "healthCheck": {"interval": 30, "timeout": 5, "retries": 3, "startPeriod": 0},
    "restartPolicy": {"restartAttemptPeriod": 300},
    "mountPoints": {"readOnly": False},
    "volumesFrom": {"readOnly": False},
    "linuxParameters": {"initProcessEnabled": False},
    "efsVolumeConfiguration": {"rootDirectory": "/", "transitEncryption": "DISABLED"},
    "s3filesVolumeConfiguration": {"rootDirectory": "/"},
    "authorizationConfig": {"iam": "DISABLED"},
    "dockerVolumeConfiguration": {"scope": "task", "autoprovision": False, "driver": "local"},
}
SERVICE_DEFAULTS: dict[str, dict[str, Any]] = {
    "": {
        "schedulingStrategy": "REPLICA",
        "propagateTags": "NONE",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "healthCheckGracePeriodSeconds": 0,
        "platformVersion": "LATEST",
    },
    "awsvpcConfiguration": {"assignPublicIp": "DISABLED"},
    "capacityProviderStrategy": {"weight": 0, "base": 0},
    "deploymentController": {"type": "ECS"},
    "deploymentConfiguration": {"strategy": "ROLLING", "bakeTimeInMinutes": 0},
    "serviceConnectConfiguration": {"enabled": False},
}
# Lists in which order means nothing, and what tells their items apart. Left out are those where it means something:
# command, dnsServers, environmentFiles, placementStrategy and their like.
KEYED: dict[str, tuple[str, ...]] = {
    "containerDefinitions": ("name",),
    "environment": ("name",),
    "secrets": ("name",),
    "secretOptions": ("name",),
    "portMappings": ("containerPort", "containerPortRange", "hostPort", "protocol"),
    "mountPoints": ("containerPath",),
    "volumesFrom": ("sourceContainer",),
    "volumes": ("name",),
    "ulimits": ("name",),
    "dependsOn": ("containerName",),
    "systemControls": ("namespace",),
    "extraHosts": ("hostname",),
    "resourceRequirements": ("type",),
    "properties": ("name",),
    "devices": ("hostPath",),
    "tmpfs": ("containerPath",),
    "inferenceAccelerators": ("deviceName",),
    "placementConstraints": ("type", "expression"),
    "loadBalancers": ("targetGroupArn", "loadBalancerName", "containerName", "containerPort"),
    "serviceRegistries": ("registryArn", "containerName"),
    "capacityProviderStrategy": ("capacityProvider",),
    "volumeConfigurations": ("name",),
    "vpcLatticeConfigurations": ("targetGroupArn", "portName"),
}
SETS = {"requiresCompatibilities", "add", "drop", "subnets", "securityGroups", "alarmNames", "ignoredExitCodes"}
# Members whose keys are the user's own: there an empty text is a value, elsewhere some emulators mean nothing by it.
MAPS = {"dockerLabels", "options", "driverOpts", "labels"}
# Answers name what inputs may leave to be understood; both mean the same.
APART = ("tags", "cluster", "clientToken")


def normalize_task_definition(definition: Data) -> dict[str, Any]:
    """The canonical form of a RegisterTaskDefinition input, or of a DescribeTaskDefinition answer's task definition.

    Tags are left out: they are no part of a revision's meaning (see ``normalize_tags``).
    """
    plain = _without(definition, "TaskDefinition")
    fargate = "FARGATE" in (plain.get("requiresCompatibilities") or ())
    mode = network_mode(plain, fargate=fargate)
    for member, parse in (("cpu", units.cpu_units), ("memory", units.memory_mib)):
        if plain.get(member) is not None:
            plain[member] = _amount(str(plain[member]), parse)
    if mode == "bridge" and not fargate:
        # What it is when it is left out, but on Fargate.
        plain.pop("networkMode", None)
    if mode in SHARED_PORTS:
        boxes = plain.get("containerDefinitions") or []
        plain["containerDefinitions"] = [_without_host_ports(box) for box in boxes]
    normal: dict[str, Any] = _normal(plain, "", TASK_DEFAULTS)
    return normal


def normalize_service(service: Data) -> dict[str, Any]:
    """The canonical form of a CreateService input, or of a service in a DescribeServices answer.

    ``taskDefinition`` stays as it is. Tags are left out.
    """
    plain = dict(service)
    role = plain.get("role") or plain.get("roleArn")
    plain = _without(plain, "Service")
    if role and "/aws-service-role/" not in role:
        plain["role"] = role.rpartition("/")[2]
    plain["placementStrategy"] = [_strategy(item) for item in plain.get("placementStrategy") or ()]
    deployment = plain.get("deploymentConfiguration")
    if isinstance(deployment, Mapping):
        breaker = deployment.get("deploymentCircuitBreaker")
        if isinstance(breaker, Mapping) and not breaker.get("enable"):
            # A breaker that is off says nothing more by its other members.
            plain["deploymentConfiguration"] = {**deployment, "deploymentCircuitBreaker": None}
    normal: dict[str, Any] = _normal(plain, "", SERVICE_DEFAULTS)
    return normal


def normalize_tags(tags: Any) -> dict[str, str]:
    """Tags as a mapping, without those that AWS itself sets."""
    pairs = {str(tag.get("key", "")): str(tag.get("value") or "") for tag in tags or ()}
    return {key: value for key, value in sorted(pairs.items()) if not key.startswith("aws:")}


def _without(definition: Data, shape: str) -> dict[str, Any]:
    only = definitions()[f"ReadOnly{shape}"]["enum"]
    return {key: value for key, value in definition.items() if key not in only and key not in APART}


def _amount(text: str, parse: Any) -> str:
    try:
        return str(parse(text))
    except ValueError:
        return text


def _without_host_ports(box: Any) -> Any:
    # There the host port is the container's; whether it is said or not makes no difference.
    if not isinstance(box, Mapping) or not box.get("portMappings"):
        return box
    mappings = [{key: value for key, value in item.items() if key != "hostPort"} for item in box["portMappings"]]
    return {**box, "portMappings": mappings}


def _strategy(item: Data) -> dict[str, Any]:
    field = str(item.get("field", ""))
    if item.get("type") == "binpack" or field.lower() in ("host", "instanceid"):
        field = {"host": "instanceId", "instanceid": "instanceId"}.get(field.lower(), field.lower())
    return {**item, "field": field} if field else {key: value for key, value in item.items() if key != "field"}


def _normal(value: Any, under: str, defaults: Mapping[str, dict[str, Any]]) -> Any:
    if isinstance(value, Mapping):
        usual = defaults.get(under, {})
        made = {}
        for key in sorted(value):
            item = _normal(value[key], key, defaults)
            absent = item in (None, {}, []) or (item == "" and key != "value" and under not in MAPS)
            if not absent and not (key in usual and usual[key] == item and type(usual[key]) is type(item)):
                made[key] = item
        return made
    if isinstance(value, (list, tuple)):
        items = [_normal(item, under, defaults) for item in value]
        if under in SETS:
            return sorted(set(items), key=str) if all(isinstance(item, (str, int)) for item in items) else items
        if under in KEYED and all(isinstance(item, Mapping) for item in items):
            return sorted(items, key=lambda item: (_key(item, under), json.dumps(item, sort_keys=True, default=str)))
        return items
    return value


def _key(item: Data, under: str) -> tuple[str, ...]:
    return tuple(str(item.get(member, "")) for member in KEYED[under])
