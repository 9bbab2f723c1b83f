"""The shorthands: one table of what may be written shorter, and what it becomes.

The table is keyed by the API's shapes: ``PortMappingList`` is wherever port mappings stand,
``ContainerDefinition.memory`` one member of one shape. The README's table and the editor's schema are made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.manifest.shorthands import containers, strategies
from ecsctl.manifest.shorthands import values as to
from ecsctl.manifest.shorthands.values import Context
from ecsctl.manifest.yaml.nodes import Node

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
TEXT_MAP: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
DURATION: Schema = {"type": "string", "pattern": r"^(\d+(\.\d+)?[hms])+$"}
MEMORY: Schema = {"type": "string", "pattern": r"^(\d+(\.\d+)?|\.\d+)\s*[kKmMgGtT]?([iI]?[bB])?$"}
CPU: Schema = {"type": "string", "pattern": r"^\d*\.?\d+\s*[vV]?[cC][pP][uU][sS]?$"}


@dataclass(frozen=True)
class Shorthand:
    """One thing that may be written shorter.

    ``field`` is the place as the README names it, ``short`` and ``long`` an example of both, ``schema`` the short form.
    ``expand`` gets the value as written and gives the long form; a value that is none of the short forms it gives back.
    """

    field: str
    short: str
    long: str
    schema: Schema
    expand: Callable[[Node, Context], Node]


def _list_of(item: Schema) -> Schema:
    return {"type": "array", "items": item}


_memory = Shorthand("memory, memoryReservation", "512MB", "512", MEMORY, to.memory)
_task_memory = Shorthand("memory (of the task)", "1GB", '"1024"', MEMORY, to.task_memory)
_duration = Shorthand("interval, timeout, stopTimeout …", "1m30s", "90", DURATION, to.duration)
_words = Shorthand("command, entryPoint", "nginx -g 'daemon off;'", '[nginx, -g, "daemon off;"]', TEXT, to.words)

_patterns = Shorthand("services.….loadBalancer.host, path", "/api/*", '["/api/*"]', TEXT, to.one_in_list)

SHORTHANDS: dict[str, Shorthand] = {
    "TaskDefinition": Shorthand(
        "a family of one container",
        "web: {image: nginx, memory: 512MB}",
        'web: {memory: "512", containerDefinitions: [{name: web, image: nginx}]}',
        {},
        containers.task_definition,
    ),
    "ContainerDefinition": Shorthand(
        "logs, volumes (of a container)",
        'logs: awslogs\nvolumes: ["data:/var/data:ro", "/run/x:/run/x"]',
        "logConfiguration: {logDriver: awslogs, options: {awslogs-group: /ecs/FAMILY, …}}, and up makes the group\n"
        "mountPoints, and the volumes of the task that they name",
        {},
        containers.container,
    ),
    "Service": Shorthand(
        "strategy (of a service)",
        "{taskDefinition: web, strategy: {type: canary, percent: 10, interval: 5m, bake: 10m}}",
        "{taskDefinition: web, deploymentConfiguration: {strategy: CANARY, bakeTimeInMinutes: 10, canaryConfiguration: "
        "{canaryPercent: 10, canaryBakeTimeInMinutes: 5}}}",
        {},
        strategies.service,
    ),
    "EnvironmentVariables": Shorthand(
        "environment",
        "{LOG: debug}",
        "[{name: LOG, value: debug}]",
        {"anyOf": [TEXT_MAP, _list_of(TEXT)]},
        to.environment,
    ),
    "SecretList": Shorthand(
        "secrets",
        "{TOKEN: /app/token}",
        "[{name: TOKEN, valueFrom: /app/token}]",
        {"type": "object", "additionalProperties": TEXT},
        to.secrets,
    ),
    "PortMappingList": Shorthand(
        "portMappings",
        '["80", "8080:80/udp", "8000-8010"]',
        "[{containerPort: 80}, {hostPort: 8080, containerPort: 80, protocol: udp}, {containerPortRange: 8000-8010}]",
        _list_of({"anyOf": [{"type": "string"}, {"type": "integer"}, {"$ref": "#/$defs/PortMapping"}]}),
        to.port_mappings,
    ),
    "ContainerDefinition.memory": _memory,
    "ContainerDefinition.memoryReservation": _memory,
    "LinuxParameters.sharedMemorySize": _memory,
    "LinuxParameters.maxSwap": _memory,
    "Tmpfs.size": _memory,
    "NvidiaMpsAllocation.memory": _memory,
    "TaskDefinition.memory": _task_memory,
    "ContainerDefinition.cpu": Shorthand("cpu", "0.25vCPU", "256", CPU, to.cpu),
    "TaskDefinition.cpu": Shorthand("cpu (of the task)", "0.5vCPU", '"512"', CPU, to.task_cpu),
    "HealthCheck.interval": _duration,
    "HealthCheck.timeout": _duration,
    "HealthCheck.startPeriod": _duration,
    "ContainerDefinition.startTimeout": _duration,
    "ContainerDefinition.stopTimeout": _duration,
    "ContainerRestartPolicy.restartAttemptPeriod": _duration,
    "Service.healthCheckGracePeriodSeconds": _duration,
    "TimeoutConfiguration.idleTimeoutSeconds": _duration,
    "TimeoutConfiguration.perRequestTimeoutSeconds": _duration,
    "LoadBalancerHealthCheck.interval": _duration,
    "LoadBalancerHealthCheck.timeout": _duration,
    "LoadBalancerHealthCheck": Shorthand(
        "loadBalancers.….healthCheck",
        "fast",
        "{interval: 5, timeout: 2, healthyThreshold: 2, unhealthyThreshold: 2}",
        {"type": "string", "enum": ["fast"]},
        to.balancer_check,
    ),
    "LoadBalancerHealthCheck.matcher": Shorthand(
        "loadBalancers.….healthCheck.matcher", "200", '"200"', {"type": "integer"}, to.number_as_text
    ),
    "LoadBalancerDefinition.deregistrationDelay": _duration,
    "LoadBalancerDefinition.stickiness": _duration,
    "Scaling.scaleInCooldown": _duration,
    "Scaling.scaleOutCooldown": _duration,
    "LoadBalancerDefinition.slowStart": _duration,
    "LoadBalancerReference.host": _patterns,
    "LoadBalancerReference.path": _patterns,
    "ContainerDefinition.command": _words,
    "ContainerDefinition.entryPoint": _words,
    "HealthCheck": Shorthand(
        "healthCheck",
        "curl -f localhost || exit 1",
        '{command: [CMD-SHELL, "curl -f localhost || exit 1"]}',
        {"anyOf": [TEXT, _list_of(TEXT)]},
        to.health_check,
    ),
    "HealthCheck.command": Shorthand(
        "healthCheck.command", "curl -f localhost", "[CMD-SHELL, curl -f localhost]", TEXT, to.health_command
    ),
    "MountPointList": Shorthand(
        "mountPoints",
        '["data:/var/data:ro"]',
        "[{sourceVolume: data, containerPath: /var/data, readOnly: true}]",
        _list_of({"anyOf": [TEXT, {"$ref": "#/$defs/MountPoint"}]}),
        to.mount_points,
    ),
    "VolumeList": Shorthand(
        "volumes (of the task)",
        "{data: /srv/data, scratch: }",
        "[{name: data, host: {sourcePath: /srv/data}}, {name: scratch}]",
        {"type": "object", "additionalProperties": {"type": ["string", "null", "object"]}},
        to.volumes,
    ),
    "ContainerDependencies": Shorthand(
        "dependsOn",
        "{db: HEALTHY}",
        "[{containerName: db, condition: HEALTHY}]",
        {"anyOf": [_list_of(TEXT), {"type": "object", "additionalProperties": TEXT}]},
        to.dependencies,
    ),
    "CompatibilityList": Shorthand("requiresCompatibilities", "FARGATE", "[FARGATE]", TEXT, to.one_in_list),
    "Tags": Shorthand("tags", "{team: web}", "[{key: team, value: web}]", TEXT_MAP, to.tags),
    "Project.include": Shorthand("include", "base.yaml", "[base.yaml]", TEXT, to.one_in_list),
    "Count": Shorthand("instances.count", "2", "{min: 2, desired: 2, max: 2}", {"type": "integer"}, to.count),
    "Ingress": Shorthand(
        "instances.ingress, services.….ingress",
        '[80, "443@10.0.0.0/8"]',
        "[{fromPort: 80, toPort: 80}, {fromPort: 443, toPort: 443, cidr: 10.0.0.0/8}]",
        {"type": ["integer", "string"]},
        to.ingress,
    ),
    "Listener": Shorthand(
        "loadBalancers.….listeners",
        '[80, "80:8080", "80->443"]',
        "[{port: 80}, {port: 80, instancePort: 8080}, {port: 80, redirect: 443}]",
        {"type": ["integer", "string"]},
        to.listener,
    ),
    "LoadBalancerReference": Shorthand(
        "services.….loadBalancer",
        "web-lb:80",
        "{name: web-lb, containerPort: 80}",
        TEXT,
        to.load_balancer,
    ),
}


def markdown() -> str:
    """The table as Markdown, one row a shorthand: the README's."""
    rows = ["| Field | Short | Means |", "|---|---|---|"]
    seen: set[int] = set()
    for shorthand in SHORTHANDS.values():
        if id(shorthand) in seen:
            continue
        seen.add(id(shorthand))
        cells = (_code(part) for part in (shorthand.short, shorthand.long))
        rows.append(f"| {shorthand.field} | {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _code(text: str) -> str:
    escaped = text.replace("|", "\\|")
    return "<br>".join(f"`{line}`" for line in escaped.splitlines())
