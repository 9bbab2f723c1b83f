"""The scaling of services by Application Auto Scaling: targets, with their policies and scheduled actions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from ecsctl.aws.concurrency import map_concurrently
from ecsctl.aws.failures import cannot_be_asked
from ecsctl.deploy.compare import compare_fields
from ecsctl.deploy.kinds.base import NO_SUCH_API, Actual, Deadline, Kind, Scope
from ecsctl.deploy.resources import OWNER_TAG, Known, Ref, Resource, resolve
from ecsctl.ecs_definitions.field_changes import FieldChange
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

API = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
# The project's own policies and scheduled actions; whatever else a target has is somebody else's.
OWN = "ecsctl-"
GONE = frozenset({"ObjectNotFoundException"})
READS = 8
COOLDOWNS = {"ScaleInCooldown": "scaleInCooldown", "ScaleOutCooldown": "scaleOutCooldown"}


@dataclass(frozen=True)
class Tracking:
    """A policy that keeps a metric of the API (``ECSServiceAverageCPUUtilization`` …) at a value.

    The cooldowns are in seconds; None: AWS's default. ``balancer`` and ``group`` are what requests are counted at.
    """

    metric: str
    target: float
    scale_in: int | None = None
    scale_out: int | None = None
    balancer: Ref | str = ""
    group: Ref | str = ""

    def shown(self) -> dict[str, Any]:
        """It as fields that are compared."""
        said = {"metric": self.metric, "target": float(self.target)}
        more = {"scaleInCooldown": self.scale_in, "scaleOutCooldown": self.scale_out}
        label = {"balancer": self.balancer or None, "group": self.group or None}
        return {name: value for name, value in {**said, **more, **label}.items() if value is not None}


@dataclass(frozen=True)
class Timed:
    """A scheduled action: from then on ``minimum`` and ``maximum`` are other ones; None leaves one as it is."""

    schedule: str
    timezone: str | None = None
    minimum: int | None = None
    maximum: int | None = None

    def shown(self) -> dict[str, Any]:
        """It as fields that are compared."""
        said = {"schedule": self.schedule, "timezone": self.timezone, "min": self.minimum, "max": self.maximum}
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True)
class ScalableTarget(Resource):
    """Between what bounds a service's number of tasks moves, and by what; its name is ``CLUSTER/SERVICE``."""

    kind: ClassVar[str] = "scalable-target"
    minimum: int = 0
    maximum: int = 1
    policies: Mapping[str, Tracking] = field(default_factory=dict)
    schedules: Mapping[str, Timed] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        return {
            # A scheduled action changes them: what it has set is not brought back.
            "min": None if self._timed("minimum") else self.minimum,
            "max": None if self._timed("maximum") else self.maximum,
            "policies": {name: policy.shown() for name, policy in self.policies.items()},
            "schedules": {name: action.shown() for name, action in self.schedules.items()},
        }

    def _timed(self, bound: str) -> bool:
        return any(getattr(action, bound) is not None for action in self.schedules.values())


class ScalableTargetKind(Kind[ScalableTarget]):
    """Found by the names of services, and by the owner tag among those of the scope's cluster.

    Policies and scheduled actions are part of their target: they go with it.
    """

    resource = ScalableTarget
    operations = tuple(
        f"{API}:{name}"
        for name in (
            "DeleteScalingPolicy",
            "DeleteScheduledAction",
            "DeregisterScalableTarget",
            "DescribeScalableTargets",
            "DescribeScalingPolicies",
            "DescribeScheduledActions",
            "ListTagsForResource",
            "PutScalingPolicy",
            "PutScheduledAction",
            "RegisterScalableTarget",
            "TagResource",
            "UntagResource",
        )
    )
    permissions = ("iam:CreateServiceLinkedRole",)
    retagging = "application-autoscaling tag-resource --resource-arn {id} --tags {tag}={project}"
    depends_on = frozenset({"service", "load-balancer-v2", "target-group"})
    gone = GONE

    def find(self, aws: Aws, scope: Scope, names: Collection[str]) -> Iterable[Actual]:
        try:
            rows = list(aws.pages(API, "DescribeScalableTargets", {"ServiceNamespace": "ecs"}, "ScalableTargets"))
        except AwsError as error:
            if names or not (cannot_be_asked(error) or error.aws_code in NO_SUCH_API):
                raise
            # Who may not scale anything has nothing of it.
            return
        chosen = [
            row
            for row in rows
            if row.get("ScalableDimension") == DIMENSION
            and (_name(row) in names or _name(row).startswith(f"{scope.cluster}/"))
        ]
        tags = map_concurrently(lambda row: _tags(aws, row), chosen, READS)
        for row, said in zip(chosen, tags, strict=True):
            owner = said.get(OWNER_TAG)
            if _name(row) in names or owner == scope.project:
                yield self._look(aws, row, said)

    def _look(self, aws: Aws, row: Mapping[str, Any], tags: Mapping[str, str]) -> Actual:
        query = _query(_name(row))
        policies = list(aws.pages(API, "DescribeScalingPolicies", query, "ScalingPolicies"))
        actions = list(aws.pages(API, "DescribeScheduledActions", query, "ScheduledActions"))
        arn = str(row.get("ScalableTargetARN") or row["ResourceId"])
        named = {str(item["PolicyName"]): item for item in policies}
        timed = {str(item["ScheduledActionName"]): item for item in actions}
        return Actual(
            self.resource(_name(row)).key,
            arn,
            tags.get(OWNER_TAG),
            fields={
                "min": row.get("MinCapacity"),
                "max": row.get("MaxCapacity"),
                "policies": {name: _policy(item) for name, item in named.items() if name.startswith(OWN)},
                "schedules": {name: _action(item) for name, item in timed.items() if name.startswith(OWN)},
                # Of no resource.
                "others": tuple(sorted(name for name in (*named, *timed) if not name.startswith(OWN))),
                "suspended": any((row.get("SuspendedState") or {}).values()),
            },
            attributes={"name": _name(row), "arn": arn},
            tags=dict(tags),
        )

    def differences(self, resource: ScalableTarget, actual: Actual, known: Known) -> Iterator[FieldChange]:
        wanted = resolve(resource.fields(), known)
        yield from compare_fields(actual.fields, wanted)
        for part in ("policies", "schedules"):
            for name in sorted(actual.fields[part].keys() - wanted[part].keys()):
                yield FieldChange(f"{part}.{name}", str(actual.fields[part][name]), None)

    def drift(self, resource: ScalableTarget, actual: Actual, known: Known) -> Iterable[str]:
        """Policies that somebody added, and that scaling is suspended."""
        for name in actual.fields["others"]:
            yield f"{actual.key} has {name}, which ecsctl did not make, and which it leaves alone"
        if actual.fields["suspended"]:
            service = actual.key.name.partition("/")[2]
            yield f"{actual.key}: scaling is suspended; `ecsctl service scale {service} --resume` resumes it"

    def goes_with(self, actual: Actual) -> Iterable[str]:
        """Policies and scheduled actions of others."""
        return tuple(map(str, actual.fields["others"]))

    def create(self, aws: Aws, resource: ScalableTarget) -> Mapping[str, str]:
        bounds = {"MinCapacity": resource.minimum, "MaxCapacity": resource.maximum}
        query = {**_query(resource.name), **bounds, "Tags": dict(resource.tags)}
        answer = aws.call(API, "RegisterScalableTarget", query, about=f"scaling of {resource.name}")
        for name in resource.policies:
            self._put_policy(aws, resource, name)
        for name in resource.schedules:
            self._put_action(aws, resource, name)
        return {"name": resource.name, "arn": str(answer.get("ScalableTargetARN", ""))}

    def update(self, aws: Aws, resource: ScalableTarget, actual: Actual, changed: Collection[str]) -> Mapping[str, str]:
        about, query = f"scaling of {resource.name}", _query(resource.name)
        if {"min", "max"} & set(changed):
            bounds = {"MinCapacity": resource.minimum, "MaxCapacity": resource.maximum}
            aws.call(API, "RegisterScalableTarget", {**query, **bounds}, about=about)
        if "policies" in changed:
            for name in resource.policies:
                self._put_policy(aws, resource, name)
            for name in actual.fields["policies"].keys() - resource.policies.keys():
                _drop(aws, "DeleteScalingPolicy", {**query, "PolicyName": name}, about)
        if "schedules" in changed:
            for name in resource.schedules:
                self._put_action(aws, resource, name)
            for name in actual.fields["schedules"].keys() - resource.schedules.keys():
                _drop(aws, "DeleteScheduledAction", {**query, "ScheduledActionName": name}, about)
        return actual.attributes

    def retag(self, aws: Aws, actual: Actual, put: Mapping[str, str], drop: Sequence[str]) -> None:
        about = f"scaling of {actual.key.name}"
        if drop:
            aws.call(API, "UntagResource", {"ResourceARN": actual.id, "TagKeys": list(drop)}, about=about)
        if put:
            aws.call(API, "TagResource", {"ResourceARN": actual.id, "Tags": dict(put)}, about=about)

    def delete(self, aws: Aws, scope: Scope, actual: Actual, deadline: Deadline) -> None:
        query = _query(actual.attributes["name"])
        aws.call(API, "DeregisterScalableTarget", query, about=f"scaling of {actual.key.name}")

    @staticmethod
    def _put_policy(aws: Aws, resource: ScalableTarget, name: str) -> None:
        policy = resource.policies[name]
        metric: dict[str, Any] = {"PredefinedMetricType": policy.metric}
        if policy.group:
            metric["ResourceLabel"] = f"{policy.balancer}/{policy.group}"
        said = {"ScaleInCooldown": policy.scale_in, "ScaleOutCooldown": policy.scale_out}
        configuration = {
            "TargetValue": float(policy.target),
            "PredefinedMetricSpecification": metric,
            **{member: value for member, value in said.items() if value is not None},
        }
        query = {
            **_query(resource.name),
            "PolicyName": name,
            "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": configuration,
        }
        aws.call(API, "PutScalingPolicy", query, about=f"scaling of {resource.name}")

    @staticmethod
    def _put_action(aws: Aws, resource: ScalableTarget, name: str) -> None:
        action = resource.schedules[name]
        bounds = {"MinCapacity": action.minimum, "MaxCapacity": action.maximum}
        query = {
            **_query(resource.name),
            "ScheduledActionName": name,
            "Schedule": action.schedule,
            "ScalableTargetAction": {member: value for member, value in bounds.items() if value is not None},
        }
        if action.timezone:
            query["Timezone"] = action.timezone
        aws.call(API, "PutScheduledAction", query, about=f"scaling of {resource.name}")


def _drop(aws: Aws, operation: str, query: Mapping[str, Any], about: str) -> None:
    """Remove a part of a target; one that has gone is gone."""
    try:
        aws.call(API, operation, query, about=about)
    except AwsError as error:
        if error.aws_code not in GONE:
            raise


def _query(name: str) -> dict[str, Any]:
    return {"ServiceNamespace": "ecs", "ResourceId": f"service/{name}", "ScalableDimension": DIMENSION}


def _name(row: Mapping[str, Any]) -> str:
    return str(row["ResourceId"]).removeprefix("service/")


def _tags(aws: Aws, row: Mapping[str, Any]) -> dict[str, str]:
    arn = row.get("ScalableTargetARN")
    if not arn:
        return {}
    try:
        return dict(aws.call(API, "ListTagsForResource", {"ResourceARN": arn}, about=_name(row)).get("Tags") or {})
    except AwsError as error:
        if error.aws_code in GONE | {"ResourceNotFoundException"}:
            return {}
        raise


def _policy(row: Mapping[str, Any]) -> dict[str, Any]:
    """A policy in the words of ``Tracking.shown``."""
    said = row.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = said.get("PredefinedMetricSpecification") or {}
    shown: dict[str, Any] = {
        "metric": metric.get("PredefinedMetricType") or row.get("PolicyType"),
        "target": float(said.get("TargetValue") or 0),
        **{name: said[member] for member, name in COOLDOWNS.items() if said.get(member) is not None},
    }
    balancer, found, group = str(metric.get("ResourceLabel") or "").partition("/targetgroup/")
    return {**shown, "balancer": balancer, "group": f"targetgroup/{group}"} if found else shown


def _action(row: Mapping[str, Any]) -> dict[str, Any]:
    """A scheduled action in the words of ``Timed.shown``."""
    bounds = row.get("ScalableTargetAction") or {}
    said = {
        "schedule": row.get("Schedule"),
        "timezone": row.get("Timezone"),
        "min": bounds.get("MinCapacity"),
        "max": bounds.get("MaxCapacity"),
    }
    return {name: value for name, value in said.items() if value is not None}
