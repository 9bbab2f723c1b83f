"""Target groups, which application and network load balancers forward to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.deploy.changes import UPDATE, Change
from ecsctl.deploy.guards import Use
from ecsctl.deploy.kinds import elbv2_listeners
from ecsctl.deploy.kinds.base import Actual, Deadline, Kind, Scope, tag_list
from ecsctl.deploy.kinds.elbv2_tags import retag, tags_by_arn
from ecsctl.deploy.resources import OWNER_TAG, Resource
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.usage import Usage

# What the fields of a group are called among its attributes.
DELAY = "deregistration_delay.timeout_seconds"
SLOW_START = "slow_start.duration_seconds"
STICKY, STICKY_SECONDS = "stickiness.enabled", "stickiness.lb_cookie.duration_seconds"
GONE = frozenset({"TargetGroupNotFound", "TargetGroupNotFoundException"})
# What CreateTargetGroup and ModifyTargetGroup call the members of a health check.
CHECK = (
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
)


@dataclass(frozen=True)
class TargetGroup(Resource):
    """A target group. ``health_check`` has the API's own keys (HealthCheckPath, …), times are in seconds.

    ``stickiness``: for how long a client keeps its target by the balancer's cookie, ``slow_start``: for how long a new
    target gets less than its share; 0: off, None: left alone (network balancers have neither in this form).

    AWS cannot change its network, protocol, port and type, so whoever names it puts them into the name.
    """

    kind: ClassVar[str] = "target-group"
    vpc: str = ""
    protocol: str = "HTTP"
    port: int = 80
    target_type: str = "instance"
    health_check: Mapping[str, Any] = field(default_factory=dict)
    deregistration_delay: int = 300
    stickiness: int | None = None
    slow_start: int | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "vpc": self.vpc,
            "protocol": self.protocol,
            "port": self.port,
            "targetType": self.target_type,
            "healthCheck": dict(self.health_check),
            "deregistrationDelay": self.deregistration_delay,
            "stickiness": self.stickiness,
            "slowStart": self.slow_start,
        }

    def attributes(self) -> dict[str, str]:
        """What is said of it besides, as ModifyTargetGroupAttributes takes it."""
        made = {DELAY: str(self.deregistration_delay)}
        if self.slow_start is not None:
            made[SLOW_START] = str(self.slow_start)
        if self.stickiness is not None:
            made[STICKY] = "true" if self.stickiness else "false"
        if self.stickiness:
            made[STICKY_SECONDS] = str(self.stickiness)
        return made


class TargetGroupKind(Kind[TargetGroup]):
    """Found by its owner tag and by its name, among all of the region.

    What AWS cannot change of a group is in its name, so another one takes its place.
    """

    resource = TargetGroup
    retagging = "elbv2 add-tags --resource-arns {id} --tags Key={tag},Value={project}"
    operations = (
        "elbv2:AddTags",
        "elbv2:CreateTargetGroup",
        "elbv2:DeleteTargetGroup",
        "elbv2:DescribeListeners",
        "elbv2:DescribeRules",
        "elbv2:DescribeTags",
        "elbv2:DescribeTargetGroupAttributes",
        "elbv2:DescribeTargetGroups",
        "elbv2:ModifyTargetGroup",
        "elbv2:ModifyTargetGroupAttributes",
        "elbv2:RemoveTags",
    )
    force_new = frozenset({"vpc", "protocol", "port", "targetType"})
    exists = frozenset({"DuplicateTargetGroupName", "DuplicateTargetGroupNameException"})
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        found = {
            item["TargetGroupArn"]: item for item in aws.pages("elbv2", "DescribeTargetGroups", {}, "TargetGroups")
        }
        tags = tags_by_arn(aws, sorted(found), GONE)
        for arn, item in found.items():
            name, owner = item["TargetGroupName"], tags.get(arn, {}).get(OWNER_TAG)
            if arn not in tags or (name not in names and owner != scope.project):
                continue
            told = self._attributes(aws, arn) if owner == scope.project else {}
            sticky = told.get(STICKY) == "true"
            yield Actual(
                self.resource(name).key,
                arn,
                owner,
                fields={
                    "vpc": item.get("VpcId", ""),
                    "protocol": item.get("Protocol", ""),
                    "port": item.get("Port"),
                    "targetType": item.get("TargetType", ""),
                    "healthCheck": {key: item[key] for key in CHECK if item.get(key) is not None},
                    "deregistrationDelay": int(told[DELAY]) if DELAY in told else None,
                    "stickiness": int(told.get(STICKY_SECONDS, 0)) if sticky else 0,
                    "slowStart": int(told.get(SLOW_START, 0)),
                    # Of no resource: whose listeners forward there.
                    "balancers": tuple(sorted(item.get("LoadBalancerArns", ()))),
                },
                attributes={"name": name, "arn": arn, "label": arn.rpartition(":")[2]},
                tags=tags[arn],
            )

    @staticmethod
    def _attributes(aws: Aws, arn: str) -> dict[str, str]:
        try:
            answer = aws.call("elbv2", "DescribeTargetGroupAttributes", {"TargetGroupArn": arn}, about=arn)
        except AwsError as error:
            if error.aws_code in GONE:
                return {}
            raise
        return {str(row["Key"]): str(row.get("Value", "")) for row in answer.get("Attributes", ())}

    def users(self, usage: Usage, change: Change) -> Iterable[Use]:
        """Services of others that register there; balancers, listeners and rules of others that forward there."""
        if change.action == UPDATE:
            return
        assert change.actual is not None
        arn = change.actual.id
        yield from usage.services_that(lambda service: arn in _targets(service), "cut off")
        for item in elbv2_listeners.of_others(usage, change.actual.fields.get("balancers", ())):
            if arn in item.targets:
                yield item.use

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
        self._set_attributes(aws, arn, resource)
        return {"name": resource.name, "arn": arn, "label": arn.rpartition(":")[2]}

    def update(self, aws: Aws, resource: TargetGroup, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        if "healthCheck" in changed:
            query = {"TargetGroupArn": actual.id, **resource.health_check}
            aws.call("elbv2", "ModifyTargetGroup", query, about=f"target group {resource.name}")
        if {"deregistrationDelay", "stickiness", "slowStart"} & set(changed):
            self._set_attributes(aws, actual.id, resource)
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        retag(aws, [actual.id], put, drop, f"target group {actual.key.name}")

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        aws.call("elbv2", "DeleteTargetGroup", {"TargetGroupArn": actual.id}, about=f"target group {actual.key.name}")

    @staticmethod
    def _set_attributes(aws: Aws, arn: str, resource: TargetGroup) -> None:
        rows = [{"Key": key, "Value": value} for key, value in resource.attributes().items()]
        query = {"TargetGroupArn": arn, "Attributes": rows}
        aws.call("elbv2", "ModifyTargetGroupAttributes", query, about=f"target group {resource.name}")


def _targets(service: Mapping[str, Any]) -> set[str]:
    """The target groups of a described service, with those that its deployments shift traffic to."""
    found = set()
    for item in service.get("loadBalancers", ()):
        found |= {
            str(item.get("targetGroupArn")),
            str((item.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")),
        }
    return found
