"""ECS Managed Instances: a capacity provider launches machines for the tasks that wait, and ends those that are idle.

The smallest machine that fits the largest waiting task, and the provider's own requirements, is launched; it joins
the provider's cluster at once. One that has had no task for a minute is ended.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import agents
from ecsctl.sandbox.ecs.store.store import CapacityProvider, ContainerInstance, Task

log = logging.getLogger(__name__)

IDLE_SECONDS = 60.0


def manage(region: Region) -> None:
    """One turn for every provider of Managed Instances."""
    for provider in region.store.capacity_providers.values():
        if provider.managed_instances is None or provider.cluster not in region.store.clusters:
            continue
        hosts = hosts_of(region, provider)
        waiting = [task for arn in region.store.moving if _waits(task := region.store.tasks[arn], provider)]
        # A machine that is empty and yet did not take what waits shows that another one would not, either.
        if waiting and provider.status == "ACTIVE" and all(host.tasks for host in hosts):
            _launch(region, provider, waiting)
        else:
            _end_idle(region, provider, hosts)


def hosts_of(region: Region, provider: CapacityProvider) -> list[ContainerInstance]:
    """The container instances of a provider."""
    of_cluster = region.store.cluster_instances(provider.cluster or "")
    return [host for host in of_cluster if host.capacity_provider == provider.name]


def _waits(task: Task, provider: CapacityProvider) -> bool:
    return (
        task.live
        and task.last_status == "PROVISIONING"
        and task.instance is None
        and (task.cluster, task.capacity_provider) == (provider.cluster, provider.name)
    )


def _launch(region: Region, provider: CapacityProvider, waiting: Sequence[Task]) -> None:
    template = (provider.managed_instances or {})["instanceLaunchTemplate"]
    wanted = template.get("instanceRequirements") or {}
    cpu = max(max(task.need.cpu for task in waiting), 1024 * (wanted.get("vCpuCount") or {}).get("min", 0))
    memory = max(max(task.need.memory for task in waiting), (wanted.get("memoryMiB") or {}).get("min", 0))
    architecture = next((row["value"] for row in waiting[0].attributes if row["name"] == "ecs.cpu-architecture"), "")
    network = template.get("networkConfiguration") or {}
    try:
        facts = region.ec2.launch_managed(
            network.get("subnets", ()),
            network.get("securityGroups", ()),
            profile=template["ec2InstanceProfileArn"],
            cpu=cpu,
            memory=memory,
            architecture=architecture,
        )
    except Exception as error:
        log.warning("capacity provider %s cannot launch an instance: %s", provider.name, error)
        return
    arn = agents.register_agent(region, provider.cluster or "", facts)
    region.store.instances[arn].capacity_provider = provider.name


def _end_idle(region: Region, provider: CapacityProvider, hosts: Sequence[ContainerInstance]) -> None:
    idle = {host.arn: provider.idle_since.get(host.arn, region.now) for host in hosts if not host.tasks}
    provider.idle_since = idle
    for arn, since in list(idle.items()):
        if region.now - since >= IDLE_SECONDS or provider.status != "ACTIVE":
            end(region, region.store.instances[arn])
            del idle[arn]


def end(region: Region, host: ContainerInstance) -> None:
    """Deregister a container instance and terminate its machine."""
    reason = f"Host EC2 (instance {host.facts.ec2_instance_id}) terminated."
    agents.remove(region, host, "TerminationNotice", reason)
    region.ec2.terminate(host.facts.ec2_instance_id)
