"""What ECS takes when it is registered, and what will hardly work: warnings, which ``--strict`` makes errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.model import Severity
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Definition, Project, boxes, listed
from ecsctl.manifest.yaml.nodes import Path, shorten
from ecsctl.refusals import patterns
from ecsctl.refusals.limits import LEAST_MEMORY_MIB

WARNING: Severity = "warning"
HEALTH_COMMANDS = ("CMD", "CMD-SHELL", "NONE")
DOCKER_LEAST_MIB = 6
CAPABILITIES = re.compile(
    "ALL|AUDIT_CONTROL|AUDIT_WRITE|BLOCK_SUSPEND|CHOWN|DAC_OVERRIDE|DAC_READ_SEARCH|FOWNER|FSETID|IPC_LOCK|IPC_OWNER|"
    "KILL|LEASE|LINUX_IMMUTABLE|MAC_ADMIN|MAC_OVERRIDE|MKNOD|NET_ADMIN|NET_BIND_SERVICE|NET_BROADCAST|NET_RAW|SETFCAP|"
    "SETGID|SETPCAP|SETUID|SYS_ADMIN|SYS_BOOT|SYS_CHROOT|SYS_MODULE|SYS_NICE|SYS_PACCT|SYS_PTRACE|SYS_RAWIO|"
    "SYS_RESOURCE|SYS_TIME|SYS_TTY_CONFIG|SYSLOG|WAKE_ALARM"
)


@rule(
    "ECS026",
    "A health check's command begins with CMD or CMD-SHELL.",
    why="The first word tells whether the rest is run directly or by the container's shell. ECS takes another one, and "
    "Docker runs the words as they are; the API's documentation says that it must be one of the two.",
    severity=WARNING,
)
def health_command(project: Project) -> Iterator[Finding]:
    """``healthCheck.command``."""
    for _, path, box in boxes(project):
        command = (box.get("healthCheck") or {}).get("command")
        if command and command[0] not in HEALTH_COMMANDS:
            place = (*path, "healthCheck", "command")
            yield Finding(place, f"the command begins with {command[0]!r}", '["CMD", …] or ["CMD-SHELL", "…"]')


@rule(
    "ECS111",
    "A grace period has a health check that it holds up.",
    why="It is the time in which failing checks of load balancers, VPC Lattice and containers are not counted. Without "
    "any of them it is unused.",
    severity=WARNING,
)
def grace_period(project: Project) -> Iterator[Finding]:
    """``healthCheckGracePeriodSeconds``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        balanced = any(service.get(one) for one in ("loadBalancers", "loadBalancer", "vpcLatticeConfigurations"))
        checked = definition is None or any(
            box.get("healthCheck") for _, box in definition.items("containerDefinitions")
        )
        if service.get("healthCheckGracePeriodSeconds") and not balanced and not checked:
            place = (*service.path, "healthCheckGracePeriodSeconds")
            depends = ((*service.path, "loadBalancer"), (*service.path, "loadBalancers"))
            yield Finding(place, "nothing checks the service's health", "leave it out", depends)


@rule(
    "ECS210",
    "A container's memory is 6 MiB or more.",
    why="ECS takes 4 MiB; Docker since 20.10 starts no container with less than 6.",
    severity=WARNING,
)
def docker_memory(project: Project) -> Iterator[Finding]:
    """``memory`` and ``memoryReservation``."""
    for _, path, box in boxes(project):
        for member in ("memory", "memoryReservation"):
            value = box.get(member)
            if value is not None and LEAST_MEMORY_MIB <= value < DOCKER_LEAST_MIB:
                yield Finding((*path, member), f"{value} MiB are too few for Docker", f"at least {DOCKER_LEAST_MIB}")


@rule(
    "ECS211",
    "No placeholder is left where a value belongs.",
    why="<ACCOUNT>, XXXXXXXXXXXX, {{image}} and the like come from a template that was not filled in.",
    severity=WARNING,
)
def placeholders(project: Project) -> Iterator[Finding]:
    """Every text but commands, entry points and values of variables."""
    for holder in (*project.task_definitions.values(), *project.services.values()):
        for path, text in _texts(holder.data, holder.path):
            if patterns.PLACEHOLDER.search(text) or (patterns.arn_problem(text) and path[-1] != "config-file-value"):
                yield Finding(path, f"{shorten(text)!r} looks like a placeholder", "the real value")


FREE_TEXT = frozenset({"command", "entryPoint", "environment", "dockerLabels", "expression", "tags", "options"})


def _texts(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in FREE_TEXT:
                yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
    elif isinstance(value, str):
        yield path, value


@rule(
    "ECS212",
    "A port's protocol is tcp or udp.",
    why="ECS takes anything else for tcp.",
    severity=WARNING,
)
def protocols(project: Project) -> Iterator[Finding]:
    """``portMappings[].protocol``."""
    for _, path, box in boxes(project):
        for place, mapping in listed(box, "portMappings", path):
            if mapping.get("protocol") not in (None, "tcp", "udp"):
                yield Finding((*place, "protocol"), f"ECS takes {mapping['protocol']!r} for tcp", "tcp or udp")


@rule(
    "ECS213",
    "Capabilities have names that the API knows.",
    why="Docker starts no container with one that the kernel does not have; the names have no CAP_ before them.",
    severity=WARNING,
)
def capabilities(project: Project) -> Iterator[Finding]:
    """``linuxParameters.capabilities``."""
    for _, path, box in boxes(project):
        given = (box.get("linuxParameters") or {}).get("capabilities") or {}
        for member in ("add", "drop"):
            for index, name in enumerate(given.get(member) or ()):
                if not CAPABILITIES.fullmatch(name):
                    place = (*path, "linuxParameters", "capabilities", member, index)
                    yield Finding(place, f"the API does not list the capability {name!r}", "as NET_ADMIN")


@rule(
    "ECS214",
    "File systems and access points are named by ids that AWS gives out.",
    why="A task whose file system does not exist never starts.",
    severity=WARNING,
)
def file_systems(project: Project) -> Iterator[Finding]:
    """``efsVolumeConfiguration.fileSystemId`` and ``accessPointId``."""
    for definition in project.task_definitions.values():
        for place, member, value, form in _file_system_ids(definition):
            if value is not None and not form.fits(str(value)):
                yield Finding((*place, member), f"{value!r} is not {form.noun}", f"as {form.like}")


def _file_system_ids(definition: Definition) -> Iterator[tuple[Path, str, object, patterns.Form]]:
    for place, volume in definition.items("volumes"):
        efs: Data = volume.get("efsVolumeConfiguration") or {}
        inner = (*place, "efsVolumeConfiguration")
        yield inner, "fileSystemId", efs.get("fileSystemId"), patterns.FILE_SYSTEM
        access: Data = efs.get("authorizationConfig") or {}
        yield (*inner, "authorizationConfig"), "accessPointId", access.get("accessPointId"), patterns.ACCESS_POINT
