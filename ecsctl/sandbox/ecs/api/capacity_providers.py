"""Capacity providers: the strategies that name them, and their own operations."""

from __future__ import annotations

from collections.abc import Sequence

from ecsctl.refusals import patterns, state
from ecsctl.refusals.limits import MAX_PROVIDERS
from ecsctl.refusals.service import check_strategy
from ecsctl.refusals.service_context import FARGATE_PROVIDERS
from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import find_cluster
from ecsctl.sandbox.ecs.api.tags import checked_tags, tag_list
from ecsctl.sandbox.ecs.errors import EcsApiError, client_error, invalid, refuse_first, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.store.store import CapacityProvider, Document


def known_providers(region: Region, names: Sequence[str]) -> list[str]:
    """The names of providers, each once.

    Raises:
        EcsApiError: ``InvalidParameterException`` for one that does not exist or is not ACTIVE, or for more than 20.
    """
    found = []
    for name in names:
        short = name.rsplit("/", 1)[-1]
        provider = region.store.capacity_providers.get(short)
        if short not in FARGATE_PROVIDERS and (provider is None or provider.status != "ACTIVE"):
            raise refused(state.PROVIDER_UNKNOWN)
        if provider is not None and provider.managed_instances:
            raise refused(state.MANAGED_ASSOCIATE)
        found.append(short)
    if len(found) > MAX_PROVIDERS:
        raise refused(state.PROVIDERS_COUNT)
    return list(dict.fromkeys(found))


def check_associated(strategy: Sequence[Document], providers: Sequence[str]) -> None:
    """Refuse a strategy of providers that a cluster does not have.

    Args:
        providers: those that the cluster has (or is to have).
    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    for item in strategy:
        if item["capacityProvider"].rsplit("/", 1)[-1] not in providers:
            raise refused(state.NOT_ASSOCIATED)


def checked_strategy(
    strategy: Sequence[Document], providers: Sequence[str], *, default: bool = False
) -> list[Document]:
    """A capacity provider strategy with its defaults filled in; a weight that is left out is 0.

    Args:
        providers: those that the cluster has (or is to have).
        default: it is a cluster's default strategy.
    Raises:
        EcsApiError: ``InvalidParameterException``.
    """
    if default and sum(bool(item.get("base")) for item in strategy) > 1:
        raise refused(state.DEFAULT_BASES)
    refuse_first(check_strategy({"capacityProviderStrategy": list(strategy)}))
    check_associated(strategy, providers)
    return [
        {
            "capacityProvider": item["capacityProvider"].rsplit("/", 1)[-1],
            "weight": item.get("weight", 0),
            "base": item.get("base", 0),
        }
        for item in strategy
    ]


def _builtin(region: Region, name: str) -> CapacityProvider:
    return CapacityProvider(name=name, arn=region.store.arn("capacity-provider", name), kind=name, update_status=None)


def _view(provider: CapacityProvider, include: Sequence[str]) -> Response:
    return {
        "capacityProviderArn": provider.arn,
        "name": provider.name,
        "cluster": provider.cluster,
        "status": provider.status,
        "autoScalingGroupProvider": provider.auto_scaling_group,
        "managedInstancesProvider": provider.managed_instances,
        "updateStatus": provider.update_status,
        "updateStatusReason": provider.update_reason,
        "tags": tag_list(provider.tags) if "TAGS" in include else [],
        "type": provider.kind,
    }


def _filled_group(group: Document) -> Document:
    """The Auto Scaling group part with the service's defaults."""
    scaling = group.get("managedScaling") or {}
    status = scaling.get("status", "DISABLED" if "managedScaling" not in group else "ENABLED")
    minimum = scaling.get("minimumScalingStepSize", 1)
    maximum = scaling.get("maximumScalingStepSize", 10000)
    target = scaling.get("targetCapacity", 100)
    if minimum < 1:
        raise refused(state.STEP_SIZE)
    if minimum > maximum:
        raise refused(state.STEP_ORDER)
    for member, value, least, most in (
        ("targetCapacity", target, 1, 100),
        ("maximumScalingStepSize", maximum, 1, 10000),
        ("instanceWarmupPeriod", scaling.get("instanceWarmupPeriod", 300), 0, 10000),
    ):
        if not least <= value <= most:
            raise refused(state.SCALING_BOUNDS, member=member, least=least, most=most)
    protection = group.get("managedTerminationProtection", "DISABLED")
    if protection == "ENABLED" and status != "ENABLED":
        raise refused(state.TERMINATION_SCALING)
    return {
        "autoScalingGroupArn": group["autoScalingGroupArn"],
        "managedScaling": {
            "status": status,
            "targetCapacity": target,
            "minimumScalingStepSize": minimum,
            "maximumScalingStepSize": maximum,
            "instanceWarmupPeriod": scaling.get("instanceWarmupPeriod", 300),
        },
        "managedTerminationProtection": protection,
        "managedDraining": group.get("managedDraining", "ENABLED"),
    }


def _check_protection(region: Region, group: Document) -> None:
    """Managed termination protection lifts what the group itself must set on every new instance."""
    facts = region.auto_scaling.facts(group["autoScalingGroupArn"])
    if group["managedTerminationProtection"] == "ENABLED" and facts is not None and not facts.protects_new:
        raise refused(state.TERMINATION_PROTECTION)


@operation("CreateCapacityProvider")
def create_capacity_provider(region: Region, request: Request) -> Response:
    """CreateCapacityProvider: over an Auto Scaling group, or ECS Managed Instances of one cluster."""
    store = region.store
    name = request["name"]
    if not patterns.NAME.fullmatch(name) or name.lower().startswith(("aws", "ecs", "fargate")):
        raise refused(state.PROVIDER_NAME)
    group, managed = request.get("autoScalingGroupProvider"), request.get("managedInstancesProvider")
    if bool(group) == bool(managed):
        raise invalid("Exactly one of autoScalingGroupProvider and managedInstancesProvider must be specified.")
    cluster = request.get("cluster")
    if managed and not cluster:
        raise invalid("A cluster must be specified for a managed instances capacity provider.")
    if group and cluster:
        raise invalid("A cluster cannot be specified for an Auto Scaling group capacity provider.")
    if managed:
        find_cluster(region, request)
    tags = checked_tags(request.get("tags"))
    filled = _filled_group(group) if group else None
    existing = store.capacity_providers.get(name)
    if existing is not None and existing.status != "INACTIVE":
        raise client_error("A capacity provider with the specified name already exists.")
    if filled and any(
        p.status == "ACTIVE"
        and (p.auto_scaling_group or {}).get("autoScalingGroupArn") == filled["autoScalingGroupArn"]
        for p in store.capacity_providers.values()
    ):
        raise refused(state.GROUP_IN_USE)
    if filled:
        _check_protection(region, filled)
    provider = CapacityProvider(
        name=name,
        arn=store.arn("capacity-provider", name),
        kind="EC2_AUTOSCALING" if group else "MANAGED_INSTANCES",
        auto_scaling_group=filled,
        managed_instances=managed,
        cluster=cluster.rsplit("/", 1)[-1] if cluster else None,
        tags=tags,
        policy=f"ECSManagedAutoScalingPolicy-{store.new_uuid()}" if group else None,
    )
    store.capacity_providers[name] = provider
    if managed:
        # It is its cluster's from the beginning; PutClusterCapacityProviders does not take it
        # (hashicorp/terraform-provider-aws#44783).
        find_cluster(region, request).capacity_providers.append(name)
    return {"capacityProvider": _view(provider, ("TAGS",))}


@operation("DescribeCapacityProviders")
def describe_capacity_providers(region: Region, request: Request) -> Response:
    """DescribeCapacityProviders: those named (at most 100), or all, page by page."""
    store = region.store
    builtin = {name: _builtin(region, name) for name in FARGATE_PROVIDERS}
    known = builtin | store.capacity_providers
    include = request.get("include", ())
    references = request.get("capacityProviders")
    if references:
        if len(references) > 100:
            raise invalid("Capacity providers cannot have more than 100 elements.")
        failures, chosen, token = [], [], None
        for reference in dict.fromkeys(references):
            name = reference.rsplit("/", 1)[-1]
            if name in known:
                chosen.append(name)
            else:
                arn = reference if reference.startswith("arn:") else store.arn("capacity-provider", name)
                failures.append({"arn": arn, "reason": "MISSING"})
    else:
        failures = []
        cluster = request.get("cluster")
        owner = cluster.rsplit("/", 1)[-1] if cluster else None
        names = [n for n, p in known.items() if p.status != "INACTIVE" and (owner is None or p.cluster == owner)]
        chosen, token = page(request, names, default=10, limit=10)
    views = [_view(known[name], include) for name in chosen]
    return {**listing("capacityProviders", views, token), "failures": failures}


def _own(region: Region, reference: str) -> CapacityProvider:
    provider = region.store.capacity_providers.get(reference.rsplit("/", 1)[-1])
    if provider is None or provider.status == "INACTIVE":
        raise invalid("The specified capacity provider does not exist. Specify a valid name or ARN and try again.")
    return provider


@operation("UpdateCapacityProvider")
def update_capacity_provider(region: Region, request: Request) -> Response:
    """UpdateCapacityProvider: the members given replace the old ones."""
    provider = _own(region, request["name"])
    update = request.get("autoScalingGroupProvider")
    managed = request.get("managedInstancesProvider")
    if update is not None and provider.auto_scaling_group is not None:
        merged = {**provider.auto_scaling_group, **update}
        merged["managedScaling"] = {**provider.auto_scaling_group["managedScaling"], **update.get("managedScaling", {})}
        filled = _filled_group(merged)
        _check_protection(region, filled)
        provider.auto_scaling_group = filled
    elif managed is not None and provider.managed_instances is not None:
        provider.managed_instances = {**provider.managed_instances, **managed}
    else:
        raise invalid("The update does not fit the type of the capacity provider.")
    provider.update_status = "UPDATE_COMPLETE"
    return {"capacityProvider": _view(provider, ("TAGS",))}


@operation("DeleteCapacityProvider")
def delete_capacity_provider(region: Region, request: Request) -> Response:
    """DeleteCapacityProvider: asynchronous; the loop makes it INACTIVE. Refused while a cluster has it."""
    reference = request["capacityProvider"].rsplit("/", 1)[-1]
    if reference in FARGATE_PROVIDERS:
        raise invalid("The specified capacity provider is reserved and cannot be deleted.")
    provider = _own(region, reference)
    clusters = region.store.clusters.values()
    in_use = [c.name for c in clusters if provider.name in c.capacity_providers and c.name != provider.cluster]
    if provider.cluster and any(
        task.capacity_provider == provider.name and task.last_status != "STOPPED"
        for task in region.store.cluster_tasks(provider.cluster)
    ):
        in_use = [provider.cluster]
    if in_use:
        raise EcsApiError(
            "ResourceInUseException",
            "The capacity provider cannot be deleted because it is associated with cluster: "
            f"{', '.join(in_use)}. Remove the capacity provider from the cluster and try again.",
        )
    provider.update_status = "DELETE_IN_PROGRESS"
    return {"capacityProvider": _view(provider, ("TAGS",))}


def finish_deletions(region: Region) -> None:
    """The loop's part of DeleteCapacityProvider."""
    for provider in region.store.capacity_providers.values():
        if provider.update_status == "DELETE_IN_PROGRESS":
            provider.update_status = "DELETE_COMPLETE"
            provider.status = "INACTIVE"
            own = region.store.clusters.get(provider.cluster or "")
            if own is not None and provider.name in own.capacity_providers:
                own.capacity_providers.remove(provider.name)
                own.default_strategy = [
                    item for item in own.default_strategy if item["capacityProvider"] != provider.name
                ]
            if provider.auto_scaling_group is not None:
                region.auto_scaling.leave(provider.auto_scaling_group["autoScalingGroupArn"])
