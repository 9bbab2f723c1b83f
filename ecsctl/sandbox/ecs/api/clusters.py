"""Clusters: create, describe, list, update, delete."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator

from ecsctl.refusals import patterns, state
from ecsctl.refusals.model import part
from ecsctl.refusals.service_connect import NAMESPACE_UNKNOWN
from ecsctl.sandbox.ecs.api.account_settings import effective
from ecsctl.sandbox.ecs.api.capacity_providers import checked_strategy, known_providers
from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import cluster_name, find_cluster
from ecsctl.sandbox.ecs.api.tags import checked_tags, tag_list
from ecsctl.sandbox.ecs.errors import EcsApiError, client_error, invalid, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.store.store import DEFAULT_CLUSTER, Cluster, Document, Store

_INSIGHTS = ("enabled", "disabled", "enhanced")


def cluster_view(store: Store, cluster: Cluster, include: frozenset[str]) -> Response:
    """A cluster as DescribeClusters answers it."""
    counts = store.statuses_of_cluster[cluster.name]
    by_status: Counter[str] = Counter()
    for (status, _), count in counts.items():
        by_status[status] += count
    services = store.cluster_services(cluster.name)
    view: Response = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "status": cluster.status,
        "registeredContainerInstancesCount": len(store.instances_of_cluster[cluster.name]),
        "runningTasksCount": by_status["RUNNING"],
        "pendingTasksCount": by_status["PENDING"] + by_status["PROVISIONING"] + by_status["ACTIVATING"],
        "activeServicesCount": sum(service.status == "ACTIVE" for service in services),
        "statistics": [],
        "tags": tag_list(cluster.tags) if "TAGS" in include else [],
        "settings": _settings_list(cluster) if "SETTINGS" in include else [],
        "capacityProviders": list(cluster.capacity_providers),
        "defaultCapacityProviderStrategy": list(cluster.default_strategy),
        "serviceConnectDefaults": cluster.service_connect_defaults,
    }
    if "CONFIGURATIONS" in include:
        view["configuration"] = cluster.configuration
    if "ATTACHMENTS" in include and cluster.capacity_providers:
        view["attachments"] = list(_attachments(store, cluster))
        view["attachmentsStatus"] = "UPDATE_COMPLETE"
    if "STATISTICS" in include:
        view["statistics"] = _statistics(store, cluster, counts)
    return view


def _statistics(store: Store, cluster: Cluster, counts: Counter[tuple[str, str]]) -> list[dict[str, str]]:
    services: Counter[tuple[str, str]] = Counter()
    for service in store.cluster_services(cluster.name):
        launch = "Fargate" if service.settings.get("launchType") == "FARGATE" else "EC2"
        services[service.status, launch] += 1
    numbers: dict[str, int] = {}
    for launch, name in (("EC2", "EC2"), ("FARGATE", "Fargate"), ("EXTERNAL", "External")):
        numbers[f"running{name}TasksCount"] = counts["RUNNING", launch]
        numbers[f"pending{name}TasksCount"] = sum(
            counts[status, launch] for status in ("PROVISIONING", "PENDING", "ACTIVATING")
        )
        numbers[f"active{name}ServiceCount"] = services["ACTIVE", name]
        numbers[f"draining{name}ServiceCount"] = services["DRAINING", name]
    return [{"name": name, "value": str(value)} for name, value in numbers.items()]


def _attachments(store: Store, cluster: Cluster) -> Iterator[Response]:
    """What ECS made in Auto Scaling for the cluster's capacity providers."""
    for name in cluster.capacity_providers:
        provider = store.capacity_providers.get(name)
        group = (provider.auto_scaling_group if provider else None) or {}
        if provider is None or group.get("managedScaling", {}).get("status") != "ENABLED":
            continue
        yield {
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{provider.arn}/scaling")),
            "type": "managed_scaling",
            "status": "CREATED",
            "details": [
                {"name": "capacityProviderName", "value": name},
                {"name": "scalingPolicyName", "value": provider.policy},
            ],
        }
        if group["managedDraining"] == "ENABLED":
            yield {
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{provider.arn}/draining")),
                "type": "managed_draining",
                "status": "CREATED",
                "details": [
                    {"name": "capacityProviderName", "value": name},
                    {"name": "autoScalingLifecycleHookName", "value": "ecs-managed-draining-termination-hook"},
                ],
            }


def _settings_list(cluster: Cluster) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in cluster.settings.items()]


def _check_configuration(request: Request) -> None:
    command = part(request, "configuration", "executeCommandConfiguration")
    logs = part(command, "logConfiguration")
    if logs and command.get("logging") != "OVERRIDE":
        raise refused(state.EXEC_LOGGING)
    if command.get("logging") == "OVERRIDE" and not (logs.get("cloudWatchLogGroupName") or logs.get("s3BucketName")):
        raise refused(state.EXEC_LOG_CONFIGURATION)


def _checked_settings(request: Request) -> dict[str, str]:
    settings: dict[str, str] = {}
    for setting in request.get("settings", ()):
        if setting.get("value") not in _INSIGHTS:
            raise refused(state.INSIGHTS, value=setting.get("value"))
        settings[setting["name"]] = setting["value"]
    return settings


def _connect_defaults(region: Region, request: Request) -> Document | None:
    """``serviceConnectDefaults`` with the namespace's ARN; a new name makes a namespace, "" takes the default away.

    Raises:
        EcsApiError: ``NamespaceNotFoundException`` for an ARN of none.
    """
    given = (request.get("serviceConnectDefaults") or {}).get("namespace")
    if not given:
        return None
    arn = region.cloud_map.namespace(given)
    if arn is None and given.startswith("arn:"):
        raise refused(NAMESPACE_UNKNOWN, name=given)
    return {"namespace": arn or region.cloud_map.create_namespace(given)}


@operation("CreateCluster")
def create_cluster(region: Region, request: Request) -> Response:
    """CreateCluster: an ACTIVE cluster of this name is answered as it is; an INACTIVE one begins anew."""
    store = region.store
    name = request.get("clusterName") or DEFAULT_CLUSTER
    if not patterns.NAME.fullmatch(name):
        raise refused(state.CLUSTER_NAME)
    everything = frozenset({"TAGS", "SETTINGS", "CONFIGURATIONS", "STATISTICS"})
    tags = checked_tags(request.get("tags"))
    settings = _checked_settings(request)
    _check_configuration(request)
    providers = known_providers(region, request.get("capacityProviders", ()))
    strategy = checked_strategy(request.get("defaultCapacityProviderStrategy", ()), providers, default=True)
    existing = store.clusters.get(name)
    if existing is not None and existing.status != "INACTIVE":
        if (tags and tags != existing.tags) or (settings and settings.items() - existing.settings.items()):
            raise invalid(
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            )
        return {"cluster": cluster_view(store, existing, everything)}
    cluster = Cluster(
        name=name,
        arn=store.arn("cluster", name),
        tags=tags,
        settings={"containerInsights": effective(region, "containerInsights")} | settings,
        configuration=request.get("configuration"),
        service_connect_defaults=_connect_defaults(region, request),
        capacity_providers=providers,
        default_strategy=strategy,
    )
    store.clusters[name] = cluster
    return {"cluster": cluster_view(store, cluster, everything)}


@operation("DescribeClusters")
def describe_clusters(region: Region, request: Request) -> Response:
    """DescribeClusters: at most 100, ``default`` where none is named; unknown ones are failures."""
    store = region.store
    references = request.get("clusters") or [DEFAULT_CLUSTER]
    if len(references) > 100:
        raise invalid("Clusters cannot have more than 100 elements.")
    include = frozenset(request.get("include", ()))
    found, failures = [], []
    for reference in dict.fromkeys(references):
        cluster = store.clusters.get(cluster_name(reference))
        if cluster is None or (reference.startswith("arn:") and reference != cluster.arn):
            arn = reference if reference.startswith("arn:") else store.arn("cluster", reference)
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(cluster_view(store, cluster, include))
    return {"clusters": found, "failures": failures}


@operation("ListClusters")
def list_clusters(region: Region, request: Request) -> Response:
    """ListClusters: the ARNs of all that are not INACTIVE."""
    arns = [cluster.arn for cluster in region.store.clusters.values() if cluster.status != "INACTIVE"]
    return listing("clusterArns", *page(request, arns))


@operation("UpdateCluster")
def update_cluster(region: Region, request: Request) -> Response:
    """UpdateCluster: settings, configuration, Service Connect defaults; what is left out stays."""
    cluster = find_cluster(region, request)
    settings = _checked_settings(request)
    _check_configuration(request)
    cluster.settings.update(settings)
    if "configuration" in request:
        cluster.configuration = request["configuration"]
    if "serviceConnectDefaults" in request:
        cluster.service_connect_defaults = _connect_defaults(region, request)
    return {"cluster": cluster_view(region.store, cluster, frozenset({"SETTINGS", "TAGS", "CONFIGURATIONS"}))}


@operation("UpdateClusterSettings")
def update_cluster_settings(region: Region, request: Request) -> Response:
    """UpdateClusterSettings."""
    cluster = find_cluster(region, request)
    cluster.settings.update(_checked_settings(request))
    return {"cluster": cluster_view(region.store, cluster, frozenset({"SETTINGS", "TAGS"}))}


@operation("PutClusterCapacityProviders")
def put_cluster_capacity_providers(region: Region, request: Request) -> Response:
    """PutClusterCapacityProviders: replaces the list and the default strategy of the cluster."""
    store = region.store
    cluster = find_cluster(region, request)
    own = [p.name for p in store.capacity_providers.values() if p.cluster == cluster.name and p.status == "ACTIVE"]
    providers = [*known_providers(region, request["capacityProviders"]), *own]
    strategy = checked_strategy(request["defaultCapacityProviderStrategy"], providers, default=True)
    gone = set(cluster.capacity_providers) - set(providers)
    used = {t.capacity_provider for t in store.cluster_tasks(cluster.name) if t.last_status != "STOPPED"}
    for service in store.cluster_services(cluster.name):
        if service.status != "INACTIVE":
            used |= {item["capacityProvider"] for item in service.settings.get("capacityProviderStrategy", ())}
    if gone & used:
        raise refused(state.PROVIDER_IN_USE)
    cluster.capacity_providers = providers
    cluster.default_strategy = strategy
    for instance in store.cluster_instances(cluster.name):
        if instance.capacity_provider in gone:
            instance.capacity_provider = None
        for name in providers:
            group = (
                (store.capacity_providers[name].auto_scaling_group or {}) if name in store.capacity_providers else {}
            )
            if group and group.get("autoScalingGroupArn") == instance.facts.auto_scaling_group_arn:
                instance.capacity_provider = name
    return {"cluster": cluster_view(store, cluster, frozenset({"SETTINGS", "TAGS", "ATTACHMENTS"}))}


@operation("DeleteCluster")
def delete_cluster(region: Region, request: Request) -> Response:
    """DeleteCluster: refused while it has services, container instances, tasks or its own capacity providers."""
    store = region.store
    cluster = find_cluster(region, request)
    name = cluster.name
    if any(service.status == "ACTIVE" for service in store.cluster_services(name)):
        raise refused(state.HAS_SERVICES)
    if store.instances_of_cluster[name]:
        raise refused(state.HAS_INSTANCES)
    if any(task.last_status != "STOPPED" for task in store.cluster_tasks(name)):
        raise EcsApiError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    if any(p.cluster == name and p.status != "INACTIVE" for p in store.capacity_providers.values()):
        raise refused(state.HAS_PROVIDERS)
    cluster.status = "INACTIVE"
    cluster.capacity_providers = []
    cluster.default_strategy = []
    view = cluster_view(store, cluster, frozenset({"TAGS", "SETTINGS"}))
    cluster.tags = {}
    return {"cluster": view}


def ensure_active(cluster: Cluster) -> None:
    """Refuse work on a cluster that is on its way in or out.

    Raises:
        EcsApiError: ``ClientException`` "Cluster was not ACTIVE."
    """
    if cluster.status != "ACTIVE":
        raise client_error("Cluster was not ACTIVE.")
