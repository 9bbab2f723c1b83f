"""The kinds of resources: one row a kind, in an order in which each comes after those it depends on."""

from __future__ import annotations

from typing import Any

from ecsctl.deploy.kinds.auto_scaling_group import AutoScalingGroupKind
from ecsctl.deploy.kinds.base import Kind
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancerKind
from ecsctl.deploy.kinds.cluster import ClusterKind
from ecsctl.deploy.kinds.iam_role import InstanceRoleKind
from ecsctl.deploy.kinds.instance import InstanceKind
from ecsctl.deploy.kinds.instance_profile import InstanceProfileKind
from ecsctl.deploy.kinds.launch_template import LaunchTemplateKind
from ecsctl.deploy.kinds.load_balancer import LoadBalancerKind
from ecsctl.deploy.kinds.log_group import LogGroupKind
from ecsctl.deploy.kinds.scalable_target import ScalableTargetKind
from ecsctl.deploy.kinds.security_group import SecurityGroupKind
from ecsctl.deploy.kinds.service import ServiceKind
from ecsctl.deploy.kinds.service_role import ServiceRoleKind
from ecsctl.deploy.kinds.target_group import TargetGroupKind
from ecsctl.deploy.kinds.task_definition import TaskDefinitionKind

TABLE: dict[str, Kind[Any]] = {
    kind.resource.kind: kind
    for kind in (
        ClusterKind(),
        InstanceRoleKind(),
        InstanceProfileKind(),
        ServiceRoleKind(),
        SecurityGroupKind(),
        LaunchTemplateKind(),
        AutoScalingGroupKind(),
        InstanceKind(),
        LogGroupKind(),
        TaskDefinitionKind(),
        ClassicLoadBalancerKind(),
        TargetGroupKind(),
        LoadBalancerKind(),
        ServiceKind(),
        ScalableTargetKind(),
    )
}
