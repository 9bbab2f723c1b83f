"""How Application Auto Scaling moves the number of a service's tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import can_go_without
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

API = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
AWS_OPERATIONS = tuple(
    f"{API}:{name}" for name in ("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions")
)
METRICS = {
    "ECSServiceAverageCPUUtilization": "CPU at {}%",
    "ECSServiceAverageMemoryUtilization": "memory at {}%",
    "ALBRequestCountPerTarget": "{} requests a minute for each target",
}


@dataclass(frozen=True)
class Scaling:
    """The bounds, in tasks, and in words what moves the number between them, by the names of policies and actions."""

    minimum: int
    maximum: int
    suspended: bool = False
    policies: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, str] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """It in words."""
        yield f"{self.minimum} to {self.maximum} tasks{', suspended' if self.suspended else ''}"
        for name, text in {**self.policies, **self.schedules}.items():
            yield f"{text} ({name})"

    def to_data(self) -> dict[str, Any]:
        """It as JSON has it."""
        return {
            "min": self.minimum,
            "max": self.maximum,
            "suspended": self.suspended,
            "policies": dict(self.policies),
            "schedules": dict(self.schedules),
        }


def target_of(cluster: str, service: str) -> dict[str, str]:
    """The service as the API names it."""
    return {"ServiceNamespace": "ecs", "ResourceId": f"service/{cluster}/{service}", "ScalableDimension": DIMENSION}


def scaling_of(aws: Aws, cluster: str, service: str, *, whole: bool = True) -> Scaling | None:
    """How a service scales; None where it does not, or where that may not be asked.

    Args:
        cluster: the cluster's name.
        whole: with what moves it, which takes two calls more.

    Calls: application-autoscaling:DescribeScalableTargets, DescribeScalingPolicies, DescribeScheduledActions.
    """
    named = target_of(cluster, service)
    query = {"ServiceNamespace": "ecs", "ResourceIds": [named["ResourceId"]], "ScalableDimension": DIMENSION}
    try:
        found = list(aws.pages(API, "DescribeScalableTargets", query, "ScalableTargets"))
        if not found:
            return None
        policies = list(aws.pages(API, "DescribeScalingPolicies", named, "ScalingPolicies")) if whole else []
        actions = list(aws.pages(API, "DescribeScheduledActions", named, "ScheduledActions")) if whole else []
    except AwsError as error:
        if not can_go_without(error):
            raise
        return None
    return Scaling(
        int(found[0].get("MinCapacity", 0)),
        int(found[0].get("MaxCapacity", 0)),
        any((found[0].get("SuspendedState") or {}).values()),
        {str(row["PolicyName"]): _policy(row) for row in policies},
        {str(row["ScheduledActionName"]): _action(row) for row in actions},
    )


def _policy(row: Mapping[str, Any]) -> str:
    said = row.get("TargetTrackingScalingPolicyConfiguration") or {}
    metric = str((said.get("PredefinedMetricSpecification") or {}).get("PredefinedMetricType") or "")
    target = f"{float(said.get('TargetValue') or 0):g}"
    if metric in METRICS:
        return METRICS[metric].format(target)
    return f"{metric or 'a metric of its own'} at {target}" if said else str(row.get("PolicyType", ""))


def _action(row: Mapping[str, Any]) -> str:
    bounds = row.get("ScalableTargetAction") or {}
    said = [f"{word} {bounds[key]}" for word, key in (("min", "MinCapacity"), ("max", "MaxCapacity")) if key in bounds]
    zone = f" {row['Timezone']}" if row.get("Timezone") else ""
    return f"{row.get('Schedule', '')}{zone}: {', '.join(said)}"
