"""Spec and data sources → the resources that the project consists of: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.desired.deployment_role import deployment_roles
from ecsctl.deploy.desired.instances import instances
from ecsctl.deploy.desired.load_balancers import load_balancer
from ecsctl.deploy.desired.roles import roles
from ecsctl.deploy.desired.routes import Route
from ecsctl.deploy.desired.services import connected_after, needs_namespace, service
from ecsctl.deploy.kinds.cluster import Cluster
from ecsctl.deploy.kinds.log_group import LogGroup
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.resources import OWNER_TAG, Key, Resource
from ecsctl.deploy.tags import tags_of, with_keys
from ecsctl.manifest.model import log_group_of
from ecsctl.manifest.placement import FARGATE_PROVIDERS

if TYPE_CHECKING:
    from ecsctl.deploy.data_sources import DataSources
    from ecsctl.manifest.model import Spec


def desired(spec: Spec, sources: DataSources) -> dict[Key, Resource]:
    """The resources that a Spec asks for, by key.

    Raises:
        EcsctlError: its parts do not fit (a balancer in another VPC than the instances).
    """
    tags = {**spec.tags, OWNER_TAG: spec.name}
    used = {
        str(row.get("capacityProvider"))
        for service_ in spec.services.values()
        for row in service_.definition.get("capacityProviderStrategy") or ()
    }
    providers = frozenset(used & set(FARGATE_PROVIDERS))
    namespace = spec.cluster if any(needs_namespace(item) for item in spec.services.values()) else None
    resources: list[Resource] = [Cluster(spec.cluster, tags, providers=providers, namespace=namespace)]
    for family, item in spec.task_definitions.items():
        groups = [LogGroup(name, tags) for name in _log_groups(item.definition, family, sources.region)]
        resources += groups
        after = tuple(group.key for group in groups)
        own = tags_of(item.definition.get("tags"), "key", "value")
        made_roles, definition = roles(spec, sources, tags, item)
        resources += made_roles
        resources.append(TaskDefinition(family, {**own, **tags}, after, definition=definition))
    routes = [Route.of(spec, item) for item in spec.services.values() if item.load_balancer]
    for balancer in spec.load_balancers.values():
        through = [route for route in routes if route.balancer == balancer.name]
        resources += load_balancer(spec, sources, tags, balancer, through)
    if spec.instances:
        resources += instances(spec, sources, tags, spec.instances, routes)
    resources += deployment_roles(spec, sources, tags)
    made = {resource.key for resource in resources}
    for wanted in spec.services.values():
        resources += service(spec, sources, tags, wanted, made, connected_after(spec, wanted))
    return {resource.key: with_keys(resource) for resource in resources}


def unlisted(spec: Spec) -> list[Key]:
    """What AWS does not list by owner: services that drain, families of which no revision is active."""
    families = spec.task_definitions
    return [
        *(Key(Service.kind, name) for name in spec.services),
        *(Key(LogGroup.kind, log_group_of(family)) for family in families),
        *(Key(TaskDefinition.kind, family) for family in families),
    ]


def _log_groups(definition: Mapping[str, Any], family: str, region: str) -> list[str]:
    """The log group of a family's own name, where its containers log to that in this region and no driver makes it."""
    name = log_group_of(family)
    for container in definition.get("containerDefinitions", ()):
        logs = container.get("logConfiguration") or {}
        options = logs.get("options") or {}
        if logs.get("logDriver") != "awslogs" or options.get("awslogs-create-group", "").lower() == "true":
            continue
        if options.get("awslogs-group") == name and options.get("awslogs-region") in (None, "", region):
            return [name]
    return []
