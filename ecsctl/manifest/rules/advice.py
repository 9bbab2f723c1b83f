"""What AWS takes, but is unwise: warnings, which ``--strict`` makes errors."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.model import Severity
from ecsctl.manifest.placement import host_port, on_fargate
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project, boxes, counts, listed, network_mode
from ecsctl.manifest.secrets import looks_secret

WARNING: Severity = "warning"
OLD_IMAGES = re.compile(r"/aws/service/ecs/optimized-ami/amazon-linux(?:-2)?/")


@rule(
    "ECS200",
    "Secrets do not stand in environment.",
    why="Whoever may describe the task definition reads its environment, and every revision keeps it for good. A "
    "secret of Secrets Manager or a parameter is named by secrets and read when the task starts.",
    severity=WARNING,
)
def no_secrets_in_environment(project: Project) -> Iterator[Finding]:
    """Names and values that look like secrets."""
    for _, path, box in boxes(project):
        for place, item in listed(box, "environment", path):
            name, value = str(item.get("name") or ""), str(item.get("value") or "")
            if looks_secret(name, value):
                message = f"the variable {name} looks like a secret"
                yield Finding((*place, "value"), message, "secrets: {" + name + ": ARN or name of a parameter}")


@rule(
    "ECS201",
    "An image has a tag other than latest, or a digest.",
    why="latest is whatever was pushed last: tasks of one service differ, and a rollback brings nothing back.",
    severity=WARNING,
)
def no_latest(project: Project) -> Iterator[Finding]:
    """``image``."""
    for _, path, box in boxes(project):
        image = str(box.get("image") or "")
        if not image or "@" in image or "${" in image:
            continue
        tag = image.rpartition("/")[2].partition(":")[2]
        if tag in ("", "latest"):
            what = "has no tag, which means latest" if not tag else "has the tag latest"
            yield Finding((*path, "image"), f"the image {image} {what}", f"{image.split(':latest')[0]}:VERSION")


@rule(
    "ECS202",
    "A container has a log configuration.",
    why="Without one its output stays on the instance, and is gone with it; on Fargate it is nowhere.",
    severity=WARNING,
)
def logs(project: Project) -> Iterator[Finding]:
    """``logConfiguration``."""
    for _, path, box in boxes(project):
        if not box.get("logConfiguration"):
            yield Finding(
                path,
                f"the container {box.get('name')} has no logConfiguration",
                "logDriver: awslogs",
                ((*path, "logConfiguration"),),
            )


@rule(
    "ECS203",
    "A container on EC2 has a limit of memory.",
    why="With memoryReservation alone, a leak takes the memory of its neighbours until the kernel kills one of them.",
    severity=WARNING,
)
def memory_limit(project: Project) -> Iterator[Finding]:
    """``memory`` of the container or the task."""
    for definition, path, box in boxes(project):
        if box.get("memoryReservation") and not box.get("memory") and not definition.get("memory"):
            message = f"the container {box.get('name')} has a memoryReservation, but no limit"
            yield Finding(
                (*path, "memoryReservation"), message, "memory, too", ((*path, "memory"), (*definition.path, "memory"))
            )


@rule(
    "ECS204",
    "A deployment of fixed host ports has room.",
    why="With minimumHealthyPercent 100 no task may stop before its successor runs, and with every instance's port "
    "taken none can start: the deployment never ends.",
    severity=WARNING,
)
def room_to_deploy(project: Project) -> Iterator[Finding]:
    """Fixed host ports, as many tasks as instances, and a minimum of 100 %."""
    numbers = counts(project.instances)
    if numbers is None:
        return
    most = numbers[2]
    for service in project.services.values():
        definition, desired = project.task_definition_of(service), service.get("desiredCount")
        if definition is None or desired != most or on_fargate(service.data):
            continue
        mode = network_mode(project, definition)
        low = (service.get("deploymentConfiguration") or {}).get("minimumHealthyPercent")
        fixed = mode != "awsvpc" and any(
            host_port(mode, mapping)
            for path, box in definition.items("containerDefinitions")
            for _, mapping in listed(box, "portMappings", path)
        )
        if fixed and (low is None or low >= 100):
            message = (
                f"{desired} tasks of a fixed host port fill all {most} instances, so a deployment cannot start one"
            )
            allowed = "deploymentConfiguration: {minimumHealthyPercent: 50}, or one instance more"
            yield Finding((*service.path, "desiredCount"), message, allowed)


@rule(
    "ECS205",
    "The instances' image is maintained.",
    why="The ECS images of Amazon Linux 2 reached the end of their life on 2026-06-30, those of Amazon Linux 1 before.",
    severity=WARNING,
)
def maintained_image(project: Project) -> Iterator[Finding]:
    """``instances.image``."""
    image = str((project.instances or {}).get("image") or "")
    if OLD_IMAGES.search(image):
        yield Finding(("instances", "image"), f"{image} gets no updates any more", "al2023")


@rule(
    "ECS206",
    "A container is not privileged without need.",
    why="A privileged container is root on the instance, with every other task's secrets.",
    severity=WARNING,
)
def privileged(project: Project) -> Iterator[Finding]:
    """``privileged``."""
    for definition, path, box in boxes(project):
        if box.get("privileged") and not project.fargate(definition):
            message = f"the container {box.get('name')} is privileged"
            yield Finding((*path, "privileged"), message, "linuxParameters.capabilities: what it needs")


@rule(
    "ECS207",
    "A variable is set once.",
    why="Which of two values the container sees is not said.",
    severity=WARNING,
)
def variables_once(project: Project) -> Iterator[Finding]:
    """``environment``."""
    for _, path, box in boxes(project):
        seen: set[str] = set()
        for place, item in listed(box, "environment", path):
            name = str(item.get("name") or "")
            if name in seen:
                yield Finding((*place, "name"), f"the variable {name} is set already")
            seen.add(name)


@rule(
    "ECS209",
    "A service of a task definition for Fargate alone says that it runs there.",
    why="Without a launchType or a capacityProviderStrategy the cluster's default strategy counts; where it has none, "
    "that is EC2.",
    severity=WARNING,
)
def fargate_is_said(project: Project) -> Iterator[Finding]:
    """``launchType`` and ``capacityProviderStrategy``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        wanted = (definition.get("requiresCompatibilities") or ()) if definition is not None else ()
        said = service.get("launchType") or service.get("capacityProviderStrategy")
        if definition is not None and list(wanted) == ["FARGATE"] and not said:
            depends = (
                (*service.path, "launchType"),
                (*service.path, "capacityProviderStrategy"),
                (*definition.path, "requiresCompatibilities"),
            )
            message = f"{definition.name} runs on Fargate only, and nothing says that the service does"
            yield Finding(service.path, message, "launchType: FARGATE", depends)


@rule(
    "ECS208",
    "Nothing is used that AWS has given up.",
    why="App Mesh ended on 2026-09-30: its proxy finds nothing to be configured by. Service Connect does its work.",
    severity=WARNING,
)
def given_up(project: Project) -> Iterator[Finding]:
    """``proxyConfiguration``."""
    for definition in project.task_definitions.values():
        if definition.get("proxyConfiguration"):
            yield Finding((*definition.path, "proxyConfiguration"), "App Mesh is no longer available", "leave it out")
