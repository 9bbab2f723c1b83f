"""ExecuteCommand and task scale-in protection."""

from __future__ import annotations

import shlex

from ecsctl.refusals import state
from ecsctl.sandbox.ecs.api.references import find_cluster, missing, task_of
from ecsctl.sandbox.ecs.errors import invalid, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.store.store import Task

_LONGEST_MINUTES = 2880
_DEFAULT_MINUTES = 120


@operation("ExecuteCommand")
def execute_command(region: Region, request: Request) -> Response:
    """ExecuteCommand: a session with the command in the container; refused in ECS's words where it is not enabled."""
    cluster = find_cluster(region, request)
    task = task_of(region, cluster.name, request["task"])
    if task is None:
        raise invalid("The referenced task was not found.")
    if not request.get("interactive"):
        raise invalid("Interactive is the only mode supported currently.")
    if not task.execute_command:
        raise refused(state.EXEC_OFF)
    name = request.get("container")
    if name is None and len(task.containers) > 1:
        raise invalid("The container must be specified for a task with multiple containers.")
    container = next((one for one in task.containers if name in (None, one.name)), None)
    if container is None:
        raise invalid("The container was not found in the task.")
    session = getattr(region.runtime, "session", None)
    if session is None or container.last_status != "RUNNING":
        raise refused(state.EXEC_AGENT)
    try:
        command = shlex.split(request["command"])
    except ValueError as error:
        raise invalid(f"The command cannot be read: {error}") from None
    return {
        "clusterArn": cluster.arn,
        "taskArn": task.arn,
        "containerArn": container.arn,
        "containerName": container.name,
        "interactive": True,
        "session": session(task.arn, container.name, command),
    }


def _protection(task: Task, now: float) -> Response:
    held = task.protected_until is not None and task.protected_until > now
    return {
        "taskArn": task.arn,
        "protectionEnabled": held,
        "expirationDate": task.protected_until if held else None,
    }


def _of_services(region: Region, cluster: str, references: list[str]) -> tuple[list[Task], list[Response]]:
    found, failures = [], []
    for reference in references:
        task = task_of(region, cluster, reference)
        if task is None or task.last_status == "STOPPED":
            failures.append(missing(region, "task", cluster, reference))
        elif task.service is None:
            failures.append(
                {"arn": task.arn, "reason": "TASK_NOT_VALID", "detail": "The task is not part of a service."}
            )
        else:
            found.append(task)
    return found, failures


@operation("UpdateTaskProtection")
def update_task_protection(region: Region, request: Request) -> Response:
    """UpdateTaskProtection: keeps up to 10 tasks of services from scale-in, for 1 to 2880 minutes (120)."""
    cluster = find_cluster(region, request).name
    if not 1 <= len(request["tasks"]) <= 10:
        raise invalid("Between 1 and 10 tasks can be specified.")
    minutes = request.get("expiresInMinutes", _DEFAULT_MINUTES)
    if not 1 <= minutes <= _LONGEST_MINUTES:
        raise invalid(f"expiresInMinutes must be between 1 and {_LONGEST_MINUTES}.")
    tasks, failures = _of_services(region, cluster, request["tasks"])
    for task in tasks:
        task.protected_until = region.now + minutes * 60 if request["protectionEnabled"] else None
        region.store.touch_service_of(task)
    return {"protectedTasks": [_protection(task, region.now) for task in tasks], "failures": failures}


@operation("GetTaskProtection")
def get_task_protection(region: Region, request: Request) -> Response:
    """GetTaskProtection: of the named tasks, or of every service's task of the cluster (at most 100)."""
    cluster = find_cluster(region, request).name
    references = request.get("tasks")
    if references is None:
        store = region.store
        references = [t.arn for t in store.cluster_tasks(cluster) if t.service and t.last_status != "STOPPED"]
    if len(references) > 100:
        raise invalid("Tasks cannot have more than 100 elements.")
    tasks, failures = _of_services(region, cluster, references)
    return {"protectedTasks": [_protection(task, region.now) for task in tasks], "failures": failures}
