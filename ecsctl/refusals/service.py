"""CreateService and UpdateService as a whole: all of their checks, in the order in which the service answers."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.deployments import check_deployment
from ecsctl.refusals.ebs_volumes import check_volumes
from ecsctl.refusals.load_balancers import check_load_balancers
from ecsctl.refusals.model import INVALID, Data, Path, Violation, fact, items, model, part, preflight
from ecsctl.refusals.placement import check_placement
from ecsctl.refusals.service_connect import check_connections
from ecsctl.refusals.service_context import CREATE, MODE, Context, fargate_strategy, launch_type

NAME = fact(
    "service-name", "CreateService", INVALID, "a service's name that is not of 1 to 255 letters, digits, - and _",
    "ServiceName must match ^[a-zA-Z0-9\\-_]{{1,255}}$, but was {name}", preflight("service-name"),
)  # fmt: skip
LAUNCH_AND_STRATEGY = fact(
    "launch-type-and-strategy", CREATE, INVALID, "launchType and capacityProviderStrategy together",
    "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.",
    preflight("service-launch-type-capacity-provider"),
)  # fmt: skip
STRATEGY_BASES = fact(
    "strategy-bases", CREATE, INVALID, "two items of a capacityProviderStrategy with a base above 0",
    "There are multiple capacity providers in the specified capacity provider strategy with a base value greater than "
    "zero. Only one capacity provider can have a base value greater than zero. Specify a valid capacity provider "
    "strategy and try again.",
    preflight("svc-capacity-provider-multiple-base"),
)  # fmt: skip
STRATEGY_WEIGHTS = fact(
    "strategy-weights", CREATE, INVALID, "a capacityProviderStrategy without a weight above 0; one left out is 0",
    "There are no capacity providers in the capacity provider strategy with a weight value greater than zero. Specify "
    "a weight value greater than zero for at least one capacity provider and try again.",
    preflight("svc-capacity-provider-zero-weight"),
)  # fmt: skip
STRATEGY_MIX = fact(
    "strategy-mix", f"{CREATE}, PutClusterCapacityProviders", INVALID,
    "one strategy with Fargate's providers and others",
    "A capacity provider strategy cannot contain a mix of capacity providers using Auto Scaling groups and Fargate "
    "providers.",
    "terraform-aws-modules/terraform-aws-ecs#68", cut=True,
)  # fmt: skip
STRATEGY_COUNT = fact(
    "strategy-count", CREATE, INVALID, "more than 20 capacity providers in a strategy",
    "A capacity provider strategy can contain a maximum of {most} capacity providers.",
    basis=model("CreateService.capacityProviderStrategy"),
)  # fmt: skip
STRATEGY_BOUNDS = fact(
    "strategy-bounds", CREATE, INVALID, "a weight outside of 0 to 1000, a base outside of 0 to 100000",
    "The {member} of a capacity provider must be between 0 and {most}.", basis=model("CapacityProviderStrategyItem"),
)  # fmt: skip
STRATEGY_TWICE = fact(
    "strategy-twice", CREATE, INVALID, "a capacity provider twice in a strategy",
    "A capacity provider strategy cannot contain the capacity provider {name} twice.",
    basis=model("CapacityProviderStrategyItem"),
)  # fmt: skip
NETWORK_MISSING = fact(
    "network-configuration-missing", f"{CREATE}, RunTask", INVALID, "awsvpc without networkConfiguration",
    "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
    "fabfuel/ecs-deploy#133; cfn-lint E3052",
)  # fmt: skip
NETWORK_INVALID = fact(
    "network-configuration-invalid", f"{CREATE}, RunTask", INVALID,
    "networkConfiguration with another network mode than awsvpc",
    "Network Configuration is not valid for the given networkMode of this task definition.",
    preflight("service-network-config-mode"),
)  # fmt: skip
SUBNETS_EMPTY = fact(
    "subnets-empty", f"{CREATE}, RunTask", INVALID, "a networkConfiguration without subnets",
    "subnets can not be empty.", "getmoto/moto, ECS network configuration; public deployment logs",
)  # fmt: skip
SUBNETS_COUNT = fact(
    "network-count", f"{CREATE}, RunTask", INVALID, "more than 16 subnets or 5 security groups",
    "{member} can have at most {most} items.", basis=model("AwsVpcConfiguration"),
)  # fmt: skip
SUBNET_UNKNOWN = fact(
    "subnet-unknown", f"{CREATE}, RunTask", INVALID, "a subnet that does not exist",
    "Error retrieving subnet information for [{given}]: The subnet ID '{name}' does not exist (ErrorCode: "
    "InvalidSubnetID.NotFound)",
    "getmoto/moto, ECS network configuration; CloudFormation events of deployments with a deleted subnet",
)  # fmt: skip
GROUP_UNKNOWN = fact(
    "security-group-unknown", f"{CREATE}, RunTask", INVALID, "a security group that does not exist",
    "Error retrieving security group information for [{given}]: The security group '{name}' does not exist (ErrorCode: "
    "InvalidGroup.NotFound)",
    "getmoto/moto, ECS network configuration",
)  # fmt: skip
PUBLIC_ADDRESS = fact(
    "assign-public-ip", f"{CREATE}, RunTask", INVALID, "assignPublicIp ENABLED without Fargate",
    "Assign public IP is not supported for this launch type.", "hashicorp/waypoint#643",
)  # fmt: skip
FARGATE_CONSTRAINTS = fact(
    "fargate-placement-constraints", CREATE, INVALID, "FARGATE with placementConstraints",
    "Placement constraints are not supported with FARGATE launch type.", preflight("service-fargate-placement"),
)  # fmt: skip
FARGATE_STRATEGIES = fact(
    "fargate-placement-strategy", CREATE, INVALID, "FARGATE with placementStrategy",
    "Placement strategies are not supported with FARGATE launch type.", preflight("service-fargate-placement"),
)  # fmt: skip
PLATFORM_EC2 = fact(
    "platform-version-ec2", f"{CREATE}, CreateTaskSet, RunTask", INVALID, "platformVersion without Fargate",
    "The platform version must be null when specifying an EC2 launch type.",
    preflight("service-platform-version-ec2", "taskset-platform-version-ec2"),
)  # fmt: skip
PLATFORM_UNKNOWN = fact(
    "platform-version-unknown", f"{CREATE}, RunTask", "PlatformUnknownException",
    "a platformVersion that does not exist",
    "The specified platform version doesn't exist.", model("PlatformUnknownException"),
)  # fmt: skip
INCOMPATIBLE = fact(
    "launch-type-incompatible", f"{CREATE}, RunTask", INVALID,
    "a task definition that does not support the launch type",
    "Task definition does not support launch_type {kind}.", "sil-org/ecs-deploy#129; cfn-lint E3054",
)  # fmt: skip
EXEC_ROLE = fact(
    "execute-command-role", CREATE, INVALID, "enableExecuteCommand, and a task definition without taskRoleArn",
    "The service couldn't be {verb} because a valid taskRoleArn is not being used. Specify a valid task role in your "
    "task definition and try again.",
    "aws/aws-cli#6242; aws/aws-toolkit-jetbrains#3649",
)  # fmt: skip
COUNT_MISSING = fact(
    "desired-count-missing", "CreateService", INVALID, "a service of REPLICA without desiredCount",
    "DesiredCount is missing", basis=model("CreateService.desiredCount"),
)  # fmt: skip
NEGATIVE = fact(
    "negative-number", CREATE, INVALID, "a desiredCount or healthCheckGracePeriodSeconds below 0",
    "{member} must be at least 0.", basis=model("CreateService.desiredCount"),
)  # fmt: skip
TOKEN = fact(
    "client-token-length", "CreateService", INVALID, "a clientToken of more than 36 characters",
    "idempotency token longer than 36.", basis=model("CreateService.clientToken"),
)  # fmt: skip
DAEMON_COUNT = fact(
    "daemon-desired-count", CREATE, INVALID, "DAEMON with desiredCount, 0 too",
    "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and "
    "try again.",
    preflight("service-daemon-desired-count"),
)  # fmt: skip
DAEMON_STRATEGY = fact(
    "daemon-placement-strategy", CREATE, INVALID, "DAEMON with placementStrategy",
    "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again",
    preflight("svc-daemon-with-placement-strategies"),
)  # fmt: skip
DAEMON_PROVIDERS = fact(
    "daemon-capacity-provider-strategy", CREATE, INVALID, "DAEMON with a capacityProviderStrategy, the cluster's too",
    "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON scheduling "
    "strategy.",
    "aws/containers-roadmap#692",
)  # fmt: skip
DAEMON_FARGATE = fact(
    "daemon-fargate", CREATE, INVALID, "DAEMON on Fargate",
    "The daemon scheduling strategy does not support the FARGATE launch type. Change the launch type and try again",
    basis=model("CreateService.schedulingStrategy"),
)  # fmt: skip
MANAGED_LAUNCH = fact(
    "managed-instances-launch-type", f"{CREATE}, RunTask", INVALID, "launchType MANAGED_INSTANCES",
    "Amazon ECS Managed Instances need a capacity provider strategy instead of a launch type.",
    basis=model("CreateService.launchType"),
)  # fmt: skip
MONITORING = fact(
    "monitoring-resolution", CREATE, INVALID,
    "monitoring with a resolution other than 20 and 60 seconds, or an unknown metric",
    "The monitoring configuration has an invalid value: {value}.", basis=model("MetricConfiguration"),
)  # fmt: skip
GATEWAYS = fact(
    "gateway-connectors-count", CREATE, INVALID, "more than one of gatewayConnectors",
    "gatewayConnectors can have at most 1 items.", basis=model("CreateService.gatewayConnectors"),
)  # fmt: skip

METRICS = ("CPUUtilization", "MemoryUtilization")


def check_service(service: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    """Everything that CreateService refuses that can be known of the request and its task definition alone.

    Args:
        definition: the task definition; None where it is not known.
    """
    kind = context.launch_type or launch_type(service)
    yield from check_strategy(service)
    if kind == "MANAGED_INSTANCES" and service.get("launchType"):
        yield MANAGED_LAUNCH.at(("launchType",))
    if definition is not None:
        yield from check_compatible(service, definition, kind)
    yield from check_network(service, definition, context, kind)
    yield from check_platform(service, kind)
    inherited = len((definition or {}).get("placementConstraints") or ())
    yield from check_placement(service, inherited)
    yield from check_deployment(service, context)
    yield from _scheduling(service, context, kind)
    yield from check_load_balancers(service, definition, context, kind)
    yield from check_connections(service, definition, context, kind)
    yield from check_volumes(service, definition, kind)
    if service.get("enableExecuteCommand") and definition is not None and not definition.get("taskRoleArn"):
        verb = "updated" if context.update else "created"
        yield EXEC_ROLE.at(
            ("enableExecuteCommand",), verb=verb, family=context.family, depends=(("$definition", "taskRoleArn"),)
        )
    yield from _monitoring(service)


def check_strategy(service: Data) -> Iterator[Violation]:
    """``launchType`` and ``capacityProviderStrategy``."""
    found = list(items(service, "capacityProviderStrategy"))
    whole: Path = ("capacityProviderStrategy",)
    if service.get("launchType") and found:
        yield LAUNCH_AND_STRATEGY.at(("launchType",))
    if not found:
        return
    if len(found) > limits.MAX_PROVIDERS:
        yield STRATEGY_COUNT.at(whole, count=len(found), most=limits.MAX_PROVIDERS)
    for path, item in found:
        for member, most in (("weight", limits.MAX_WEIGHT), ("base", limits.MAX_BASE)):
            if not 0 <= (item.get(member) or 0) <= most:
                yield STRATEGY_BOUNDS.at((*path, member), member=member, most=most, value=item[member])
    for path in [path for path, item in found if item.get("base")][1:]:
        yield STRATEGY_BASES.at((*path, "base"))
    if not any(item.get("weight") for _, item in found):
        yield STRATEGY_WEIGHTS.at(whole, depends=tuple((*path, "weight") for path, _ in found))
    if len({fargate_strategy([item]) for _, item in found}) > 1:
        yield STRATEGY_MIX.at(whole)
    seen: set[str] = set()
    for path, item in found:
        name = str(item.get("capacityProvider")).rsplit("/", 1)[-1]
        if name in seen:
            yield STRATEGY_TWICE.at((*path, "capacityProvider"), name=name)
        seen.add(name)


def check_compatible(service: Data, definition: Data, kind: str | None) -> Iterator[Violation]:
    """Whether the task definition supports the launch type."""
    required = definition.get("requiresCompatibilities") or ()
    known = definition.get("compatibilities")
    # A provider that is not Fargate's is of an Auto Scaling group or of Managed Instances; its name does not say which.
    by_provider = kind == "EC2" and not service.get("launchType") and "MANAGED_INSTANCES" in required
    if kind is None or by_provider:
        return
    if (known is not None and kind not in known) or (required and kind not in required and kind != "EXTERNAL"):
        member = "launchType" if service.get("launchType") else "capacityProviderStrategy"
        depends = (("$definition", "requiresCompatibilities"),)
        yield INCOMPATIBLE.at((member,), kind=kind, required=", ".join(required), depends=depends)


def check_network(service: Data, definition: Data | None, context: Context, kind: str | None) -> Iterator[Violation]:
    """``networkConfiguration``."""
    mode = context.mode
    place: Path = ("networkConfiguration",)
    vpc, inner = part(service, "networkConfiguration", "awsvpcConfiguration"), (*place, "awsvpcConfiguration")
    given = bool(service.get("networkConfiguration"))
    if (mode == "awsvpc" or kind == "FARGATE") and not given and not context.own_network:
        yield NETWORK_MISSING.at((), depends=(place, *MODE))
    if given and mode not in (None, "awsvpc") and kind != "FARGATE":
        yield NETWORK_INVALID.at(place, mode=mode, family=context.family, depends=MODE)
        return
    if given and vpc.get("subnets") == []:
        yield SUBNETS_EMPTY.at((*inner, "subnets"))
    for member, most in (("subnets", limits.MAX_SUBNETS), ("securityGroups", limits.MAX_SECURITY_GROUPS)):
        if len(vpc.get(member) or ()) > most:
            yield SUBNETS_COUNT.at((*inner, member), member=member, count=len(vpc[member]), most=most)
    for member, form, broken in (
        ("subnets", patterns.SUBNET, SUBNET_UNKNOWN),
        ("securityGroups", patterns.SECURITY_GROUP, GROUP_UNKNOWN),
    ):
        for index, name in enumerate(vpc.get(member) or ()):
            if not form.fits(str(name)):
                given_names = ", ".join(str(item) for item in vpc[member])
                yield broken.at((*inner, member, index), name=name, given=given_names, noun=form.noun, like=form.like)
    if vpc.get("assignPublicIp") == "ENABLED" and kind not in (None, "FARGATE"):
        depends = (("launchType",), ("capacityProviderStrategy",))
        yield PUBLIC_ADDRESS.at((*inner, "assignPublicIp"), depends=depends)


def check_platform(service: Data, kind: str | None) -> Iterator[Violation]:
    """What only Fargate, or only instances take: ``platformVersion``, placement."""
    version = service.get("platformVersion")
    if kind == "FARGATE":
        if service.get("placementConstraints"):
            yield FARGATE_CONSTRAINTS.at(("placementConstraints",), member="placementConstraints")
        if service.get("placementStrategy"):
            yield FARGATE_STRATEGIES.at(("placementStrategy",), member="placementStrategy")
    elif version and kind is not None:
        yield PLATFORM_EC2.at(("platformVersion",))
        return
    if version and version not in limits.PLATFORM_VERSIONS:
        yield PLATFORM_UNKNOWN.at(("platformVersion",), version=version)


def _scheduling(service: Data, context: Context, kind: str | None) -> Iterator[Violation]:
    daemon = service.get("schedulingStrategy") == "DAEMON"
    for member in ("desiredCount", "healthCheckGracePeriodSeconds"):
        value = service.get(member)
        if value is not None and value < 0:
            yield NEGATIVE.at((member,), member=member, value=value)
    if not daemon:
        if service.get("desiredCount") is None and context.count_required:
            yield COUNT_MISSING.at(("desiredCount",))
        return
    if service.get("desiredCount") is not None:
        yield DAEMON_COUNT.at(("desiredCount",))
    if service.get("placementStrategy"):
        yield DAEMON_STRATEGY.at(("placementStrategy",))
    if service.get("capacityProviderStrategy"):
        yield DAEMON_PROVIDERS.at(("capacityProviderStrategy",))
    elif kind == "FARGATE":
        yield DAEMON_FARGATE.at(("schedulingStrategy",))


def _monitoring(service: Data) -> Iterator[Violation]:
    path: Path = ("monitoring",)
    for place, item in items(part(service, "monitoring"), "metricConfigurations", path):
        if item.get("resolutionSeconds") not in (None, 20, 60):
            yield MONITORING.at((*place, "resolutionSeconds"), value=item["resolutionSeconds"])
        for index, name in enumerate(item.get("metricNames") or ()):
            if name not in METRICS:
                yield MONITORING.at((*place, "metricNames", index), value=name)
    if len(service.get("gatewayConnectors") or ()) > 1:
        yield GATEWAYS.at(("gatewayConnectors",))


def check_name(request: Data) -> Iterator[Violation]:
    """``serviceName`` and ``clientToken``."""
    name = request.get("serviceName")
    if name is not None and not patterns.NAME.fullmatch(name):
        yield NAME.at(("serviceName",), name=name)
    if len(request.get("clientToken") or "") > 36:
        yield TOKEN.at(("clientToken",))
