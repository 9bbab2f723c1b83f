"""Services: what CreateService refuses."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.placement import on_fargate
from ecsctl.manifest.rules import Finding, Tell, cites, rule
from ecsctl.manifest.rules.document import Project, network_mode, ports_of
from ecsctl.refusals import limits, load_balancers
from ecsctl.refusals import service as facts

LEAVE_OUT = "leave it out"

cites(
    "ECS100",
    "A service has a launch type or a capacity provider strategy, not both.",
    Tell(facts.LAUNCH_AND_STRATEGY, "launchType and capacityProviderStrategy together", "one of them"),
    Tell(facts.MANAGED_LAUNCH, "MANAGED_INSTANCES is not a launch type", "capacityProviderStrategy"),
    why="Each of them says where tasks are placed.",
    looks_at="launchType and capacityProviderStrategy",
)
cites(
    "ECS101",
    "Tasks of network mode awsvpc need a network configuration.",
    Tell(
        facts.NETWORK_MISSING,
        "tasks of network mode awsvpc need a networkConfiguration",
        "networkConfiguration: {{awsvpcConfiguration: {{subnets: [subnet-…]}}}}, or ingress: [80]",
    ),
    Tell(facts.SUBNETS_EMPTY, "subnets can not be empty", "[subnet-…]"),
    why="The interface of each task is made in one of these subnets.",
    looks_at="networkConfiguration",
)
cites(
    "ECS107",
    "On Fargate there is nothing to constrain or spread over.",
    Tell(facts.FARGATE_CONSTRAINTS, "{member} is not supported on Fargate", LEAVE_OUT),
    Tell(facts.FARGATE_STRATEGIES, "{member} is not supported on Fargate", LEAVE_OUT),
    why="Placement chooses instances, and there are none.",
    looks_at="placementConstraints and placementStrategy",
)
cites(
    "ECS108",
    "A platform version is Fargate's, and exists.",
    Tell(facts.PLATFORM_EC2, "a platformVersion is not for EC2", "launchType: FARGATE, or leave it out"),
    Tell(
        facts.PLATFORM_UNKNOWN,
        "there is no platform version {version!r}",
        f"one of {', '.join(limits.PLATFORM_VERSIONS)}",
    ),
    why="It names the version of Fargate's own runtime.",
    looks_at="platformVersion",
)
cites(
    "ECS109",
    "A service's role is for one load balancer of tasks without awsvpc.",
    Tell(load_balancers.ROLE_ALONE, "a role is only for services with load balancers", LEAVE_OUT),
    Tell(load_balancers.ROLE_LINKED, "an IAM role cannot be specified for services {why}", LEAVE_OUT),
    why="The role lets ECS register instances with the balancer. Since 2018 the service-linked role does it; leave the "
    "role out unless an old policy needs it.",
    looks_at="role",
)
cites(
    "ECS112",
    "A capacity provider strategy has one base at most, a weight above 0, one kind of provider, and each once.",
    Tell(facts.STRATEGY_BASES, "a second base", "one provider only has a base above 0"),
    Tell(facts.STRATEGY_WEIGHTS, "no provider has a weight above 0", "weight: 1 on one of them"),
    Tell(facts.STRATEGY_MIX, "Fargate's providers and others together", "one kind"),
    Tell(facts.STRATEGY_TWICE, "the capacity provider {name} is there already", "once"),
    Tell(facts.STRATEGY_BOUNDS, "the {member} of {value} is out of bounds", "0 to {most}"),
    why="The base is filled first, the rest is shared by weight; a weight that is left out is 0.",
    looks_at="capacityProviderStrategy",
)
cites(
    "ECS115",
    "The task definition fits the service's launch type.",
    Tell(
        facts.INCOMPATIBLE,
        "the task definition does not support {kind}",
        "requiresCompatibilities: [{kind}], or one of {required}",
    ),
    why="requiresCompatibilities says where a task definition may run.",
    looks_at="launchType and requiresCompatibilities",
)
cites(
    "ECS116",
    "Counts and times of a service are not negative.",
    Tell(facts.NEGATIVE, "{value} is out of bounds", "0 or more"),
    why="0 tasks is the least; a service of 0 keeps its settings.",
    looks_at="desiredCount and healthCheckGracePeriodSeconds",
)
cites(
    "ECS117",
    "Only Fargate gives a task's interface a public address.",
    Tell(facts.PUBLIC_ADDRESS, "tasks on EC2 get no public address", "DISABLED, or launchType: FARGATE"),
    why="On EC2 the interface of an awsvpc task gets a private address; it reaches the Internet through NAT.",
    looks_at="networkConfiguration.awsvpcConfiguration.assignPublicIp",
)
cites(
    "ECS118",
    "ECS Exec needs a task role.",
    Tell(facts.EXEC_ROLE, "the task definition {family} has no taskRoleArn", "taskRoleArn: arn:aws:iam::…:role/…"),
    why="The agent inside of the container opens the session with the task's own role, which needs the ssmmessages "
    "rights.",
    looks_at="enableExecuteCommand and taskRoleArn",
)
cites(
    "ECS126",
    "Subnets and security groups are named by ids that AWS gives out.",
    Tell(facts.SUBNET_UNKNOWN, "{name!r} is not {noun}", "as {like}"),
    Tell(facts.GROUP_UNKNOWN, "{name!r} is not {noun}", "as {like}"),
    why="What does not look like an id is what stood there before the real one was known.",
    looks_at="networkConfiguration.awsvpcConfiguration.subnets and securityGroups",
)
cites(
    "ECS128",
    "Metrics of a service are those that ECS has, every 20 or 60 seconds, and it has one gateway connector at most.",
    Tell(facts.MONITORING, "{value!r} is not allowed", "CPUUtilization, MemoryUtilization; 20 or 60"),
    Tell(facts.GATEWAYS, "several gateway connectors", "one"),
    why="Nothing else is measured, and a service is reached by one gateway.",
    looks_at="monitoring and gatewayConnectors",
)


@rule(
    "ECS102",
    "A network configuration is for network mode awsvpc only.",
    Tell(
        facts.NETWORK_INVALID,
        "a networkConfiguration is not valid for the network mode {mode} of {family}",
        "networkMode: awsvpc, or leave it out",
    ),
    why="In the other modes a task has the network of its instance.",
)
def ingress_not_needed(project: Project) -> Iterator[Finding]:
    """``networkConfiguration``, and the ``ingress`` that makes one."""
    for service in project.services.values():
        definition = project.task_definition_of(service)
        if definition is None or on_fargate(service.data) or service.get("ingress") is None:
            continue
        if network_mode(project, definition) != "awsvpc":
            message = "ingress is for tasks of network mode awsvpc"
            yield Finding((*service.path, "ingress"), message, "instances.ingress", ports_of(definition))


@rule(
    "ECS110",
    "A load balancer is named by loadBalancerName or targetGroupArn, with a container and its port.",
    Tell(load_balancers.BOTH_KINDS, "loadBalancerName and targetGroupArn cannot both be specified", "one of them"),
    Tell(load_balancers.NO_KIND, "neither loadBalancerName nor targetGroupArn", "one of them"),
    Tell(load_balancers.CONTAINER_MISSING, "containerName is missing", "the container behind the balancer"),
    Tell(load_balancers.PORT_MISSING, "containerPort is missing, or not a port", "1 to 65535"),
    Tell(load_balancers.GROUP_INVALID, "{arn!r} is not {noun}", "as {like}"),
    Tell(load_balancers.GROUP_TWICE, "the target group is there already: {arn}", "each once"),
    why="The one is a classic balancer, the other a target group.",
)
def one_way_to_say_it(project: Project) -> Iterator[Finding]:
    """Each of ``loadBalancers``."""
    for service in project.services.values():
        if service.get("loadBalancer") and service.get("loadBalancers"):
            yield Finding((*service.path, "loadBalancer"), "loadBalancer and loadBalancers together", "one of them")
