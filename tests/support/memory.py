"""An AWS of resources in memory: what a plan, carried out, leaves behind. Pure; for properties of the planner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE, Plan
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.observe import Snapshot
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key, Resource, Scope, refs, resolve
from ecsctl.deploy.tags import to_write

Known = dict[Key, Mapping[str, str]]


class Memory:
    """Resources by key, each as AWS would show it; ids are never given twice."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.found: dict[Key, Actual] = {}
        self._numbers = 0

    def snapshot(self) -> Snapshot:
        return Snapshot(self.scope, dict(self.found))

    def take(self, actual: Actual) -> None:
        """Put something there that somebody made."""
        self.found[actual.key] = actual

    def carry_out(self, plan: Plan) -> None:
        """Do what a plan says, in its order; what AWS would refuse fails an assertion."""
        assert not plan.conflicts
        leaving = {change.key for change in plan.changes if change.action == REMOVE}
        for change in plan.changes:
            if change.action == REMOVE:
                gone = self.found.pop(change.key)
                leaving.remove(change.key)
                holders = [key for key in leaving if TABLE[key.kind].depends(self.found[key], gone)]
                assert holders == [], "removed while held"
                continue
            assert change.resource is not None
            assert (change.key in self.found) == (change.action != CREATE)
            self._make(change.resource, anew=change.action in (CREATE, REPLACE))

    def _make(self, resource: Resource, *, anew: bool) -> None:
        known: Known = {key: actual.attributes for key, actual in self.found.items()}
        fields = resolve(resource.fields(), known)
        assert not any(refs(fields)), "made before what it refers to"
        before = self.found.get(resource.key)
        self._numbers += 1
        id_ = before.id if before is not None and not anew else f"id-{self._numbers}"
        if before is not None and not anew:
            # What is left out keeps its value.
            fields = {name: before.fields.get(name) if value is None else value for name, value in fields.items()}
        attributes = {"id": id_, "name": resource.name, "arn": f"arn:aws:ecs:::x/{id_}"}
        if isinstance(resource, TaskDefinition):
            attributes["revision"] = f"{resource.name}:{self._numbers}"
            fields = {"definition": _described(resource.definition, self._numbers)}
        tags = dict(resource.own_tags())
        if before is not None and not anew:
            tags = dict(before.tags or {})
            for write in to_write(resource, before):
                tags = {key: value for key, value in {**tags, **write.put}.items() if key not in write.drop}
        self.found[resource.key] = Actual(resource.key, id_, resource.tags.get(OWNER_TAG), fields, attributes, "", tags)


def _described(definition: Mapping[str, Any], revision: int) -> dict[str, Any]:
    """A registered definition as ECS describes it: with its defaults filled in."""
    containers = [
        {"environment": [], "mountPoints": [], "volumesFrom": [], "cpu": 0, "essential": True, **container}
        for container in definition["containerDefinitions"]
    ]
    return {
        "networkMode": "bridge",
        "volumes": [],
        "placementConstraints": [],
        **definition,
        "containerDefinitions": containers,
        "revision": revision,
        "status": "ACTIVE",
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-1:1:task-definition/{definition['family']}:{revision}",
    }
