"""How much of everything the service takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Definition, Project, boxes
from ecsctl.manifest.yaml.nodes import Path, shorten

MOST_CONTAINERS = 10
LARGEST_DEFINITION = 64 * 1024
MOST_CONSTRAINTS, MOST_STRATEGIES, LONGEST_EXPRESSION = 10, 5, 2000
MOST_SUBNETS, MOST_SECURITY_GROUPS = 16, 5
QUERY = re.compile(
    r"(?:attribute:[\w./-]+|task:\w+|agentConnected|agentVersion|ec2InstanceId|registeredAt|runningTasksCount)\s*"
    r"(?:==|!=|[<>]=?|=~|!~|!?in\b|!?exists|equals|not_|greater_than|less_than|matches)"
)
EXPRESSION_FORM = 'as "attribute:ecs.os-type == linux"'
STRATEGY_FIELDS = {
    "binpack": (re.compile("cpu|memory", re.I), "cpu or memory"),
    "spread": (
        re.compile("instanceId|host|attribute:.+"),
        "instanceId, or an attribute as attribute:ecs.availability-zone",
    ),
    "random": (re.compile(""), "random has no field"),
}
RESERVED_TAGS = ("aws:", "ecsctl:")
TAG_FORM = "letters, digits, spaces and _ . : / = + - @"
MOST_PROVIDERS, MOST_TARGET_GROUPS = 20, 5
# One of the 50 tags that AWS allows says whose it is.
MOST_TAGS, LONGEST_TAG_KEY = 49, 128
TAG = re.compile(r"[\w\s.:/=+@-]*")


@rule(
    "ECS150",
    "A task definition has 10 containers at most.",
    service="Task definition can't have more than 10 containers.",
    why="A limit of the service that cannot be raised.",
)
def containers(project: Project) -> Iterator[Finding]:
    """``containerDefinitions``."""
    for definition in project.task_definitions.values():
        count = len(definition.get("containerDefinitions") or ())
        if count > MOST_CONTAINERS:
            place = (*definition.path, "containerDefinitions")
            yield Finding(place, f"{count} containers are too many", f"at most {MOST_CONTAINERS}")


@rule(
    "ECS151",
    "A task definition has 64 KiB at most.",
    service="Actual length: '…'. Max allowed length is '65536' bytes.",
    why="Put long configuration into a file of S3, a parameter or the image.",
)
def size(project: Project) -> Iterator[Finding]:
    """The JSON of the input."""
    for definition in project.task_definitions.values():
        length = len(json.dumps(definition.data, separators=(",", ":")).encode())
        if length > LARGEST_DEFINITION:
            yield Finding(definition.path, f"{length} bytes are too many", f"at most {LARGEST_DEFINITION}")


@rule(
    "ECS152",
    "Placement has 10 constraints with those of the task definition, 5 strategies, and expressions of 2000 characters.",
    service="Placement constraints can have at most 10 items. / Placement strategies can have at most 5 items.",
    why="Limits of the service that cannot be raised.",
)
def placement(project: Project) -> Iterator[Finding]:
    """``placementConstraints`` and ``placementStrategy``: how many, and of what."""
    for holder in (*project.task_definitions.values(), *project.services.values()):
        own = list(holder.items("placementConstraints"))
        definition = project.task_definition_of(holder) if holder.path[0] == "services" else None
        inherited = len(definition.get("placementConstraints") or ()) if definition is not None else 0
        if len(own) + inherited > MOST_CONSTRAINTS and own:
            place = (*holder.path, "placementConstraints")
            yield Finding(place, f"{len(own) + inherited} constraints are too many", f"at most {MOST_CONSTRAINTS}")
        for path, item in own:
            yield from _constraint(path, item)
        for path, item in holder.items("placementStrategy"):
            yield from _strategy(path, item)
        strategies = len(holder.get("placementStrategy") or ())
        if strategies > MOST_STRATEGIES:
            place = (*holder.path, "placementStrategy")
            yield Finding(place, f"{strategies} strategies are too many", f"at most {MOST_STRATEGIES}")


def _constraint(path: Path, item: Data) -> Iterator[Finding]:
    kind, expression = item.get("type"), item.get("expression")
    place = (*path, "expression")
    if kind is None:
        yield Finding((*path, "type"), "a constraint has no type", "memberOf", ((*path, "type"),))
    if len(expression or "") > LONGEST_EXPRESSION:
        message = f"an expression of {len(expression or '')} characters is too long"
        yield Finding(place, message, f"at most {LONGEST_EXPRESSION}")
    if kind == "memberOf" and not expression:
        yield Finding(place, "memberOf needs an expression", EXPRESSION_FORM)
    elif kind == "distinctInstance" and expression:
        yield Finding(place, "distinctInstance has no expression", "type: memberOf")
    elif expression and not QUERY.search(expression):
        yield Finding(place, f"{shorten(expression)!r} is no expression of the cluster query language", EXPRESSION_FORM)


def _strategy(path: Path, item: Data) -> Iterator[Finding]:
    kind, field = item.get("type"), item.get("field")
    if kind is None:
        yield Finding((*path, "type"), "a strategy has no type", "spread, binpack or random", ((*path, "type"),))
        return
    form, allowed = STRATEGY_FIELDS[kind]
    if not form.fullmatch(field or ""):
        message = f"{field!r} is no field to {kind} by" if field else f"{kind} without its field"
        yield Finding((*path, "field"), message, allowed, () if field else ((*path, "field"),))


@rule(
    "ECS153",
    "A network configuration has 16 subnets and 5 security groups at most.",
    service="subnets can have at most 16 items. / securityGroups can have at most 5 items.",
    why="Limits of the service that cannot be raised.",
)
def network(project: Project) -> Iterator[Finding]:
    """``networkConfiguration.awsvpcConfiguration``."""
    for service in project.services.values():
        vpc = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        for member, most in (("subnets", MOST_SUBNETS), ("securityGroups", MOST_SECURITY_GROUPS)):
            count = len(vpc.get(member) or ())
            if count > most:
                place = (*service.path, "networkConfiguration", "awsvpcConfiguration", member)
                yield Finding(place, f"{count} {member} are too many", f"at most {most}")


@rule(
    "ECS154",
    "A strategy has 20 capacity providers at most.",
    service="capacityProviderStrategy can have at most 20 items.",
    why="A limit of the service that cannot be raised.",
)
def providers(project: Project) -> Iterator[Finding]:
    """``capacityProviderStrategy``."""
    for service in project.services.values():
        count = len(service.get("capacityProviderStrategy") or ())
        if count > MOST_PROVIDERS:
            place = (*service.path, "capacityProviderStrategy")
            yield Finding(place, f"{count} capacity providers are too many", f"at most {MOST_PROVIDERS}")


@rule(
    "ECS155",
    "A service has 5 target groups, or one classic load balancer.",
    service="Load Balancers can have at most 5 items.",
    why="A classic balancer stands alone in front of a service.",
)
def balancers(project: Project) -> Iterator[Finding]:
    """``loadBalancers``."""
    for service in project.services.values():
        items = list(service.items("loadBalancers"))
        classic = sum(bool(item.get("loadBalancerName")) for _, item in items)
        place = (*service.path, "loadBalancers")
        if classic and len(items) > 1:
            yield Finding(place, f"a classic load balancer among {len(items)}", "it alone, or target groups")
        elif len(items) > MOST_TARGET_GROUPS:
            yield Finding(place, f"{len(items)} target groups are too many", f"at most {MOST_TARGET_GROUPS}")


@rule(
    "ECS156",
    "There are 50 tags at most; none begins with aws: or ecsctl:, and no key comes twice.",
    service="Tag keys and values with the prefix aws: are reserved. / tags can have at most 50 items.",
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


@rule(
    "ECS157",
    "A container's memory is 6 MiB or more.",
    service="Invalid setting for container. Memory must be at least 4 MiB.",
    why="Docker itself takes no less.",
)
def least_memory(project: Project) -> Iterator[Finding]:
    """``memory`` and ``memoryReservation``."""
    for _, path, box in boxes(project):
        for member in ("memory", "memoryReservation"):
            value = box.get(member)
            if value is not None and value < 6:
                yield Finding((*path, member), f"{value} MiB are too few", "at least 6")
        if (box.get("cpu") or 0) < 0:
            yield Finding((*path, "cpu"), f"{box['cpu']} CPU units", "0 or more")
