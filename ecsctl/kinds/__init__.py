"""How each kind of resource is read and written: one row a kind, held complete by a test."""

from __future__ import annotations

from typing import Any

from ecsctl.kinds.balancer import ClassicLoadBalancerKind
from ecsctl.kinds.base import Kind
from ecsctl.kinds.cluster import ClusterKind
from ecsctl.kinds.definition import TaskDefinitionKind
from ecsctl.kinds.fleet import AutoScalingGroupKind, LaunchTemplateKind
from ecsctl.kinds.forwarding import LoadBalancerKind, TargetGroupKind
from ecsctl.kinds.iam import InstanceProfileKind, InstanceRoleKind
from ecsctl.kinds.logs import LogGroupKind
from ecsctl.kinds.network import SecurityGroupKind
from ecsctl.kinds.service import ServiceKind

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
