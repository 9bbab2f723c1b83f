"""The IAM role of the instances."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, last, owner_of, tag_list, tags_of
from ecsctl.deploy.resources import Known, Resource, base_name
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})
# What the managed policies allow, for endpoints that have none of them: an emulator's accounts are often empty.
# https://docs.aws.amazon.com/aws-managed-policy/latest/reference/
STAND_INS = {
    "service-role/AmazonEC2ContainerServiceforEC2Role": (
        "ec2:DescribeTags",
        *(f"ecs:{verb}" for verb in ("CreateCluster", "DeregisterContainerInstance", "DiscoverPollEndpoint", "Poll")),
        *(f"ecs:{verb}" for verb in ("RegisterContainerInstance", "StartTelemetrySession", "Submit*", "TagResource")),
        "ecs:UpdateContainerInstancesState",
        *(f"ecr:{verb}" for verb in ("GetAuthorizationToken", "BatchCheckLayerAvailability")),
        *(f"ecr:{verb}" for verb in ("GetDownloadUrlForLayer", "BatchGetImage")),
        *(f"logs:{verb}" for verb in ("CreateLogStream", "PutLogEvents")),
    ),
    "service-role/AmazonECSTaskExecutionRolePolicy": (
        *(f"ecr:{verb}" for verb in ("GetAuthorizationToken", "BatchCheckLayerAvailability")),
        *(f"ecr:{verb}" for verb in ("GetDownloadUrlForLayer", "BatchGetImage")),
        *(f"logs:{verb}" for verb in ("CreateLogStream", "PutLogEvents")),
    ),
    "AmazonECSInfrastructureRolePolicyForLoadBalancers": (
        *(f"elasticloadbalancing:Describe{what}" for what in ("Listeners", "Rules", "TargetGroups", "TargetHealth")),
        *(f"elasticloadbalancing:{verb}" for verb in ("ModifyListener", "ModifyRule")),
        *(f"elasticloadbalancing:{verb}" for verb in ("RegisterTargets", "DeregisterTargets")),
    ),
    "AmazonSSMManagedInstanceCore": (
        *(f"ssm:{verb}" for verb in ("UpdateInstanceInformation", "GetDocument", "DescribeDocument")),
        *(f"ssm:{verb}" for verb in ("ListAssociations", "ListInstanceAssociations", "PutInventory")),
        "ssmmessages:*",
        "ec2messages:*",
    ),
}


@dataclass(frozen=True)
class InstanceRole(Resource):
    """The IAM role of the instances: ``policies`` are the managed policies' ARNs, ``trust`` says who may assume it.

    ``path`` is IAM's, by which roles are listed; empty: the root.
    """

    kind: ClassVar[str] = "iam-role"
    policies: tuple[str, ...] = ()
    trust: Mapping[str, Any] = field(default_factory=lambda: TRUST)
    description: str = "Lets EC2 instances join an ECS cluster (made by ecsctl)"
    path: str = ""

    def fields(self) -> dict[str, Any]:
        return {"policies": frozenset(self.policies), "trust": canonical(self.trust)}


def canonical(document: Any) -> str:
    """A policy document as text in which order means nothing, and neither whether one thing is a list."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {str(name): plain(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            items = sorted((plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
            return items[0] if len(items) == 1 else items
        return value

    return json.dumps(plain(json.loads(document) if isinstance(document, str) else document), sort_keys=True)


def _own_names(scope: Scope, names: Collection[str]) -> list[str]:
    # Their names are made of the project and the region, so these find them when nothing is desired, too.
    return sorted({*names, f"{base_name(scope.project)}-{scope.region}"})


def _get(aws: Aws, operation: str, query: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        return aws.call("iam", operation, query, about=next(iter(query.values())))
    except AwsError as error:
        if error.aws_code in GONE:
            return None
        raise


class InstanceRoleKind(Kind[InstanceRole]):
    """Found by its name, which is made of the project and the region.

    Where an endpoint lacks a managed policy, its rights go into the role itself (PutRolePolicy, ListRolePolicies,
    DeleteRolePolicy).
    """

    resource = InstanceRole
    retagging = "iam tag-role --role-name {name} --tags Key={tag},Value={project}"
    operations: ClassVar[tuple[str, ...]] = (
        "iam:AttachRolePolicy",
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:DeleteRolePolicy",
        "iam:DetachRolePolicy",
        "iam:GetInstanceProfile",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListInstanceProfilesForRole",
        "iam:ListRolePolicies",
        "iam:PutRolePolicy",
        "iam:TagRole",
        "iam:UntagRole",
        "iam:UpdateAssumeRolePolicy",
    )
    exists = frozenset({"EntityAlreadyExists", "EntityAlreadyExistsException"})
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        for name in _own_names(scope, names):
            actual = self.look(aws, name)
            if actual is not None:
                yield actual

    def look(self, aws: Aws, name: str) -> Actual | None:
        """A role as AWS has it; None where there is none of this name."""
        found = _get(aws, "GetRole", {"RoleName": name})
        if found is None:
            return None
        arn = found["Role"]["Arn"]
        attached, inline = self._attached(aws, name), self._inline(aws, name)
        stand_ins = {policy: stood for policy in inline if (stood := _arn_of(policy, arn))}
        missing = {policy: stood for policy, stood in stand_ins.items() if stood not in attached}
        whole = [stood for policy, stood in missing.items() if self._is_whole(aws, name, policy, stood)]
        return Actual(
            self.resource(name).key,
            arn,
            owner_of(found["Role"].get("Tags", ())),
            fields={
                "policies": frozenset([*attached, *whole]),
                "trust": canonical(found["Role"].get("AssumeRolePolicyDocument") or {}),
                # Of no resource.
                "inline": frozenset(inline) - missing.keys(),
                "boundary": (found["Role"].get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""),
            },
            attributes={"name": name, "arn": arn},
            tags=tags_of(found["Role"].get("Tags")),
        )

    def differences(self, resource: InstanceRole, actual: Actual, known: Known) -> Iterator[FieldChange]:
        """Policies that somebody attached besides are left alone."""
        wanted = resource.fields()
        yield from compare_fields({**actual.fields, "policies": actual.fields["policies"] & wanted["policies"]}, wanted)

    def drift(self, resource: InstanceRole, actual: Actual, known: Known) -> Iterable[str]:
        """Policies that somebody attached or put in: what they allow, every instance may do; and a boundary of it."""
        name = actual.key.name
        boundary = actual.fields.get("boundary")
        if boundary:
            yield (
                f"{actual.key} has the permissions boundary {boundary}, which ecsctl did not set, and which it leaves "
                f"alone: `aws iam delete-role-permissions-boundary --role-name {name}`"
            )
        for arn in sorted(actual.fields["policies"] - frozenset(resource.policies)):
            yield (
                f"{actual.key} has the policy {arn}, which ecsctl did not attach, and which it leaves alone: "
                f"`aws iam detach-role-policy --role-name {name} --policy-arn {arn}`"
            )
        for policy in sorted(actual.fields.get("inline", ())):
            yield (
                f"{actual.key} has the inline policy {policy}, which ecsctl did not make, and which it leaves alone: "
                f"`aws iam delete-role-policy --role-name {name} --policy-name {policy}`"
            )

    def goes_with(self, actual: Actual) -> Iterable[str]:
        """Inline policies by hand."""
        for policy in sorted(actual.fields.get("inline", ())):
            yield f"the inline policy {policy}, which ecsctl did not make, goes with {actual.key}"

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Other instance profiles that hand it on."""
        if change.action == UPDATE:
            return
        query = {"RoleName": change.key.name}
        try:
            profiles = list(usage.aws.pages("iam", "ListInstanceProfilesForRole", query, "InstanceProfiles"))
        except AwsError as error:
            if error.aws_code in GONE:
                return
            raise
        for item in profiles:
            name = str(item["InstanceProfileName"])
            if name != change.key.name:
                found = _get(usage.aws, "GetInstanceProfile", {"InstanceProfileName": name}) or {
                    "InstanceProfile": item
                }
                ends = f"aws iam remove-role-from-instance-profile --role-name {change.key.name}"
                yield Use(
                    f"instance-profile {name}",
                    owner_of(found["InstanceProfile"].get("Tags", ())),
                    ends=f"{ends} --instance-profile-name {name}",
                )

    def create(self, aws: Aws, resource: InstanceRole) -> Mapping[str, str]:
        answer = aws.call(
            "iam",
            "CreateRole",
            {
                "RoleName": resource.name,
                "AssumeRolePolicyDocument": json.dumps(resource.trust),
                "Description": resource.description,
                **({"Path": resource.path} if resource.path else {}),
                "Tags": tag_list(resource.tags),
            },
            about=f"role {resource.name}",
        )
        self._attach(aws, resource, resource.policies)
        return {"name": resource.name, "arn": answer["Role"]["Arn"]}

    def update(self, aws: Aws, resource: InstanceRole, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        if "trust" in changed:
            query = {"RoleName": resource.name, "PolicyDocument": json.dumps(resource.trust)}
            aws.call("iam", "UpdateAssumeRolePolicy", query, about=f"role {resource.name}")
        self._attach(aws, resource, sorted(set(resource.policies) - set(actual.fields["policies"])))
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        name = actual.key.name
        if drop:
            aws.call("iam", "UntagRole", {"RoleName": name, "TagKeys": list(drop)}, about=f"role {name}")
        if put:
            query = {"RoleName": name, "Tags": tag_list(put)}
            aws.call("iam", "TagRole", query, about=f"role {name}")

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name = actual.key.name
        for arn in self._attached(aws, name):
            query = {"RoleName": name, "PolicyArn": arn}
            aws.call("iam", "DetachRolePolicy", query, about=f"role {name}")
        # An inline policy is nothing without its role, whoever put it there.
        for policy in self._inline(aws, name):
            query = {"RoleName": name, "PolicyName": policy}
            aws.call("iam", "DeleteRolePolicy", query, about=f"role {name}")
        aws.call("iam", "DeleteRole", {"RoleName": name}, about=f"role {name}")

    @staticmethod
    def _attached(aws: Aws, name: str) -> list[str]:
        try:
            found = aws.pages("iam", "ListAttachedRolePolicies", {"RoleName": name}, "AttachedPolicies")
            return [policy["PolicyArn"] for policy in found]
        except AwsError as error:
            if error.aws_code in GONE:
                return []
            raise

    @staticmethod
    def _inline(aws: Aws, name: str) -> list[str]:
        return list((_get(aws, "ListRolePolicies", {"RoleName": name}) or {}).get("PolicyNames", ()))

    @staticmethod
    def _is_whole(aws: Aws, role: str, policy: str, arn: str) -> bool:
        """Whether an inline policy allows just what the managed one does that it stands for."""
        found = _get(aws, "GetRolePolicy", {"RoleName": role, "PolicyName": policy}) or {}
        return canonical(found.get("PolicyDocument") or {}) == canonical(_stand_in(arn.partition(":policy/")[2]))

    @staticmethod
    def _attach(aws: Aws, resource: InstanceRole, policies: Iterable[str]) -> None:
        for arn in policies:
            query = {"RoleName": resource.name, "PolicyArn": arn}
            try:
                aws.call("iam", "AttachRolePolicy", query, about=f"policy {arn} to role {resource.name}")
            except AwsError as error:
                path = arn.partition(":policy/")[2]
                # "Policy arn:… does not exist or is not attachable"; the role's own absence passes by itself.
                if error.aws_code not in GONE or arn not in error.aws_message or path not in STAND_INS:
                    raise
                query = {
                    "RoleName": resource.name,
                    "PolicyName": last(arn),
                    "PolicyDocument": json.dumps(_stand_in(path)),
                }
                aws.call("iam", "PutRolePolicy", query, about=f"role {resource.name}")


def _stand_in(path: str) -> dict[str, Any]:
    """The inline policy that stands for a managed one."""
    statement = {"Effect": "Allow", "Action": list(STAND_INS[path]), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _arn_of(policy: str, role: str) -> str:
    """The ARN of the managed policy that an inline policy stands for; empty where it stands for none."""
    path = next((path for path in STAND_INS if last(path) == policy), "")
    return f"arn:{role.split(':')[1]}:iam::aws:policy/{path}" if path else ""
