"""The instance profile that hands the role to the instances."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, owner_of, tag_list, tags_of
from ecsctl.deploy.resources import Ref, Resource, base_name
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

ALIVE = ("pending", "running", "stopping", "stopped")
GONE = frozenset({"NoSuchEntity", "NoSuchEntityException"})


@dataclass(frozen=True)
class InstanceProfile(Resource):
    """The instance profile that hands the role to the instances."""

    kind: ClassVar[str] = "instance-profile"
    role: Ref | str = ""

    def fields(self) -> dict[str, Any]:
        return {"role": self.role}


class InstanceProfileKind(Kind[InstanceProfile]):
    """Found by its name, which is made of the project and the region."""

    resource = InstanceProfile
    retagging = "iam tag-instance-profile --instance-profile-name {name} --tags Key={tag},Value={project}"
    operations = (
        "ec2:DescribeInstances",
        "iam:AddRoleToInstanceProfile",
        "iam:CreateInstanceProfile",
        "iam:DeleteInstanceProfile",
        "iam:GetInstanceProfile",
        "iam:RemoveRoleFromInstanceProfile",
        "iam:TagInstanceProfile",
        "iam:UntagInstanceProfile",
    )
    # The role is handed to EC2.
    permissions = ("iam:PassRole",)
    depends_on = frozenset({"iam-role"})
    # LimitExceeded: the profile, which takes one role, has it already.
    exists = frozenset(
        {"EntityAlreadyExists", "EntityAlreadyExistsException", "LimitExceeded", "LimitExceededException"}
    )
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        # Its name is made of the project and the region, so that it is found when nothing is desired, too.
        for name in sorted({*names, f"{base_name(scope.project)}-{scope.region}"}):
            try:
                found = aws.call("iam", "GetInstanceProfile", {"InstanceProfileName": name}, about=name)
            except AwsError as error:
                if error.aws_code in GONE:
                    continue
                raise
            profile = found["InstanceProfile"]
            roles = [role["RoleName"] for role in profile.get("Roles", ())]
            yield Actual(
                self.resource(name).key,
                profile["Arn"],
                owner_of(profile.get("Tags", ())),
                fields={"role": roles[0] if roles else ""},
                attributes={"name": name, "arn": profile["Arn"]},
                tags=tags_of(profile.get("Tags")),
            )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Instances that have it: without it they lose their role."""
        assert change.actual is not None
        # By their state: not every endpoint has the filter iam-instance-profile.arn.
        query = {"Filters": [{"Name": "instance-state-name", "Values": list(ALIVE)}]}
        for reservation in usage.aws.pages("ec2", "DescribeInstances", query, "Reservations"):
            for item in reservation.get("Instances", ()):
                if (item.get("IamInstanceProfile") or {}).get("Arn") == change.actual.id:
                    ends = f"aws ec2 terminate-instances --instance-ids {item['InstanceId']}"
                    yield Use(f"instance {item['InstanceId']}", owner_of(item.get("Tags", ())), ends=ends)

    def create(self, aws: Aws, resource: InstanceProfile) -> Mapping[str, str]:
        answer = aws.call(
            "iam",
            "CreateInstanceProfile",
            {"InstanceProfileName": resource.name, "Tags": tag_list(resource.tags)},
            about=f"instance profile {resource.name}",
        )
        self._add(aws, resource)
        return {"name": resource.name, "arn": answer["InstanceProfile"]["Arn"]}

    def update(
        self, aws: Aws, resource: InstanceProfile, actual: Actual, changed: Collection[str]
    ) -> Mapping[str, str]:
        if actual.fields["role"]:
            self._remove(aws, actual)
        self._add(aws, resource)
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        name = actual.key.name
        if drop:
            aws.call(
                "iam",
                "UntagInstanceProfile",
                {"InstanceProfileName": name, "TagKeys": list(drop)},
                about=f"instance profile {name}",
            )
        if put:
            query = {"InstanceProfileName": name, "Tags": tag_list(put)}
            aws.call("iam", "TagInstanceProfile", query, about=f"instance profile {name}")

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        if actual.fields["role"]:
            self._remove(aws, actual)
        name = actual.key.name
        aws.call("iam", "DeleteInstanceProfile", {"InstanceProfileName": name}, about=f"instance profile {name}")

    @staticmethod
    def _add(aws: Aws, resource: InstanceProfile) -> None:
        query = {"InstanceProfileName": resource.name, "RoleName": str(resource.role)}
        aws.call("iam", "AddRoleToInstanceProfile", query, about=f"instance profile {resource.name}")

    @staticmethod
    def _remove(aws: Aws, actual: Actual) -> None:
        query = {"InstanceProfileName": actual.key.name, "RoleName": str(actual.fields["role"])}
        try:
            aws.call("iam", "RemoveRoleFromInstanceProfile", query, about=str(actual.key))
        except AwsError as error:
            if error.aws_code not in GONE:
                raise
