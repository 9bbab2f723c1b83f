"""CreateService and UpdateService: load balancers, target groups and VPC Lattice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.deployments import SHIFTING
from ecsctl.refusals.model import (
    CLIENT,
    INVALID,
    Data,
    Path,
    Violation,
    containers,
    fact,
    guide,
    items,
    model,
    part,
    preflight,
)
from ecsctl.refusals.service_context import CREATE, Context, controller, name_places, port_places

BOTH_KINDS = fact(
    "load-balancer-both-kinds", CREATE, INVALID, "loadBalancerName and targetGroupArn in one entry",
    "loadBalancerName and targetGroupArn cannot both be specified. You must specify either a loadBalancerName or a "
    "targetGroupArn in all loadBalancer entries",
    preflight("service-lb-target-exclusive"),
)  # fmt: skip
NO_KIND = fact(
    "load-balancer-missing", CREATE, INVALID, "an entry of loadBalancers without loadBalancerName and targetGroupArn",
    "A loadBalancerName or a targetGroupArn must be specified in all loadBalancers entries.",
    basis=model("LoadBalancer"),
)  # fmt: skip
CONTAINER_MISSING = fact(
    "load-balancer-container-missing", CREATE, INVALID, "an entry of loadBalancers without containerName",
    "Container Name can not be blank.", "aws/amazon-ecs-cli#359",
)  # fmt: skip
PORT_MISSING = fact(
    "load-balancer-port-missing", CREATE, INVALID,
    "an entry of loadBalancers without containerPort, or with one that is none",
    "The containerPort of a load balancer must be between 1 and 65535.", basis=model("LoadBalancer.containerPort"),
)  # fmt: skip
CONTAINER_UNKNOWN = fact(
    "load-balancer-container-unknown", f"{CREATE}, CreateTaskSet", INVALID,
    "loadBalancers or serviceRegistries name no container of the task definition",
    "The container {name} does not exist in the task definition.",
    preflight("svc-lb-container-name-missing", "taskset-lb-container-missing"),
)  # fmt: skip
PORT_UNKNOWN = fact(
    "load-balancer-port-unknown", CREATE, INVALID, "a containerPort that the container does not map",
    "The container {name} did not have a container port {port} defined.", preflight("svc-lb-container-port-missing"),
)  # fmt: skip
PORT_TWICE = fact(
    "load-balancer-port-twice", CREATE, INVALID, "a containerPort that the container maps twice, as tcp and as udp",
    "Container port {port} is used in more than one port mapping for container {name}",
    "terraform-aws-modules/terraform-aws-ecs#89",
)  # fmt: skip
COUNT = fact(
    "load-balancers-count", CREATE, INVALID, "more than 5 entries of loadBalancers",
    "load balancers can have at most 5 items.", "hashicorp/terraform#25306",
)  # fmt: skip
CLASSIC_COUNT = fact(
    "classic-load-balancers-count", CREATE, INVALID, "a classic load balancer beside another entry",
    "load balancers can have at most 1 items where one is a Classic Load Balancer.",
    basis=guide("service quotas, load balancers of a service"),
)  # fmt: skip
CLASSIC_FARGATE = fact(
    "classic-fargate", CREATE, INVALID, "a classic load balancer on Fargate",
    "Classic Load Balancers are not supported with Fargate.", preflight("svc-classic-lb-with-fargate"),
)  # fmt: skip
CLASSIC_AWSVPC = fact(
    "classic-awsvpc", CREATE, INVALID, "a classic load balancer with network mode awsvpc",
    "Classic Load Balancers are not supported with network mode awsvpc.", basis=model("CreateService.loadBalancers"),
)  # fmt: skip
CLASSIC_PORT = fact(
    "classic-static-port", CREATE, INVALID, "a classic load balancer in front of a host port that is drawn",
    "The container {name} has no static host port for container port {port}, which a Classic Load Balancer needs.",
    basis=guide("Classic Load Balancers"),
)  # fmt: skip
GROUP_INVALID = fact(
    "target-group-invalid", CREATE, INVALID, "a targetGroupArn that is none, or of a target group that does not exist",
    "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being "
    "passed has the proper permissions.",
    "hashicorp/terraform#4375, for listeners; public notes on ECS services",
)  # fmt: skip
GROUP_TWICE = fact(
    "target-group-twice", CREATE, CLIENT, "one targetGroupArn in two entries of loadBalancers",
    "Duplicate targetGroupArn found: {arn}", guide("blue/green deployments, troubleshooting"),
)  # fmt: skip
ROLE_ALONE = fact(
    "role-without-load-balancers", "CreateService", INVALID, "role without loadBalancers",
    "IAM roles are only valid for services configured to use load balancers.",
    preflight("svc-role-without-load-balancers"),
)  # fmt: skip
ROLE_LINKED = fact(
    "role-service-linked", "CreateService", INVALID, "role with awsvpc or with several entries of loadBalancers",
    "You cannot specify an IAM role for services that require a service linked role.",
    f"{preflight('svc-role-with-awsvpc')}; aws-cloudformation/cloudformation-coverage-roadmap#1804",
)  # fmt: skip
CODE_DEPLOY = fact(
    "code-deploy-load-balancer", CREATE, INVALID, "the controller CODE_DEPLOY without a target group",
    "When specifying the CODE_DEPLOY deployment controller type, the service requires an Application Load Balancer or "
    "Network Load Balancer.",
    preflight("service-codedeploy-lb"),
)  # fmt: skip
ADVANCED_MISSING = fact(
    "advanced-configuration-missing", CREATE, CLIENT,
    "BLUE_GREEN, LINEAR or CANARY, and loadBalancers without advancedConfiguration",
    "advancedConfiguration field is required for all loadBalancers when using {strategy} deployment strategy",
    f"terraform-aws-modules/terraform-aws-ecs#377; {guide('blue/green deployments, troubleshooting')}",
)  # fmt: skip
ADVANCED_SOME = fact(
    "advanced-configuration-some", CREATE, CLIENT, "advancedConfiguration in some entries of loadBalancers only",
    "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
    guide("blue/green deployments, troubleshooting"),
)  # fmt: skip
ADVANCED_CLASSIC = fact(
    "advanced-configuration-classic", CREATE, CLIENT, "advancedConfiguration with loadBalancerName",
    "advancedConfiguration field is not allowed with ELBv1 loadBalancers",
    guide("blue/green deployments, troubleshooting"),
)  # fmt: skip
ADVANCED_RULE = fact(
    "advanced-configuration-rule", CREATE, CLIENT, "one listener rule for production and test",
    "The following rules cannot be used as both production and test listener rules: {arn}",
    guide("blue/green deployments, troubleshooting"),
)  # fmt: skip
ADVANCED_MEMBERS = fact(
    "advanced-configuration-members", CREATE, CLIENT,
    "an advancedConfiguration without alternateTargetGroupArn, productionListenerRule or roleArn",
    "advancedConfiguration has no {member}.", basis=guide("blue/green deployments, required resources"),
)  # fmt: skip
LATTICE_MEMBERS = fact(
    "vpc-lattice-members", CREATE, INVALID,
    "a vpcLatticeConfigurations entry without roleArn, targetGroupArn or portName",
    "A VPC Lattice configuration has no {member}.", basis=model("VpcLatticeConfiguration"),
)  # fmt: skip
LATTICE_PORT = fact(
    "vpc-lattice-port", CREATE, INVALID, "a vpcLatticeConfigurations portName that names no port mapping",
    "The port name {name} of a VPC Lattice configuration is no port mapping of the task definition.",
    basis=model("VpcLatticeConfiguration.portName"),
)  # fmt: skip
GROUP_UNUSED = fact(
    "target-group-without-listener", CREATE, INVALID, "a target group behind no listener",
    "The target group with targetGroupArn {arn} does not have an associated load balancer.",
    "cloudposse/terraform-aws-ecs-web-app#226; hashicorp/terraform-provider-aws",
)  # fmt: skip
GROUP_TYPE = fact(
    "target-group-type", CREATE, INVALID, "a target group of ip with bridge or host, of instance with awsvpc",
    "The provided target group {arn} has target type {kind}, which is incompatible with the {mode} network mode "
    "specified in the task definition.",
    "hashicorp/terraform-provider-aws#12252",
)  # fmt: skip
CLASSIC_UNKNOWN = fact(
    "classic-load-balancer-unknown", CREATE, INVALID, "a loadBalancerName that does not exist",
    "Unable to find load balancer {name}.", basis=model("LoadBalancer.loadBalancerName"),
)  # fmt: skip

STRATEGY_WORDS = {"BLUE_GREEN": "the Blue/green", "LINEAR": "the linear", "CANARY": "the canary"}
ADVANCED = ("alternateTargetGroupArn", "productionListenerRule", "roleArn")


def check_load_balancers(
    service: Data, definition: Data | None, context: Context, kind: str | None
) -> Iterator[Violation]:
    """``loadBalancers``, ``role`` and ``vpcLatticeConfigurations``."""
    found = list(items(service, "loadBalancers"))
    whole: Path = ("loadBalancers",)
    deployed_by = controller(service)
    yield from _role(service, found, definition, context, kind)
    if (
        deployed_by == "CODE_DEPLOY"
        and not any(item.get("targetGroupArn") for _, item in found)
        and not context.balanced
    ):
        yield CODE_DEPLOY.at(whole)
    if len(found) > limits.MAX_LOAD_BALANCERS:
        yield COUNT.at(whole, count=len(found), most=limits.MAX_LOAD_BALANCERS)
    elif len(found) > 1 and any(item.get("loadBalancerName") for _, item in found):
        yield CLASSIC_COUNT.at(whole, count=len(found))
    for path, item in found:
        yield from _entry(path, item, context, kind)
        yield from check_container(path, item, definition, context)
        if item.get("loadBalancerName") and not item.get("targetGroupArn"):
            yield from _static_port(path, item, definition, context)
    groups = Counter(item.get("targetGroupArn") for _, item in found)
    for path, item in found[1:]:
        if item.get("targetGroupArn") and groups[item["targetGroupArn"]] > 1:
            yield GROUP_TWICE.at((*path, "targetGroupArn"), arn=item["targetGroupArn"])
            break
    yield from _advanced(service, found)
    yield from _lattice(service, definition, context)


def _role(
    service: Data, found: Sequence[tuple[Path, Data]], definition: Data | None, context: Context, kind: str | None
) -> Iterator[Violation]:
    if not service.get("role"):
        return
    if not found and not context.balanced:
        yield ROLE_ALONE.at(("role",))
    elif context.mode == "awsvpc" or kind == "FARGATE" or len(found) > 1:
        why = "with several target groups" if len(found) > 1 else "of network mode awsvpc"
        yield ROLE_LINKED.at(("role",), why=why, depends=port_places(definition))


def _entry(path: Path, item: Data, context: Context, kind: str | None) -> Iterator[Violation]:
    classic, group = item.get("loadBalancerName"), item.get("targetGroupArn")
    if classic and group:
        yield BOTH_KINDS.at((*path, "loadBalancerName"))
    elif not classic and not group:
        yield NO_KIND.at(path, depends=((*path, "loadBalancerName"), (*path, "targetGroupArn")))
    elif group and not patterns.TARGET_GROUP.fits(group):
        form = patterns.TARGET_GROUP
        yield GROUP_INVALID.at((*path, "targetGroupArn"), arn=group, noun=form.noun, like=form.like)
    if not item.get("containerName"):
        yield CONTAINER_MISSING.at((*path, "containerName"))
    if not 1 <= (item.get("containerPort") or 0) <= limits.MAX_PORT:
        yield PORT_MISSING.at((*path, "containerPort"), value=item.get("containerPort"))
    if classic and not group and kind == "FARGATE":
        yield CLASSIC_FARGATE.at((*path, "loadBalancerName"), name=classic)
    elif classic and not group and context.mode == "awsvpc":
        yield CLASSIC_AWSVPC.at((*path, "loadBalancerName"), name=classic, depends=(("$definition", "networkMode"),))


def check_container(path: Path, item: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    """Whether an entry's container and port are the task definition's."""
    name, port = item.get("containerName"), item.get("containerPort")
    if definition is None or not name:
        return
    boxes = {str(box.get("name")): (place, box) for place, box in containers(definition)}
    if name not in boxes:
        yield CONTAINER_UNKNOWN.at(
            (*path, "containerName"),
            name=name,
            names=list(boxes),
            family=context.family,
            depends=name_places(definition),
        )
        return
    place, box = boxes[name]
    ports = [mapping.get("containerPort") for _, mapping in items(box, "portMappings", place)]
    times = ports.count(port)
    if port and not times:
        yield PORT_UNKNOWN.at(
            (*path, "containerPort"), name=name, port=port, ports=[number for number in ports if number],
            depends=port_places(definition),
        )  # fmt: skip
    elif port and times > 1:
        yield PORT_TWICE.at((*path, "containerPort"), name=name, port=port, depends=port_places(definition))


def _static_port(path: Path, item: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    if definition is None or context.mode != "bridge":
        return
    for place, box in containers(definition):
        for _, mapping in items(box, "portMappings", place):
            same = box.get("name") == item.get("containerName") and mapping.get("containerPort") == item.get(
                "containerPort"
            )
            if same and not mapping.get("hostPort"):
                yield CLASSIC_PORT.at(
                    (*path, "loadBalancerName"), name=box.get("name"), port=mapping["containerPort"],
                    balancer=item["loadBalancerName"], depends=port_places(definition),
                )  # fmt: skip


def _advanced(service: Data, found: Sequence[tuple[Path, Data]]) -> Iterator[Violation]:
    strategy = part(service, "deploymentConfiguration").get("strategy") or "ROLLING"
    having = [path for path, item in found if item.get("advancedConfiguration")]
    for path, item in found:
        advanced, place = part(item, "advancedConfiguration"), (*path, "advancedConfiguration")
        if not advanced:
            if having:
                yield ADVANCED_SOME.at(place)
            elif strategy in SHIFTING:
                yield ADVANCED_MISSING.at(place, strategy=STRATEGY_WORDS[strategy], kind=strategy)
            continue
        if item.get("loadBalancerName"):
            yield ADVANCED_CLASSIC.at(place)
        if strategy in SHIFTING:
            for member in ADVANCED:
                if not advanced.get(member):
                    yield ADVANCED_MEMBERS.at((*place, member), member=member, kind=strategy)
        rule = advanced.get("productionListenerRule")
        if rule and rule == advanced.get("testListenerRule"):
            yield ADVANCED_RULE.at((*place, "testListenerRule"), arn=rule)


def _lattice(service: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    for path, item in items(service, "vpcLatticeConfigurations"):
        for member in ("roleArn", "targetGroupArn", "portName"):
            if not item.get(member):
                yield LATTICE_MEMBERS.at((*path, member), member=member, depends=((*path, member),))
        name = item.get("portName")
        if definition is not None and name and name not in named_ports(definition):
            yield LATTICE_PORT.at(
                (*path, "portName"), name=name, names=named_ports(definition), family=context.family,
                depends=port_places(definition),
            )  # fmt: skip


def named_ports(definition: Data) -> list[str]:
    """The names of a task definition's port mappings."""
    return [
        str(mapping["name"])
        for path, box in containers(definition)
        for _, mapping in items(box, "portMappings", path)
        if mapping.get("name")
    ]
