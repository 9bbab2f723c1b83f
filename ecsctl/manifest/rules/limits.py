"""How much of everything the service takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, Tell, Values, cites, rule
from ecsctl.manifest.rules.document import Definition, Project
from ecsctl.manifest.yaml.nodes import shorten
from ecsctl.refusals import load_balancers, placement, service, task_definition

EXPRESSION_FORM = 'as "attribute:ecs.os-type == linux"'
SPREAD_FIELDS = "instanceId, or an attribute as attribute:ecs.availability-zone"
RESERVED_TAGS = ("aws:", "ecsctl:")
TAG_FORM = "letters, digits, spaces and _ . : / = + - @"
# One of the 50 tags that AWS allows says whose it is.
MOST_TAGS, LONGEST_TAG_KEY = 49, 128
TAG = re.compile(r"[\w\s.:/=+@-]*")


def _expression(values: Values) -> str:
    expression = values["expression"]
    if not expression:
        return "memberOf needs an expression"
    return f"{shorten(expression)!r} is not an expression of the cluster query language"


def _field(values: Values) -> str:
    field, kind = values["field"], values["kind"]
    return f"{field!r} is not a field to {kind} by" if field else f"{kind} without its field"


cites(
    "ECS150",
    "A task definition has 10 containers at most.",
    Tell(task_definition.CONTAINERS_COUNT, "{count} containers are too many", "at most {most}"),
    why="A limit of the service that cannot be raised.",
    looks_at="containerDefinitions",
)
cites(
    "ECS151",
    "A task definition has 64 KiB at most.",
    Tell(task_definition.DEFINITION_SIZE, "{length} bytes are too many", "at most {most}"),
    why="Put long configuration into a file of S3, a parameter or the image.",
    looks_at="The JSON of the input",
)
cites(
    "ECS152",
    "Placement has 10 constraints with those of the task definition, 5 strategies, and expressions of 2000 characters.",
    Tell(placement.CONSTRAINTS_COUNT, "{count} constraints are too many", "at most {most}"),
    Tell(placement.DEFINITION_CONSTRAINTS, "{count} constraints are too many", "at most {most}"),
    Tell(placement.STRATEGIES_COUNT, "{count} strategies are too many", "at most {most}"),
    Tell(placement.CONSTRAINT_TYPE, "a constraint has no type", "memberOf"),
    Tell(placement.DEFINITION_DISTINCT, "a task definition has no constraint of type {kind}", "memberOf"),
    Tell(placement.EXPRESSION_LENGTH, "an expression of {length} characters is too long", "at most {most}"),
    Tell(placement.EXPRESSION, _expression, EXPRESSION_FORM),
    Tell(placement.DEFINITION_EXPRESSION, _expression, EXPRESSION_FORM),
    Tell(placement.DISTINCT_EXPRESSION, "distinctInstance has no expression", "type: memberOf"),
    Tell(placement.STRATEGY_TYPE, "a strategy has no type", "spread, binpack or random"),
    Tell(placement.BINPACK_FIELD, _field, "cpu or memory"),
    Tell(placement.SPREAD_FIELD, _field, SPREAD_FIELDS),
    Tell(placement.RANDOM_FIELD, "random has no field, not {field!r} either", "leave it out"),
    why="Limits of the service that cannot be raised.",
    looks_at="placementConstraints and placementStrategy: how many, and of what",
)
cites(
    "ECS153",
    "A network configuration has 16 subnets and 5 security groups at most.",
    Tell(service.SUBNETS_COUNT, "{count} {member} are too many", "at most {most}"),
    why="Limits of the service that cannot be raised.",
    looks_at="networkConfiguration.awsvpcConfiguration",
)
cites(
    "ECS154",
    "A strategy has 20 capacity providers at most.",
    Tell(service.STRATEGY_COUNT, "{count} capacity providers are too many", "at most {most}"),
    why="A limit of the service that cannot be raised.",
    looks_at="capacityProviderStrategy",
)
cites(
    "ECS155",
    "A service has 5 target groups, or one classic load balancer.",
    Tell(load_balancers.CLASSIC_COUNT, "a classic load balancer among {count}", "it alone, or target groups"),
    Tell(load_balancers.COUNT, "{count} target groups are too many", "at most {most}"),
    why="A classic balancer stands alone in front of a service.",
    looks_at="loadBalancers",
)


@rule(
    "ECS156",
    "There are 50 tags at most; none begins with aws: or ecsctl:, and no key comes twice.",
    why="AWS keeps the one prefix to itself; by the other ecsctl knows what it made, and for whom, and that takes one "
    "of the 50.",
)
def tags(project: Project) -> Iterator[Finding]:
    """``tags`` everywhere."""
    everywhere = project.data.get("tags") or {}
    for key, value in everywhere.items():
        if str(key).lower().startswith(RESERVED_TAGS):
            yield Finding(("tags", key), f"the tag {key} is reserved", "another name")
        elif not key or len(key) > LONGEST_TAG_KEY:
            yield Finding(("tags", key), f"a tag's key of {len(key)} characters", f"1 to {LONGEST_TAG_KEY}")
        elif not TAG.fullmatch(key) or not TAG.fullmatch(str(value)):
            yield Finding(("tags", key), f"the tag {key} has characters that AWS refuses", TAG_FORM)
    if len(everywhere) > MOST_TAGS:
        yield Finding(("tags",), f"{len(everywhere)} tags are too many", f"{MOST_TAGS}, and that of the owner")
    holders: tuple[Definition, ...] = (*project.task_definitions.values(), *project.services.values())
    for holder in holders:
        seen: set[str] = set()
        for path, item in holder.items("tags"):
            key = str(item.get("key") or "")
            if key.lower().startswith(RESERVED_TAGS):
                yield Finding((*path, "key"), f"the tag {key} is reserved", "another name")
            if key in seen:
                yield Finding((*path, "key"), f"the tag {key} is there already")
            seen.add(key)
        together = len(seen | set(everywhere))
        if together > max(MOST_TAGS, len(everywhere)):
            message = f"{together} tags are too many, with those of the project"
            yield Finding((*holder.path, "tags"), message, f"{MOST_TAGS}, and that of the owner")
