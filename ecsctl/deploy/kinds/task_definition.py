"""Task definition families."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.base import Actual, Kind, Patience, Scope, last, owner_of
from ecsctl.deploy.resources import TaskDefinition
from ecsctl.deploy.revisions import own_revisions, owned_families, register, remove_revisions
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


# A removal that was cut off leaves revisions that are deregistered and not deleted.
STATUSES = ("ACTIVE", "INACTIVE")


class TaskDefinitionKind(Kind[TaskDefinition]):
    """ecs:RegisterTaskDefinition, DescribeTaskDefinition, DeregisterTaskDefinition, DeleteTaskDefinitions.

    A change is a new revision; old ones stay, to go back to, until the project is removed.
    """

    resource = TaskDefinition
    lent = True
    held_by = frozenset({"service"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        from ecsctl.aws.ecs import describe_task_definition

        for family in sorted({*names, *owned_families(aws, scope.project)}):
            found = describe_task_definition(aws, family)
            if scope.leftovers:
                own = own_revisions(aws, family, scope.project, statuses=STATUSES)
                if own:
                    yield Actual(self.resource(family).key, own[-1], scope.project)
                continue
            if found is None:
                continue
            arn = str(found["taskDefinitionArn"])
            owner = owner_of(found.get("tags", ()), "key", "value")
            if family not in names and owner != scope.project:
                continue
            if owner is None and own_revisions(aws, family, scope.project):
                owner = scope.project
            yield Actual(
                self.resource(family).key,
                arn,
                owner,
                fields={"definition": found},
                attributes={"arn": arn, "revision": last(arn), "family": family},
            )

    def raced(self, error: AwsError) -> bool:
        # Its removal by somebody else has no code of its own.
        removing = error.operation in ("ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions")
        return super().raced(error) or (removing and error.aws_code in ("ClientException", "InvalidParameterException"))

    def create(self, aws: Aws, resource: TaskDefinition) -> Mapping[str, str]:
        definition: dict[str, Any] = dict(resource.definition)
        own = {str(tag["key"]): str(tag.get("value", "")) for tag in definition.pop("tags", ())}
        made = register(aws, definition, {**own, **resource.tags})
        return {"arn": made.arn, "revision": made.name, "family": resource.name}

    def update(self, aws: Aws, resource: TaskDefinition, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        return self.create(aws, resource)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        remove_revisions(aws, own_revisions(aws, actual.key.name, scope.project, statuses=STATUSES))
