"""Availability Zone rebalancing: a steady service whose zones differ by more than one task moves tasks, one at a time.

A task starts in the emptiest zone first; when it is healthy one of the fullest zone stops. The events and the stopped
tasks' reason are those of the developer guide, "Track Amazon ECS Availability Zone rebalancing".
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Sequence

from ecsctl.refusals.deployments import rebalancing_problem
from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import service_events, task_scheduling
from ecsctl.sandbox.ecs.scheduler.capacity_strategy import next_provider
from ecsctl.sandbox.ecs.scheduler.launching import Launch, create_task
from ecsctl.sandbox.ecs.scheduler.lifecycle import begin_stop
from ecsctl.sandbox.ecs.store.store import Document, Service, Task

TRY_AGAIN_SECONDS = 60.0


def compatible(settings: Document) -> bool:
    """Whether a service can be rebalanced."""
    return settings["schedulingStrategy"] != "DAEMON" and rebalancing_problem(settings) is None


def moved_extra(region: Region, service: Service) -> int:
    """How many tasks the service has beyond its desired count because one is on its way to another zone."""
    task = region.store.tasks.get(service.moving_to or "")
    return int(task is not None and task.live)


def rebalance(region: Region, service: Service, live: Sequence[Task], healthy: set[str]) -> None:
    """Take the next step of a rebalancing, or begin one where the service is steady and its zones are not balanced."""
    if service.settings.get("availabilityZoneRebalancing") != "ENABLED" or not compatible(service.settings):
        service.moving_to = None
        return
    if service.primary.rollout_state == "IN_PROGRESS" or len(service.deployments) > 1:
        _stop_rebalancing(region, service)
        return
    if service.moving_to is not None:
        _finish_move(region, service, live, healthy)
    elif service.steady and region.now >= service.rebalance_at and len(live) > 1:
        _begin_move(region, service, live)
    if region.now < service.rebalance_at:
        service.wake_at = min(service.wake_at, service.rebalance_at)


def _stop_rebalancing(region: Region, service: Service) -> None:
    if service.rebalancing:
        service_events.write(region, service, f"(service {service.name}) stopped AZ Rebalancing.")
    service.rebalancing = False
    service.moving_to = None


def _begin_move(region: Region, service: Service, live: Sequence[Task]) -> None:
    launch = task_scheduling.launch_of(region, service, service.primary)
    counts = Counter(task.availability_zone or "" for task in live)
    if max(counts.values()) < 2 and not service.rebalancing:
        return
    counts.update(dict.fromkeys(_zones(region, launch, set(counts)), 0))
    emptiest, fullest = min(counts, key=lambda z: (counts[z], z)), max(counts, key=lambda z: (counts[z], z))
    if counts[fullest] - counts[emptiest] <= 1:
        if service.rebalancing:
            service.rebalancing = False
            service_events.write(region, service, f"(service {service.name}) is AZ balanced with {_told(counts)}.")
        return
    if len(live) >= math.floor(service.desired * service.settings["deploymentConfiguration"]["maximumPercent"] / 100):
        return
    if not service.rebalancing:
        service.rebalancing = True
        unbalanced = f"(service {service.name}) is not AZ balanced with {_told(counts)}. AZ Rebalancing in progress."
        service_events.complain(region, service, unbalanced)
    task = _start_in(region, service, launch, emptiest, live)
    if task is None:
        why = "." if launch.fargate else " because no container instance met all of its requirements."
        service_events.complain(
            region, service, f"(service {service.name}) is unable to place a task in {emptiest}{why}"
        )
        service.rebalance_at = region.now + TRY_AGAIN_SECONDS
        service.rebalancing = False
        service_events.complain(region, service, f"(service {service.name}) stopped AZ Rebalancing.")
        return
    service.moving_to = task.arn
    service_events.write(
        region,
        service,
        f"(service {service.name}) has started 1 tasks in {emptiest} to AZ Rebalance: (task {task.id}).",
    )


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[zone]} tasks in {zone}" for zone in sorted(counts))


def _zones(region: Region, launch: Launch, used: set[str]) -> set[str]:
    """The zones in which the service may have tasks."""
    if launch.fargate:
        subnets = (launch.network or {}).get("awsvpcConfiguration", {}).get("subnets", ())
        return {region.ec2.availability_zone(subnet) for subnet in subnets}
    hosts = region.store.cluster_instances(launch.cluster)
    if {host.facts.availability_zone for host in hosts} <= used:
        return used
    return {host.facts.availability_zone for host in task_scheduling.placer_of(region, launch).candidates}


def _start_in(region: Region, service: Service, launch: Launch, zone: str, live: Sequence[Task]) -> Task | None:
    strategy = service.primary.settings.get("capacityProviderStrategy")
    used = Counter(task.capacity_provider or "" for task in live)
    provider = next_provider(strategy, used) if strategy else None
    if launch.fargate:
        network = (launch.network or {}).get("awsvpcConfiguration", {})
        subnets = [s for s in network.get("subnets", ()) if region.ec2.availability_zone(s) == zone]
        there = dataclasses.replace(launch, network={"awsvpcConfiguration": {**network, "subnets": subnets}})
        return create_task(region, there, None, provider)
    hosts = region.store.cluster_instances(launch.cluster)
    only = [host.arn for host in hosts if host.facts.availability_zone == zone]
    instance = task_scheduling.placer_of(region, launch, only, provider).choose()
    return create_task(region, launch, instance, provider) if instance is not None else None


def _finish_move(region: Region, service: Service, live: Sequence[Task], healthy: set[str]) -> None:
    arrived = service.moving_to
    if arrived not in {task.arn for task in live}:
        # It failed to start; another look later.
        service.moving_to = None
        service.rebalance_at = region.now + TRY_AGAIN_SECONDS
        _stop_rebalancing(region, service)
        return
    if arrived not in healthy:
        return
    counts = Counter(task.availability_zone or "" for task in live)
    fullest = max(counts, key=lambda z: (counts[z], z))
    there = [task for task in live if task.availability_zone == fullest and task.arn != arrived]
    going = task_scheduling.first_to_go(region, there, 1)
    service.moving_to = None
    if not going:
        # All are protected: the newcomer goes again.
        service.rebalance_at = region.now + TRY_AGAIN_SECONDS
        service.rebalancing = False
        primary = f"(deployment {service.primary.id})"
        service_events.complain(
            region,
            service,
            f"(service {service.name}) was unable to AZ Rebalance because {primary} was unable to scale in due to "
            f"{len(there)} tasks under protection.",
        )
        begin_stop(region, region.store.tasks[arrived], "ServiceSchedulerInitiated", _reason(service))
        return
    begin_stop(region, going[0], "ServiceSchedulerInitiated", _reason(service))
    service_events.write(
        region,
        service,
        f"(service {service.name}) has stopped 1 running tasks in {fullest} due to AZ rebalancing: "
        f"(task {going[0].id}).",
    )


def _reason(service: Service) -> str:
    return f"Availability-zone rebalancing initiated by (deployment {service.primary.id})"
