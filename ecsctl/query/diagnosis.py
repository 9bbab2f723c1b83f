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

from ecsctl.query.service_events import event_meaning, sentence
from ecsctl.query.views import ContainerView, InstanceView, ServiceView, TaskView, port_range

# What a prefix of a container's `reason` means, and what to do about it.
REASONS = {
    "CannotPullContainerAuthError": "the registry refused the credentials: check the execution role or the secret",
    "CannotPullECRContainerError": "ECR refused the pull: the execution or instance role needs ECR's read rights",
    "CannotPullImageManifestError": "the image's tag or platform is not in the registry",
    "CannotPullContainerError": "the image cannot be pulled: check its name and tag, and the way to the registry",
    "CannotCreateContainerError": "Docker refused to create the container",
    "CannotStartContainerError": "the container did not start: check its command, its ports and mounts",
    "CannotInspectContainerError": "Docker could not inspect the container",
    "CannotStopContainerError": "Docker could not stop the container",
    "DockerTimeoutError": "Docker took too long: the instance may be overloaded",
    "ResourceInitializationError": "secrets, logs, volumes or the network could not be set up: check the execution "
    "role and the network's way out",
    "ContainerNetworkingError": "the container's network could not be set up",
    "TaskDependencyError": "a container that this one depends on did not become ready",
    "HostConfigError": "the instance refused the container's settings",
    "OutOfMemoryError": "it used more memory than it is allowed: raise its `memory`",
}
SIGNALS = {137: "SIGKILL", 139: "SIGSEGV, a crash", 143: "SIGTERM"}

# Stop codes of tasks that somebody or the service ended: their containers then end by a signal.
ENDED_FROM_OUTSIDE = ("UserInitiated", "ServiceSchedulerInitiated")
# Stop codes of tasks that went with the capacity under them; the service replaces them.
LOST_CAPACITY = ("SpotInterruption", "TerminationNotice", "InfrastructureHealth")
# How ECS begins its own reasons ("Task failed ELB health checks in …"), which have the stop code of a scaling activity.
TASK_FAILED = "Task failed "


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
        said = container_cause(container, stopped_on_purpose=task.stop_code in ENDED_FROM_OUTSIDE)
        if said:
            causes.append(said)
    if not task.stopped and task.health == "UNHEALTHY":
        sick = [container.name for container in task.containers if container.health == "UNHEALTHY"]
        causes.append(f"health checks fail{': ' + ', '.join(sick) if sick else ''}")
    return causes


def container_cause(container: ContainerView, *, stopped_on_purpose: bool = False) -> str | None:
    """What a container says of its end: its reason with the meaning, or its exit code; None where all is well."""
    if container.reason:
        meaning = meaning_of(container.reason)
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


def failed(task: TaskView) -> bool:
    """Whether a task that has stopped, or is stopping, failed: it was neither ended on purpose nor lost with its host.

    An essential container that ended by itself is a failure with exit code 0, too, in a task of a service.
    """
    if not task.stopped and task.desired_status != "STOPPED":
        return False
    reason = task.stopped_reason or ""
    if task.stop_code in LOST_CAPACITY or reason.startswith("Host EC2"):
        return False
    return task.stop_code not in ENDED_FROM_OUTSIDE or reason.startswith(TASK_FAILED)


def root_cause(task: TaskView) -> str:
    """The one sentence that tells most of why a task stopped, without the task's own id.

    A container's reason with its meaning tells more than the exit code of another one, and either more than the
    task's reason, which is often the same for all ("Essential container in task exited").
    """
    waiting = [c for c in task.containers if (c.reason or "").startswith("TaskDependencyError")]
    for container in task.containers:
        if container.reason and container not in waiting:
            return container_cause(container) or container.reason
    reason = (task.stopped_reason or "").rstrip(". ")
    if reason.startswith(TASK_FAILED) and task.stop_code in ENDED_FROM_OUTSIDE:
        sick = [container.name for container in task.containers if container.health == "UNHEALTHY"]
        return f"{reason} ({', '.join(sick)})" if sick and "container health checks" in reason else reason
    meaning = meaning_of(reason)
    if meaning:
        return f"{reason} ({meaning})"
    ended = [container for container in task.containers if container.exit_code is not None]
    ended.sort(key=lambda container: (container.exit_code in SIGNALS, container.exit_code == 0))
    if ended and (ended[0].exit_code or task.stop_code == "EssentialContainerExited"):
        return container_cause(ended[0]) or f"container {ended[0].name} ended with exit code 0"
    if waiting:
        return container_cause(waiting[0]) or ""
    return reason or task.stop_code or "it stopped, and ECS gives no reason"


def meaning_of(reason: str) -> str | None:
    """What a reason of the agent's means, and what to do about it; None where its first word is not known."""
    return next((text for prefix, text in REASONS.items() if reason.startswith(prefix)), None)


def service_causes(service: ServiceView, tasks: Iterable[TaskView], since: datetime | None = None) -> list[str]:
    """Why a service is not steady: its rollout, its stopped tasks and its events, newer than ``since``.

    Args:
        tasks: tasks of the service, stopped ones included.
        since: events and tasks of before are another story; None takes all.

    Returns:
        sentences without duplicates, the rollout's own reason first; several tasks that failed of the same are one.
    """
    causes: list[str] = []
    for deployment in service.deployments[:1]:
        if deployment.rollout_state == "FAILED":
            causes.append(f"the deployment failed: {deployment.rollout_reason or 'no reason given'}")
    recent = [task for task in tasks if since is None or task.stopped_at is None or task.stopped_at >= since]
    causes += map(str, grouped(task for task in recent if failed(task)))
    for event in service.events:
        if since is not None and event.at is not None and event.at < since:
            continue
        meaning = event_meaning(event.message)
        if meaning:
            causes.append(f"{sentence(event.message)} ({meaning.text})")
    return list(dict.fromkeys(causes))


@dataclass(frozen=True)
class TaskCause:
    """Why tasks failed, all of them for the same reason; ``example`` is the newest of them."""

    text: str
    count: int
    example: TaskView

    def __str__(self) -> str:
        return f"{self.count} tasks failed: {self.text}" if self.count > 1 else f"a task failed: {self.text}"


# What differs between two tasks that failed of the same: ids, request ids, addresses, times.
_OWN = re.compile(
    r"\b[0-9a-f]{8}[0-9a-f-]{4,}\b|\b\d{1,3}(\.\d{1,3}){3}(:\d+)?\b|\bi-[0-9a-f]{8,}\b|\d{4}-\d\d-\d\dT\S+"
)


def grouped(tasks: Iterable[TaskView]) -> list[TaskCause]:
    """Why these tasks failed: each cause once, the most frequent first, then the one that was seen last."""
    groups: dict[str, list[TaskView]] = {}
    for task in tasks:
        groups.setdefault(_OWN.sub("*", root_cause(task)), []).append(task)

    def newest(found: list[TaskView]) -> TaskView:
        return max(found, key=lambda task: task.stopped_at.timestamp() if task.stopped_at else 0.0)

    causes = [TaskCause(root_cause(newest(found)), len(found), newest(found)) for found in groups.values()]
    return sorted(causes, key=lambda cause: -cause.count)


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
    cpu = _amount(definition.get("cpu")) or sum(int(row.get("cpu") or 0) for row in containers)
    memory = _amount(definition.get("memory")) or sum(
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


def _amount(value: object) -> int:
    # ECS stores a task's cpu and memory in CPU units and MiB, whatever unit they were registered in.
    text = str(value or "")
    return int(text) if text.isdigit() else 0
