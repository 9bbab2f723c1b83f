"""The IAM roles that ECS and its tasks take: for a task's containers, for its start, for deployments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.failures import cannot_be_asked
from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import NO_SUCH_API, Actual, Scope
from ecsctl.deploy.kinds.iam_role import InstanceRole, InstanceRoleKind, canonical
from ecsctl.deploy.resources import base_name
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

LONGEST_NAME = 64
HASH = 8
OF_INSTANCES = {"iam:GetInstanceProfile", "iam:ListInstanceProfilesForRole"}
# The inline policy that has the statements.
INLINE = "ecsctl"


def role_name(project: str, region: str, what: str) -> str:
    """The name of a role; IAM is global, so it carries the region. A long one is cut and told by its hash."""
    name = f"{base_name(project)}-{region}-{what}"
    if len(name) > LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:HASH]
        name = f"{name[: LONGEST_NAME - HASH - 1]}-{digest}"
    return name


def path_of(project: str, region: str) -> str:
    """The path of a project's roles, by which they are found again."""
    return f"/ecsctl/{project}/{region}/"


def trusted(service: str) -> dict[str, Any]:
    """The trust policy by which a service (``ecs-tasks``) may assume a role."""
    principal = {"Service": f"{service}.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


@dataclass(frozen=True)
class ServiceRole(InstanceRole):
    """A role for ECS: ``statements`` are what it may do besides its managed policies, in IAM's words."""

    kind: ClassVar[str] = "service-role"
    statements: tuple[Mapping[str, Any], ...] = ()

    def fields(self) -> dict[str, Any]:
        return {**super().fields(), "statements": canonical(list(self.statements)) if self.statements else ""}

    def document(self) -> str:
        """The inline policy as JSON."""
        return json.dumps({"Version": "2012-10-17", "Statement": [dict(item) for item in self.statements]})


class ServiceRoleKind(InstanceRoleKind):
    """Found by its path, which is made of the project and the region, and by its name."""

    resource = ServiceRole
    operations = tuple(sorted({*InstanceRoleKind.operations, "iam:ListRoles"} - OF_INSTANCES))

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        query = {"PathPrefix": path_of(scope.project, scope.region)}
        try:
            listed = {str(role["RoleName"]) for role in aws.pages("iam", "ListRoles", query, "Roles")}
        except AwsError as error:
            if names or not (cannot_be_asked(error) or error.aws_code in NO_SUCH_API):
                raise
            # Who may not list roles has made none here.
            return
        for name in sorted({*names, *listed}):
            actual = self.look(aws, name)
            if actual is not None:
                yield actual

    def look(self, aws: Aws, name: str) -> Actual | None:
        actual = super().look(aws, name)
        if actual is None:
            return None
        inline = actual.fields["inline"]
        statements = ""
        if INLINE in inline:
            try:
                query = {"RoleName": name, "PolicyName": INLINE}
                found = aws.call("iam", "GetRolePolicy", query, about=f"role {name}")["PolicyDocument"]
            except AwsError as error:
                if error.aws_code not in self.gone:
                    raise
                found = {}
            document = json.loads(found) if isinstance(found, str) else found
            statements = canonical(document.get("Statement") or [])
        fields = {**actual.fields, "inline": inline - {INLINE}, "statements": statements}
        return Actual(actual.key, actual.id, actual.owner, fields, actual.attributes, actual.status, actual.tags)

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services of others whose deployments take it."""
        if change.action == UPDATE:
            return
        assert change.actual is not None
        arn = change.actual.id
        yield from usage.services_that(lambda service: arn in _roles(service), "cannot shift their traffic")

    def create(self, aws: Aws, resource: InstanceRole) -> Mapping[str, str]:
        made = super().create(aws, resource)
        assert isinstance(resource, ServiceRole)
        if resource.statements:
            self._put(aws, resource)
        return made

    def update(self, aws: Aws, resource: InstanceRole, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        assert isinstance(resource, ServiceRole)
        if "statements" in changed:
            if resource.statements:
                self._put(aws, resource)
            else:
                query = {"RoleName": resource.name, "PolicyName": INLINE}
                aws.call("iam", "DeleteRolePolicy", query, about=f"role {resource.name}")
        return super().update(aws, resource, actual, changed)

    @staticmethod
    def _put(aws: Aws, resource: ServiceRole) -> None:
        query = {"RoleName": resource.name, "PolicyName": INLINE, "PolicyDocument": resource.document()}
        aws.call("iam", "PutRolePolicy", query, about=f"role {resource.name}")


def _roles(service: Mapping[str, Any]) -> set[str]:
    """The roles that a described service names for its deployments."""
    configuration = service.get("deploymentConfiguration") or {}
    rows = [
        *((row.get("advancedConfiguration") or {}) for row in service.get("loadBalancers") or ()),
        *(configuration.get("lifecycleHooks") or ()),
    ]
    return {str(row["roleArn"]) for row in rows if row.get("roleArn")}
