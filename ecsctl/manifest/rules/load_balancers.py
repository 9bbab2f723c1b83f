"""Load balancers: their health checks, and what can stand behind which kind."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.model import HealthCheckSpec
from ecsctl.manifest.placement import host_port, on_fargate
from ecsctl.manifest.rules import Finding, Tell, rule
from ecsctl.manifest.rules.document import (
    Definition,
    Project,
    counts,
    listed,
    network_mode,
    ports_of,
    referred,
)
from ecsctl.refusals import load_balancers as facts

CLASSIC_TIMEOUT = 60
DEFAULT_CHECK = HealthCheckSpec()


@rule(
    "ECS060",
    "A health check's timeout is below its interval.",
    why="The next check begins when the interval has passed; an answer later than that could not be told from its own.",
)
def timeout_below_interval(project: Project) -> Iterator[Finding]:
    """``loadBalancers.….healthCheck``."""
    for balancer in project.load_balancers.values():
        check = balancer.get("healthCheck")
        if not isinstance(check, dict):
            continue
        interval = check.get("interval", DEFAULT_CHECK.interval)
        timeout = check.get("timeout", min(DEFAULT_CHECK.timeout, interval - 1))
        if timeout >= interval:
            path = (*balancer.path, "healthCheck", "timeout" if "timeout" in check else "interval")
            message = f"the timeout of {timeout} s is not below the interval of {interval} s"
            yield Finding(path, message, f"a timeout of at most {interval - 1} s")


@rule(
    "ECS061",
    "A classic balancer's health check waits 60 seconds at most.",
    why="The classic balancer's own limit; target groups allow 120.",
)
def classic_timeout(project: Project) -> Iterator[Finding]:
    """Classic: timeout at most 60."""
    for balancer in project.load_balancers.values():
        check = balancer.get("healthCheck")
        classic = balancer.get("type", "classic") == "classic"
        if classic and isinstance(check, dict) and (check.get("timeout") or 0) > CLASSIC_TIMEOUT:
            message = f"a classic balancer's timeout of {check['timeout']} s is too long"
            yield Finding((*balancer.path, "healthCheck", "timeout"), message, "2 to 60 s")


@rule(
    "ECS062",
    "A classic load balancer takes neither awsvpc nor Fargate tasks.",
    Tell(facts.CLASSIC_FARGATE, "the classic load balancer {name} cannot serve Fargate tasks", "type: application"),
    Tell(
        facts.CLASSIC_AWSVPC,
        "the classic load balancer {name} cannot serve tasks of network mode awsvpc",
        "type: application, or networkMode: bridge",
    ),
    why="A classic balancer registers instances with a port. Tasks of their own address need targets of type ip.",
)
def classic_takes_instances(project: Project) -> Iterator[Finding]:
    """Services behind a classic balancer run on instances in bridge or host mode."""
    for service in project.services.values():
        for path, name in _classic_of(project, service):
            definition = project.task_definition_of(service)
            if on_fargate(service.data):
                yield Finding(path, f"the classic load balancer {name} cannot serve Fargate tasks", "type: application")
            elif definition is not None and network_mode(project, definition) == "awsvpc":
                message = f"the classic load balancer {name} cannot serve tasks of network mode awsvpc"
                yield Finding(path, message, "type: application, or networkMode: bridge", ports_of(definition))


def _classic_of(project: Project, service: Definition) -> Iterator[tuple[tuple[str | int, ...], str]]:
    reference = service.get("loadBalancer")
    balancer = project.load_balancers.get(reference.get("name", "")) if isinstance(reference, dict) else None
    if balancer is not None and balancer.get("type", "classic") == "classic":
        yield (*service.path, "loadBalancer"), balancer.name


@rule(
    "ECS063",
    "Behind a classic load balancer the host port is fixed.",
    Tell(
        facts.CLASSIC_PORT,
        "the classic load balancer {balancer} needs a fixed host port",
        'portMappings: ["80:80"] (host:container)',
    ),
    why="A classic balancer sends to one and the same port of every instance; a port drawn when a task starts differs.",
)
def classic_needs_static_port(project: Project) -> Iterator[Finding]:
    """The mapped host port is neither 0 nor left out."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if definition is None or on_fargate(service.data) or network_mode(project, definition) != "bridge":
            continue
        for path, name in _classic_of(project, service):
            target = referred(project, service)
            fixed = target is None or target.problem is not None or target.host_port is not None
            if not fixed:
                message = f"the classic load balancer {name} needs a fixed host port"
                yield Finding(path, message, 'portMappings: ["80:80"] (host:container)', ports_of(definition))


@rule(
    "ECS064",
    "A fixed host port needs as many instances as tasks.",
    why="Two tasks cannot hold the same port of one instance, so a service of fixed host ports runs at most one task "
    "an instance; the rest is never placed.",
)
def fixed_port_needs_instances(project: Project) -> Iterator[Finding]:
    """``desiredCount`` against ``instances.count.max``."""
    numbers = counts(project.instances)
    if numbers is None:
        return
    most = numbers[2]
    for service in project.services.values():
        definition = project.task_definition_of(service)
        desired = service.get("desiredCount")
        if definition is None or not isinstance(desired, int) or on_fargate(service.data):
            continue
        mode = network_mode(project, definition)
        if mode == "awsvpc" or service.get("launchType") == "EXTERNAL" or service.get("capacityProviderStrategy"):
            continue
        ports = [
            port
            for path, box in definition.items("containerDefinitions")
            for _, mapping in listed(box, "portMappings", path)
            if (port := host_port(mode, mapping)) is not None
        ]
        if ports and desired > most:
            message = f"{desired} tasks of the fixed host port {ports[0]} do not fit on {most} instances"
            allowed = f"desiredCount {most} at most, more instances, or a host port that is left to ECS"
            yield Finding((*service.path, "desiredCount"), message, allowed, ports_of(definition))
