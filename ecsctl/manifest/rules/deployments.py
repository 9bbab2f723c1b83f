"""How services are deployed: percents, strategies, daemons."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.placement import on_fargate
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Definition, Project

NOT_ROLLING = ("BLUE_GREEN", "LINEAR", "CANARY")


def _deployment(service: Definition) -> dict[str, object]:
    found = service.get("deploymentConfiguration")
    return found if isinstance(found, dict) else {}


def _percent(service: Definition, member: str) -> int | None:
    value = _deployment(service).get(member)
    return value if isinstance(value, int) else None


@rule(
    "ECS103",
    "minimumHealthyPercent is at most 100, maximumPercent at least 100.",
    service="minimumHealthyPercent must be at most 100",
    why="A deployment keeps between these shares of the desired tasks running.",
)
def percents(project: Project) -> Iterator[Finding]:
    """``deploymentConfiguration``."""
    for service in project.services.values():
        path = (*service.path, "deploymentConfiguration")
        low, high = _percent(service, "minimumHealthyPercent"), _percent(service, "maximumPercent")
        if low is not None and not 0 <= low <= 100:
            yield Finding((*path, "minimumHealthyPercent"), f"{low} is out of bounds", "0 to 100")
        if high is not None and high < 100 and service.get("schedulingStrategy") != "DAEMON":
            yield Finding((*path, "maximumPercent"), f"{high} is out of bounds", "100 or more")


@rule(
    "ECS104",
    "The two percents leave room for a deployment.",
    service="Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block any deployment",
    why="No task may be stopped, and none started.",
)
def deployment_possible(project: Project) -> Iterator[Finding]:
    """``deploymentConfiguration``; a minimum that is left out is 100."""
    for service in project.services.values():
        if service.get("schedulingStrategy") == "DAEMON":
            continue
        low, high = _percent(service, "minimumHealthyPercent"), _percent(service, "maximumPercent")
        if high == 100 and low in (100, None):
            place = (*service.path, "deploymentConfiguration", "maximumPercent")
            yield Finding(
                place,
                "maximumPercent and minimumHealthyPercent of 100 block any deployment",
                "more than 100, or a minimumHealthyPercent below 100",
                ((*service.path, "deploymentConfiguration", "minimumHealthyPercent"),),
            )


@rule(
    "ECS105",
    "Rebalancing between zones needs a maximumPercent above 100.",
    service="Availability Zone Rebalancing does not support maximumPercent <= 100 % as deployment configuration",
    why="A task is started in the other zone before one is stopped. Rebalancing is on unless it is said otherwise.",
)
def rebalancing(project: Project) -> Iterator[Finding]:
    """``availabilityZoneRebalancing`` and ``maximumPercent``."""
    for service in project.services.values():
        high = _percent(service, "maximumPercent")
        state = service.get("availabilityZoneRebalancing")
        daemon = service.get("schedulingStrategy") == "DAEMON"
        controller = (service.get("deploymentController") or {}).get("type", "ECS")
        if high is not None and high <= 100 and state != "DISABLED" and not daemon and controller == "ECS":
            place = (*service.path, "deploymentConfiguration", "maximumPercent")
            on = "is on by default and" if state is None else "is ENABLED and"
            message = f"availabilityZoneRebalancing {on} does not support a maximumPercent of {high}"
            yield Finding(place, message, "availabilityZoneRebalancing: DISABLED, or a maximumPercent above 100")


@rule(
    "ECS106",
    "A daemon is one task an instance: it has no count, no strategy, no rebalancing.",
    service="The daemon scheduling strategy does not support a desired count for services. Remove the desired count "
    "value and try again.",
    why="The scheduler places one task on each instance that fits, and replaces it in place.",
)
def daemons(project: Project) -> Iterator[Finding]:
    """``schedulingStrategy: DAEMON``."""
    for service in project.services.values():
        if service.get("schedulingStrategy") != "DAEMON":
            continue
        if service.get("desiredCount") is not None:
            yield Finding((*service.path, "desiredCount"), "a DAEMON service has no desiredCount", "leave it out")
        if service.get("placementStrategy"):
            yield Finding(
                (*service.path, "placementStrategy"), "a DAEMON service has no placementStrategy", "leave it out"
            )
        if service.get("availabilityZoneRebalancing") == "ENABLED":
            place = (*service.path, "availabilityZoneRebalancing")
            yield Finding(place, "a DAEMON service is not rebalanced", "DISABLED, or leave it out")
        low, high = _percent(service, "minimumHealthyPercent"), _percent(service, "maximumPercent")
        if low == 100:
            place = (*service.path, "deploymentConfiguration", "minimumHealthyPercent")
            yield Finding(place, "a DAEMON service with a minimumHealthyPercent of 100 is never replaced", "0 to 99")
        if high is not None and high != 100:
            place = (*service.path, "deploymentConfiguration", "maximumPercent")
            yield Finding(place, f"a DAEMON service takes a maximumPercent of 100 only, not {high}", "leave it out")
        if on_fargate(service.data):
            yield Finding((*service.path, "schedulingStrategy"), "Fargate does not support DAEMON", "REPLICA")


@rule(
    "ECS113",
    "Only the deployment controller ECS has a deployment strategy.",
    service="Deployment strategy is only supported with the ECS deployment controller.",
    why="CODE_DEPLOY and EXTERNAL deploy in their own way.",
)
def controller(project: Project) -> Iterator[Finding]:
    """``deploymentController`` and ``deploymentConfiguration``."""
    for service in project.services.values():
        kind = (service.get("deploymentController") or {}).get("type", "ECS")
        if kind == "ECS":
            continue
        for member in ("strategy", "deploymentCircuitBreaker"):
            if _deployment(service).get(member):
                place = (*service.path, "deploymentConfiguration", member)
                yield Finding(place, f"{member} is not for the deployment controller {kind}", "leave it out")


@rule(
    "ECS114",
    "A blue/green deployment has a bake time and an alternate target group.",
    service="bakeTimeInMinutes and advancedConfiguration are required for the BLUE_GREEN deployment strategy.",
    why="Traffic moves to the alternate target group by the production rule, and back if need be.",
)
def blue_green(project: Project) -> Iterator[Finding]:
    """``strategy: BLUE_GREEN`` and its like."""
    for service in project.services.values():
        kind = _deployment(service).get("strategy")
        if kind not in NOT_ROLLING:
            continue
        path = (*service.path, "deploymentConfiguration")
        if kind == "BLUE_GREEN" and _deployment(service).get("bakeTimeInMinutes") is None:
            yield Finding((*path, "bakeTimeInMinutes"), "BLUE_GREEN needs bakeTimeInMinutes", "bakeTimeInMinutes: 5")
        for member in ("linear", "canary"):
            if kind == member.upper() and not _deployment(service).get(f"{member}Configuration"):
                yield Finding((*path, f"{member}Configuration"), f"{kind} needs {member}Configuration")
        for place, item in service.items("loadBalancers"):
            advanced = item.get("advancedConfiguration") or {}
            for member in ("alternateTargetGroupArn", "productionListenerRule", "roleArn"):
                if item.get("targetGroupArn") and not advanced.get(member):
                    inner = (*place, "advancedConfiguration", member)
                    yield Finding(inner, f"{kind} needs {member} in advancedConfiguration")
