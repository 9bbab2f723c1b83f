"""Classic load balancers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, tag_list, tags_of
from ecsctl.deploy.resources import OWNER_TAG, Ref, Resource
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

GONE = frozenset({"LoadBalancerNotFound", "AccessPointNotFound"})
TAGS_A_CALL = 20


@dataclass(frozen=True)
class Listener:
    """A listener of a classic balancer."""

    port: int
    protocol: str
    instance_port: int
    instance_protocol: str
    certificate: str | None = None

    def __str__(self) -> str:
        return f"{self.protocol}:{self.port} → {self.instance_protocol}:{self.instance_port}"


@dataclass(frozen=True)
class ClassicLoadBalancer(Resource):
    """A classic load balancer. ``health_check`` has the API's own keys (Target, Interval, …).

    ``placed``: the file names the subnets; else those of the beginning stay.
    """

    kind: ClassVar[str] = "load-balancer"
    scheme: str = "internet-facing"
    subnets: tuple[str, ...] = ()
    security_groups: tuple[Ref | str, ...] = ()
    listeners: tuple[Listener, ...] = ()
    health_check: Mapping[str, Any] = field(default_factory=dict)
    placed: bool = True

    def fields(self) -> dict[str, Any]:
        return {
            "scheme": self.scheme,
            "subnets": frozenset(self.subnets) if self.placed else None,
            "securityGroups": frozenset(self.security_groups),
            "listeners": frozenset(self.listeners),
            "healthCheck": dict(self.health_check),
        }


class ClassicLoadBalancerKind(Kind[ClassicLoadBalancer]):
    """Found by its owner tag and by its name, among all of the region: the API has no filter."""

    resource = ClassicLoadBalancer
    retagging = "elb add-tags --load-balancer-names {name} --tags Key={tag},Value={project}"
    operations = (
        "elb:AddTags",
        "elb:ApplySecurityGroupsToLoadBalancer",
        "elb:ConfigureHealthCheck",
        "elb:CreateLoadBalancer",
        "elb:CreateLoadBalancerListeners",
        "elb:DeleteLoadBalancer",
        "elb:DeleteLoadBalancerListeners",
        "elb:DescribeLoadBalancers",
        "elb:DescribeTags",
        "elb:RemoveTags",
    )
    depends_on = frozenset({"security-group"})
    force_new = frozenset({"scheme", "subnets"})
    exists = frozenset({"DuplicateLoadBalancerName", "DuplicateAccessPointName", "DuplicateListener"})
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["LoadBalancerName"]: item
            for item in aws.pages("elb", "DescribeLoadBalancers", {}, "LoadBalancerDescriptions")
        }
        tags: dict[str, dict[str, str]] = {}
        asked = sorted(found)
        for start in range(0, len(asked), TAGS_A_CALL):
            query = {"LoadBalancerNames": asked[start : start + TAGS_A_CALL]}
            try:
                rows = aws.call("elb", "DescribeTags", query).get("TagDescriptions", ())
            except AwsError as error:
                # One was deleted since it was listed: then each by itself.
                if error.aws_code not in GONE:
                    raise
                rows = [row for name in query["LoadBalancerNames"] for row in _tags(aws, name)]
            tags.update({row["LoadBalancerName"]: tags_of(row.get("Tags")) for row in rows})
        for name, item in found.items():
            owner = tags.get(name, {}).get(OWNER_TAG)
            if name not in names and owner != scope.project:
                continue
            yield Actual(
                self.resource(name).key,
                name,
                owner,
                fields=_fields(item),
                attributes={"name": name, "address": item.get("DNSName", "")},
                tags=tags.get(name, {}),
            )

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services of others that stand behind it."""
        if change.action == UPDATE:
            return ()
        return usage.services_that(
            lambda service: any(
                item.get("loadBalancerName") == change.key.name for item in service.get("loadBalancers", ())
            ),
            "cut off",
        )

    def create(self, aws: Aws, resource: ClassicLoadBalancer) -> Mapping[str, str]:
        query: dict[str, Any] = {
            "LoadBalancerName": resource.name,
            "Listeners": [_listener(listener) for listener in resource.listeners],
            "Subnets": list(resource.subnets),
            "SecurityGroups": sorted(str(group) for group in resource.security_groups),
            "Tags": tag_list(resource.tags),
        }
        if resource.scheme == "internal":
            query["Scheme"] = "internal"
        answer = aws.call("elb", "CreateLoadBalancer", query, about=f"load balancer {resource.name}")
        self._check(aws, resource)
        return {"name": resource.name, "address": answer.get("DNSName", "")}

    def update(
        self, aws: Aws, resource: ClassicLoadBalancer, actual: Actual, changed: Collection[str]
    ) -> Mapping[str, str]:
        about = f"load balancer {resource.name}"
        if "listeners" in changed:
            present, wanted = set(actual.fields["listeners"]), set(resource.listeners)
            ports = sorted({listener.port for listener in present - wanted})
            if ports:
                query: dict[str, Any] = {"LoadBalancerName": resource.name, "LoadBalancerPorts": ports}
                aws.call("elb", "DeleteLoadBalancerListeners", query, about=about)
            missing = sorted(wanted - present, key=lambda listener: listener.port)
            if missing:
                query = {"LoadBalancerName": resource.name, "Listeners": [_listener(item) for item in missing]}
                aws.call("elb", "CreateLoadBalancerListeners", query, about=about)
        if "securityGroups" in changed:
            groups = sorted(str(group) for group in resource.security_groups)
            query = {"LoadBalancerName": resource.name, "SecurityGroups": groups}
            aws.call("elb", "ApplySecurityGroupsToLoadBalancer", query, about=about)
        if "healthCheck" in changed:
            self._check(aws, resource)
        return actual.attributes

    def interruption(self, actual: Actual) -> str:
        return f"{actual.attributes.get('address') or actual.key.name} is gone; the new balancer has another address"

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        names, about = [actual.key.name], f"load balancer {actual.key.name}"
        if drop:
            query = {"LoadBalancerNames": names, "Tags": [{"Key": key} for key in drop]}
            aws.call("elb", "RemoveTags", query, about=about)
        if put:
            aws.call("elb", "AddTags", {"LoadBalancerNames": names, "Tags": tag_list(put)}, about=about)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        query = {"LoadBalancerName": actual.key.name}
        aws.call("elb", "DeleteLoadBalancer", query, about=f"load balancer {actual.key.name}")

    @staticmethod
    def _check(aws: Aws, resource: ClassicLoadBalancer) -> None:
        query = {"LoadBalancerName": resource.name, "HealthCheck": dict(resource.health_check)}
        aws.call("elb", "ConfigureHealthCheck", query, about=f"load balancer {resource.name}")


def _tags(aws: Aws, name: str) -> list[Any]:
    try:
        return list(aws.call("elb", "DescribeTags", {"LoadBalancerNames": [name]}).get("TagDescriptions", ()))
    except AwsError as error:
        if error.aws_code in GONE:
            return []
        raise


def _listener(listener: Listener) -> dict[str, Any]:
    item: dict[str, Any] = {
        "Protocol": listener.protocol,
        "LoadBalancerPort": listener.port,
        "InstanceProtocol": listener.instance_protocol,
        "InstancePort": listener.instance_port,
    }
    if listener.certificate:
        item["SSLCertificateId"] = listener.certificate
    return item


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    listeners = [row.get("Listener", {}) for row in item.get("ListenerDescriptions", ())]
    return {
        "scheme": item.get("Scheme") or "internet-facing",
        "subnets": frozenset(item.get("Subnets", ())),
        "securityGroups": frozenset(item.get("SecurityGroups", ())),
        "listeners": frozenset(
            Listener(
                int(row["LoadBalancerPort"]),
                str(row["Protocol"]).upper(),
                int(row["InstancePort"]),
                str(row.get("InstanceProtocol") or row["Protocol"]).upper(),
                row.get("SSLCertificateId") or None,
            )
            for row in listeners
        ),
        "healthCheck": dict(item.get("HealthCheck") or {}),
    }
