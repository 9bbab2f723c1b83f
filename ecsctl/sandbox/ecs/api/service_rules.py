"""What CreateService, UpdateService and RunTask refuse: of the request by itself, and of what else there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.refusals import load_balancers
from ecsctl.refusals import service as facts
from ecsctl.refusals.deployments import check_deployment
from ecsctl.refusals.deployments import check_external as external_violations
from ecsctl.refusals.service import check_service
from ecsctl.refusals.service_connect import NAME_TAKEN, NAMESPACE_UNKNOWN
from ecsctl.refusals.service_context import Context
from ecsctl.sandbox.ecs.api.capacity_providers import check_associated
from ecsctl.sandbox.ecs.errors import refuse_first, refused
from ecsctl.sandbox.ecs.region import Region, Request
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import launch_type_of
from ecsctl.sandbox.ecs.store.store import Cluster, Document, TaskDefinition


def check_name(request: Request) -> None:
    """Refuse a name or token that CreateService refuses.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    refuse_first(facts.check_name(request))


def check_settings(
    region: Region,
    cluster: Cluster,
    definition: TaskDefinition,
    settings: Document,
    *,
    name: str,
    update: bool = False,
) -> None:
    """Refuse what contradicts itself, the task definition, or what there is in the account.

    Args:
        settings: members of CreateService, merged with the service's own on an update; defaults are filled in.
        name: the service's.
    Raises:
        EcsApiError: mostly ``InvalidParameterException``.
    """
    context = Context(
        mode=definition.network_mode,
        family=definition.family,
        launch_type=launch_type_of(region.store, settings),
        namespace=bool((cluster.service_connect_defaults or {}).get("namespace")),
        update=update,
        count_required=not update,
    )
    refuse_first(check_service(settings, definition.document, context))
    check_associated(settings.get("capacityProviderStrategy", ()), cluster.capacity_providers)
    check_network_exists(region, settings.get("networkConfiguration"))
    connect = settings.get("serviceConnectConfiguration") or {}
    if connect.get("enabled"):
        namespace = namespace_of(region, cluster, connect)
        _check_names_free(region, namespace, connect, (cluster.name, name))
    for balancer in settings.get("loadBalancers", ()):
        _check_balancer(region, definition, balancer)


def _check_names_free(region: Region, namespace: str, connect: Document, own: tuple[str, str]) -> None:
    """Refuse names that another service has in the namespace; ``own`` is the cluster and name of this one."""
    wanted = _names(connect)
    for key, other in region.store.services.items():
        theirs = other.settings.get("serviceConnectConfiguration") or {}
        if key == own or other.status == "INACTIVE" or not theirs.get("enabled"):
            continue
        if wanted & _names(theirs) and namespace_of(region, region.store.clusters[key[0]], theirs) == namespace:
            raise refused(NAME_TAKEN, arn=other.arn)


def _names(connect: Document) -> set[str]:
    return {str(item.get("discoveryName") or item.get("portName")) for item in connect.get("services", ())}


def namespace_of(region: Region, cluster: Cluster, connect: Document) -> str:
    """The ARN of the namespace of a Service Connect configuration, or of its cluster's default.

    Raises:
        EcsApiError: ``NamespaceNotFoundException``.
    """
    name = connect.get("namespace") or (cluster.service_connect_defaults or {}).get("namespace", "")
    arn = region.cloud_map.namespace(name)
    if arn is None:
        raise refused(NAMESPACE_UNKNOWN, name=name)
    return arn


def check_external(request: Request, settings: Document) -> None:
    """Refuse what a service leaves to its task sets, or lacks; take the defaults of an EXTERNAL one away.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    refuse_first(external_violations(request))
    if settings["deploymentController"]["type"] != "EXTERNAL":
        return
    refuse_first(load_balancers.check_load_balancers(request, None, Context(), None))
    refuse_first(check_deployment(settings, Context()))
    for member in ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration"):
        settings.pop(member, None)
    settings["availabilityZoneRebalancing"] = "DISABLED"
    settings.setdefault("desiredCount", 0)


def check_network_exists(region: Region, network: Mapping[str, Any] | None) -> None:
    """Refuse subnets and security groups that EC2 does not have.

    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    given = (network or {}).get("awsvpcConfiguration") or {}
    subnets, groups = given.get("subnets") or [], given.get("securityGroups") or []
    for name in subnets:
        if not region.ec2.subnet_exists(name):
            raise refused(facts.SUBNET_UNKNOWN, given=", ".join(subnets), name=name)
    for name in groups:
        if not region.ec2.security_group_exists(name):
            raise refused(facts.GROUP_UNKNOWN, given=", ".join(groups), name=name)


def _check_balancer(region: Region, definition: TaskDefinition, balancer: Document) -> None:
    classic, group = balancer.get("loadBalancerName"), str(balancer.get("targetGroupArn"))
    if classic:
        if not region.elb.classic_exists(classic):
            raise refused(load_balancers.CLASSIC_UNKNOWN, name=classic)
        return
    problem = region.elb.target_group_problem(group)
    if problem == "missing":
        raise refused(load_balancers.GROUP_INVALID)
    if problem is not None:
        raise refused(load_balancers.GROUP_UNUSED, arn=group)
    kind = region.elb.target_type(group)
    if kind != ("ip" if definition.network_mode == "awsvpc" else "instance"):
        raise refused(load_balancers.GROUP_TYPE, arn=group, kind=kind, mode=definition.network_mode)
