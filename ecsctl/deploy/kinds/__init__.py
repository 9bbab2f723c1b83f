"""How each kind of resource is read and written: one row a kind, held complete by a test."""

from __future__ import annotations

from typing import Any

from ecsctl.deploy.kinds.auto_scaling import AutoScalingGroupKind, LaunchTemplateKind
from ecsctl.deploy.kinds.base import Kind
from ecsctl.deploy.kinds.classic_load_balancer import ClassicLoadBalancerKind
from ecsctl.deploy.kinds.cluster import ClusterKind
from ecsctl.deploy.kinds.elbv2 import LoadBalancerKind, TargetGroupKind
from ecsctl.deploy.kinds.iam import InstanceProfileKind, InstanceRoleKind
from ecsctl.deploy.kinds.log_group import LogGroupKind
from ecsctl.deploy.kinds.security_group import SecurityGroupKind
from ecsctl.deploy.kinds.service import ServiceKind
from ecsctl.deploy.kinds.task_definition import TaskDefinitionKind

TABLE: dict[str, Kind[Any]] = {
    kind.resource.kind: kind
    for kind in (
        ClusterKind(),
        InstanceRoleKind(),
        InstanceProfileKind(),
        SecurityGroupKind(),
        LaunchTemplateKind(),
        AutoScalingGroupKind(),
        LogGroupKind(),
        TaskDefinitionKind(),
        ClassicLoadBalancerKind(),
        TargetGroupKind(),
        LoadBalancerKind(),
        ServiceKind(),
    )
}
