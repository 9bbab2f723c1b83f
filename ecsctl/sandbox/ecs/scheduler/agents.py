"""The agents' side: container instances that register, disconnect, come back and go."""

from __future__ import annotations

from ecsctl.sandbox.ecs.errors import client_error
from ecsctl.sandbox.ecs.region import OPERATIONS, Region
from ecsctl.sandbox.ecs.scheduler import lifecycle
from ecsctl.sandbox.ecs.scheduler.requirements import agent_capabilities, is_capability
from ecsctl.sandbox.ecs.store.store import DEFAULT_CLUSTER, ContainerInstance, Store
from ecsctl.sandbox.interfaces import InstanceDetails


def register_agent(region: Region, cluster: str, facts: InstanceDetails, *, anew: bool = False) -> str:
    """An agent came up: the ARN of its container instance, the same one where its data folder still names one.

    Args:
        cluster: as its configuration has it; empty means ``default``, which is then created.
        facts: of its machine. Capabilities among ``facts.attributes`` replace those of the ECS-optimized AMI.
        anew: its data folder is empty: the machine gets a new container instance, and an earlier one of it stays
            behind, disconnected.
    Raises:
        EcsApiError: ``ClientException`` "Cluster not found."; or the machine came back as another instance type.
    """
    store = region.store
    name = cluster or DEFAULT_CLUSTER
    if not cluster and (DEFAULT_CLUSTER not in store.clusters or store.clusters[DEFAULT_CLUSTER].status == "INACTIVE"):
        OPERATIONS["CreateCluster"](region, {})
    found = store.clusters.get(name)
    if found is None or found.status != "ACTIVE":
        raise client_error("Cluster not found.")
    known = store.instances.get(store.instance_of_machine.get(facts.ec2_instance_id, ""))
    if known is not None and (anew or known.cluster != name):
        known.agent_connected = False
        known.version += 1
        known = None
    if known is not None:
        if known.facts.instance_type != facts.instance_type:
            raise client_error("Container instance type changes are not supported.")
        known.facts = facts
        known.attributes |= _attributes(facts)
        agent_connected(region, facts.ec2_instance_id, True)
        return known.arn
    instance_id = store.new_id()
    instance = ContainerInstance(
        arn=store.arn("container-instance", name, instance_id),
        id=instance_id,
        cluster=name,
        facts=facts,
        registered_at=region.now,
        attributes=_attributes(facts),
        capacity_provider=_provider(store, found.capacity_providers, facts.auto_scaling_group_arn),
    )
    store.add_instance(instance)
    store.touch_cluster(name)
    return instance.arn


def _attributes(facts: InstanceDetails) -> dict[str, str | None]:
    own = dict(facts.attributes)
    attributes: dict[str, str | None] = {} if any(map(is_capability, own)) else agent_capabilities(gpu=facts.gpus > 0)
    attributes |= {
        "ecs.ami-id": facts.ami_id,
        "ecs.availability-zone": facts.availability_zone,
        "ecs.instance-type": facts.instance_type,
        "ecs.os-type": facts.os,
        "ecs.os-family": facts.os.upper(),
        "ecs.cpu-architecture": facts.cpu_architecture,
    }
    if facts.vpc_id:
        attributes["ecs.vpc-id"] = facts.vpc_id
    if facts.subnet_id:
        attributes["ecs.subnet-id"] = facts.subnet_id
    return attributes | own


def _provider(store: Store, providers: list[str], group_arn: str | None) -> str | None:
    """The cluster's capacity provider whose Auto Scaling group the machine belongs to."""
    if group_arn is None:
        return None
    for name in providers:
        provider = store.capacity_providers.get(name)
        if provider and (provider.auto_scaling_group or {}).get("autoScalingGroupArn") == group_arn:
            return name
    return None


def agent_connected(region: Region, ec2_instance_id: str, connected: bool) -> None:
    """An agent's connection came or went; an unknown machine is ignored. Once back, it reports what happened."""
    instance = _of_machine(region.store, ec2_instance_id)
    if instance is None or instance.agent_connected == connected:
        return
    instance.agent_connected = connected
    instance.version += 1
    if connected:
        unreported, instance.unreported = instance.unreported, []
        for event in unreported:
            lifecycle.receive(region, event)
        region.store.touch_cluster(instance.cluster)


def instance_terminated(region: Region, ec2_instance_id: str) -> None:
    """EC2 terminated the machine: its tasks stop, and where its agent was connected its container instance goes.

    A disconnected one stays registered until it is deregistered by force. An unknown machine is ignored.
    """
    instance = _of_machine(region.store, ec2_instance_id)
    if instance is None:
        return
    code, reason = "TerminationNotice", f"Host EC2 (instance {ec2_instance_id}) terminated."
    if instance.agent_connected:
        remove(region, instance, code, reason)
    else:
        for arn in list(instance.tasks):
            lifecycle.kill(region, region.store.tasks[arn], code, reason)


def drain(region: Region, ec2_instance_id: str) -> int:
    """A machine's end is near: Spot told an agent with ECS_ENABLE_SPOT_INSTANCE_DRAINING, or managed draining does.

    Returns:
        how many tasks are still on it; 0 for an unknown machine.
    """
    instance = _of_machine(region.store, ec2_instance_id)
    if instance is not None and instance.status == "ACTIVE":
        instance.status = "DRAINING"
        instance.version += 1
        region.store.touch_cluster(instance.cluster)
    return len(instance.tasks) if instance is not None else 0


def remove(region: Region, instance: ContainerInstance, code: str, reason: str) -> None:
    """Deregister a container instance and stop its tasks at once, for this reason."""
    store = region.store
    for arn in list(instance.tasks):
        lifecycle.kill(region, store.tasks[arn], code, reason)
    store.remove_instance(instance)
    store.touch_cluster(instance.cluster)


def _of_machine(store: Store, ec2_instance_id: str) -> ContainerInstance | None:
    return store.instances.get(store.instance_of_machine.get(ec2_instance_id, ""))
