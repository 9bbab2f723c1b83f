"""Application and network load balancers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change, Conflict
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds import elbv2_listener_changes, elbv2_listeners
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, tag_list, until_gone
from ecsctl.deploy.kinds.elbv2_listeners import Forward
from ecsctl.deploy.kinds.elbv2_tags import retag, tags_by_arn
from ecsctl.deploy.resources import OWNER_TAG, Known, Ref, Resource, resolve
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError
from ecsctl.polling import Progress

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

GONE = frozenset({"LoadBalancerNotFound", "LoadBalancerNotFoundException"})


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
    retagging = "elbv2 add-tags --resource-arns {id} --tags Key={tag},Value={project}"
    operations = (
        *elbv2_listeners.OPERATIONS,
        "elbv2:AddTags",
        "elbv2:CreateLoadBalancer",
        "elbv2:DeleteLoadBalancer",
        "elbv2:DescribeLoadBalancers",
        "elbv2:DescribeTags",
        "elbv2:RemoveTags",
        "elbv2:SetSecurityGroups",
        "elbv2:SetSubnets",
    )
    depends_on = frozenset({"security-group", "target-group"})
    force_new = frozenset({"type", "scheme"})
    exists = frozenset(
        {
            "DuplicateLoadBalancerName",
            "DuplicateLoadBalancerNameException",
            "DuplicateListener",
            "DuplicateListenerException",
            "PriorityInUse",
            "PriorityInUseException",
        }
    )
    gone = GONE | elbv2_listeners.GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["LoadBalancerArn"]: item for item in aws.pages("elbv2", "DescribeLoadBalancers", {}, "LoadBalancers")
        }
        tags = tags_by_arn(aws, sorted(found), GONE)
        for arn, item in found.items():
            name, owner = item["LoadBalancerName"], tags.get(arn, {}).get(OWNER_TAG)
            if arn not in tags or (name not in names and owner != scope.project):
                continue
            mine = owner == scope.project
            listed = elbv2_listeners.listed(aws, arn, owner if mine else None, whole=mine)
            yield Actual(
                self.resource(name).key,
                arn,
                owner,
                fields={
                    "type": item.get("Type", "application"),
                    "scheme": item.get("Scheme") or "internet-facing",
                    "subnets": frozenset(zone["SubnetId"] for zone in item.get("AvailabilityZones", ())),
                    "securityGroups": frozenset(item.get("SecurityGroups", ())),
                    "listeners": frozenset(listed.own.values()),
                    # Of no resource: the listeners and rules of others, and what was set on its own by hand.
                    "others": listed.others,
                    "more": listed.more,
                },
                attributes={
                    "name": name,
                    "arn": arn,
                    "address": item.get("DNSName", ""),
                    "label": arn.partition(":loadbalancer/")[2],
                    **elbv2_listeners.attributes(listed),
                },
                tags=tags[arn],
            )

    def obstacles(self, resource: LoadBalancer, actual: Actual, known: Known) -> Iterable[Conflict]:
        """Listeners and rules of others in the place of those that the file wants."""
        wanted = resolve(resource.listeners, known)
        for item in elbv2_listeners.in_the_way(actual.fields.get("others", ()), wanted):
            yield Conflict(actual.key, item.arn, item.owner, part=str(item))

    def conflict_hint(self, conflict: Conflict, cluster: str) -> str | None:
        return "or give the listener another port, the rule another `priority`" if conflict.part else None

    def differences(self, resource: LoadBalancer, actual: Actual, known: Known) -> Iterator[FieldChange]:
        """A listener of nobody that does what one of the file would do counts as that."""
        wanted = resolve(resource.fields(), known)
        ports = {listener.port: listener for listener in wanted["listeners"]}
        there = {
            item.forward
            for item in actual.fields.get("others", ())
            if item.forward and item.port in ports and item.does(ports[item.port])
        }
        mine = frozenset(
            elbv2_listeners.as_shared(item, ports[item.port]) if item.port in ports else item
            for item in actual.fields["listeners"]
        )
        have = {**actual.fields, "listeners": mine | there}
        yield from compare_fields(have, wanted)

    def drift(self, resource: LoadBalancer, actual: Actual, known: Known) -> Iterable[str]:
        """Listeners that somebody added, certificates and TLS policies that somebody set: what they open stays open."""
        wanted = {listener.port for listener in resource.listeners}
        others = {item.port for item in actual.fields.get("others", ()) if item.forward}
        for port in sorted(others - wanted):
            yield f"{actual.key} listens on {port} by a listener that ecsctl did not make, and that it leaves alone"
        yield from elbv2_listeners.left_behind(actual, resolve(resource.listeners, known))
        for text in actual.fields.get("more", ()):
            yield f"{actual.key} {text}; ecsctl leaves it alone"

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Listeners of others on it, and rules of others on its listeners (all of them, or those that go)."""
        assert change.actual is not None
        kept: frozenset[int] = frozenset()
        if change.action == UPDATE:
            assert isinstance(change.resource, LoadBalancer)
            kept = frozenset(listener.port for listener in change.resource.listeners)
        for item in elbv2_listeners.of_others(usage, [change.actual.id]):
            if change.action != UPDATE or (item.priority is not None and item.port not in kept):
                yield item.use

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
            elbv2_listener_changes.make(aws, arn, resource.name, listener, resource.tags)
        label = arn.partition(":loadbalancer/")[2]
        attributes = {"name": resource.name, "arn": arn, "address": str(made.get("DNSName", "")), "label": label}
        return {**attributes, **self._rules(aws, arn, resource)}

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
            elbv2_listener_changes.change(aws, actual.id, resource.name, resource.listeners, resource.tags)
            return {**actual.attributes, **self._rules(aws, actual.id, resource)}
        return actual.attributes

    @staticmethod
    def _rules(aws: Aws, arn: str, resource: LoadBalancer) -> dict[str, str]:
        """The ARNs of its rules, which services whose deployments shift traffic name."""
        if not any(rule.other for listener in resource.listeners for rule in listener.rules):
            return {}
        return elbv2_listeners.attributes(elbv2_listeners.listed(aws, arn, resource.tags.get(OWNER_TAG)))

    def interruption(self, actual: Actual) -> str:
        return f"{actual.attributes.get('address') or actual.key.name} is gone; the new balancer has another address"

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        arns = [actual.id, *elbv2_listeners.listed(aws, actual.id, actual.owner).arns()]
        retag(aws, arns, put, drop, f"load balancer {actual.key.name}")

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        name = actual.key.name
        aws.call("elbv2", "DeleteLoadBalancer", {"LoadBalancerArn": actual.id}, about=f"load balancer {name}")
        hint = "run the same command again; deletion protection, if enabled, must be turned off first"
        until_gone(lambda: _gone(aws, actual.id, name), f"load balancer {name}", deadline, hint)


def _gone(aws: Aws, arn: str, name: str) -> Progress:
    try:
        found = aws.call("elbv2", "DescribeLoadBalancers", {"LoadBalancerArns": [arn]}, about=name)["LoadBalancers"]
    except AwsError as error:
        if error.aws_code in GONE:
            return Progress(True)
        raise
    return Progress(not found, lines=(f"load balancer {name} is being deleted",))
