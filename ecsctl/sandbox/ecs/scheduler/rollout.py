"""The service scheduler: desired count, replacement, rolling deployments, circuit breaker, daemon services.

:func:`reconcile` compares what a service has with what it wants and takes the steps that its deployment configuration
allows. It is called whenever something of the service changed, and at its own ``wake_at``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import (
    circuit_breaker,
    listener_weights,
    rebalancing,
    service_events,
    targets,
    task_scheduling,
    task_set_scheduling,
    traffic_shifting,
)
from ecsctl.sandbox.ecs.store.store import Service, Task

RETRY_SECONDS = 1.0
"""How often a service that lacks a place, or stands behind a balancer, is looked at without any news."""


@dataclass
class _Roster:
    """The service's tasks, sorted: ``staying`` ones are of the primary deployment, ``leaving`` ones must make way, and
    ``failing`` ones fail their health checks."""

    present: list[Task]
    live: list[Task]
    staying: list[Task]
    leaving: list[Task]
    failing: list[Task]
    healthy: set[str]


def reconcile(region: Region, service: Service) -> None:
    """Bring the service one step nearer to what it wants."""
    store = region.store
    service.wake_at = math.inf
    service_events.flush(region, service)
    if service.status == "INACTIVE":
        return
    if service.status == "DRAINING":
        _drain(region, service)
        return
    roster = _roster(region, service)
    _find_failing(region, service, roster)
    if (
        service.controller != "ECS"
        or service.scheduling == "DAEMON"
        or service.primary.stalled
        or traffic_shifting.applies(service)
    ):
        _stop_failing(region, service, [task for task in roster.live if task.failing])
    roster = _roster(region, service)
    if service.controller != "ECS":
        task_set_scheduling.reconcile(region, service, roster.present, roster.healthy)
        if service.settings.get("loadBalancers") or any(s.settings.get("loadBalancers") for s in service.task_sets):
            service.wake_at = min(service.wake_at, region.now + RETRY_SECONDS)
        return
    if circuit_breaker.evaluate(region, service, any(task.arn in roster.healthy for task in roster.staying)):
        roster = _roster(region, service)
    if service.primary.stalled:
        _shrink(region, service, roster)
        return
    if service.scheduling == "DAEMON":
        _schedule_daemon(region, service, roster)
    elif traffic_shifting.applies(service):
        traffic_shifting.advance(region, service, roster.present, roster.healthy)
    else:
        _schedule_replicas(region, service, roster)
    roster = _roster(region, service)
    _finish(region, service, roster)
    rebalancing.rebalance(region, service, roster.live, roster.healthy)
    if service.settings.get("loadBalancers") and roster.live:
        service.wake_at = min(service.wake_at, region.now + (RETRY_SECONDS if service.steady else 0.0))
    if service.wake_at <= region.now:
        store.touch(service)


def _roster(region: Region, service: Service) -> _Roster:
    present = region.store.service_tasks(service)
    live = [task for task in present if task.live]
    primary = next((d.id for d in service.deployments if d.status == "PRIMARY"), None)
    staying: list[Task] = []
    leaving: list[Task] = []
    failing = [task for task in live if task.failing]
    for task in live:
        if task.failing:
            continue
        stays = task.deployment == primary and not task_scheduling.on_leaving_host(region, task)
        (staying if stays else leaving).append(task)
    behind = bool(service.settings.get("loadBalancers"))
    behind_of = {s.id: bool(s.settings.get("loadBalancers")) for s in service.task_sets}
    healthy = {t.arn for t in live if _healthy(region, t, behind_of.get(t.deployment or "", behind))}
    return _Roster(present, live, staying, leaving, failing, healthy)


def _healthy(region: Region, task: Task, behind: bool) -> bool:
    if task.last_status != "RUNNING":
        return False
    checked = any(c.essential and c.definition.get("healthCheck") for c in task.containers)
    if checked and task.health != "HEALTHY":
        return False
    if not behind:
        return True
    return bool(task.targets) and all(targets.health(region, target) == "healthy" for target in task.targets)


def _drain(region: Region, service: Service) -> None:
    """A deleted service: all tasks go, then it is INACTIVE."""
    present = region.store.service_tasks(service)
    going = [task for task in present if task.live]
    if going:
        primary = service.deployments[0].id if service.deployments else ""
        task_scheduling.stop(region, service, going, f"Scaling activity initiated by (deployment {primary})")
    if not present:
        service.status = "INACTIVE"
        service.deployments = []
        region.store.services_of_cluster[service.cluster].pop(service.name, None)


def _find_failing(region: Region, service: Service, roster: _Roster) -> None:
    """Note the tasks that fail their container's or their balancer's health checks, with ECS's reason."""
    grace = service.settings.get("healthCheckGracePeriodSeconds") or 0
    for task in roster.live:
        if task.last_status != "RUNNING" or task.failing:
            continue
        in_grace = region.now - (task.started_at or region.now) < grace
        # In the grace period neither kind of health check counts.
        if in_grace:
            continue
        if task.health == "UNHEALTHY":
            task.failing = "Task failed container health checks"
            continue
        failing = next((t for t in task.targets if targets.health(region, t) == "unhealthy"), None)
        if failing is None:
            continue
        why = "Health checks failed"
        if failing.classic:
            why = "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
        where = (
            f"(instance {failing.target}) (port {failing.port})"
            if failing.target_group
            else f"(instance {failing.target})"
        )
        service_events.write(
            region,
            service,
            f"(service {service.name}) {where} is unhealthy in {failing.balancer} due to (reason {why})",
        )
        task.failing = f"Task failed ELB health checks in {failing.balancer}"


def _stop_failing(region: Region, service: Service, tasks: Sequence[Task]) -> None:
    for task in tasks:
        task_scheduling.stop(region, service, [task], str(task.failing))


def _replace_failing(region: Region, service: Service, roster: _Roster, *, blocked: bool) -> None:
    """Stop failing tasks: as many as have healthy replacements, or one where no replacement can be started."""
    whole = sum(task.arn in roster.healthy for task in roster.staying)
    count = max(whole + len(roster.failing) - service.desired, int(blocked))
    _stop_failing(region, service, roster.failing[: max(0, count)])


def _limits(service: Service) -> tuple[int, int]:
    """(fewest healthy tasks, most live tasks) that a deployment may have."""
    configuration = service.settings["deploymentConfiguration"]
    least = math.ceil(service.desired * configuration["minimumHealthyPercent"] / 100)
    most = math.floor(service.desired * configuration["maximumPercent"] / 100)
    return least, most


def _schedule_replicas(region: Region, service: Service, roster: _Roster) -> None:
    primary = service.primary
    least, most = _limits(service)
    surplus = len(roster.staying) - service.desired - rebalancing.moved_extra(region, service)
    if surplus > 0:
        going = task_scheduling.first_to_go(region, roster.staying, surplus)
        task_scheduling.stop(region, service, going, f"Scaling activity initiated by (deployment {primary.id})")
    lack = service.desired - len(roster.staying)
    started = 0
    if lack > 0:
        # Where nothing must make way, the desired count itself is the limit.
        room = min(lack, most - len(roster.live)) if roster.leaving or roster.failing else lack
        if region.now < service.start_after:
            service.wake_at = min(service.wake_at, service.start_after)
        elif room > 0:
            started = task_scheduling.start(region, service, primary, room, roster.live)
            if started < lack:
                service.wake_at = min(service.wake_at, region.now + RETRY_SECONDS)
    if roster.failing:
        # One at a time: what is stopping still holds the place that its replacement needs.
        calm = len(roster.present) == len(roster.live) and region.now >= service.start_after
        _replace_failing(region, service, roster, blocked=calm and started < lack)
    stopped_now = _make_way(region, service, roster, least)
    stuck = roster.leaving and lack > 0 and most <= len(roster.live) and not stopped_now
    if stuck and all(task.last_status == "RUNNING" for task in roster.live) and len(roster.present) == len(roster.live):
        service_events.complain(
            region,
            service,
            f"(service {service.name}) was unable to stop or start tasks during a deployment because of the service "
            "deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try again.",
        )


def _shrink(region: Region, service: Service, roster: _Roster) -> None:
    """A deployment that failed for good starts nothing, but the service can still be scaled down."""
    surplus = len(roster.live) - service.desired
    if surplus > 0 and service.scheduling != "DAEMON":
        going = task_scheduling.first_to_go(region, roster.staying + roster.leaving, surplus)
        task_scheduling.stop(region, service, going, f"Scaling activity initiated by (deployment {service.primary.id})")


def _make_way(region: Region, service: Service, roster: _Roster, least: int) -> int:
    """Stop tasks of earlier deployments and of draining instances, as far as enough healthy ones are left."""
    spare = sum(task.arn in roster.healthy for task in roster.live) - least
    going: list[Task] = []
    for task in roster.leaving:
        if task_scheduling.protected(task, region.now):
            continue
        if task.arn not in roster.healthy:
            going.append(task)
        elif spare > 0:
            spare -= 1
            going.append(task)
    # Beyond the desired count nothing old is needed; below it, old tasks go no faster than new ones may come.
    if going:
        task_scheduling.stop(region, service, going, f"Scaling activity initiated by (deployment {service.primary.id})")
    return len(going)


def _schedule_daemon(region: Region, service: Service, roster: _Roster) -> None:
    primary = service.primary
    places = task_scheduling.eligible(region, service, primary)
    wanted = set(places)
    service.desired = primary.desired = len(places)
    least, _ = _limits(service)
    spare = sum(task.arn in roster.healthy for task in roster.live) - least
    going: list[Task] = []
    for task in roster.live:
        misplaced = task.instance not in wanted
        old = task.deployment != primary.id
        if misplaced or (old and (task.arn not in roster.healthy or spare > 0)):
            spare -= task.arn in roster.healthy
            going.append(task)
    if going:
        task_scheduling.stop(region, service, going, f"Scaling activity initiated by (deployment {primary.id})")
    taken = {task.instance for task in roster.present}
    free = [arn for arn in places if arn not in taken]
    if not free:
        return
    if region.now < service.start_after:
        service.wake_at = min(service.wake_at, service.start_after)
    elif task_scheduling.start_on(region, service, primary, free) < len(free):
        service.wake_at = min(service.wake_at, region.now + RETRY_SECONDS)


def _finish(region: Region, service: Service, roster: _Roster) -> None:
    """Drop deployments that have no task left; see whether the rollout is complete and the service steady."""
    primary = service.primary
    primary.desired = service.desired
    of: dict[str, int] = {}
    for task in roster.present:
        of[task.deployment or ""] = of.get(task.deployment or "", 0) + 1
    for earlier in service.deployments[1:]:
        if earlier.id == primary.source and primary.stage not in (None, "CLEAN_UP"):
            continue
        earlier.desired = sum(task.deployment == earlier.id for task in roster.live)
    service.deployments = [d for d in service.deployments if d is primary or of.get(d.id)]
    ready = _all_there(service, roster)
    if ready and len(service.deployments) == 1 and primary.rollout_state == "IN_PROGRESS" and _baked(region, service):
        primary.rollout_state = "COMPLETED"
        primary.rollout_reason = f"ECS deployment {primary.id} completed."
        primary.updated_at = primary.finished_at = region.now
        service.last_good = deepcopy(primary)
        if listener_weights.strategy_of(service) != "ROLLING":
            listener_weights.give_all(region, service, primary)
        if not targets.behind_classic(service):
            service_events.write(
                region, service, f"(service {service.name}) (deployment {primary.id}) deployment completed."
            )
    steady = ready and len(service.deployments) == 1 and len(roster.present) == len(roster.live)
    if steady and not service.steady:
        service_events.relieved(service)
        service_events.write(region, service, f"(service {service.name}) has reached a steady state.")
    service.steady = steady


def _baked(region: Region, service: Service) -> bool:
    """Whether the deployment has been whole for its bake time, in which its alarms are still watched."""
    primary = service.primary
    if listener_weights.strategy_of(service) != "ROLLING":
        return True
    bake = 60.0 * (service.settings["deploymentConfiguration"].get("bakeTimeInMinutes") or 0)
    if primary.whole_since is None:
        primary.whole_since = region.now
    done = primary.whole_since + bake
    if region.now < done:
        service.wake_at = min(service.wake_at, done)
    return region.now >= done


def _all_there(service: Service, roster: _Roster) -> bool:
    healthy: Sequence[Task] = [task for task in roster.staying if task.arn in roster.healthy]
    return not roster.leaving and not roster.failing and len(healthy) == service.desired == len(roster.staying)
