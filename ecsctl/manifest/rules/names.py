"""Names that AWS refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project

ECS_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
ECS_NAME_IS = "1 to 255 letters, digits, hyphens and underscores"
BALANCER_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
BALANCER_NAME_IS = "1 to 32 letters, digits and hyphens, no hyphen at an edge"


@rule(
    "ECS010",
    "Families and services have names that ECS takes.",
    service="Invalid family name. / The service name must be 1 to 255 letters, numbers, hyphens and underscores.",
    why="ECS builds ARNs of these names.",
)
def ecs_names(project: Project) -> Iterator[Finding]:
    """Keys of ``taskDefinitions`` and ``services``."""
    for kind, definitions in (("family", project.task_definitions), ("service", project.services)):
        for definition in definitions.values():
            if not ECS_NAME.fullmatch(definition.name):
                yield Finding(definition.path, f"{definition.name!r} is no name of a {kind}", ECS_NAME_IS)


@rule(
    "ECS011",
    "Containers have names that ECS takes.",
    service="Container.name contains invalid characters.",
    why="The name becomes part of the Docker container's name and host name.",
)
def container_names(project: Project) -> Iterator[Finding]:
    """``containerDefinitions[].name`` is there and well formed."""
    for definition in project.task_definitions.values():
        for path, box in definition.items("containerDefinitions"):
            name = box.get("name")
            if name is None:
                yield Finding((*path, "name"), "the container's name is missing", ECS_NAME_IS)
            elif not ECS_NAME.fullmatch(name):
                yield Finding((*path, "name"), f"{name!r} is no name of a container", ECS_NAME_IS)


@rule(
    "ECS012",
    "Load balancers have names that Elastic Load Balancing takes.",
    service="LoadBalancer name cannot be longer than 32 characters / can only contain characters that are alphanumeric "
    "characters and hyphens(-)",
    why="The name is the first label of the balancer's DNS name.",
)
def balancer_names(project: Project) -> Iterator[Finding]:
    """Keys of ``loadBalancers``."""
    for balancer in project.load_balancers.values():
        name = balancer.name
        if not BALANCER_NAME.fullmatch(name):
            yield Finding(balancer.path, f"{name!r} is no name of a load balancer", BALANCER_NAME_IS)
        elif name.lower().startswith("internal-"):
            yield Finding(balancer.path, f"{name!r} begins with internal-", "AWS keeps that for itself")


@rule(
    "ECS013",
    "Every container has an image.",
    service="Container.image should not be null or empty.",
    why="There is nothing to run without one.",
)
def images(project: Project) -> Iterator[Finding]:
    """``containerDefinitions[].image`` is there, and has no white space in it."""
    for definition in project.task_definitions.values():
        for path, box in definition.items("containerDefinitions"):
            image = box.get("image")
            if image and image.split() != [image]:
                yield Finding((*path, "image"), f"the image {image!r} has white space in it", "as nginx:1.27")
            if not image:
                yield Finding(
                    (*path, "image"), f"the container {box.get('name') or ''} has no image".replace("  ", " ")
                )
