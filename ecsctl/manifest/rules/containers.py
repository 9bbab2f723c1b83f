"""Containers: what one container definition may say, by itself and beside the others of its task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project, amount, boxes, listed

HEALTH_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
HEALTH_COMMANDS = ("CMD", "CMD-SHELL", "NONE")
RESTART_PERIOD = (60, 1800)


@rule(
    "ECS014",
    "Container names are unique within a task definition.",
    service="Container names must be unique within a task definition",
    why="Balancers, dependencies, links, overrides and logs find a container by its name.",
)
def unique_names(project: Project) -> Iterator[Finding]:
    """``containerDefinitions[].name``."""
    for definition in project.task_definitions.values():
        seen: set[str] = set()
        for path, box in definition.items("containerDefinitions"):
            name = box.get("name")
            if name in seen:
                yield Finding((*path, "name"), f"the name {name} is taken by another container of the task definition")
            elif name:
                seen.add(name)


@rule(
    "ECS020",
    "A container has memory, memoryReservation, or a share of the task's memory.",
    service="Invalid setting for container 'x'. At least one of 'memory' or 'memoryReservation' must be specified.",
    why="The scheduler must know how much of an instance a task takes. A task-level memory says it for all containers.",
)
def memory_given(project: Project) -> Iterator[Finding]:
    """``memory`` or ``memoryReservation``, unless the task has ``memory``."""
    for definition, path, box in boxes(project):
        if definition.get("memory") is None and box.get("memory") is None and box.get("memoryReservation") is None:
            message = f"the container {box.get('name')} has neither memory nor memoryReservation"
            yield Finding(
                path,
                message,
                "memory: 512MB, here or for the task",
                ((*definition.path, "memory"), (*path, "memory"), (*path, "memoryReservation")),
            )


@rule(
    "ECS021",
    "A container's memory is not below its memoryReservation.",
    service="Invalid setting for container 'x'. 'memory' must be greater than or equal to 'memoryReservation'",
    why="memory is the limit at which the container is killed, memoryReservation what it is placed by.",
)
def memory_above_reservation(project: Project) -> Iterator[Finding]:
    """``memory`` ≥ ``memoryReservation``."""
    for _, path, box in boxes(project):
        limit, reserved = box.get("memory"), box.get("memoryReservation")
        if limit is not None and reserved is not None and limit < reserved:
            message = f"the memory of {limit} MiB is below the memoryReservation of {reserved} MiB"
            yield Finding((*path, "memory"), message, f"at least {reserved}")


@rule(
    "ECS022",
    "A container's memory is not above the task's.",
    service="The 'memory' setting for container 'app' is greater than for the task",
    why="The task's memory is the limit of all its containers together.",
)
def memory_within_task(project: Project) -> Iterator[Finding]:
    """``memory`` and ``memoryReservation`` ≤ the task's ``memory``."""
    for definition, path, box in boxes(project):
        whole = amount(definition, "memory")
        for member in ("memory", "memoryReservation"):
            own = box.get(member)
            if whole is not None and own is not None and own > whole:
                message = f"the {member} of {own} MiB is above the task's memory of {whole} MiB"
                yield Finding((*path, member), message, f"at most {whole}", ((*definition.path, "memory"),))


@rule(
    "ECS023",
    "The containers' CPU units add up to no more than the task's.",
    service="The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value",
    why="The task's cpu is what all its containers share.",
)
def cpu_within_task(project: Project) -> Iterator[Finding]:
    """Sum of ``cpu`` ≤ the task's ``cpu``."""
    for definition in project.task_definitions.values():
        whole = amount(definition, "cpu")
        total = sum(box.get("cpu") or 0 for _, box in definition.items("containerDefinitions"))
        if whole is not None and total > whole:
            message = f"the containers' cpu adds up to {total}, the task has {whole}"
            yield Finding((*definition.path, "cpu"), message, depends=((*definition.path, "containerDefinitions"),))


@rule(
    "ECS024",
    "At least one container is essential.",
    service="Task definition doesn't have any essential container",
    why="A task lives as long as its essential containers do.",
)
def one_essential(project: Project) -> Iterator[Finding]:
    """``essential`` is true, or left out, somewhere."""
    for definition in project.task_definitions.values():
        found = list(definition.items("containerDefinitions"))
        if found and all(box.get("essential") is False for _, box in found):
            path = (*definition.path, "containerDefinitions")
            yield Finding(path, "no container is essential", "essential: true on one of them")
        elif not found and definition.get("containerDefinitions") == []:
            yield Finding((*definition.path, "containerDefinitions"), "there is no container")


@rule(
    "ECS025",
    "A container's health check stays within its bounds.",
    service="healthCheck interval must be between 5 and 300 / timeout 2 and 60 / retries 1 and 10 / startPeriod 0 "
    "and 300",
    why="The agent runs the check inside of the container at this pace.",
)
def health_bounds(project: Project) -> Iterator[Finding]:
    """``healthCheck`` of containers."""
    for _, path, box in boxes(project):
        check = box.get("healthCheck")
        if not isinstance(check, dict):
            continue
        for member, (least, most) in HEALTH_BOUNDS.items():
            value = check.get(member)
            if value is not None and not least <= value <= most:
                unit = "" if member == "retries" else " s"
                message = f"the {member} of {value}{unit} is out of bounds"
                yield Finding((*path, "healthCheck", member), message, f"{least} to {most}{unit}")


@rule(
    "ECS026",
    "A health check's command begins with CMD or CMD-SHELL.",
    service="Container healthCheck command must start with CMD or CMD-SHELL.",
    why="The first word tells whether the rest is run directly or by the container's shell.",
)
def health_command(project: Project) -> Iterator[Finding]:
    """``healthCheck.command``."""
    for _, path, box in boxes(project):
        check = box.get("healthCheck")
        command = check.get("command") if isinstance(check, dict) else None
        if command is not None and (not command or command[0] not in HEALTH_COMMANDS):
            first = repr(command[0]) if command else "nothing"
            message = f"the command begins with {first}"
            yield Finding((*path, "healthCheck", "command"), message, 'one of ["CMD", …], ["CMD-SHELL", "…"]')


@rule(
    "ECS031",
    "Secrets need an execution role.",
    service="When you are specifying container secrets, you must also specify a value for 'executionRoleArn'",
    why="The agent reads the secrets with this role before the container starts; the task's own role comes later.",
)
def secrets_need_role(project: Project) -> Iterator[Finding]:
    """``secrets`` and ``logConfiguration.secretOptions``."""
    for definition, path, box in boxes(project):
        if definition.get("executionRoleArn"):
            continue
        depends = ((*definition.path, "executionRoleArn"),)
        logs = box.get("logConfiguration")
        options = logs.get("secretOptions") if isinstance(logs, dict) else None
        for place, value in (("secrets",), box.get("secrets")), (("logConfiguration", "secretOptions"), options):
            if value:
                message = "secrets without an executionRoleArn of the task definition"
                yield Finding((*path, *place), message, "executionRoleArn: arn:aws:iam::…:role/…", depends)


@rule(
    "ECS032",
    "Variables and secrets have names; that of a secret is not that of a variable too, and comes once.",
    service="The secret name must be unique and not shared with any new or existing environment variables set on the "
    "container, such as 'X'.",
    why="Both become environment variables of the container.",
)
def unique_variables(project: Project) -> Iterator[Finding]:
    """``environment`` and ``secrets``."""
    for _, path, box in boxes(project):
        variables = Counter(item.get("name") for _, item in listed(box, "environment", path))
        for place, item in listed(box, "environment", path):
            if item.get("name") == "" or (item.get("name") is None and "value" in item):
                yield Finding(
                    (*place, "name"), "a variable has no name", "name: NAME", ((*place, "name"), (*place, "value"))
                )
        secrets: set[str] = set()
        for place, item in listed(box, "secrets", path):
            name = item.get("name")
            if name in secrets or name in variables:
                what = "a secret" if name in secrets else "a variable of environment"
                yield Finding((*place, "name"), f"the name {name} is that of {what} already")
            elif name:
                secrets.add(name)


@rule(
    "ECS033",
    "A soft limit is not above its hard limit.",
    service="ulimit softLimit must be less than or equal to hardLimit",
    why="The hard limit is the ceiling of the soft one.",
)
def ulimits(project: Project) -> Iterator[Finding]:
    """``ulimits``; -1 is unlimited."""
    for _, path, box in boxes(project):
        for place, item in listed(box, "ulimits", path):
            soft, hard = item.get("softLimit"), item.get("hardLimit")
            if soft is None or hard is None or hard == -1:
                continue
            if soft > hard or soft == -1:
                message = f"the softLimit of {soft} is above the hardLimit of {hard}"
                yield Finding((*place, "softLimit"), message, f"at most {hard}")


@rule(
    "ECS034",
    "The log driver awslogs names its group, and splunk its URL.",
    service="Log driver awslogs requires options: awslogs-group / Log driver splunk requires options: splunk-url",
    why="The driver does not know where to write otherwise.",
)
def awslogs_group(project: Project) -> Iterator[Finding]:
    """``logConfiguration.options.awslogs-group``, ``splunk-url``."""
    for _, path, box in boxes(project):
        logs = box.get("logConfiguration") or {}
        place = (*path, "logConfiguration", "options")
        options = logs.get("options") or {}
        if logs.get("logDriver") == "awslogs" and not options.get("awslogs-group"):
            yield Finding(place, "the log driver awslogs has no awslogs-group", "awslogs-group: /ecs/NAME")
        secret = any(item.get("name") == "splunk-url" for _, item in listed(logs, "secretOptions", path))
        if logs.get("logDriver") == "splunk" and not options.get("splunk-url") and not secret:
            yield Finding(place, "the log driver splunk has no splunk-url", "splunk-url: https://…:8088")


@rule(
    "ECS035",
    "A restart policy waits one minute to half an hour.",
    service="restartAttemptPeriod must be between 60 and 1800",
    why="A container that ends earlier than this is not restarted again.",
)
def restart_period(project: Project) -> Iterator[Finding]:
    """``restartPolicy.restartAttemptPeriod``."""
    least, most = RESTART_PERIOD
    for _, path, box in boxes(project):
        policy = box.get("restartPolicy")
        period = policy.get("restartAttemptPeriod") if isinstance(policy, dict) else None
        if period is not None and not least <= period <= most:
            place = (*path, "restartPolicy", "restartAttemptPeriod")
            yield Finding(place, f"{period} s is out of bounds", f"{least} to {most} s")


@rule(
    "ECS036",
    "awsfirelens and a firelensConfiguration need each other.",
    service="When awsfirelens log driver is specified in log configuration, a firelens configuration object must be "
    "configured in one of the containers. / When a firelensConfiguration object is specified, at least one container "
    "has to be configured with the awsfirelens log driver.",
    why="The driver hands the logs to the container that has the firelensConfiguration, which sends them on.",
)
def firelens(project: Project) -> Iterator[Finding]:
    """``logConfiguration.logDriver`` and ``firelensConfiguration``."""
    for definition in project.task_definitions.values():
        found = list(definition.items("containerDefinitions"))
        senders = [path for path, box in found if (box.get("logConfiguration") or {}).get("logDriver") == "awsfirelens"]
        routers = [path for path, box in found if box.get("firelensConfiguration")]
        if senders and not routers:
            depends = tuple((*path, "firelensConfiguration") for path, _ in found)
            place = (*senders[0], "logConfiguration", "logDriver")
            message = "awsfirelens without a container that has a firelensConfiguration"
            yield Finding(place, message, "firelensConfiguration: {type: fluentbit} on the log router", depends)
        elif routers and not senders:
            depends = tuple((*path, "logConfiguration") for path, _ in found)
            place = (*routers[0], "firelensConfiguration")
            yield Finding(place, "no container logs to it", "logDriver: awsfirelens on another container", depends)
