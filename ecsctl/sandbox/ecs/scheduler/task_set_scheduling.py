"""The scheduler's part in task sets: each has its share of the desired count, and nothing else is decided here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import task_scheduling
from ecsctl.sandbox.ecs.store.store import Service, Task, TaskSet

RETRY_SECONDS = 1.0


def computed(service: Service, task_set: TaskSet) -> int:
    """``computedDesiredCount``: the scale's part of the desired count, rounded up; none of one that drains."""
    if task_set.status == "DRAINING":
        return 0
    return math.ceil(service.desired * task_set.scale / 100)


def reconcile(region: Region, service: Service, present: Sequence[Task], healthy: set[str]) -> None:
    """Bring every task set of a service one step nearer to its computed desired count."""
    for task_set in service.task_sets:
        own = [task for task in present if task.deployment == task_set.id]
        _staff(region, service, task_set, own, healthy)
        if task_set.status == "DRAINING" and not own:
            service.deployments = [d for d in service.deployments if d is not task_set]


def _staff(region: Region, service: Service, task_set: TaskSet, own: Sequence[Task], healthy: set[str]) -> None:
    wanted = task_set.desired = computed(service, task_set)
    live = [task for task in own if task.live]
    leaving = [task for task in live if task_scheduling.on_leaving_host(region, task)]
    staying = [task for task in live if task not in leaving]
    reason = f"Scaling activity initiated by (deployment {task_set.id})"
    if len(staying) > wanted:
        task_scheduling.stop(
            region, service, task_scheduling.first_to_go(region, staying, len(staying) - wanted), reason
        )
    lack = wanted - len(staying)
    if lack > 0 and region.now < service.start_after:
        service.wake_at = min(service.wake_at, service.start_after)
    elif lack > 0 and task_scheduling.start(region, service, task_set, lack, live) < lack:
        service.wake_at = min(service.wake_at, region.now + RETRY_SECONDS)
    there = sum(task.arn in healthy for task in staying)
    if leaving and there >= wanted:
        task_scheduling.stop(region, service, leaving, reason)
    stable = len(own) == len(staying) == there == wanted
    if stable != task_set.stable:
        task_set.stable = stable
        task_set.stable_at = task_set.updated_at = region.now
