"""Roles that a project makes for its task definitions."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Project, listed


@rule(
    "ECS099",
    "A role that the project makes is said once, in statements that IAM can read.",
    why="`up` makes the role and puts its ARN into the definition. IAM takes a statement only with what is allowed, "
    "and on what.",
)
def made_roles(project: Project) -> Iterator[Finding]:
    """``taskRole`` and ``executionRole``, beside ``taskRoleArn`` and ``executionRoleArn``."""
    for definition in project.task_definitions.values():
        for name in ("taskRole", "executionRole"):
            said = definition.get(name)
            if not isinstance(said, dict):
                continue
            path = (*definition.path, name)
            if definition.get(f"{name}Arn"):
                yield Finding(path, f"{name} and {name}Arn cannot be used together", "one of them")
            for place, statement in listed(said, "statements", path):
                for parts in (("Action", "NotAction"), ("Resource", "NotResource")):
                    if not any(statement.get(part) for part in parts):
                        yield Finding(place, f"the statement has no {parts[0]}", f"{parts[0]}: …")
