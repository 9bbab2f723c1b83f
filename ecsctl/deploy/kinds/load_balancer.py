"""Application and network load balancers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, tag_list, until_gone
from ecsctl.deploy.kinds.elbv2_tags import owners_of
from ecsctl.deploy.resources import Ref, Resource
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

GONE = frozenset({"LoadBalancerNotFound", "LoadBalancerNotFoundException"})


@dataclass(frozen=True)
class Forward:
    """A listener of an application or network balancer: what comes to ``port`` goes to the target group ``group``."""

    port: int
    protocol: str
    group: Ref | str
    certificate: str | None = None

    def __str__(self) -> str:
        name = self.group.split("/")[-2] if isinstance(self.group, str) and "/" in self.group else self.group
        return f"{self.protocol}:{self.port} → {name}"


@dataclass(frozen=True)
class LoadBalancer(Resource):
    """An application or network load balancer with its listeners.

    ``placed``: the file names the subnets; else those of the beginning stay.
    """

    kind: ClassVar[str] = "load-balancer-v2"
    type: str = "application"
    scheme: str = "internet-facing"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[Ref | str, ...] = ()
    listeners: tuple[Forward, ...] = ()
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "type": self.type,
            "scheme": self.scheme,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "securityGroups": frozenset(self.security_groups),
            "listeners": frozenset(self.listeners),
        }


class LoadBalancerKind(Kind[LoadBalancer]):
    """Found by its owner tag and by its name, among all of the region.

    Listeners are part of their balancer: they go with it.
    """

    resource = LoadBalancer
    operations = (
        "elbv2:CreateListener",
        "elbv2:CreateLoadBalancer",
        "elbv2:DeleteListener",
        "elbv2:DeleteLoadBalancer",
        "elbv2:DescribeListeners",
        "elbv2:DescribeLoadBalancers",
        "elbv2:DescribeTags",
        "elbv2:ModifyListener",
        "elbv2:SetSecurityGroups",
        "elbv2:SetSubnets",
    )
    permissions = ("elasticloadbalancing:AddTags",)
    depends_on = frozenset({"security-group", "target-group"})
    force_new = frozenset({"type", "scheme"})
    exists = frozenset(
        {
            "DuplicateLoadBalancerName",
            "DuplicateLoadBalancerNameException",
            "DuplicateListener",
            "DuplicateListenerException",
        }
    )
    gone = GONE | {"ListenerNotFound", "ListenerNotFoundException"}

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["LoadBalancerArn"]: item for item in aws.pages("elbv2", "DescribeLoadBalancers", {}, "LoadBalancers")
        }
        owners = owners_of(aws, sorted(found), GONE)
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

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name = actual.key.name
        aws.call("elbv2", "DeleteLoadBalancer", {"LoadBalancerArn": actual.id}, about=f"load balancer {name}")
        hint = "run the same command again; deletion protection, where it is on, has to be lifted by hand"
        until_gone(lambda: _gone(aws, actual.id, name), f"load balancer {name}", deadline, hint)


def _gone(aws: Aws, arn: str, name: str) -> Progress:
    try:
        found = aws.call("elbv2", "DescribeLoadBalancers", {"LoadBalancerArns": [arn]}, about=name)["LoadBalancers"]
    except AwsError as error:
        if error.aws_code in GONE:
            return Progress(True)
        raise
    return Progress(not found, lines=(f"load balancer {name} is being deleted",))


def _listeners(aws: Aws, arn: str) -> list[Any]:
    try:
        return list(aws.pages("elbv2", "DescribeListeners", {"LoadBalancerArn": arn}, "Listeners"))
    except AwsError as error:
        if error.aws_code in GONE:
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
