"""The scaling of services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.load_balancer import LoadBalancer
from ecsctl.deploy.kinds.scalable_target import OWN, ScalableTarget, Timed, Tracking
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.target_group import TargetGroup
from ecsctl.deploy.resources import Key, Ref, Resource

if TYPE_CHECKING:
    from ecsctl.manifest.model import ServiceSpec, Spec

METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}
REQUESTS = "ALBRequestCountPerTarget"


def scaling(spec: Spec, tags: Mapping[str, str], wanted: ServiceSpec, service: Service) -> list[Resource]:
    """What moves the number of a service's tasks, where the file says it."""
    said = wanted.scaling
    if said is None:
        return []
    cooldowns = (said.scale_in_cooldown, said.scale_out_cooldown)
    targets = {"cpu": said.cpu, "memory": said.memory}
    policies = {
        f"{OWN}{name}": Tracking(METRICS[name], value, *cooldowns)
        for name, value in targets.items()
        if value is not None
    }
    if said.requests_per_target is not None:
        balancer, group = _counted_at(wanted, service.definition)
        policies[f"{OWN}requests"] = Tracking(REQUESTS, said.requests_per_target, *cooldowns, balancer, group)
    schedules = {
        f"{OWN}{name}": Timed(item.schedule, item.timezone, item.minimum, item.maximum)
        for name, item in said.schedules.items()
    }
    return [
        ScalableTarget(
            f"{spec.cluster}/{wanted.name}",
            tags,
            after=(service.key,),
            minimum=said.minimum,
            maximum=said.maximum,
            policies=policies,
            schedules=schedules,
        )
    ]


def _counted_at(wanted: ServiceSpec, definition: Mapping[str, Any]) -> tuple[Ref | str, Ref | str]:
    """The balancer and the target group whose requests are counted; the rules hold that there are some."""
    assert wanted.load_balancer is not None
    group = definition["loadBalancers"][0]["targetGroupArn"]
    assert isinstance(group, Ref)
    balancer = Key(LoadBalancer.kind, wanted.load_balancer.name)
    return Ref(balancer, "label"), Ref(Key(TargetGroup.kind, group.key.name), "label")
