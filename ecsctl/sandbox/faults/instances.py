"""Faults of instances: agents that are cut off, instances and zones that die, Spot capacity taken back."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.sandbox.faults.registry import Fault, FaultRegistry

if TYPE_CHECKING:
    from ecsctl.sandbox.ec2.instances import Instances
    from ecsctl.sandbox.ecs.engine import Engine

KINDS = ("agent-disconnect", "instance-loss", "zone-loss", "spot-interruption")
SPOT = "Server.SpotInstanceTermination"
SPOT_TASK = "Your Spot Task was interrupted."
LOST = "Server.InternalError"
ZONE_TASK = "The infrastructure that hosted the task in {zone} is impaired."


class InstanceFaults:
    """Applies the registry's faults to the instances that they select, in every region.

    Args:
        registry: the injected faults.
        clock: the sandbox's, in seconds.
        machines, engines: the instances and the ECS of each region.
    """

    def __init__(
        self,
        registry: FaultRegistry,
        clock: Callable[[], float],
        machines: Mapping[str, Instances],
        engines: Callable[[], Mapping[str, Engine]],
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._machines = machines
        self._engines = engines
        # Whether agents may be cut off; a process that has just begun does not know.
        self._cut = True

    def dead_zone(self, zone: str) -> bool:
        """Whether an availability zone is down, so that nothing can be launched there."""
        return any(in_zone(fault, zone) for fault in self._registry.standing("zone-loss"))

    def impaired(self, instance_id: str) -> bool:
        """Whether an instance's status checks fail."""
        return any(
            fault.fields["how"] == "impaired" and fault.holds(instance_id)
            for fault in self._registry.standing("instance-loss")
        )

    def step(self) -> None:
        """One turn. Called under the lock."""
        faults = self._registry.standing(*KINDS)
        if not faults and not self._cut:
            return
        for region, engine in self._engines().items():
            machines = self._machines[region]
            for fault in faults:
                if fault.kind == "agent-disconnect":
                    self._hold(fault, machines, engine)
                else:
                    self._end(fault, machines, engine)
            self._agents(faults, machines, engine)
        self._cut = any(fault.kind == "agent-disconnect" or fault.fields.get("how") == "impaired" for fault in faults)

    def _hold(self, fault: Fault, machines: Instances, engine: Engine) -> None:
        for instance in machines.instances():
            host = machines.hosts.get(instance.id)
            if host is not None and host.agent == "connected" and selects(fault, instance, engine):
                self._registry.take(fault, instance.id)

    def _agents(self, faults: list[Fault], machines: Instances, engine: Engine) -> None:
        """Cut off the agents that faults hold, and let all others reach ECS again."""
        holding = [fault for fault in faults if fault.kind == "agent-disconnect" or _impairs(fault)]
        for instance_id, host in machines.hosts.items():
            if host.agent == "connected":
                engine.agent_connected(instance_id, not any(fault.holds(instance_id) for fault in holding))

    def _end(self, fault: Fault, machines: Instances, engine: Engine) -> None:
        now = self._clock()
        for instance in machines.instances():
            if instance.state != "running" or not selects(fault, instance, engine):
                continue
            notice = fault.fields.get("notice", 0.0)
            new = not fault.knows(instance.id)
            if not self._registry.take(fault, instance.id, now + notice):
                continue
            if fault.kind == "spot-interruption":
                host = machines.hosts.get(instance.id)
                if new and host is not None and host.spot_draining and host.agent == "connected":
                    engine.drain(instance.id)
                if now >= fault.taken[instance.id]:
                    machines.lose(instance, SPOT, "Spot instance termination")
            elif not _impairs(fault):
                machines.lose(instance, LOST, "Internal error", stop=fault.fields.get("how") == "stopped")
        self._tasks(fault, engine)

    def _tasks(self, fault: Fault, engine: Engine) -> None:
        """Fargate's side: the tasks that run in a dead zone, or on Spot capacity."""
        if fault.kind == "instance-loss" or "instance" in fault.fields:
            return
        for task in list(engine.store.tasks.values()):
            if not task.live or task.instance is not None or task.launch_type != "FARGATE":
                continue
            if not fault.selects(cluster=task.cluster, zone=task.availability_zone):
                continue
            if fault.kind == "zone-loss" and task.availability_zone and self._registry.take(fault, task.arn):
                engine.kill_task(task.arn, "InfrastructureHealth", ZONE_TASK.format(zone=task.availability_zone))
            elif (
                fault.kind == "spot-interruption"
                and task.capacity_provider == "FARGATE_SPOT"
                and task.last_status == "RUNNING"
                and self._registry.take(fault, task.arn)
            ):
                engine.stop_task(task.arn, "SpotInterruption", SPOT_TASK)


def _impairs(fault: Fault) -> bool:
    return fault.fields.get("how") == "impaired"


def in_zone(fault: Fault, zone: str) -> bool:
    """Whether a fault that names a zone means this one."""
    return fnmatch.fnmatchcase(zone, fault.fields["zone"])


def selects(fault: Fault, instance: Any, engine: Engine) -> bool:
    """Whether a fault means an EC2 instance."""
    known = engine.store.instances.get(engine.store.instance_of_machine.get(instance.id, ""))
    return fault.selects(
        instance=instance.id, zone=str(instance.placement.zone), cluster=known.cluster if known else None
    )
