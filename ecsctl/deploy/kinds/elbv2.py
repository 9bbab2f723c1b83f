"""Application and network load balancers, and the target groups that they forward to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecsctl.aws.session import batches
from ecsctl.deploy.kinds.base import Actual, Kind, Patience, Scope, owner_of, tag_list, until_gone
from ecsctl.deploy.resources import Forward, LoadBalancer, TargetGroup
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

TAGS_A_CALL = 20
DELAY = "deregistration_delay.timeout_seconds"
NO_GROUP = frozenset({"TargetGroupNotFound", "TargetGroupNotFoundException"})
NO_BALANCER = frozenset({"LoadBalancerNotFound", "LoadBalancerNotFoundException"})
# What CreateTargetGroup and ModifyTargetGroup call the members of a health check.
CHECK = (
    "HealthCheckProtocol",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
)


def _owners(aws: Aws, arns: Sequence[str], gone: Collection[str]) -> dict[str, str | None]:
    """The owner of each ARN (elbv2:DescribeTags)."""

    def ask(some: Sequence[str]) -> list[Any]:
        return list(aws.call("elbv2", "DescribeTags", {"ResourceArns": list(some)}).get("TagDescriptions", ()))

    rows: list[Any] = []
    for batch in batches(arns, TAGS_A_CALL):
        try:
            rows += ask(batch)
        except AwsError as error:
            if error.aws_code not in gone:
                raise
            # One was deleted since it was listed: then each by itself.
            for arn in batch:
                try:
                    rows += ask([arn])
                except AwsError as single:
                    if single.aws_code not in gone:
                        raise
    return {str(row["ResourceArn"]): owner_of(row.get("Tags", ())) for row in rows}


class TargetGroupKind(Kind[TargetGroup]):
    """elbv2:CreateTargetGroup, ModifyTargetGroup, ModifyTargetGroupAttributes, DescribeTargetGroups, DeleteTargetGroup.

    What AWS cannot change of a group is in its name, so another one takes its place.
    """

    resource = TargetGroup
    held_by = frozenset({"service", "load-balancer-v2"})
    exists = frozenset({"DuplicateTargetGroupName", "DuplicateTargetGroupNameException"})
    gone = NO_GROUP

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["TargetGroupArn"]: item for item in aws.pages("elbv2", "DescribeTargetGroups", {}, "TargetGroups")
        }
        owners = _owners(aws, sorted(found), NO_GROUP)
        for arn, item in found.items():
            name = item["TargetGroupName"]
            if arn not in owners or (name not in names and owners[arn] != scope.project):
                continue
            delay = self._delay(aws, arn) if owners[arn] == scope.project else None
            yield Actual(
                self.resource(name).key,
                arn,
                owners[arn],
                fields={
                    "vpc": item.get("VpcId", ""),
                    "protocol": item.get("Protocol", ""),
                    "port": item.get("Port"),
                    "targetType": item.get("TargetType", ""),
                    "healthCheck": {key: item[key] for key in CHECK if item.get(key) is not None},
                    "deregistrationDelay": delay,
                },
                attributes={"name": name, "arn": arn},
            )

    @staticmethod
    def _delay(aws: Aws, arn: str) -> int | None:
        try:
            answer = aws.call("elbv2", "DescribeTargetGroupAttributes", {"TargetGroupArn": arn}, about=arn)
        except AwsError as error:
            if error.aws_code in NO_GROUP:
                return None
            raise
        return next((int(row["Value"]) for row in answer.get("Attributes", ()) if row["Key"] == DELAY), None)

    def create(self, aws: Aws, resource: TargetGroup) -> Mapping[str, str]:
        query: dict[str, Any] = {
            "Name": resource.name,
            "VpcId": resource.vpc,
            "Protocol": resource.protocol,
            "Port": resource.port,
            "TargetType": resource.target_type,
            **resource.health_check,
            "Tags": tag_list(resource.tags),
        }
        answer = aws.call("elbv2", "CreateTargetGroup", query, about=f"target group {resource.name}")
        arn = str(answer["TargetGroups"][0]["TargetGroupArn"])
        self._set_delay(aws, arn, resource)
        return {"name": resource.name, "arn": arn}

    def update(self, aws: Aws, resource: TargetGroup, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        if "healthCheck" in changed:
            query = {"TargetGroupArn": actual.id, **resource.health_check}
            aws.call("elbv2", "ModifyTargetGroup", query, about=f"target group {resource.name}")
        if "deregistrationDelay" in changed:
            self._set_delay(aws, actual.id, resource)
        return actual.attributes

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        aws.call("elbv2", "DeleteTargetGroup", {"TargetGroupArn": actual.id}, about=f"target group {actual.key.name}")

    @staticmethod
    def _set_delay(aws: Aws, arn: str, resource: TargetGroup) -> None:
        query = {"TargetGroupArn": arn, "Attributes": [{"Key": DELAY, "Value": str(resource.deregistration_delay)}]}
        aws.call("elbv2", "ModifyTargetGroupAttributes", query, about=f"target group {resource.name}")


class LoadBalancerKind(Kind[LoadBalancer]):
    """elbv2:CreateLoadBalancer, CreateListener, ModifyListener, DeleteListener, DescribeListeners and their like.

    Listeners are part of their balancer: they go with it.
    """

    resource = LoadBalancer
    held_by = frozenset({"service"})
    fixed = frozenset({"type", "scheme"})
    exists = frozenset(
        {
            "DuplicateLoadBalancerName",
            "DuplicateLoadBalancerNameException",
            "DuplicateListener",
            "DuplicateListenerException",
        }
    )
    gone = NO_BALANCER | {"ListenerNotFound", "ListenerNotFoundException"}

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["LoadBalancerArn"]: item for item in aws.pages("elbv2", "DescribeLoadBalancers", {}, "LoadBalancers")
        }
        owners = _owners(aws, sorted(found), NO_BALANCER)
        for arn, item in found.items():
            name = item["LoadBalancerName"]
            if arn not in owners or (name not in names and owners[arn] != scope.project):
                continue
            yield Actual(
                self.resource(name).key,
                arn,
                owners[arn],
                fields={
                    "type": item.get("Type", "application"),
                    "scheme": item.get("Scheme") or "internet-facing",
                    "subnets": frozenset(zone["SubnetId"] for zone in item.get("AvailabilityZones", ())),
                    "securityGroups": frozenset(item.get("SecurityGroups", ())),
                    "listeners": frozenset(_forward(row) for row in _listeners(aws, arn)),
                },
                attributes={"name": name, "arn": arn, "address": item.get("DNSName", "")},
            )

    def create(self, aws: Aws, resource: LoadBalancer) -> Mapping[str, str]:
        query = {
            "Name": resource.name,
            "Type": resource.type,
            "Scheme": resource.scheme,
            "Subnets": list(resource.subnets),
            "SecurityGroups": sorted(str(group) for group in resource.security_groups),
            "Tags": tag_list(resource.tags),
        }
        answer = aws.call("elbv2", "CreateLoadBalancer", query, about=f"load balancer {resource.name}")
        made = answer["LoadBalancers"][0]
        arn = str(made["LoadBalancerArn"])
        for listener in resource.listeners:
            _make(aws, arn, resource, listener)
        return {"name": resource.name, "arn": arn, "address": str(made.get("DNSName", ""))}

    def update(self, aws: Aws, resource: LoadBalancer, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        about = f"load balancer {resource.name}"
        if "securityGroups" in changed:
            groups = sorted(str(group) for group in resource.security_groups)
            query: dict[str, Any] = {"LoadBalancerArn": actual.id, "SecurityGroups": groups}
            aws.call("elbv2", "SetSecurityGroups", query, about=about)
        if "subnets" in changed:
            query = {"LoadBalancerArn": actual.id, "Subnets": list(resource.subnets)}
            aws.call("elbv2", "SetSubnets", query, about=about)
        if "listeners" in changed:
            self._listen(aws, resource, actual.id)
        return actual.attributes

    @staticmethod
    def _listen(aws: Aws, resource: LoadBalancer, arn: str) -> None:
        about = f"load balancer {resource.name}"
        wanted = {listener.port: listener for listener in resource.listeners}
        for row in _listeners(aws, arn):
            listener = wanted.get(int(row["Port"]))
            if listener is None:
                aws.call("elbv2", "DeleteListener", {"ListenerArn": row["ListenerArn"]}, about=about)
                continue
            del wanted[listener.port]
            if _forward(row) != listener:
                query = {"ListenerArn": row["ListenerArn"], **_listener(listener)}
                aws.call("elbv2", "ModifyListener", query, about=about)
        for listener in wanted.values():
            _make(aws, arn, resource, listener)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, patience: Patience) -> None:
        name = actual.key.name
        aws.call("elbv2", "DeleteLoadBalancer", {"LoadBalancerArn": actual.id}, about=f"load balancer {name}")
        hint = "run the same command again; deletion protection, where it is on, has to be lifted by hand"
        until_gone(lambda: _gone(aws, actual.id, name), f"load balancer {name}", patience, hint)


def _gone(aws: Aws, arn: str, name: str) -> Progress:
    try:
        found = aws.call("elbv2", "DescribeLoadBalancers", {"LoadBalancerArns": [arn]}, about=name)["LoadBalancers"]
    except AwsError as error:
        if error.aws_code in NO_BALANCER:
            return Progress(True)
        raise
    return Progress(not found, lines=(f"load balancer {name} is being deleted",))


def _listeners(aws: Aws, arn: str) -> list[Any]:
    try:
        return list(aws.pages("elbv2", "DescribeListeners", {"LoadBalancerArn": arn}, "Listeners"))
    except AwsError as error:
        if error.aws_code in NO_BALANCER:
            return []
        raise


def _make(aws: Aws, arn: str, resource: LoadBalancer, listener: Forward) -> None:
    query = {"LoadBalancerArn": arn, **_listener(listener), "Tags": tag_list(resource.tags)}
    aws.call("elbv2", "CreateListener", query, about=f"load balancer {resource.name}")


def _listener(listener: Forward) -> dict[str, Any]:
    query: dict[str, Any] = {
        "Port": listener.port,
        "Protocol": listener.protocol,
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": str(listener.group)}],
    }
    if listener.certificate:
        query["Certificates"] = [{"CertificateArn": listener.certificate}]
    return query


def _forward(row: Mapping[str, Any]) -> Forward:
    action = (row.get("DefaultActions") or [{}])[0]
    group = action.get("TargetGroupArn", "")
    if not group:
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or [{}]
        group = groups[0].get("TargetGroupArn", "")
    certificates = row.get("Certificates") or [{}]
    certificate = certificates[0].get("CertificateArn") or None
    return Forward(int(row.get("Port", 0)), str(row.get("Protocol", "")), str(group), certificate)
