"""What somebody put on an Auto Scaling group of the project: settings, hooks, policies, schedules, providers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ecsctl.aws.ecs import describe_clusters
from ecsctl.aws.failures import cannot_be_asked
from ecsctl.aws.session import batches
from ecsctl.deploy.resources import Scope, owner_of
from ecsctl.errors import AwsError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

OPERATIONS = (
    "autoscaling:DescribeLifecycleHooks",
    "autoscaling:DescribePolicies",
    "autoscaling:DescribeScheduledActions",
    "ecs:DescribeCapacityProviders",
    "ecs:DescribeClusters",
)
# ECS puts this tag on a group that a capacity provider launches by, and policies and hooks of these names.
MANAGED_TAG = "AmazonECSManaged"
MANAGED = ("ECSManaged", "ecs-managed-")
PROVIDERS_A_CALL = 100
# The operation, its result, the name of one, what it is, and the command that takes it away.
PARTS = (
    ("DescribeLifecycleHooks", "LifecycleHooks", "LifecycleHookName", "lifecycle hook", "delete-lifecycle-hook"),
    ("DescribePolicies", "ScalingPolicies", "PolicyName", "scaling policy", "delete-policy"),
    (
        "DescribeScheduledActions",
        "ScheduledUpdateGroupActions",
        "ScheduledActionName",
        "scheduled action",
        "delete-scheduled-action",
    ),
)


def settings(group: Mapping[str, Any]) -> Iterator[str]:
    """What a described group has that no file says and ecsctl does not set, where it is not AWS's default, in words."""
    checks = group.get("HealthCheckType") or "EC2"
    if checks != "EC2":
        yield f"the health check {checks}"
    if group.get("NewInstancesProtectedFromScaleIn"):
        yield "new instances protected from scale-in"
    policies = [str(name) for name in group.get("TerminationPolicies") or ()]
    if policies not in ([], ["Default"]):
        yield f"the termination policy {', '.join(policies)}"


def additions(aws: Aws, scope: Scope, group: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What others put on a described group, each in words with the command that takes it away.

    Raises:
        AwsError: there was no answer. What the credentials may not ask is left out.
    """
    name = str(group["AutoScalingGroupName"])
    for operation, result, key, what, command in PARTS:
        try:
            rows = list(aws.pages("autoscaling", operation, {"AutoScalingGroupName": name}, result, about=name))
        except AwsError as error:
            if not cannot_be_asked(error):
                raise
            continue
        flag = key[0].lower() + "".join(f"-{char.lower()}" if char.isupper() else char for char in key[1:])
        for row in rows:
            own = str(row.get(key))
            if row.get("AutoScalingGroupName") == name and not own.startswith(MANAGED):
                yield f"the {what} {own}", f"aws autoscaling {command} --auto-scaling-group-name {name} --{flag} {own}"
    if is_managed(group):
        for provider in providers(aws, str(group.get("AutoScalingGroupARN") or name)):
            if owner_of(provider.get("tags", ()), "key", "value") != scope.project:
                own = str(provider.get("name"))
                yield f"the capacity provider {own}", f"aws ecs delete-capacity-provider --capacity-provider {own}"


def is_managed(group: Mapping[str, Any]) -> bool:
    """Whether ECS has marked a described group, since a capacity provider launches by it."""
    return any(row.get("Key") == MANAGED_TAG for row in group.get("Tags", ()))


def providers(aws: Aws, group: str, clusters: Sequence[str] | None = None) -> Iterator[Mapping[str, Any]]:
    """The capacity providers that launch by a group (its ARN or name).

    Args:
        clusters: only those that these have; None: all of the region, which some endpoints do not list.
    """
    query: dict[str, Any] = {"include": ["TAGS"]}
    queries = [query]
    if clusters is not None:
        found = describe_clusters(aws, clusters).found
        names = sorted({str(name) for item in found for name in item.get("capacityProviders", ())})
        names = [name for name in names if not name.startswith("FARGATE")]
        queries = [{**query, "capacityProviders": list(batch)} for batch in batches(names, PROVIDERS_A_CALL)]
    for query in queries:
        for provider in aws.pages("ecs", "DescribeCapacityProviders", query, "capacityProviders"):
            through = str((provider.get("autoScalingGroupProvider") or {}).get("autoScalingGroupArn") or "")
            if provider.get("status") != "INACTIVE" and through and group in (through, through.rsplit("/", 1)[-1]):
                yield provider
