"""Managed scaling: capacity providers size their Auto Scaling groups by what their tasks need.

After *Deep dive on Amazon ECS cluster auto scaling* (AWS Containers Blog): ``CapacityProviderReservation`` is
M / N × 100, where N instances are there and M are needed; the group is moved so that it meets ``targetCapacity``.
A group grows as soon as tasks wait for it in PROVISIONING, and shrinks when it was too big for fifteen minutes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.store.store import CapacityProvider, Cluster, ContainerInstance, Document, Need, Store, Task
from ecsctl.sandbox.interfaces import GroupDetails, InstanceDetails

LOOK_SECONDS = 1.0
REPORT_SECONDS = 60.0
SCALE_IN_SECONDS = 15 * 60.0


@dataclass(frozen=True)
class Demand:
    """N ``there`` and M ``needed`` instances; ``busy`` and ``idle`` name the EC2 ids with and without tasks."""

    there: int
    needed: int
    waiting: bool
    busy: tuple[str, ...]
    idle: tuple[str, ...]

    @property
    def reservation(self) -> float:
        """The metric's value, in percent."""
        if self.there == 0:
            return 200.0 if self.needed else 100.0
        return self.needed / self.there * 100


def manage(region: Region) -> None:
    """One turn for every capacity provider over an Auto Scaling group."""
    for provider in region.store.capacity_providers.values():
        if provider.auto_scaling_group is not None and provider.look_at <= region.now and provider.status == "ACTIVE":
            provider.look_at = region.now + LOOK_SECONDS
            _look(region, provider, provider.auto_scaling_group)


def _look(region: Region, provider: CapacityProvider, settings: Document) -> None:
    arn, scaling = settings["autoScalingGroupArn"], settings["managedScaling"]
    managed = scaling["status"] == "ENABLED"
    group = region.auto_scaling.facts(arn)
    if group is None:
        return
    region.auto_scaling.take(
        arn,
        policy=provider.policy if managed else None,
        target=scaling["targetCapacity"],
        warmup=scaling["instanceWarmupPeriod"],
        drains=settings["managedDraining"] == "ENABLED",
    )
    clusters = [c for c in region.store.clusters.values() if provider.name in c.capacity_providers]
    if not managed or not clusters:
        return
    found = demand(region.store, provider, group, clusters)
    if settings["managedTerminationProtection"] == "ENABLED":
        region.auto_scaling.protect(arn, found.busy, True)
        region.auto_scaling.protect(arn, found.idle, False)
    if region.now - provider.reported_at >= REPORT_SECONDS:
        provider.reported_at = region.now
        for cluster in clusters:
            region.auto_scaling.report(cluster.name, provider.name, found.reservation, region.now)
    _move(region, provider, group, found)


def demand(store: Store, provider: CapacityProvider, group: GroupDetails, clusters: Iterable[Cluster]) -> Demand:
    """How many instances the provider's tasks need, and how many there are."""
    members = set(group.instances)
    hosts: list[ContainerInstance] = []
    waiting: list[Task] = []
    for cluster in clusters:
        hosts += [i for i in store.cluster_instances(cluster.name) if i.facts.ec2_instance_id in members]
        waiting += [
            task
            for arn in store.moving
            if (task := store.tasks.get(arn)) is not None
            and task.cluster == cluster.name
            and task.capacity_provider == provider.name
            and task.last_status == "PROVISIONING"
            and task.instance is None
            and task.live
        ]
    busy: list[str] = []
    idle: list[str] = []
    for host in hosts:
        works = any(not _daemon(store, store.tasks[arn]) for arn in host.tasks)
        (busy if works else idle).append(host.facts.ec2_instance_id)
    size = group.size or (hosts[0].facts if hosts else None)
    extra = _instances_for(waiting, size) if size is not None else 0
    # An instance that is idle because it has just come, or not usable, cannot have taken what waits.
    needed = (len(hosts) if waiting else len(busy)) + extra
    return Demand(
        there=len(group.instances),
        needed=needed,
        waiting=extra > 0,
        busy=tuple(busy),
        idle=tuple(idle),
    )


def _daemon(store: Store, task: Task) -> bool:
    service = store.services.get((task.cluster, task.service or ""))
    return service is not None and service.scheduling == "DAEMON"


def _instances_for(waiting: list[Task], size: InstanceDetails) -> int:
    """A lower bound of the instances that the tasks fill: the most that any group of equal tasks fills alone."""
    alike: Counter[tuple[Need, str | None]] = Counter()
    for task in waiting:
        apart = any(constraint["type"] == "distinctInstance" for constraint in task.placement_constraints)
        alike[task.need, task.group if apart else None] += 1
    counts = []
    for (need, apart_group), count in alike.items():
        each = 1 if apart_group else _fit(need, size)
        if _fit(need, size):
            counts.append(math.ceil(count / each))
    return max(counts, default=0)


def _fit(need: Need, size: InstanceDetails) -> int:
    """How many such tasks an empty instance takes; 0 where it is too small for one."""
    room = [10**6]
    if need.cpu:
        room.append(size.cpu_units // need.cpu)
    if need.memory:
        room.append(size.memory_mib // need.memory)
    if need.gpu:
        room.append(size.gpus // need.gpu)
    if need.ports:
        room.append(1)
    if need.interface and size.interfaces is not None:
        room.append(size.interfaces - 1)
    return min(room)


def _move(region: Region, provider: CapacityProvider, group: GroupDetails, found: Demand) -> None:
    """Resize the group so that M / N comes to the target capacity, in steps of the allowed size."""
    scaling = (provider.auto_scaling_group or {})["managedScaling"]
    least, most = scaling["minimumScalingStepSize"], scaling["maximumScalingStepSize"]
    wanted = math.ceil(found.needed * 100 / scaling["targetCapacity"])
    arn = (provider.auto_scaling_group or {})["autoScalingGroupArn"]
    grow = wanted - group.desired
    if grow > 0:
        provider.low_since = None
        # Instances of the last step count as there until they have had their time to warm up.
        settled = len(found.busy) + len(found.idle) >= group.desired
        if settled or region.now - provider.stepped_at >= scaling["instanceWarmupPeriod"]:
            target = min(group.most, group.desired + min(most, max(least, grow)))
            if target > group.desired:
                provider.stepped_at = region.now
                region.auto_scaling.resize(arn, target)
        return
    target = max(group.least, wanted, group.desired - most)
    if found.waiting or target >= group.desired:
        provider.low_since = None
    elif provider.low_since is None:
        provider.low_since = region.now
    elif region.now - provider.low_since >= SCALE_IN_SECONDS:
        provider.low_since = None
        region.auto_scaling.resize(arn, target)
