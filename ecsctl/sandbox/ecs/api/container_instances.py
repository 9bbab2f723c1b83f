"""Container instances: describe, list, drain, deregister, attributes."""

from __future__ import annotations

import re

from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import bounded, described, find_cluster, instance_of, missing
from ecsctl.sandbox.ecs.api.tags import tag_list
from ecsctl.sandbox.ecs.errors import EcsApiError, invalid
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler import agents
from ecsctl.sandbox.ecs.scheduler.placement import parsed, subject
from ecsctl.sandbox.ecs.scheduler.resources import resource_lists
from ecsctl.sandbox.ecs.store.store import ContainerInstance, Document, Store

_ATTRIBUTE_NAME = re.compile(r"[A-Za-z0-9_./\\-]{1,128}")
_MAX_ATTRIBUTES = 10


def instance_view(store: Store, instance: ContainerInstance, include: frozenset[str], now: float) -> Response:
    """A container instance as DescribeContainerInstances answers it."""
    registered, remaining = resource_lists(instance)
    statuses = [store.tasks[arn].last_status for arn in instance.tasks]
    view: Response = {
        "containerInstanceArn": instance.arn,
        "ec2InstanceId": instance.facts.ec2_instance_id,
        "capacityProviderName": instance.capacity_provider,
        "version": instance.version,
        "versionInfo": {
            "agentVersion": instance.facts.agent_version,
            "agentHash": "00000000",
            "dockerVersion": f"DockerVersion: {instance.facts.docker_version}",
        },
        "remainingResources": remaining,
        "registeredResources": registered,
        "status": instance.status,
        "agentConnected": instance.agent_connected,
        "runningTasksCount": sum(status in ("RUNNING", "DEACTIVATING", "STOPPING") for status in statuses),
        "pendingTasksCount": sum(status in ("PENDING", "ACTIVATING", "PROVISIONING") for status in statuses),
        "agentUpdateStatus": instance.agent_update_status,
        "attributes": [
            {"name": name} | ({"value": value} if value is not None else {})
            for name, value in instance.attributes.items()
        ],
        "registeredAt": instance.registered_at,
        "attachments": [],
        "tags": tag_list(instance.tags) if "TAGS" in include else [],
    }
    if "CONTAINER_INSTANCE_HEALTH" in include:
        state = "OK" if instance.agent_connected else "IMPAIRED"
        detail = {"type": "CONTAINER_RUNTIME", "status": state, "lastUpdated": now}
        view["healthStatus"] = {"overallStatus": state, "details": [detail]}
    return view


@operation("DescribeContainerInstances")
def describe_container_instances(region: Region, request: Request) -> Response:
    """DescribeContainerInstances: at most 100 of one cluster."""
    cluster = find_cluster(region, request).name
    include = frozenset(request.get("include", ()))

    def view(instance: ContainerInstance) -> Document:
        return instance_view(region.store, instance, include, region.now)

    named = bounded(request["containerInstances"], 100, "container instances")
    found, failures = described(region, "container-instance", cluster, named, instance_of, view)
    return {"containerInstances": found, "failures": failures}


@operation("ListContainerInstances")
def list_container_instances(region: Region, request: Request) -> Response:
    """ListContainerInstances: by status and by an expression of the cluster query language."""
    cluster = find_cluster(region, request).name
    status = request.get("status")
    expression = request.get("filter")
    predicate = parsed(expression) if expression else None
    found = [
        instance.arn
        for instance in region.store.cluster_instances(cluster)
        if status in (None, instance.status)
        and (predicate is None or predicate(subject(instance, region.store, region.now)))
    ]
    return listing("containerInstanceArns", *page(request, found))


@operation("UpdateContainerInstancesState")
def update_container_instances_state(region: Region, request: Request) -> Response:
    """UpdateContainerInstancesState: ACTIVE or DRAINING, at most 10; services move off a draining one."""
    cluster = find_cluster(region, request).name
    status = request["status"]
    if status not in ("ACTIVE", "DRAINING"):
        raise invalid("Container instance status should be one of [ACTIVE,DRAINING].")
    found, failures = [], []
    for reference in bounded(request["containerInstances"], 10, "container instances"):
        instance = instance_of(region, cluster, reference)
        if instance is None:
            failures.append(missing(region, "container-instance", cluster, reference))
            continue
        if instance.status != status:
            instance.status = status
            instance.version += 1
        found.append(instance_view(region.store, instance, frozenset(), region.now))
    region.store.touch_cluster(cluster)
    return {"containerInstances": found, "failures": failures}


@operation("DeregisterContainerInstance")
def deregister_container_instance(region: Region, request: Request) -> Response:
    """DeregisterContainerInstance: refused while tasks run on it, unless forced; then they stop at once."""
    cluster = find_cluster(region, request).name
    instance = _existing(region, cluster, request["containerInstance"])
    if instance.tasks and not request.get("force"):
        raise invalid("Found running tasks on the instance.")
    agents.remove(region, instance, "UserInitiated", "Container instance deregistration forced by user.")
    instance.status = "INACTIVE"
    instance.agent_connected = False
    return {"containerInstance": instance_view(region.store, instance, frozenset({"TAGS"}), region.now)}


def _existing(region: Region, cluster: str, reference: str) -> ContainerInstance:
    instance = instance_of(region, cluster, reference)
    if instance is None:
        raise invalid("Referenced container instance not found.")
    return instance


@operation("UpdateContainerAgent", simulated=True)
def update_container_agent(region: Region, request: Request) -> Response:
    """UpdateContainerAgent: the sandbox's agents are the newest there is, so there is never an update."""
    _existing(region, find_cluster(region, request).name, request["containerInstance"])
    raise EcsApiError("NoUpdateAvailableException", "There is no update available for your container agent.")


@operation("DiscoverPollEndpoint", simulated=True)
def discover_poll_endpoint(region: Region, request: Request) -> Response:
    """DiscoverPollEndpoint: where an agent would connect to."""
    host = f"{region.store.region}.amazonaws.com"
    return {
        "endpoint": f"https://ecs-a-1.{host}/",
        "telemetryEndpoint": f"https://ecs-t-1.{host}/",
        "serviceConnectEndpoint": f"https://ecs-sc.{host}/",
    }


def _targets(region: Region, cluster: str, attributes: list[Document]) -> list[tuple[ContainerInstance, Document]]:
    """Each attribute with each of its targets: the model leaves ``targetId`` optional, and then it is of them all."""
    pairs = []
    for attribute in attributes:
        reference = attribute.get("targetId")
        if not reference:
            pairs += [(instance, attribute) for instance in region.store.cluster_instances(cluster)]
            continue
        instance = instance_of(region, cluster, reference)
        if instance is None:
            raise EcsApiError("TargetNotFoundException", f"Could not find target {reference}.")
        pairs.append((instance, attribute))
    return pairs


@operation("PutAttributes")
def put_attributes(region: Region, request: Request) -> Response:
    """PutAttributes: custom attributes of container instances, at most 10 a call."""
    cluster = find_cluster(region, request).name
    attributes = request["attributes"]
    if not 1 <= len(attributes) <= _MAX_ATTRIBUTES:
        raise invalid(f"Between 1 and {_MAX_ATTRIBUTES} attributes can be specified.")
    for attribute in attributes:
        name = attribute["name"]
        if not _ATTRIBUTE_NAME.fullmatch(name):
            raise invalid(f"Invalid attribute name '{name}'.")
        if name.startswith(("ecs.", "com.amazonaws.")):
            raise invalid(f"The attribute name '{name}' is reserved.")
        if len(attribute.get("value", "")) > 128:
            raise invalid("An attribute's value can have at most 128 characters.")
    pairs = _targets(region, cluster, attributes)
    for target, attribute in pairs:
        target.attributes[attribute["name"]] = attribute.get("value")
        target.version += 1
    region.store.touch_cluster(cluster)
    answer = [{**a, "targetId": t.arn, "targetType": "container-instance"} for t, a in pairs]
    return {"attributes": answer}


@operation("DeleteAttributes")
def delete_attributes(region: Region, request: Request) -> Response:
    """DeleteAttributes: by name, and by value where one is given."""
    cluster = find_cluster(region, request).name
    deleted = []
    for target, attribute in _targets(region, cluster, request["attributes"]):
        name, value = attribute["name"], attribute.get("value")
        if name in target.attributes and value in (None, target.attributes[name]):
            del target.attributes[name]
            target.version += 1
            deleted.append({**attribute, "targetId": target.arn, "targetType": "container-instance"})
    return {"attributes": deleted}


@operation("ListAttributes")
def list_attributes(region: Region, request: Request) -> Response:
    """ListAttributes: of the cluster's container instances, by name and value."""
    cluster = find_cluster(region, request).name
    name, value = request.get("attributeName"), request.get("attributeValue")
    if value is not None and name is None:
        raise invalid("attributeName must be specified when attributeValue is.")
    found: dict[str, Document] = {}
    for instance in region.store.cluster_instances(cluster):
        for key, own in instance.attributes.items():
            if name in (None, key) and value in (None, own):
                entry: Document = {"name": key, "targetId": instance.arn}
                found[f"{instance.arn} {key}"] = entry | ({"value": own} if own is not None else {})
    chosen, token = page(request, list(found))
    return listing("attributes", [found[key] for key in chosen], token)
