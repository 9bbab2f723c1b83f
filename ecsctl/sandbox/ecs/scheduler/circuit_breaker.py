"""What becomes of a deployment whose tasks fail or whose alarms ring: back-off, circuit breaker, deployment alarms."""

from __future__ import annotations

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import deployments, service_events
from ecsctl.sandbox.ecs.store.store import Deployment, Document, Service, Task

THROTTLE_AFTER = 3
FIRST_BACKOFF = 10.0
LONGEST_BACKOFF = 15 * 60.0
QUICK_EXIT_SECONDS = 10.0
QUICK_EXIT_LONGEST = 30.0
ALARM_SECONDS = 1.0
"""How often the alarms of a deployment in progress are looked at."""


def stopped(region: Region, task: Task) -> None:
    """A task of a service has stopped: count it if it failed, and slow down where tasks keep failing."""
    service = region.store.services.get((task.cluster, task.service or ""))
    if service is None or service.status != "ACTIVE":
        return
    deployment = next((d for d in service.deployments if d.id == task.deployment), None)
    never_ran = task.started_at is None and task.stop_code in ("TaskFailedToStart", "EssentialContainerExited")
    unhealthy = task.stop_code == "ServiceSchedulerInitiated" and (task.stopped_reason or "").startswith("Task failed")
    if deployment is not None and _counts(deployment) and (never_ran or unhealthy):
        deployment.failed_tasks += 1
        deployment.updated_at = region.now
    if never_ran:
        service.start_failures += 1
        beyond = service.start_failures - THROTTLE_AFTER
        if beyond >= 0:
            delay = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(beyond, 10))
            service.start_after = region.now + delay
            service_events.complain(
                region,
                service,
                f"(service {service.name}) is unable to consistently start tasks successfully. "
                "For more information, see the Troubleshooting section of the Amazon ECS Developer Guide.",
            )
    elif task.stop_code == "EssentialContainerExited" and task.started_at is not None:
        _slow_crash_loop(region, service, task)


def _counts(deployment: Deployment) -> bool:
    """Whether a failed task still counts: not after a healthy one, unless ``resetOnHealthyTask`` is false."""
    breaker = deployment.settings["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    return not deployment.proven or breaker.get("resetOnHealthyTask") is False


def _slow_crash_loop(region: Region, service: Service, task: Task) -> None:
    """Tasks that run and exit at once are restarted ever more slowly.

    The real service does not throttle them, but it takes tens of seconds to start each; here that would be a spin.
    """
    ran = (task.execution_stopped_at or region.now) - (task.started_at or region.now)
    if ran >= QUICK_EXIT_SECONDS:
        service.quick_exits = 0
        return
    service.quick_exits += 1
    if service.quick_exits > 1:
        delay = min(QUICK_EXIT_LONGEST, 2.0 ** (service.quick_exits - 2))
        service.start_after = max(service.start_after, region.now + delay)


def evaluate(region: Region, service: Service, healthy: bool) -> bool:
    """A task that runs proves a deployment; failed tasks may trip the circuit breaker, and alarms end a deployment.

    Args:
        healthy: whether a task of the primary deployment is healthy.
    Returns:
        whether the deployment failed just now.
    """
    primary = service.primary
    breaker = service.settings["deploymentConfiguration"].get("deploymentCircuitBreaker") or {}
    if not primary.proven and healthy:
        primary.proven = True
        if breaker.get("resetOnHealthyTask") is not False:
            primary.failed_tasks = 0
        service.start_failures = 0
        service.start_after = 0.0 if service.quick_exits < 2 else service.start_after
    if primary.rollout_state != "IN_PROGRESS":
        return False
    if breaker.get("enable") and primary.failed_tasks >= circuit_threshold(breaker, service.desired):
        primary.tripped = True
        reason = "ECS deployment circuit breaker: tasks failed to start."
        rollback = bool(breaker.get("rollback"))
        deployments.fail(region, service, reason, "tasks failed to start.", rollback=rollback)
        return True
    return _alarmed(region, service)


def _alarmed(region: Region, service: Service) -> bool:
    primary = service.primary
    if not primary.watches_alarms:
        return False
    ringing = deployments.ringing(region, service)
    if not ringing:
        service.wake_at = min(service.wake_at, region.now + ALARM_SECONDS)
        return False
    primary.triggered_alarms = tuple(ringing)
    alarms = service.settings["deploymentConfiguration"]["alarms"]
    reason = "ECS deployment failed: alarm detected."
    deployments.fail(region, service, reason, "alarm detected.", rollback=bool(alarms.get("rollback")))
    return True


def circuit_threshold(breaker: Document, desired: int) -> int:
    """How many failed tasks trip the circuit breaker: half the desired count, at least 3 and at most 200, unless its
    ``thresholdConfiguration`` says otherwise."""
    configured = breaker.get("thresholdConfiguration") or {}
    kind, value = configured.get("type", "BOUNDED_PERCENT"), int(configured.get("value", 50))
    if kind == "COUNT":
        return value
    share = -(-desired * value // 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(200, max(3, share))
