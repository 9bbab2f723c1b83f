"""Services: what CreateService refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.placement import FARGATE_PROVIDERS, on_fargate
from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Definition, Project, network_mode, ports_of

PLATFORM = re.compile(r"LATEST|\d+\.\d+\.\d+")


def _balanced(service: Definition) -> bool:
    return any(service.get(member) for member in ("loadBalancers", "loadBalancer", "vpcLatticeConfigurations"))


@rule(
    "ECS100",
    "A service has a launch type or a capacity provider strategy, not both.",
    service="Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    why="Each of them says where tasks are placed.",
)
def one_placement(project: Project) -> Iterator[Finding]:
    """``launchType`` and ``capacityProviderStrategy``."""
    for service in project.services.values():
        if service.get("launchType") and service.get("capacityProviderStrategy"):
            message = "launchType and capacityProviderStrategy together"
            yield Finding((*service.path, "launchType"), message, "one of them")


@rule(
    "ECS101",
    "Tasks of network mode awsvpc need a network configuration.",
    service="Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    why="The interface of each task is made in one of these subnets.",
)
def network_needed(project: Project) -> Iterator[Finding]:
    """``networkConfiguration``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        awsvpc = definition is not None and network_mode(project, definition) == "awsvpc"
        vpc = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        if vpc.get("subnets") == []:
            place = (*service.path, "networkConfiguration", "awsvpcConfiguration", "subnets")
            yield Finding(place, "subnets can not be empty", "[subnet-…]")
        own = service.get("ingress") is not None and project.whole
        if (awsvpc or on_fargate(service.data)) and not service.get("networkConfiguration") and not own:
            message = "tasks of network mode awsvpc need a networkConfiguration"
            allowed = "networkConfiguration: {awsvpcConfiguration: {subnets: [subnet-…]}}, or ingress: [80]"
            depends = ((*service.path, "networkConfiguration"), *ports_of(definition))
            yield Finding(service.path, message, allowed, depends)


@rule(
    "ECS102",
    "A network configuration is for network mode awsvpc only.",
    service="Network Configuration is not valid for the given networkMode of this task definition.",
    why="In the other modes a task has the network of its instance.",
)
def network_not_needed(project: Project) -> Iterator[Finding]:
    """``networkConfiguration``, and the ``ingress`` that makes one."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if definition is None or on_fargate(service.data):
            continue
        if service.get("ingress") is not None and network_mode(project, definition) != "awsvpc":
            message = "ingress is for tasks of network mode awsvpc"
            yield Finding((*service.path, "ingress"), message, "instances.ingress", ports_of(definition))
        if not service.get("networkConfiguration"):
            continue
        mode = network_mode(project, definition)
        if mode != "awsvpc":
            place = (*service.path, "networkConfiguration")
            message = f"a networkConfiguration is not valid for the network mode {mode} of {definition.name}"
            yield Finding(place, message, "networkMode: awsvpc, or leave it out", ports_of(definition))


@rule(
    "ECS107",
    "On Fargate there is nothing to constrain or spread over.",
    service="Placement constraints are not supported with FARGATE launch type.",
    why="Placement chooses instances, and there are none.",
)
def fargate_placement(project: Project) -> Iterator[Finding]:
    """``placementConstraints`` and ``placementStrategy``."""
    for service in project.services.values():
        if on_fargate(service.data):
            for member in ("placementConstraints", "placementStrategy"):
                if service.get(member):
                    yield Finding((*service.path, member), f"{member} is not supported on Fargate", "leave it out")


@rule(
    "ECS108",
    "A platform version is Fargate's: LATEST, or three numbers.",
    service="The platform version must be null when specifying an EC2 launch type. / The specified platform version "
    "doesn't exist.",
    why="It names the version of Fargate's own runtime.",
)
def platform_version(project: Project) -> Iterator[Finding]:
    """``platformVersion``."""
    for service in project.services.values():
        elsewhere = service.get("launchType") in ("EC2", "EXTERNAL")
        implied = not service.get("launchType") and not service.get("capacityProviderStrategy") and project.whole
        if service.get("platformVersion") and (elsewhere or (implied and project.instances is not None)):
            place = (*service.path, "platformVersion")
            yield Finding(place, "a platformVersion is not for EC2", "launchType: FARGATE, or leave it out")
        elif service.get("platformVersion") and not PLATFORM.fullmatch(service.get("platformVersion")):
            place = (*service.path, "platformVersion")
            yield Finding(place, f"{service.get('platformVersion')!r} is no platform version", "LATEST, or as 1.4.0")


@rule(
    "ECS109",
    "A service's role is for one load balancer of tasks without awsvpc.",
    service="IAM roles are only valid for services configured to use load balancers.",
    why="The role lets ECS register instances with the balancer. Since 2018 the service-linked role does it; leave the "
    "role out unless an old policy needs it.",
)
def service_role(project: Project) -> Iterator[Finding]:
    """``role``."""
    for service in project.services.values():
        if not service.get("role"):
            continue
        definition = project.task_definition_of(service)
        place = (*service.path, "role")
        if not _balanced(service):
            yield Finding(place, "a role is only for services with load balancers", "leave it out")
        elif on_fargate(service.data) or (definition is not None and network_mode(project, definition) == "awsvpc"):
            message = "an IAM role cannot be specified for services that require a service linked role (awsvpc)"
            yield Finding(place, message, "leave it out", ports_of(definition))
        elif len(service.get("loadBalancers") or ()) > 1:
            message = "an IAM role cannot be specified for services with several target groups"
            yield Finding(place, message, "leave it out")


@rule(
    "ECS110",
    "A load balancer is named by loadBalancerName or targetGroupArn.",
    service="loadBalancerName and targetGroupArn cannot both be specified",
    why="The one is a classic balancer, the other a target group.",
)
def one_kind_of_balancer(project: Project) -> Iterator[Finding]:
    """Each of ``loadBalancers``."""
    for service in project.services.values():
        for path, item in service.items("loadBalancers"):
            classic, group = item.get("loadBalancerName"), item.get("targetGroupArn")
            if classic and group:
                message = "loadBalancerName and targetGroupArn cannot both be specified"
                yield Finding((*path, "loadBalancerName"), message, "one of them")
            elif not classic and not group:
                yield Finding(
                    path,
                    "neither loadBalancerName nor targetGroupArn",
                    "one of them",
                    ((*path, "loadBalancerName"), (*path, "targetGroupArn")),
                )
            for member in ("containerName", "containerPort"):
                if item.get(member) is None and (classic or group):
                    yield Finding((*path, member), f"{member} is missing", "the container behind the balancer")
        if service.get("loadBalancer") and service.get("loadBalancers"):
            yield Finding((*service.path, "loadBalancer"), "loadBalancer and loadBalancers together", "one of them")


@rule(
    "ECS111",
    "A grace period needs a load balancer.",
    service="Health check grace period is only valid for services configured to use load balancers",
    why="It is the time in which the balancer's health checks are ignored.",
)
def grace_period(project: Project) -> Iterator[Finding]:
    """``healthCheckGracePeriodSeconds``."""
    for service in project.services.values():
        if service.get("healthCheckGracePeriodSeconds") and not _balanced(service):
            place = (*service.path, "healthCheckGracePeriodSeconds")
            yield Finding(
                place,
                "a grace period without a load balancer",
                "leave it out",
                ((*service.path, "loadBalancer"), (*service.path, "loadBalancers")),
            )


@rule(
    "ECS112",
    "A capacity provider strategy has one base at most, a weight above 0, one kind of provider, and each once.",
    service="A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and "
    "Fargate capacity providers.",
    why="The base is filled first, the rest is shared by weight.",
)
def strategy(project: Project) -> Iterator[Finding]:
    """``capacityProviderStrategy``."""
    for service in project.services.values():
        items = list(service.items("capacityProviderStrategy"))
        if not items:
            continue
        based = [path for path, item in items if item.get("base")]
        for path in based[1:]:
            yield Finding((*path, "base"), "a second base", "one provider only has a base above 0")
        if len(items) > 1 and not any(item.get("weight") for _, item in items):
            place = (*service.path, "capacityProviderStrategy")
            yield Finding(
                place,
                "no provider has a weight above 0",
                "weight: 1 on one of them",
                tuple((*path, "weight") for path, _ in items),
            )
        seen: set[str] = set()
        for path, item in items:
            name = str(item.get("capacityProvider"))
            if name in seen:
                yield Finding((*path, "capacityProvider"), f"the capacity provider {name} is there already", "once")
            seen.add(name)
        kinds = {item.get("capacityProvider") in FARGATE_PROVIDERS for _, item in items}
        if len(kinds) > 1:
            place = (*service.path, "capacityProviderStrategy")
            yield Finding(place, "Fargate's providers and others together", "one kind")


@rule(
    "ECS115",
    "The task definition fits the service's launch type.",
    service="Task definition does not support launch_type FARGATE.",
    why="requiresCompatibilities says where a task definition may run.",
)
def compatible(project: Project) -> Iterator[Finding]:
    """``launchType`` and ``requiresCompatibilities``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        wanted = (definition.get("requiresCompatibilities") or ()) if definition is not None else ()
        kind = service.get("launchType")
        place = (*service.path, "launchType")
        if kind is None and on_fargate(service.data):
            kind, place = "FARGATE", (*service.path, "capacityProviderStrategy")
        if wanted and kind and kind not in wanted and definition is not None:
            message = f"the task definition {definition.name} does not support {kind}"
            yield Finding(
                place,
                message,
                f"requiresCompatibilities: [{kind}], or one of {', '.join(wanted)}",
                ((*definition.path, "requiresCompatibilities"),),
            )


@rule(
    "ECS116",
    "Counts and times of a service are not negative.",
    service="Invalid desired count. / healthCheckGracePeriodSeconds must be between 0 and 2147483647.",
    why="0 tasks is the least; a service of 0 keeps its settings.",
)
def not_negative(project: Project) -> Iterator[Finding]:
    """``desiredCount`` and ``healthCheckGracePeriodSeconds``."""
    for service in project.services.values():
        for member in ("desiredCount", "healthCheckGracePeriodSeconds"):
            value = service.get(member)
            if isinstance(value, int) and value < 0:
                yield Finding((*service.path, member), f"{value} is out of bounds", "0 or more")


@rule(
    "ECS117",
    "Only Fargate gives a task's interface a public address.",
    service="Assign public IP is not supported for this launch type.",
    why="On EC2 the interface of an awsvpc task gets a private address; it reaches the Internet through NAT.",
)
def public_address(project: Project) -> Iterator[Finding]:
    """``networkConfiguration.awsvpcConfiguration.assignPublicIp``."""
    for service in project.services.values():
        vpc = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
        elsewhere = service.get("launchType") in ("EC2", "EXTERNAL") or (
            not on_fargate(service.data)
            and (service.get("capacityProviderStrategy") or (project.instances and not service.get("launchType")))
        )
        if vpc.get("assignPublicIp") == "ENABLED" and elsewhere:
            place = (*service.path, "networkConfiguration", "awsvpcConfiguration", "assignPublicIp")
            yield Finding(
                place,
                "tasks on EC2 get no public address",
                "DISABLED, or launchType: FARGATE",
                ((*service.path, "launchType"), (*service.path, "capacityProviderStrategy")),
            )


@rule(
    "ECS118",
    "ECS Exec needs a task role.",
    service="The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task role "
    "in your task definition and try again.",
    why="The agent inside of the container opens the session with the task's own role, which needs the ssmmessages "
    "rights.",
)
def exec_needs_role(project: Project) -> Iterator[Finding]:
    """``enableExecuteCommand`` and ``taskRoleArn``."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if service.get("enableExecuteCommand") and definition is not None and not definition.get("taskRoleArn"):
            place = (*service.path, "enableExecuteCommand")
            message = f"the task definition {definition.name} has no taskRoleArn"
            yield Finding(place, message, "taskRoleArn: arn:aws:iam::…:role/…", ((*definition.path, "taskRoleArn"),))
