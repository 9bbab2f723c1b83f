"""Why a task or a service does not run, in words: read from what ECS itself says of them. Pure.

The waits, ``run``, ``locate`` and the service commands share it. Each function returns sentences, the likeliest cause
first, nothing where nothing is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ecsctl.query.views import ContainerView, InstanceView, ServiceView, TaskView, port_range

# What a prefix of a container's `reason` means, and what to do about it.
REASONS = {
    "CannotPullContainerAuthError": "the registry refused the credentials: check the execution role or the secret",
    "CannotPullECRContainerError": "ECR refused the pull: the execution or instance role needs ECR's read rights",
    "CannotPullImageManifestError": "the image's tag or platform is not in the registry",
    "CannotPullContainerError": "the image cannot be pulled: check its name and tag, and the way to the registry",
    "CannotCreateContainerError": "Docker refused to create the container",
    "CannotStartContainerError": "the container did not start: check its command, its ports and mounts",
    "CannotInspectContainerError": "Docker could not tell of the container",
    "CannotStopContainerError": "Docker could not stop the container",
    "DockerTimeoutError": "Docker took too long: the instance may be overloaded",
    "ResourceInitializationError": "secrets, logs, volumes or the network could not be set up: check the execution "
    "role and the network's way out",
    "ContainerNetworkingError": "the container's network could not be set up",
    "TaskDependencyError": "a container that this one depends on did not become ready",
    "HostConfigError": "the instance refused the container's settings",
    "OutOfMemoryError": "it used more memory than it may: raise its `memory`",
}
SIGNALS = {137: "SIGKILL", 139: "SIGSEGV, a crash", 143: "SIGTERM"}

# A pattern of a service event, and what it means.
EVENTS = (
    ("already using a port required", "a fixed host port is taken: one task an instance, or use host port 0"),
    ("insufficient CPU", "no instance has enough CPU left: add instances or lower `cpu`"),
    ("insufficient memory", "no instance has enough memory left: add instances or lower `memory`"),
    ('error "AGENT"', "the agent of the instance is disconnected: `ecsctl instance list`"),
    ("missing an attribute", "no instance has an attribute that the task requires"),
    (
        "no container instances were found",
        "the cluster has no instances: `ecsctl instance bootstrap --count N`",
    ),
    ("unable to consistently start tasks", "its tasks keep failing to start; ECS waits longer and longer between"),
    ("operations are being throttled", "AWS throttles the service's operations; it goes on by itself"),
    (
        "because of the service deployment configuration",
        "minimumHealthyPercent and maximumPercent leave no room to replace tasks",
    ),
    ("unhealthy in", "the load balancer finds its tasks unhealthy: check port, path and security groups"),
    ("failed container health checks", "its containers fail their own health checks"),
    ("unable to place a task", "no instance can take another task"),
    ("unable to assume", "ECS cannot assume the service's role"),
)
PASSED_ON = ("UserInitiated", "ServiceSchedulerInitiated")


def task_causes(task: TaskView) -> list[str]:
    """Why a task stopped, failed to start, or is unhealthy.

    Its own reason comes first, then each container that says something: the agent's reason with its meaning, or a
    non-zero exit code. Exit code 137 alone is SIGKILL; memory is named only where the agent says OutOfMemoryError.
    """
    causes = []
    if task.stopped_reason:
        code = f" ({task.stop_code})" if task.stop_code and task.stop_code not in task.stopped_reason else ""
        causes.append(f"{task.stopped_reason.rstrip('. ')}{code}")
    elif task.stop_code:
        causes.append(task.stop_code)
    for container in task.containers:
        said = container_cause(container, stopped_on_purpose=task.stop_code in PASSED_ON)
        if said:
            causes.append(said)
    if not task.stopped and task.health == "UNHEALTHY":
        sick = [container.name for container in task.containers if container.health == "UNHEALTHY"]
        causes.append(f"health checks fail{': ' + ', '.join(sick) if sick else ''}")
    return causes


def container_cause(container: ContainerView, *, stopped_on_purpose: bool = False) -> str | None:
    """What a container says of its end: its reason with the meaning, or its exit code; None where all is well."""
    if container.reason:
        meaning = next((text for prefix, text in REASONS.items() if container.reason.startswith(prefix)), None)
        code = f", exit code {container.exit_code}" if container.exit_code is not None else ""
        return f"container {container.name}: {container.reason.rstrip('. ')}{code}" + (
            f" ({meaning})" if meaning else ""
        )
    if container.exit_code in (None, 0):
        return None
    if stopped_on_purpose and container.exit_code in SIGNALS:
        return None
    signal = SIGNALS.get(container.exit_code or 0)
    return f"container {container.name} ended with exit code {container.exit_code}" + (f" ({signal})" if signal else "")


def service_causes(service: ServiceView, tasks: Iterable[TaskView], since: datetime | None = None) -> list[str]:
    """Why a service is not steady: its rollout, its events and its stopped tasks, newer than ``since``.

    Args:
        tasks: tasks of the service, stopped ones included.
        since: events and tasks of before are another story; None takes all.

    Returns:
        sentences without duplicates, the rollout's own reason first.
    """
    causes: list[str] = []
    for deployment in service.deployments[:1]:
        if deployment.rollout_state == "FAILED":
            causes.append(f"the deployment failed: {deployment.rollout_reason or 'no reason given'}")
        elif deployment.failed:
            causes.append(f"{deployment.failed} tasks of this deployment failed to start or to stay")
    for event in service.events:
        if since is not None and event.at is not None and event.at < since:
            continue
        meaning = event_meaning(event.message)
        if meaning:
            said = event.message.split(" For more information", 1)[0]
            causes.append(f"{said.rstrip('. ')} ({meaning})")
    for task in tasks:
        if not (task.stopped or task.desired_status == "STOPPED") or task.stop_code in PASSED_ON:
            continue
        if since is not None and task.stopped_at is not None and task.stopped_at < since:
            continue
        causes += [f"task {task.short_id}: {cause}" for cause in task_causes(task)]
    return list(dict.fromkeys(causes))


def event_meaning(message: str) -> str | None:
    """What a service event means for its user; None where it tells of no trouble."""
    lowered = message.lower()
    return next((meaning for pattern, meaning in EVENTS if pattern.lower() in lowered), None)


def placement_causes(
    reason: str,
    definition: Mapping[str, Any] | None,
    instances: Sequence[InstanceView],
    shown: int = 5,
) -> list[str]:
    """Why RunTask placed no task: the instances beside what the task needs.

    Args:
        reason: of ``failures[]``: ``RESOURCE:MEMORY``, ``AGENT``, ``ATTRIBUTE``, ``LOCATION`` …
        definition: the task definition, or None where it is not known.
        instances: the cluster's container instances.
        shown: how many instances are told of.
    """
    if not instances:
        return ["the cluster has no container instances"]
    active = [instance for instance in instances if instance.status == "ACTIVE"]
    lines: list[str] = []
    kind = reason.split(":")[-1].upper()
    needs = needed(definition) if definition else None
    if kind == "MEMORY":
        lines += [f"the task needs {needs.memory} MiB of memory"] if needs else []
        lines += [f"{i.instance_id} has {i.memory_left} of {i.memory} MiB left" for i in active[:shown]]
    elif kind == "CPU":
        lines += [f"the task needs {needs.cpu} CPU units"] if needs else []
        lines += [f"{i.instance_id} has {i.cpu_left} of {i.cpu} CPU units left" for i in active[:shown]]
    elif kind == "PORTS" and needs:
        wanted = set(needs.host_ports)
        lines += [f"the task needs the host ports {', '.join(map(str, needs.host_ports))}"]
        lines += [
            f"{i.instance_id} already uses {', '.join(map(str, taken)) if taken else 'none of them'}"
            for i in active[:shown]
            for taken in [sorted(wanted & set(i.ports_used))]
        ]
    elif kind == "AGENT":
        lines += [f"{i.instance_id}: its agent is disconnected" for i in active if not i.agent_connected][:shown]
    elif kind == "ATTRIBUTE":
        required = [row["name"] for row in (definition or {}).get("requiresAttributes", ())]
        for instance in active[:shown]:
            missing = [name for name in required if name not in instance.attributes]
            if missing:
                lines.append(f"{instance.instance_id} lacks {', '.join(missing)}")
    idle = [instance for instance in instances if instance.status != "ACTIVE"]
    lines += [f"{i.instance_id} is {i.status}" for i in idle[:shown]]
    hidden = max(0, len(active) - shown)
    if lines and hidden:
        lines.append(f"and {hidden} more instances")
    return lines


@dataclass(frozen=True)
class Needs:
    """What a task takes of an instance: CPU units, memory in MiB, fixed host ports."""

    cpu: int
    memory: int
    host_ports: tuple[int, ...]


def needed(definition: Mapping[str, Any]) -> Needs:
    """What one task of this definition reserves: the task's own figures, else the sums of its containers'."""
    containers = definition.get("containerDefinitions") or []
    cpu = units(definition.get("cpu")) or sum(int(row.get("cpu") or 0) for row in containers)
    memory = units(definition.get("memory")) or sum(
        int(row.get("memoryReservation") or row.get("memory") or 0) for row in containers
    )
    ports: list[int] = []
    for row in containers:
        for mapping in row.get("portMappings") or ():
            if definition.get("networkMode") == "host" and mapping.get("containerPortRange"):
                ports += port_range(mapping["containerPortRange"])
            elif mapping.get("hostPort"):
                ports.append(int(mapping["hostPort"]))
    return Needs(cpu, memory, tuple(ports))


def units(value: object) -> int:
    """CPU units or MiB of what the API gives as text: ``512``, ``1 vCPU``, ``2 GB``."""
    match = re.fullmatch(r"\s*([\d.]+)\s*(vcpu|gb)?\s*", str(value or ""), re.IGNORECASE)
    if match is None:
        return 0
    return int(float(match[1]) * (1024 if match[2] else 1))
