"""The deployments of a service: begun, failed, rolled back, ended by hand."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import listener_weights, service_events
from ecsctl.sandbox.ecs.store.store import Deployment, Document, Service

HISTORY = 50


def begin(region: Region, service: Service, rollback_of: str | None = None) -> Deployment:
    """Begin a deployment of the service as it is now; it becomes the PRIMARY one."""
    store = region.store
    serving = _serving(service)
    for earlier in service.deployments:
        earlier.status = "ACTIVE"
        earlier.updated_at = region.now
        if earlier.rollout_state == "IN_PROGRESS":
            earlier.finished_at = region.now
            earlier.superseded = True
    number = store.new_number()
    deployment = Deployment(
        id=f"ecs-svc/{number}",
        number=store.new_deployment_id(),
        revision_arn=store.arn("service-revision", service.cluster, service.name, store.new_number()),
        task_definition=service.task_definition,
        status="PRIMARY",
        created_at=region.now,
        updated_at=region.now,
        settings=deepcopy(service.settings),
        desired=service.desired,
        rollout_reason=f"ECS deployment ecs-svc/{number} in progress.",
        rollback_of=rollback_of,
    )
    deployment.connections = _connections(region, service)
    if serving is not None:
        deployment.source = serving.id
        deployment.alternate = not serving.alternate
    # Alarms that ring already are not watched, so that a fix can be rolled out.
    deployment.watches_alarms = bool(alarm_names(service)) and not ringing(region, service)
    service.deployments.insert(0, deployment)
    service.history.insert(0, deployment)
    del service.history[HISTORY:]
    service.steady = False
    service.start_failures = 0
    service.start_after = 0.0
    service.wake_at = 0.0
    store.touch(service)
    return deployment


def _connections(region: Region, service: Service) -> tuple[Document, ...]:
    """The Cloud Map services of the ports that Service Connect offers; they are made where there are none."""
    connect = service.settings.get("serviceConnectConfiguration") or {}
    if not connect.get("enabled"):
        return ()
    defaults = region.store.clusters[service.cluster].service_connect_defaults or {}
    namespace = region.cloud_map.namespace(connect.get("namespace") or defaults.get("namespace", ""))
    if namespace is None:
        return ()
    names = [item.get("discoveryName") or item["portName"] for item in connect.get("services", ())]
    return tuple(
        {"discoveryName": name, "discoveryArn": region.cloud_map.discovery_service(namespace, name)} for name in names
    )


def _serving(service: Service) -> Deployment | None:
    """The deployment from which the next one shifts the traffic away; None for a rolling one, and for the first."""
    if listener_weights.strategy_of(service) == "ROLLING" or not service.deployments:
        return None
    latest = service.primary
    earlier = next((d for d in service.deployments if d.id == latest.source), None)
    return earlier if earlier is not None and latest.rollout_state == "IN_PROGRESS" and latest.weight < 100 else latest


def alarm_names(service: Service) -> Sequence[str]:
    """The alarms that a deployment of the service watches; none where they are not enabled."""
    alarms = service.settings["deploymentConfiguration"].get("alarms") or {}
    return alarms.get("alarmNames", ()) if alarms.get("enable") else ()


def ringing(region: Region, service: Service) -> list[str]:
    """Those of the service's alarms that are in state ALARM."""
    names = alarm_names(service)
    states = region.cloudwatch.states(names) if names else {}
    return [name for name in names if states.get(name) == "ALARM"]


def fail(region: Region, service: Service, reason: str, event: str, *, rollback: bool) -> None:
    """Have the deployment in progress fail, and go back to the last complete one where that is asked for and possible.

    Args:
        reason: for ``rolloutStateReason``.
        event: how the event's sentence ends, as ``tasks failed to start.``
    """
    primary = service.primary
    primary.rollout_state = "FAILED"
    primary.rollout_reason = reason
    primary.finished_at = primary.updated_at = region.now
    service_events.write(
        region, service, f"(service {service.name}) (deployment {primary.id}) deployment failed: {event}"
    )
    if rollback and _shift_back(region, service):
        return
    if rollback and service.last_good is not None and primary.rollback_of is None:
        _roll_back(region, service, service.last_good)
    else:
        primary.stalled = True


def _roll_back(region: Region, service: Service, good: Deployment) -> None:
    """Deploy again what was deployed when the service was last complete."""
    failed = service.primary
    service.task_definition = good.task_definition
    kept: Document = {
        name: service.settings[name] for name in ("desiredCount", "deploymentConfiguration") if name in service.settings
    }
    service.settings = {**deepcopy(good.settings), **kept}
    begin(region, service, rollback_of=failed.id)
    service_events.write(region, service, f"(service {service.name}) rolling back to deployment {service.primary.id}.")
    failed.rollout_reason = f"{failed.rollout_reason} rolling back to deploymentId {service.primary.id}"


def _shift_back(region: Region, service: Service) -> bool:
    """Send the traffic back to the deployment that served, which still has its tasks; False where there is none."""
    green = service.primary
    blue = next((d for d in service.deployments if d.id == green.source), None)
    if blue is None:
        return False
    green.status, blue.status = "ACTIVE", "PRIMARY"
    green.rolled_back_at = blue.updated_at = region.now
    listener_weights.give_all(region, service, blue)
    green.weight = green.test_weight = 0.0
    service.task_definition = blue.task_definition
    kept = service.settings["deploymentConfiguration"]
    service.settings = {**deepcopy(blue.settings), "deploymentConfiguration": kept}
    service.deployments = [blue, *(d for d in service.deployments if d is not blue)]
    service.steady = False
    service_events.write(region, service, f"(service {service.name}) rolling back to deployment {blue.id}.")
    region.store.touch(service)
    return True


def end_early(region: Region, service: Service, *, rollback: bool) -> None:
    """End the deployment in progress: where it stands, or by going back to the last complete one."""
    primary = service.primary
    primary.rollout_state = "FAILED"
    primary.finished_at = primary.updated_at = region.now
    if rollback and _shift_back(region, service):
        return
    if rollback and service.last_good is not None:
        _roll_back(region, service, service.last_good)
    else:
        primary.stalled = True
