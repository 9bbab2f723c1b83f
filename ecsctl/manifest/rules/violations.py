"""What the service would refuse of a checked document, with the places in the document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ecsctl.manifest.rules.document import Definition, Project, network_mode
from ecsctl.refusals import Path, Violation
from ecsctl.refusals.deployments import check_external
from ecsctl.refusals.service import check_service
from ecsctl.refusals.service_context import DEFINITION, Context, launch_type
from ecsctl.refusals.task_definition import check_task_definition

# Stands for the ARN of a role that is made.
MADE = "arn:aws:iam::123456789012:role/made"


def violations(project: Project) -> tuple[Violation, ...]:
    """Every violation of a document, found once."""
    if project.violations is None:
        project.violations = (*_of_definitions(project), *_of_services(project))
    return project.violations


def _of_definitions(project: Project) -> Iterator[Violation]:
    for definition in project.task_definitions.values():
        required = definition.get("requiresCompatibilities") or ()
        ec2 = "EC2" in required or (not required and _runs_on_ec2(project, definition))
        external = "EXTERNAL" in required or any(kind == "EXTERNAL" for kind in _launch_types(project, definition))
        data = _with_roles(definition)
        if external:
            data = {**data, "requiresCompatibilities": [*required, "EXTERNAL"]}
        found = check_task_definition(
            data,
            definition.name,
            fargate=project.fargate(definition),
            ec2=ec2 and not project.fargate(definition),
        )
        for violation in found:
            yield _placed(violation, definition.path, None)


def _with_roles(definition: Definition) -> dict[str, Any]:
    """A task definition with the roles that the project makes for it."""
    made = {f"{name}Arn": MADE for name in ("taskRole", "executionRole") if name in definition.data}
    return {**made, **definition.data} if made else definition.data


def _launch_types(project: Project, definition: Definition) -> list[str | None]:
    users = (one for one in project.services.values() if one.get("taskDefinition") == definition.name)
    return [launch_type(service.data) for service in users]


def _runs_on_ec2(project: Project, definition: Definition) -> bool:
    return any(kind in ("EC2", "EXTERNAL") for kind in _launch_types(project, definition))


def _of_services(project: Project) -> Iterator[Violation]:
    for service in project.services.values():
        definition = project.task_definition_of(service)
        context = Context(
            mode=network_mode(project, definition) if definition is not None else None,
            family=definition.name if definition is not None else "",
            launch_type=_launch_type(project, service),
            balanced=bool(service.get("loadBalancer")),
            own_network=service.get("ingress") is not None and project.whole,
        )
        data = _with_roles(definition) if definition is not None else None
        for violation in (*check_external(service.data), *check_service(service.data, data, context)):
            yield _placed(violation, service.path, definition.path if definition is not None else None)


def _launch_type(project: Project, service: Definition) -> str | None:
    """Where the service runs; instances of the project's own are EC2 where nothing else is said."""
    said = launch_type(service.data)
    return said or ("EC2" if project.whole and project.instances is not None else None)


def _placed(violation: Violation, start: Path, definition: Path | None) -> Violation:
    """The violation with the paths of the document."""

    def place(path: Path) -> Path:
        if path[:1] == (DEFINITION,):
            return (*(definition or ()), *path[1:])
        return (*start, *path)

    return replace(violation, path=place(violation.path), depends=tuple(place(path) for path in violation.depends))
