"""A service's tasks behind its balancers: in when they run, out before they stop."""

from __future__ import annotations

import contextlib

from ecsctl.sandbox.ecs.region import Region
from ecsctl.sandbox.ecs.scheduler import listener_weights, service_events
from ecsctl.sandbox.ecs.store.store import ContainerInstance, Document, Service, Target, Task


def wanted(task: Task, host: ContainerInstance | None, balancers: list[Document], now: float) -> list[Target]:
    """The targets a running task has behind these balancers (``loadBalancers`` of the service).

    Behind a classic balancer or a target group of type ``instance`` it is the EC2 instance and the host port; with
    network mode awsvpc it is the task's own address and the container port.
    """
    found = []
    for balancer in balancers:
        container = next((c for c in task.containers if c.name == balancer.get("containerName")), None)
        if container is None:
            continue
        port = next(
            (b.host_port for b in container.bindings if b.container_port == balancer.get("containerPort")), None
        )
        if task.interface is not None:
            address: str | None = task.interface.private_ip
            port = balancer.get("containerPort")
        else:
            address = host.facts.ec2_instance_id if host else None
        if address is None or port is None:
            continue
        found.append(Target(balancer.get("loadBalancerName"), balancer.get("targetGroupArn"), address, int(port), now))
    return found


def service_of(region: Region, task: Task) -> Service | None:
    return region.store.services.get((task.cluster, task.service)) if task.service else None


def register(region: Region, task: Task, host: ContainerInstance | None) -> None:
    """Put a task that has just come to run behind its service's balancers."""
    service = service_of(region, task)
    if service is None:
        return
    deployment = next((d for d in service.deployments if d.id == task.deployment), None)
    for target in wanted(task, host, listener_weights.balancers_of(service, deployment), region.now):
        noun = "targets" if target.target_group else "instances"
        try:
            region.elb.register(
                classic=target.classic, target_group=target.target_group, target=target.target, port=target.port
            )
        except Exception as error:
            # The balancer may have been deleted since the service was created.
            message = f"(service {service.name}) failed to register {noun} in {target.balancer} with (error {error})"
            service_events.complain(region, service, message)
        else:
            task.targets.append(target)
    _tell(service, task.targets, "registered")


def deregister(region: Region, task: Task) -> None:
    """Take a task out of its balancers; they may still drain its connections."""
    if not task.targets:
        return
    service = service_of(region, task)
    for target in task.targets:
        if not _shared(region, task, target):
            # Where the balancer itself has gone, there is nothing to take the task out of.
            with contextlib.suppress(Exception):
                region.elb.deregister(
                    classic=target.classic, target_group=target.target_group, target=target.target, port=target.port
                )
    if service is not None:
        _tell(service, task.targets, "deregistered")
        if any(target.target_group for target in task.targets):
            service_events.tally(service, f"(service {service.name}) has begun draining connections on {{}} tasks.")
    # A classic balancer lets go at once; a target group drains.
    task.targets = [target for target in task.targets if target.target_group]


def _shared(region: Region, task: Task, target: Target) -> bool:
    """Whether another task of the service stands behind the same entry of a classic balancer, which knows instances."""
    if target.target_group:
        return False
    store = region.store
    arns = store.tasks_of_service[task.cluster, task.service or ""]
    return any(
        (other.classic, other.target, other.port) == (target.classic, target.target, target.port)
        for arn in arns
        if arn != task.arn
        for other in store.tasks[arn].targets
    )


def drained(region: Region, task: Task) -> bool:
    """Whether the balancers have let go of a deregistered task."""
    task.targets = [target for target in task.targets if health(region, target) == "draining"]
    return not task.targets


def health(region: Region, target: Target) -> str:
    """The balancer's word on a target; ``unused`` where the balancer has gone."""
    try:
        return region.elb.health(
            classic=target.classic, target_group=target.target_group, target=target.target, port=target.port
        )
    except Exception:
        return "unused"


def _tell(service: Service, targets: list[Target], verb: str) -> None:
    for target in targets:
        noun = "targets" if target.target_group else "instances"
        service_events.tally(service, f"(service {service.name}) {verb} {{}} {noun} in {target.balancer}")


def behind_classic(service: Service) -> bool:
    """Whether a classic balancer stands before the service: ECS does not report rolloutState then."""
    return any(balancer.get("loadBalancerName") for balancer in service.settings.get("loadBalancers", ()))
