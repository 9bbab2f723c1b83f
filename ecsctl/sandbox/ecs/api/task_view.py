"""A task as DescribeTasks answers it."""

from __future__ import annotations

import json

from ecsctl.sandbox.ecs.api.tags import tag_list
from ecsctl.sandbox.ecs.region import Response
from ecsctl.sandbox.ecs.scheduler.resources import container_ports
from ecsctl.sandbox.ecs.store.store import Container, Store, Task

_SHOWS_PORTS = ("RUNNING", "STOPPED")


def task_view(store: Store, task: Task, *, tagged: bool) -> Response:
    """All members that ECS answers for this task now; those that have no value are None."""
    storage = {"sizeInGiB": task.ephemeral_gib} if task.ephemeral_gib else None
    return {
        "attachments": [*_attachments(task), *_volumes(task), *_connections(task)],
        "attributes": task.attributes,
        "availabilityZone": task.availability_zone,
        "capacityProviderName": task.capacity_provider,
        "clusterArn": store.arn("cluster", task.cluster),
        "connectivity": _connectivity(store, task),
        "connectivityAt": task.connectivity_at,
        "containerInstanceArn": task.instance,
        "containers": [_container(task, container) for container in task.containers],
        "cpu": task.cpu,
        "createdAt": task.created_at,
        "desiredStatus": task.desired_status,
        "enableExecuteCommand": task.execute_command,
        "executionStoppedAt": task.execution_stopped_at,
        "group": task.group,
        "healthStatus": task.health,
        "lastStatus": task.last_status,
        "launchType": task.launch_type,
        "memory": task.memory,
        "overrides": task.overrides,
        "platformVersion": task.platform_version,
        "platformFamily": task.platform_family,
        "pullStartedAt": task.pull_started_at,
        "pullStoppedAt": task.pull_stopped_at,
        "startedAt": task.started_at,
        "startedBy": task.started_by,
        "stopCode": task.stop_code,
        "stoppedAt": task.stopped_at,
        "stoppedReason": task.stopped_reason,
        "stoppingAt": task.stopping_at,
        "tags": tag_list(task.tags) if tagged else [],
        "taskArn": task.arn,
        "taskDefinitionArn": task.definition_arn,
        "version": task.version,
        "ephemeralStorage": storage,
        "fargateEphemeralStorage": {**storage, "kmsKeyId": task.kms_key} if storage else None,
    }


def _connectivity(store: Store, task: Task) -> str | None:
    """Whether ECS hears of the task: through the agent of its instance. None before it came to run."""
    if not task.connectivity_at:
        return None
    host = store.instances.get(task.instance) if task.instance else None
    return "CONNECTED" if host is None or host.agent_connected or task.stopped_at else "DISCONNECTED"


def _container(task: Task, container: Container) -> Response:
    definition = container.definition
    shown = container.last_status in _SHOWS_PORTS and container.started_at is not None
    bridged = task.network_mode in ("bridge", "host")
    return {
        "containerArn": container.arn,
        "taskArn": task.arn,
        "name": container.name,
        "image": container.image,
        "imageDigest": container.image_digest,
        "runtimeId": container.runtime_id,
        "lastStatus": container.last_status,
        "exitCode": container.exit_code,
        "reason": container.reason,
        "networkBindings": _bindings(container) if shown and bridged else [],
        "networkInterfaces": _interfaces(task),
        "healthStatus": container.health,
        "cpu": str(definition.get("cpu", 0)),
        "memory": _text(definition.get("memory")),
        "memoryReservation": _text(definition.get("memoryReservation")),
        "managedAgents": _managed_agents(task, container),
    }


def _managed_agents(task: Task, container: Container) -> list[Response] | None:
    """The agent that holds sessions, which runs in the container as long as that does."""
    if not task.execute_command:
        return None
    running = container.last_status == "RUNNING"
    state = "RUNNING" if running else "PENDING" if container.started_at is None else "STOPPED"
    started = container.started_at if running else None
    return [{"name": "ExecuteCommandAgent", "lastStatus": state, "lastStartedAt": started}]


def _bindings(container: Container) -> list[Response]:
    """``networkBindings``: one a port, but one for the whole of a ``containerPortRange``."""
    rows: list[Response] = []
    left = list(container.bindings)
    for mapping in container.definition.get("portMappings", ()):
        some, left = left[: len(list(container_ports(mapping)))], left[len(list(container_ports(mapping))) :]
        if not some:
            continue
        row: Response = {"bindIP": "0.0.0.0", "protocol": some[0].protocol}
        if mapping.get("containerPortRange"):
            row["containerPortRange"] = mapping["containerPortRange"]
            row["hostPortRange"] = f"{some[0].host_port}-{some[-1].host_port}"
        else:
            row |= {"containerPort": some[0].container_port, "hostPort": some[0].host_port}
        rows.append(row)
    return rows


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _interfaces(task: Task) -> list[Response]:
    interface = task.interface
    if interface is None or task.attachment_id is None:
        return []
    return [{"attachmentId": task.attachment_id, "privateIpv4Address": interface.private_ip}]


def _attachments(task: Task) -> list[Response]:
    if task.attachment_id is None:
        return []
    interface = task.interface
    details: list[tuple[str, str]] = []
    if interface is not None:
        details = [
            ("subnetId", interface.subnet_id),
            ("networkInterfaceId", interface.id),
            ("macAddress", interface.mac),
            ("privateDnsName", interface.private_dns),
            ("privateIPv4Address", interface.private_ip),
        ]
    elif task.network is not None:
        subnets = (task.network.get("awsvpcConfiguration") or {}).get("subnets", ())
        details = [("subnetId", subnets[0])] if subnets else []
    return [
        {
            "id": task.attachment_id,
            "type": "ElasticNetworkInterface",
            "status": task.attachment_status,
            "details": [{"name": name, "value": value} for name, value in details],
        }
    ]


# The members of the details are those that the API's model names for each type of attachment.
def _volumes(task: Task) -> list[Response]:
    rows = []
    for volume in task.volumes:
        managed = volume["managedEBSVolume"]
        deleted = task.service or (managed.get("terminationPolicy") or {}).get("deleteOnTermination", True)
        details = {
            "roleArn": managed.get("roleArn"),
            "deleteOnTermination": str(bool(deleted)).lower(),
            "volumeName": volume["name"],
            "volumeId": volume["id"],
        }
        status = "DELETED" if task.stopped_at else "ATTACHED" if volume["id"] else "PRECREATED"
        rows.append(_attachment(volume["attachment"], "AmazonElasticBlockStorage", status, details))
    return rows


def _connections(task: Task) -> list[Response]:
    rows = []
    for service in task.connections:
        override = service.get("ingressPortOverride")
        details = {
            "portName": service["portName"],
            "clientAliases": json.dumps(service.get("clientAliases", [])),
            "discoveryName": service.get("discoveryName") or service["portName"],
            "ingressPortOverride": str(override) if override is not None else None,
        }
        status = "DELETED" if task.stopped_at else "ATTACHED" if task.started_at else "PRECREATED"
        rows.append(_attachment(service["attachment"], "Service Connect", status, details))
    return rows


def _attachment(identity: str, kind: str, status: str, details: dict[str, str | None]) -> Response:
    known = [{"name": name, "value": value} for name, value in details.items() if value is not None]
    return {"id": identity, "type": kind, "status": status, "details": known}
