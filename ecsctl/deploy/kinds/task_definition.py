"""Task definition families."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.deploy.changes import REMOVE, Change
from ecsctl.deploy.compare import leaves
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, last, owner_of, retag_ecs, tags_of
from ecsctl.deploy.resources import Known, Ref, Resource, resolve
from ecsctl.deploy.revisions import own_revisions, owned_families, register, remove_revisions
from ecsctl.ecs_definitions.differences import diff_task_definitions, keyed
from ecsctl.ecs_definitions.field_changes import FieldChange, to_field_change
from ecsctl.ecs_definitions.text_diff import definition_form
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage


# A removal that was cut off leaves revisions that are deregistered and not deleted.
# Families that are described at the same time.
READS = 8
STATUSES = ("ACTIVE", "INACTIVE")


@dataclass(frozen=True)
class TaskDefinition(Resource):
    """A family; ``definition`` is the input of RegisterTaskDefinition. A change is a new revision."""

    kind: ClassVar[str] = "task-definition"
    definition: Mapping[str, Any] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        return {"definition": self.definition}


def named(definition: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with what is not known yet, such as the ARN of a role that is to be made, in words."""
    return {name: str(value) if isinstance(value, Ref) else value for name, value in definition.items()}


class TaskDefinitionKind(Kind[TaskDefinition]):
    """Found by its family, and by the owner tag of its revisions.

    A change is a new revision; old ones stay, to go back to, until the project is removed.
    """

    resource = TaskDefinition
    retagging = "ecs tag-resource --resource-arn {id} --tags key={tag},value={project}"
    operations = (
        "ecs:DeleteTaskDefinitions",
        "ecs:DeregisterTaskDefinition",
        "ecs:DescribeTaskDefinition",
        "ecs:ListTaskDefinitionFamilies",
        "ecs:ListTaskDefinitions",
        "ecs:RegisterTaskDefinition",
        "ecs:TagResource",
        "ecs:UntagResource",
        "resourcegroupstaggingapi:GetResources",
    )
    # Task and execution roles are handed to the tasks.
    permissions = ("iam:PassRole",)
    depends_on = frozenset({"service-role"})
    adoptable = True
    update_renews = True

    def differences(self, resource: TaskDefinition, actual: Actual, known: Known) -> Iterator[FieldChange]:
        wanted = named(resolve(resource.definition, known))
        changes = diff_task_definitions(actual.fields["definition"], wanted)
        yield from (to_field_change(*change) for change in changes)

    def summary(self, resource: TaskDefinition) -> Iterator[FieldChange]:
        said = {name: value for name, value in resource.definition.items() if name not in ("family", "tags")}
        yield from leaves("", {name: keyed(value, name) for name, value in named(said).items()})

    def forms(self, resource: TaskDefinition | None, actual: Actual | None, known: Known) -> tuple[Any, Any]:
        return (
            definition_form(actual.fields.get("definition") or {}) if actual else {},
            definition_form(named(resolve(resource.definition, known))) if resource else {},
        )

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        families = sorted({*names, *owned_families(aws, scope.project)})
        reads = map_concurrently(lambda family: self._found(aws, scope, family, family in names), families, READS)
        for found in reads:
            if found is not None:
                yield found

    def _found(self, aws: Aws, scope: Scope, family: str, wanted: bool) -> Actual | None:
        """The family's newest revision, where it is wanted or the project's."""
        from ecsctl.aws.ecs import describe_task_definition

        found = describe_task_definition(aws, family)
        if scope.leftovers:
            own = own_revisions(aws, family, scope.project, statuses=STATUSES)
            return Actual(self.resource(family).key, own[-1], scope.project) if own else None
        if found is None:
            return None
        actual = self.actual(found)
        if not wanted and actual.owner != scope.project:
            return None
        if actual.owner is None and own_revisions(aws, family, scope.project):
            actual = replace(actual, owner=scope.project)
        return actual

    def actual(self, described: Mapping[str, Any]) -> Actual:
        arn, family = str(described["taskDefinitionArn"]), str(described["family"])
        return Actual(
            self.resource(family).key,
            arn,
            owner_of(described.get("tags", ()), "key", "value"),
            fields={"definition": described},
            attributes={"arn": arn, "revision": last(arn), "family": family},
            tags=tags_of(described.get("tags"), "key", "value"),
        )

    def is_race(self, error: AwsError) -> bool:
        # Its removal by somebody else has no code of its own.
        removing = error.operation in ("ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions")
        return super().is_race(error) or (
            removing and error.aws_code in ("ClientException", "InvalidParameterException")
        )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services of others that run one of the project's revisions: deleted, it starts no further task."""
        if change.action != REMOVE:
            return
        family = f":task-definition/{change.key.name}:"
        theirs = [item for item in usage.all_services() if item.owner != usage.scope.project]
        theirs = [item for item in theirs if any(family in arn for arn in item.definitions)]
        own = (
            set(own_revisions(usage.aws, change.key.name, usage.scope.project, statuses=STATUSES)) if theirs else set()
        )
        for item in theirs:
            for arn in sorted(item.definitions & own):
                yield item.use("take it from", f"it runs {last(arn)}")

    def create(self, aws: Aws, resource: TaskDefinition) -> Mapping[str, str]:
        definition: dict[str, Any] = dict(resource.definition)
        own = {str(tag["key"]): str(tag.get("value", "")) for tag in definition.pop("tags", ())}
        made = register(aws, definition, {**own, **resource.tags})
        return {"arn": made.arn, "revision": made.name, "family": resource.name}

    def update(self, aws: Aws, resource: TaskDefinition, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        return self.create(aws, resource)

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag_ecs(aws, actual.id, put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        remove_revisions(aws, own_revisions(aws, actual.key.name, scope.project, statuses=STATUSES))
