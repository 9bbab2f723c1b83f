"""Auto Scaling groups as capacity providers use them, and the alarms of CloudWatch that deployments watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from ecsctl.sandbox.interfaces import AgentApi, GroupDetails, InstanceDetails

MANAGED_TAG = "AmazonECSManaged"
DRAINING_HOOK = "ecs-managed-draining-termination-hook"
NAMESPACE = "AWS/ECS/ManagedScaling"
METRIC = "CapacityProviderReservation"
IN_SERVICE = "InService"
WAITING = "Terminating:Wait"
HOOK_SECONDS = 3600


class ScalingGroups:
    """Implements :class:`ecsctl.sandbox.interfaces.AutoScaling` over moto's Auto Scaling of one region.

    Args:
        size: what a new instance of a type would be.
    """

    def __init__(self, account: str, region: str, size: Callable[[str], InstanceDetails]) -> None:
        self._account = account
        self._region = region
        self._size = size
        self._policies: dict[str, tuple[int, int]] = {}

    @property
    def _backend(self) -> Any:
        from moto.autoscaling.models import autoscaling_backends

        return autoscaling_backends[self._account][self._region]

    def _group(self, arn: str) -> Any:
        name = arn.rsplit("/", 1)[-1]
        group = self._backend.autoscaling_groups.get(name)
        return group if group is not None and group.arn == arn else None

    def facts(self, arn: str) -> GroupDetails | None:
        group = self._group(arn)
        if group is None:
            return None
        kind = _instance_type(group)
        return GroupDetails(
            least=int(group.min_size or 0),
            most=int(group.max_size or 0),
            desired=int(group.desired_capacity or 0),
            instances=[s.instance.id for s in group.instance_states if s.lifecycle_state == IN_SERVICE],
            protects_new=bool(group.new_instances_protected_from_scale_in),
            size=self._size(kind) if kind else None,
        )

    def resize(self, arn: str, desired: int) -> None:
        group = self._group(arn)
        if group is not None:
            self._backend.set_desired_capacity(group.name, desired)

    def protect(self, arn: str, instances: Sequence[str], protected: bool) -> None:
        group = self._group(arn)
        if group is not None and instances:
            self._backend.set_instance_protection(group.name, list(instances), protected)

    def take(self, arn: str, *, policy: str | None, target: int, warmup: int, drains: bool) -> None:
        group, backend = self._group(arn), self._backend
        if group is None:
            return
        if not any(tag["Key"] == MANAGED_TAG for tag in group.tags):
            mark = {"Key": MANAGED_TAG, "Value": "", "PropagateAtLaunch": "true"}
            backend.create_or_update_tags([{**mark, "ResourceId": group.name, "ResourceType": "auto-scaling-group"}])
        tracked = {
            "TargetValue": float(target),
            "CustomizedMetricSpecification": {"MetricName": METRIC, "Namespace": NAMESPACE, "Statistic": "Average"},
            "DisableScaleIn": False,
        }
        if policy and (policy not in backend.policies or self._policies.get(policy) != (target, warmup)):
            self._policies[policy] = (target, warmup)
            self._put_policy(group.name, policy, tracked, warmup)
        if policy is None:
            self._drop_policies(group.name)
        hooked = f"{group.name}_{DRAINING_HOOK}" in backend.lifecycle_hooks
        if drains and not hooked:
            transition = "autoscaling:EC2_INSTANCE_TERMINATING"
            backend.create_lifecycle_hook(DRAINING_HOOK, group.name, transition, HOOK_SECONDS, "CONTINUE")
        elif hooked and not drains:
            backend.delete_lifecycle_hook(group.name, DRAINING_HOOK)

    def _put_policy(self, group: str, name: str, tracked: dict[str, Any], warmup: int) -> None:
        self._backend.put_scaling_policy(
            name=name,
            policy_type="TargetTrackingScaling",
            metric_aggregation_type=None,
            adjustment_type=None,
            as_name=group,
            min_adjustment_magnitude=None,
            scaling_adjustment=None,
            cooldown=None,
            target_tracking_config=tracked,
            step_adjustments=None,
            estimated_instance_warmup=warmup,
            predictive_scaling_configuration=None,
        )

    def _drop_policies(self, group: str) -> None:
        for policy in list(self._backend.policies.values()):
            if policy.auto_scaling_group_name == group and policy.name.startswith("ECSManaged"):
                self._backend.delete_policy(policy.name)

    def leave(self, arn: str) -> None:
        group = self._group(arn)
        if group is not None:
            self._drop_policies(group.name)
            self._backend.delete_lifecycle_hook(group.name, DRAINING_HOOK)

    def report(self, cluster: str, provider: str, percent: float, now: float) -> None:
        from moto.cloudwatch.models import cloudwatch_backends

        dimensions = [{"Name": "CapacityProviderName", "Value": provider}, {"Name": "ClusterName", "Value": cluster}]
        at = datetime.fromtimestamp(now, timezone.utc).replace(tzinfo=None)
        row = {"MetricName": METRIC, "Dimensions": dimensions, "Value": percent, "Unit": "Percent", "Timestamp": at}
        cloudwatch_backends[self._account][self._region].put_metric_data(NAMESPACE, [row])


def _instance_type(group: Any) -> str | None:
    try:
        return str(group.instance_type or "") or None
    except Exception:  # a template without a type, as a mixed-instances policy may have one
        return None


def drains(group: Any) -> bool:
    """Whether instances of a group drain before they end."""
    return f"{group.name}_{DRAINING_HOOK}" in group.autoscaling_backend.lifecycle_hooks


class Alarms:
    """Implements :class:`ecsctl.sandbox.interfaces.CloudWatch` over moto's CloudWatch of one region."""

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region

    def states(self, names: Sequence[str]) -> Mapping[str, str]:
        from moto.cloudwatch.models import cloudwatch_backends

        known = cloudwatch_backends[self._account][self._region].alarms
        return {name: str(known[name].state_value) for name in names if name in known}


def end_drained(backend: Any, agents: AgentApi) -> None:
    """Managed draining: what a scale-in took leaves its tasks to others, and ends when the last one has stopped."""
    for group in list(backend.autoscaling_groups.values()):
        for state in [item for item in group.instance_states if item.lifecycle_state == WAITING]:
            if agents.drain(state.instance.id) == 0:
                end_instance(group, state)


def replace_lost(backend: Any, delay: float, now: float, impaired: Callable[[str], bool]) -> None:
    """Replace what a group has lost for ``delay`` seconds: terminated instances, stopped and impaired ones (it ends
    those), and those that could not be launched when they were wanted."""
    for group in list(backend.autoscaling_groups.values()):
        gone = [s for s in group.instance_states if s.instance.state != "running" or impaired(s.instance.id)]
        if not gone and len(group.active_instances()) >= (group.desired_capacity or 0):
            group.__dict__.pop("_noticed_loss", None)
            continue
        noticed = group.__dict__.setdefault("_noticed_loss", now)
        if now - noticed < delay:
            continue
        del group.__dict__["_noticed_loss"]
        for state in gone:
            if state.instance.state != "terminated":
                state.instance.terminate()
        group.instance_states = [state for state in group.instance_states if state not in gone]
        missing = (group.desired_capacity or 0) - len(group.active_instances())
        if missing > 0:
            group.replace_autoscaling_group_instances(missing, group.get_propagated_tags())
        backend.update_attached_elbs(group.name)
        backend.update_attached_target_groups(group.name)


def end_instance(group: Any, state: Any) -> None:
    group.instance_states = [item for item in group.instance_states if item is not state]
    state.instance.terminate()
    backend = group.autoscaling_backend
    if group.name in backend.autoscaling_groups:
        backend.update_attached_elbs(group.name)
        backend.update_attached_target_groups(group.name)
