"""Launch templates and Auto Scaling groups."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.base import Actual, Kind, Patience, Scope, owner_of, tag_list, until_gone
from ecsctl.deploy.resources import CLUSTER_TAG, IMAGE_TAG, OWNER_TAG, AutoScalingGroup, LaunchTemplate
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

SETTINGS = {"minSize": "MinSize", "desiredCapacity": "DesiredCapacity", "maxSize": "MaxSize"}


class LaunchTemplateKind(Kind[LaunchTemplate]):
    """ec2:CreateLaunchTemplate, CreateLaunchTemplateVersion, DescribeLaunchTemplateVersions, DeleteLaunchTemplate.

    The group launches ``$Latest``, so that a change is one call.
    """

    resource = LaunchTemplate
    held_by = frozenset({"auto-scaling-group"})
    exists = frozenset({"InvalidLaunchTemplateName.AlreadyExistsException"})
    gone = frozenset({"InvalidLaunchTemplateName.NotFoundException", "InvalidLaunchTemplateId.NotFound"})

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
            )

    def create(self, aws: Aws, resource: LaunchTemplate) -> Mapping[str, str]:
        own = {name: value for name, value in resource.tags.items() if name not in (IMAGE_TAG, "Name")}
        answer = aws.call(
            "ec2",
            "CreateLaunchTemplate",
            {
                "LaunchTemplateName": resource.name,
                "LaunchTemplateData": _template_data(resource),
                "TagSpecifications": [{"ResourceType": "launch-template", "Tags": tag_list(own)}],
            },
            about=f"launch template {resource.name}",
        )
        return {"id": answer["LaunchTemplate"]["LaunchTemplateId"], "name": resource.name}

    def update(self, aws: Aws, resource: LaunchTemplate, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        query = {"LaunchTemplateId": actual.id, "LaunchTemplateData": _template_data(resource)}
        aws.call("ec2", "CreateLaunchTemplateVersion", query, about=f"launch template {resource.name}")
        return actual.attributes

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
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
        # IMDSv2 only; with one hop the agent, which is on the host's network, reaches it and bridged containers do not.
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
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
    }


class AutoScalingGroupKind(Kind[AutoScalingGroup]):
    """autoscaling:CreateAutoScalingGroup, UpdateAutoScalingGroup, DeleteAutoScalingGroup."""

    resource = AutoScalingGroup
    # Instances stay with the cluster that they joined first.
    fixed = frozenset({"cluster"})
    held_by = frozenset({"service"})
    exists = frozenset({"AlreadyExists", "AlreadyExistsFault"})

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        groups: dict[str, dict[str, Any]] = {}
        asked: list[dict[str, Any]] = [{"Filters": [{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]}]
        if names:
            asked.append({"AutoScalingGroupNames": sorted(names)})
        for query in asked:
            found = aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups")
            groups.update({item["AutoScalingGroupName"]: item for item in found})
        for name, item in groups.items():
            owner = owner_of(item.get("Tags", ()))
            if name not in names and owner != scope.project:
                continue  # an emulator that ignores the filter
            template = item.get("LaunchTemplate", {})
            zones = str(item.get("VPCZoneIdentifier") or "")
            yield Actual(
                self.resource(name).key,
                item.get("AutoScalingGroupARN", name),
                owner,
                fields={
                    "minSize": item.get("MinSize"),
                    "desiredCapacity": item.get("DesiredCapacity"),
                    "maxSize": item.get("MaxSize"),
                    "subnets": frozenset(part.strip() for part in zones.split(",") if part.strip()),
                    "launchTemplate": template.get("LaunchTemplateId", ""),
                    "cluster": _tag(item, CLUSTER_TAG),
                },
                attributes={"name": name},
                status="being deleted" if item.get("Status") else "",
            )

    def create(self, aws: Aws, resource: AutoScalingGroup) -> Mapping[str, str]:
        tags = [
            {"Key": name, "Value": value, "PropagateAtLaunch": True} for name, value in sorted(resource.tags.items())
        ]
        query: dict[str, Any] = {
            "AutoScalingGroupName": resource.name,
            "LaunchTemplate": _template(resource),
            "MinSize": resource.minimum,
            "MaxSize": resource.maximum,
            "DesiredCapacity": resource.desired,
            "VPCZoneIdentifier": ",".join(resource.subnets),
            "Tags": tags,
        }
        aws.call("autoscaling", "CreateAutoScalingGroup", query, about=f"Auto Scaling group {resource.name}")
        return {"name": resource.name}

    def update(
        self, aws: Aws, resource: AutoScalingGroup, actual: Actual, changed: Collection[str]
    ) -> Mapping[str, str]:
        fields = resource.fields()
        query: dict[str, Any] = {"AutoScalingGroupName": resource.name}
        query.update({name: fields[field] for field, name in SETTINGS.items() if field in changed})
        if "subnets" in changed:
            query["VPCZoneIdentifier"] = ",".join(resource.subnets)
        if "launchTemplate" in changed:
            query["LaunchTemplate"] = _template(resource)
        aws.call("autoscaling", "UpdateAutoScalingGroup", query, about=f"Auto Scaling group {resource.name}")
        return actual.attributes

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        name = actual.key.name
        instances = _instances(aws, name)
        # Only a running agent deregisters its instance when that is terminated. While the group exists, its instances
        # are known; so this comes first.
        deregister(aws, str(actual.fields.get("cluster") or scope.cluster), instances, disconnected=True)
        if not actual.status:
            # ForceDelete terminates the instances with the group, protected from scale-in or not.
            query = {"AutoScalingGroupName": name, "ForceDelete": True}
            aws.call("autoscaling", "DeleteAutoScalingGroup", query, about=f"Auto Scaling group {name}")
        hint = "run the same command again; `aws autoscaling describe-scaling-activities` says what it waits for"
        until_gone(lambda: _gone(aws, name, instances), f"the Auto Scaling group {name}", patience, hint)


def deregister(aws: Aws, cluster: str, instances: Collection[str], *, disconnected: bool = False) -> None:
    """Deregister the container instances of these EC2 ids (ecs:DeregisterContainerInstance, with force).

    Args:
        disconnected: only those whose agent is not connected.
    """
    from ecsctl.aws.ecs import describe_container_instances, list_container_instances

    if not instances:
        return
    try:
        arns = list(list_container_instances(aws, cluster))
    except AwsError as error:
        if error.aws_code == "ClusterNotFoundException":
            return
        raise
    for item in describe_container_instances(aws, cluster, arns).found:
        if item.get("ec2InstanceId") not in instances or (disconnected and item.get("agentConnected")):
            continue
        query = {"cluster": cluster, "containerInstance": item["containerInstanceArn"], "force": True}
        try:
            aws.call("ecs", "DeregisterContainerInstance", query, about=f"instance {item.get('ec2InstanceId')}")
        except AwsError as error:
            # It deregistered itself in the meantime.
            if error.aws_code not in ("InvalidParameterException", "ClientException"):
                raise


def _tag(item: Mapping[str, Any], key: str) -> str:
    return next((str(tag.get("Value", "")) for tag in item.get("Tags", ()) if tag.get("Key") == key), "")


def _template(resource: AutoScalingGroup) -> dict[str, str]:
    return {"LaunchTemplateId": str(resource.template), "Version": "$Latest"}


def _describe(aws: Aws, name: str) -> dict[str, Any] | None:
    query = {"AutoScalingGroupNames": [name]}
    for item in aws.pages("autoscaling", "DescribeAutoScalingGroups", query, "AutoScalingGroups"):
        if item["AutoScalingGroupName"] == name:
            return dict(item)
    return None


def _instances(aws: Aws, name: str) -> list[str]:
    group = _describe(aws, name)
    return [instance["InstanceId"] for instance in group.get("Instances", ())] if group else []


def _gone(aws: Aws, name: str, instances: Collection[str]) -> Progress:
    group = _describe(aws, name)
    if group is not None:
        return Progress(False, lines=(f"the group {name} is {group.get('Status') or 'being deleted'}",))
    if not instances:
        return Progress(True)
    query = {"Filters": [{"Name": "instance-id", "Values": sorted(instances)}]}
    states = {
        instance["InstanceId"]: instance["State"]["Name"]
        for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations")
        for instance in reservation["Instances"]
    }
    left = {id_: state for id_, state in states.items() if state != "terminated"}
    return Progress(not left, lines=tuple(f"{id_} is {state}" for id_, state in sorted(left.items())))
