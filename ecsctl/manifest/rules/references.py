"""What a file refers to must be in it: a service's task definition, container, port and balancer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, Tell, cites, rule
from ecsctl.manifest.rules.document import Definition, Project, ports_of, referred
from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.refusals import load_balancers as facts

FAMILY = re.compile(r"[A-Za-z0-9_-]{1,255}")
ELSEWHERE = re.compile(r"arn:[^:]+:ecs:[^:]*:\d*:task-definition/[^:]+(:\d+)?|[A-Za-z0-9_-]{1,255}(:\d+)?")


@rule(
    "ECS001",
    "A service's task definition exists.",
    why="A family of this file means the revision that the file makes. Any other is one that AWS has.",
)
def task_definition_exists(project: Project) -> Iterator[Finding]:
    """A service names a family, ``family:revision`` or an ARN."""
    for service, name, known in _elsewhere(project):
        if not ELSEWHERE.fullmatch(name):
            message = f"there is no task definition {name!r} in this file, and it cannot be one in AWS"
            yield Finding((*service.path, "taskDefinition"), message, f"{known}; or family:revision, or an ARN")


@rule(
    "ECS215",
    "A service's family is in the file, or named with its revision.",
    why="The API takes a bare family as its newest ACTIVE revision, so whoever registers the next one changes what the "
    "service runs at its next deployment. Only plan and up can ask AWS whether there is one.",
    severity="warning",
)
def family_is_of_the_file(project: Project) -> Iterator[Finding]:
    """``taskDefinition``."""
    for service, name, known in _elsewhere(project):
        if FAMILY.fullmatch(name):
            message = f"the family {name} is not in this file, so its newest revision in AWS is meant"
            yield Finding((*service.path, "taskDefinition"), message, f"{known}; or {name}:REVISION")


def _elsewhere(project: Project) -> Iterator[tuple[Definition, str, str]]:
    """Services whose task definition is not in a whole file, with its name and the names that the file has."""
    families = project.task_definitions
    for service in project.services.values() if project.whole else ():
        name = service.get("taskDefinition")
        if isinstance(name, str) and name not in families:
            yield service, name, one_of(name, families) if families else "this file has none"


@rule(
    "ECS002",
    "A service's load balancer exists.",
    why="loadBalancer names one of the file's loadBalancers; one that exists already is written the API's way, "
    "under loadBalancers with its name or target group.",
)
def load_balancer_exists(project: Project) -> Iterator[Finding]:
    """``loadBalancer`` names one of the file's."""
    if not project.whole:
        return
    for service in project.services.values():
        reference = service.get("loadBalancer")
        if isinstance(reference, dict) and reference.get("name") not in project.load_balancers:
            name = str(reference.get("name"))
            known = one_of(name, project.load_balancers) if project.load_balancers else "this file has none"
            path = (*service.path, "loadBalancer", "name")
            yield Finding(path, f"there is no load balancer {name!r} in this file", known)


@rule(
    "ECS003",
    "The container and port behind a service's loadBalancer can be told.",
    why="The balancer sends to one port of one container. Where several fit, the file says which: name:container:port.",
)
def reference_resolves(project: Project) -> Iterator[Finding]:
    """Exactly one container of the task definition has the port."""
    for service in project.services.values():
        known = service.get("taskDefinition") in project.task_definitions
        outside = ELSEWHERE.fullmatch(str(service.get("taskDefinition")))
        if project.whole and not known and not outside:
            continue
        target = referred(project, service)
        if target is not None and target.problem:
            depends = ports_of(project.task_definition_of(service))
            yield Finding((*service.path, "loadBalancer"), target.problem, target.allowed, depends)


cites(
    "ECS004",
    "The containers that loadBalancers and serviceRegistries name exist.",
    Tell(
        facts.CONTAINER_UNKNOWN,
        "the container {name} does not exist in the task definition {family}",
        lambda values: one_of(values["name"], values["names"]),
    ),
    why="ECS registers the named container's port with the balancer, and refuses a service whose task definition "
    "does not have it.",
    looks_at="loadBalancers[].containerName is a container of the task definition",
)
cites(
    "ECS005",
    "The container ports that loadBalancers and serviceRegistries name are mapped, once.",
    Tell(
        facts.PORT_UNKNOWN,
        "the container {name} does not have a container port {port}",
        lambda values: ", ".join(str(number) for number in values["ports"]) or "it has no port mappings",
    ),
    Tell(
        facts.PORT_TWICE,
        "the container {name} maps its port {port} more than once",
        "one port mapping, of one protocol",
    ),
    why="Only a port that the container's portMappings have can be registered with a balancer or a name service.",
    looks_at="loadBalancers[].containerPort is a port of that container; those of serviceRegistries, too",
)


@rule(
    "ECS006",
    "No two definitions of a kind have the same name.",
    why="A definition is named by its family, serviceName or name, else by the key above it. Of two of one name, each "
    "`up` would undo what is said by the other.",
)
def names_differ(project: Project) -> Iterator[Finding]:
    """``family``, ``serviceName`` and a balancer's ``name``, and the keys of those that do not say one."""
    sections = (
        ("family", project.task_definitions),
        ("serviceName", project.services),
        ("name", project.load_balancers),
    )
    for member, definitions in sections:
        # Each is under its own name here, but for those whose name is taken.
        for definition in definitions.values():
            inner = definition.get(member)
            if inner is not None and inner != definition.name:
                message = f"{member} is {inner!r}, as that of another one"
                yield Finding((*definition.path, member), message, "a name of its own")
