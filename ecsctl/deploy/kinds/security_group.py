"""Security groups."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.base import Actual, Kind, Patience, Scope, owner_of, tag_list
from ecsctl.deploy.resources import OWNER_TAG, Ingress, SecurityGroup
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

# Rules that ecsctl made carry this description; only those are ever revoked.
MARK = "ecsctl"


class SecurityGroupKind(Kind[SecurityGroup]):
    """ec2:CreateSecurityGroup, AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress, DeleteSecurityGroup."""

    resource = SecurityGroup
    rooted = frozenset({"vpc"})
    held_by = frozenset({"auto-scaling-group", "load-balancer", "load-balancer-v2", "service"})
    exists = frozenset({"InvalidGroup.Duplicate", "InvalidPermission.Duplicate"})
    gone = frozenset({"InvalidGroup.NotFound", "InvalidGroupId.NotFound", "InvalidPermission.NotFound"})

    def in_the_way(self, resource: SecurityGroup, actual: Actual) -> bool:
        # A name is taken in one network only.
        return actual.fields["vpc"] == resource.vpc

    def held(self, actual: Actual, other: Actual) -> bool:
        """By what uses it, and by groups whose rules name it."""
        rules = {*other.fields.get("ingress", ()), *other.fields.get("unmarked", ())}
        return super().held(actual, other) or (other.id != actual.id and any(r.source == actual.id for r in rules))

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        filters = [[{"Name": f"tag:{OWNER_TAG}", "Values": [scope.project]}]]
        if names:
            filters.append([{"Name": "group-name", "Values": sorted(names)}])
        groups: dict[str, dict[str, Any]] = {}
        for query in filters:
            for group in aws.pages("ec2", "DescribeSecurityGroups", {"Filters": query}, "SecurityGroups"):
                groups[group["GroupId"]] = group
        # The name may exist once a VPC: the project's own one goes before a stranger's of another VPC.
        for group in sorted(groups.values(), key=lambda item: owner_of(item.get("Tags", ())) == scope.project):
            rules, marked = _rules(group.get("IpPermissions", ()))
            yield Actual(
                self.resource(group["GroupName"]).key,
                group["GroupId"],
                owner_of(group.get("Tags", ())),
                # A rule that somebody added by hand is left alone, so it does not count.
                fields={
                    "vpc": group.get("VpcId", ""),
                    "ingress": frozenset(marked),
                    "unmarked": frozenset(rules - marked),
                },
                attributes={"id": group["GroupId"]},
            )

    def create(self, aws: Aws, resource: SecurityGroup) -> Mapping[str, str]:
        answer = aws.call(
            "ec2",
            "CreateSecurityGroup",
            {
                "GroupName": resource.name,
                "Description": resource.description,
                "VpcId": resource.vpc,
                "TagSpecifications": [{"ResourceType": "security-group", "Tags": tag_list(resource.tags)}],
            },
            about=f"security group {resource.name}",
        )
        self._authorize(aws, answer["GroupId"], resource.name, resource.ingress)
        return {"id": answer["GroupId"]}

    def update(self, aws: Aws, resource: SecurityGroup, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        present = set(actual.fields["ingress"])
        unmarked = set(actual.fields.get("unmarked", ()))
        wanted = set(resource.ingress)
        extra = sorted(present - wanted, key=str)
        self._authorize(aws, actual.id, resource.name, sorted(wanted - present - unmarked, key=str))
        if extra:
            query = {"GroupId": actual.id, "IpPermissions": [_permission(rule) for rule in extra]}
            aws.call("ec2", "RevokeSecurityGroupIngress", query, about=f"security group {resource.name}")
        return actual.attributes

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        aws.call("ec2", "DeleteSecurityGroup", {"GroupId": actual.id}, about=f"security group {actual.key.name}")

    @staticmethod
    def _authorize(aws: Aws, group: str, name: str, rules: Iterable[Ingress]) -> None:
        permissions = [_permission(rule) for rule in rules]
        if not permissions:
            return
        query = {"GroupId": group, "IpPermissions": permissions}
        try:
            aws.call("ec2", "AuthorizeSecurityGroupIngress", query, about=f"security group {name}")
        except AwsError as error:
            # One duplicate refuses the whole call: then one by one.
            if error.aws_code != "InvalidPermission.Duplicate" or len(permissions) == 1:
                raise
            for permission in permissions:
                try:
                    query = {"GroupId": group, "IpPermissions": [permission]}
                    aws.call("ec2", "AuthorizeSecurityGroupIngress", query, about=f"security group {name}")
                except AwsError as single:
                    if single.aws_code != "InvalidPermission.Duplicate":
                        raise


def _permission(rule: Ingress) -> dict[str, Any]:
    source = str(rule.source)
    permission: dict[str, Any] = {"IpProtocol": rule.protocol, "FromPort": rule.from_port, "ToPort": rule.to_port}
    if source.startswith("sg-"):
        permission["UserIdGroupPairs"] = [{"GroupId": source, "Description": MARK}]
    elif ":" in source:
        permission["Ipv6Ranges"] = [{"CidrIpv6": source, "Description": MARK}]
    else:
        permission["IpRanges"] = [{"CidrIp": source, "Description": MARK}]
    return permission


def _rules(permissions: Iterable[Mapping[str, Any]]) -> tuple[set[Ingress], set[Ingress]]:
    """All rules, and those that carry ecsctl's mark."""
    rules: set[Ingress] = set()
    marked: set[Ingress] = set()
    for permission in permissions:
        first, final = permission.get("FromPort", -1), permission.get("ToPort", -1)
        sources = [
            *((item["CidrIp"], item) for item in permission.get("IpRanges", ())),
            *((item["CidrIpv6"], item) for item in permission.get("Ipv6Ranges", ())),
            *((item["GroupId"], item) for item in permission.get("UserIdGroupPairs", ()) if "GroupId" in item),
        ]
        for source, item in sources:
            rule = Ingress(first, final, str(permission.get("IpProtocol", "")), source)
            rules.add(rule)
            if item.get("Description") == MARK:
                marked.add(rule)
    return rules, marked
