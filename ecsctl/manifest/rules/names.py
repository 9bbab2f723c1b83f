"""Names that AWS refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, Tell, cites, rule
from ecsctl.manifest.rules.document import Project
from ecsctl.refusals import containers, patterns, service, task_definition

BALANCER_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,32}(?<!-)")
BALANCER_NAME_IS = "1 to 32 letters, digits and hyphens, no hyphen at an edge"

cites(
    "ECS011",
    "Containers have names that ECS takes.",
    Tell(containers.NAME_MISSING, "the container's name is missing", patterns.NAME_IS),
    Tell(containers.NAME_CHARACTERS, "{name!r} is not a valid container name", patterns.NAME_IS),
    why="The name becomes part of the Docker container's name and host name.",
    looks_at="containerDefinitions[].name is there and well formed",
)
cites(
    "ECS013",
    "Every container has an image that can be named.",
    Tell(
        containers.IMAGE_MISSING,
        lambda values: f"the container {values['container']} has no image".replace("  ", " "),
        "for example nginx:1.27",
    ),
    Tell(
        containers.IMAGE_CHARACTERS,
        "the image {image!r} has a character that ECS refuses",
        "letters, digits and - _ : . / # @, for example nginx:1.27",
    ),
    Tell(containers.IMAGE_LENGTH, "the image is {length} characters long", "at most {most} before the @"),
    Tell(containers.IMAGE_DIGEST, "{digest!r} is not a digest", "sha256: and 64 hexadecimal digits"),
    why="There is nothing to run without one. A variable that was not filled in shows by its $ or <>.",
    looks_at="containerDefinitions[].image",
)
cites(
    "ECS098",
    "Roles are named by their name or their ARN.",
    Tell(
        task_definition.ROLE,
        lambda values: (
            f"{values['value']!r} is not {values['noun']}" if values["value"] else f"{values['member']} is empty"
        ),
        "as {like}, or leave it out",
    ),
    why="What is no role's ARN, as one whose account is still XXXXXXXXXXXX, can never be assumed.",
    looks_at="taskRoleArn and executionRoleArn",
)


@rule(
    "ECS010",
    "Families and services have names that ECS takes.",
    Tell(task_definition.FAMILY, "{name!r} is not a valid name of a family", patterns.NAME_IS),
    Tell(service.NAME, "{name!r} is not a valid name of a service", patterns.NAME_IS),
    why="ECS builds ARNs of these names.",
)
def service_names(project: Project) -> Iterator[Finding]:
    """Keys of ``taskDefinitions`` and ``services``."""
    for one in project.services.values():
        if not patterns.NAME.fullmatch(one.name):
            yield Finding(one.path, f"{one.name!r} is not a valid name of a service", patterns.NAME_IS)


@rule(
    "ECS012",
    "Load balancers have names that Elastic Load Balancing takes.",
    why="The name is the first label of the balancer's DNS name.",
)
def balancer_names(project: Project) -> Iterator[Finding]:
    """Keys of ``loadBalancers``."""
    for balancer in project.load_balancers.values():
        name = balancer.name
        if not BALANCER_NAME.fullmatch(name):
            yield Finding(balancer.path, f"{name!r} is not a valid name of a load balancer", BALANCER_NAME_IS)
        elif name.lower().startswith("internal-"):
            yield Finding(balancer.path, f"{name!r} begins with internal-", "AWS keeps that for itself")
