"""The role with which ECS shifts the traffic of deployments, and calls their hooks: one for the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.kinds.service_role import ServiceRole, path_of, role_name, trusted
from ecsctl.deploy.resources import Key, Resource

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources
    from ecsctl.manifest.model import Spec

SHIFTS_TRAFFIC = "arn:{partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"


def deployment_role(spec: Spec, sources: DataSources) -> Key:
    """The role's key."""
    return Key(ServiceRole.kind, role_name(spec.name, sources.region, "deployments"))


def needs_role(hook: Mapping[str, Any]) -> bool:
    """Whether a lifecycle hook calls a function, and does not say by which role."""
    return bool(hook.get("hookTargetArn")) and not hook.get("roleArn") and hook.get("targetType") != "PAUSE"


def deployment_roles(spec: Spec, sources: DataSources, tags: Mapping[str, str]) -> list[Resource]:
    """The role, where a service of the file needs it: it may shift traffic, and call the hooks that are named."""
    shifts = any(_shifts(spec, service) for service in spec.services.values())
    hooks = sorted(
        {
            str(hook["hookTargetArn"])
            for service in spec.services.values()
            for hook in (service.definition.get("deploymentConfiguration") or {}).get("lifecycleHooks") or ()
            if needs_role(hook)
        }
    )
    if not shifts and not hooks:
        return []
    statements = [{"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": hooks}] if hooks else []
    return [
        ServiceRole(
            deployment_role(spec, sources).name,
            tags,
            policies=(SHIFTS_TRAFFIC.format(partition=sources.partition),) if shifts else (),
            trust=trusted("ecs"),
            description=f"Lets ECS shift the traffic of {spec.name} (made by ecsctl)",
            path=path_of(spec.name, sources.region),
            statements=tuple(statements),
        )
    ]


def _shifts(spec: Spec, service: Any) -> bool:
    front = spec.load_balancers.get(service.load_balancer.name) if service.load_balancer else None
    return bool(service.shifts and front is not None and front.type != "classic")
