"""Launch templates."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import REPLACE, UPDATE, Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, owner_of, retag_ec2, tag_list, tags_of
from ecsctl.deploy.resources import IMAGE_TAG, OWNER_TAG, Ref, Resource
from ecsctl.deploy.tags import TAGS

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

# IMDSv2 only; with one hop the agent, which is on the host's network, reaches it and bridged containers do not.
METADATA = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
KEEP_TEMPLATE = "running instances keep the old launch template; `ecsctl instance remove --replace ID` renews one"


@dataclass(frozen=True)
class LaunchTemplate(Resource):
    """How instances are launched.

    ``image`` is the AMI; ``image_source`` what the file says (``al2023``), which is what is compared: that AWS has
    published a newer AMI is no change of the project.
    """

    kind: ClassVar[str] = "launch-template"
    image: str = ""
    image_source: str = ""
    instance_type: str = ""
    user_data: str = ""
    profile: Ref | str = ""
    security_groups: tuple[Ref | str, ...] = ()
    key_name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=lambda: METADATA)

    def fields(self) -> dict[str, Any]:
        return {
            "image": self.image_source,
            "instanceType": self.instance_type,
            "userData": self.user_data,
            "instanceProfile": self.profile,
            "securityGroups": frozenset(self.security_groups),
            "keyName": self.key_name or "",
            "metadataOptions": dict(self.metadata),
            "instanceTags": frozenset(f"{key}={value}" for key, value in self.instance_tags().items()),
        }

    def own_tags(self) -> Mapping[str, str]:
        return {key: value for key, value in self.tags.items() if key not in (IMAGE_TAG, "Name")}

    def instance_tags(self) -> Mapping[str, str]:
        """The tags of instances and their volumes, without the one that AWS compares by the image."""
        return {key: value for key, value in self.tags.items() if key != IMAGE_TAG}


class LaunchTemplateKind(Kind[LaunchTemplate]):
    """Found by its owner tag and by its name. The group launches ``$Latest``, so that a change is one call."""

    resource = LaunchTemplate
    retagging = "ec2 create-tags --resources {id} --tags Key={tag},Value={project}"
    operations = (
        "ec2:CreateLaunchTemplate",
        "ec2:CreateLaunchTemplateVersion",
        "ec2:CreateTags",
        "ec2:DeleteLaunchTemplate",
        "ec2:DeleteTags",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeLaunchTemplates",
    )
    permissions = ("iam:PassRole",)
    depends_on = frozenset({"instance-profile", "security-group"})
    secret_fields = frozenset({"userData"})
    exists = frozenset({"InvalidLaunchTemplateName.AlreadyExistsException"})
    gone = frozenset({"InvalidLaunchTemplateName.NotFoundException", "InvalidLaunchTemplateId.NotFound"})

    def notes(self, changes: Sequence[Change]) -> Iterable[str]:
        # Tags alone are put on running instances by their group.
        actions = {(item.action, item.key.kind) for item in changes if item.changed - {TAGS, "instanceTags"}}
        # A group that is replaced launches all its instances anew.
        if (UPDATE, self.resource.kind) in actions and (REPLACE, "auto-scaling-group") not in actions:
            yield KEEP_TEMPLATE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        filters = [[{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]]
        if names:
            filters.append([{"Name": "launch-template-name", "Values": sorted(names)}])
        templates: dict[str, dict[str, Any]] = {}
        for query in filters:
            for item in aws.pages("ec2", "DescribeLaunchTemplates", {"Filters": query}, "LaunchTemplates"):
                templates[item["LaunchTemplateId"]] = item
        for id_, item in templates.items():
            answer = aws.call(
                "ec2", "DescribeLaunchTemplateVersions", {"LaunchTemplateId": id_, "Versions": ["$Latest"]}, about=id_
            )
            versions = answer.get("LaunchTemplateVersions") or [{}]
            yield Actual(
                self.resource(item["LaunchTemplateName"]).key,
                id_,
                owner_of(item.get("Tags", ())),
                fields=_template_fields(versions[0].get("LaunchTemplateData", {})),
                attributes={"id": id_, "name": item["LaunchTemplateName"]},
                tags=tags_of(item.get("Tags")),
            )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Auto Scaling groups that launch by it."""
        if change.action == UPDATE:
            return
        assert change.actual is not None
        for group in usage.scaling_groups():
            mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
            used = group.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification") or {}
            if change.actual.id == used.get("LaunchTemplateId") or change.key.name == used.get("LaunchTemplateName"):
                name = str(group["AutoScalingGroupName"])
                ends = f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {name} --launch-template …"
                yield Use(f"auto-scaling-group {name}", owner_of(group.get("Tags", ())), ends=ends)

    def create(self, aws: Aws, resource: LaunchTemplate) -> Mapping[str, str]:
        answer = aws.call(
            "ec2",
            "CreateLaunchTemplate",
            {
                "LaunchTemplateName": resource.name,
                "LaunchTemplateData": _template_data(resource),
                "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tag_list(resource.own_tags())}],
            },
            about=f"launch template {resource.name}",
        )
        return {"id": answer["LaunchTemplate"]["LaunchTemplateId"], "name": resource.name}

    def update(self, aws: Aws, resource: LaunchTemplate, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        query = {"LaunchTemplateId": actual.id, "LaunchTemplateData": _template_data(resource)}
        aws.call("ec2", "CreateLaunchTemplateVersion", query, about=f"launch template {resource.name}")
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag_ec2(aws, [actual.id], put, drop)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        query = {"LaunchTemplateId": actual.id}
        aws.call("ec2", "DeleteLaunchTemplate", query, about=f"launch template {actual.key.name}")


def _template_data(resource: LaunchTemplate) -> dict[str, Any]:
    tags = tag_list(resource.tags)
    data: dict[str, Any] = {
        "ImageId": resource.image,
        "InstanceType": resource.instance_type,
        "IamInstanceProfile": {"Name": str(resource.profile)},
        "SecurityGroupIds": sorted(str(group) for group in resource.security_groups),
        "UserData": base64.b64encode(resource.user_data.encode()).decode(),
        "MetadataOptions": dict(resource.metadata),
        "TagSpecifications": [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")],
    }
    if resource.key_name:
        data["KeyName"] = resource.key_name
    return data


def _template_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    tags = {
        tag["Key"]: tag["Value"]
        for specification in data.get("TagSpecifications", ())
        if specification.get("ResourceType") == "instance"
        for tag in specification.get("Tags", ())
    }
    try:
        user_data = base64.b64decode(data.get("UserData", "")).decode()
    except ValueError:
        user_data = ""
    profile = data.get("IamInstanceProfile", {})
    return {
        "image": tags.get(IMAGE_TAG, data.get("ImageId", "")),
        "instanceType": data.get("InstanceType", ""),
        "userData": user_data,
        "instanceProfile": profile.get("Name") or str(profile.get("Arn", "")).rsplit("/", 1)[-1],
        "securityGroups": frozenset(data.get("SecurityGroupIds", ())),
        "keyName": data.get("KeyName", ""),
        "metadataOptions": dict(data.get("MetadataOptions") or {}),
        "instanceTags": frozenset(f"{key}={value}" for key, value in tags.items() if key != IMAGE_TAG),
    }
