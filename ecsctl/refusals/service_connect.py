"""CreateService and UpdateService: Service Connect and service registries."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.load_balancers import check_container, named_ports
from ecsctl.refusals.logging import check_configuration
from ecsctl.refusals.model import INVALID, Data, Path, Violation, containers, fact, guide, items, model, part, preflight
from ecsctl.refusals.service_context import CREATE, MODE, Context, controller, port_places

NAMESPACE_MISSING = fact(
    "connect-namespace-missing", CREATE, INVALID, "Service Connect without a namespace here and on the cluster",
    "Namespace is missing", preflight("svc-connect-without-namespace"),
)  # fmt: skip
NAMESPACE_UNKNOWN = fact(
    "connect-namespace-unknown", CREATE, "NamespaceNotFoundException", "a namespace that does not exist",
    "Failed to retrieve namespace for {name}", "terraform-aws-modules/terraform-aws-ecs#116",
)  # fmt: skip
CONNECT_MODE = fact(
    "connect-network-mode", CREATE, INVALID, "Service Connect with network mode host or none",
    "Service Connect doesn't support the network mode {mode}.", basis=guide("Service Connect, considerations"),
)  # fmt: skip
CONNECT_CONTROLLER = fact(
    "connect-controller", CREATE, INVALID, "Service Connect with the controller CODE_DEPLOY or EXTERNAL",
    "Service Connect feature is only supported with ECS (rolling update) deployment controller. Update to ECS "
    "deployment controller and try again.",
    guide("Service Connect, considerations"),
)  # fmt: skip
PORT_NAME = fact(
    "connect-port-name", CREATE, INVALID, "a portName that names no port mapping",
    "portName({name}) does not refer to any named PortMapping in the container definitions",
    "public reports of services with Service Connect",
)  # fmt: skip
ALIAS_MISSING = fact(
    "connect-alias-missing", CREATE, INVALID, "a Service Connect service without clientAliases",
    "clientAliases must have 1 element.", preflight("svc-connect-port-name-missing"),
)  # fmt: skip
ALIASES_COUNT = fact(
    "connect-aliases-count", CREATE, INVALID, "more than one of clientAliases",
    "{count} clientAliases exceeds the max limit of 1", preflight("svc-connect-client-aliases-max"),
)  # fmt: skip
ALIAS_NAME = fact(
    "connect-alias-name", CREATE, INVALID,
    "a dnsName of other characters than small letters, digits, - _ . , with a leading hyphen, or over 127 long",
    "The DNS name that you provided is invalid. The name must be a valid DNS name but doesn’t need to be "
    "fully-qualified. Up to 127 characters are allowed. The characters can include lowercase letters, numbers, "
    "underscores (_), hyphens (-), and periods (.). A hyphen can’t be the first character.",
    preflight("svc-connect-client-alias-dns-name"),
)  # fmt: skip
PORT_BOUNDS = fact(
    "connect-port", CREATE, INVALID,
    "a clientAlias whose port is not of 1 to 65535, an ingressPortOverride above 65535",
    "The {member} must be at most 65535 and not 0.", basis=model("PortNumber"),
)  # fmt: skip
INGRESS_PORT = fact(
    "connect-ingress-port", CREATE, INVALID, "an ingressPortOverride of 1024 or less",
    "IngressPortOverride cannot use ports <= 1024.", "hashicorp/terraform-provider-aws#28293",
)  # fmt: skip
DISCOVERY_NAME = fact(
    "connect-discovery-name", CREATE, INVALID, "a discoveryName that is not of up to 64 small letters, digits, - and _",
    "The discoveryName {name} is invalid.", basis=model("ServiceConnectService.discoveryName"),
)  # fmt: skip
DISCOVERY_TWICE = fact(
    "connect-discovery-twice", CREATE, INVALID, "one discoveryName for two ports of a service",
    "discoveryName({name}) must be unique.", basis=model("ServiceConnectService.discoveryName"),
)  # fmt: skip
ACCESS_LOG = fact(
    "connect-access-log", CREATE, INVALID, "accessLogConfiguration without logConfiguration",
    "Access logs of Service Connect need a logConfiguration.", basis=model("ServiceConnectConfiguration"),
)  # fmt: skip
REQUEST_TIMEOUT = fact(
    "connect-request-timeout", CREATE, INVALID, "perRequestTimeoutSeconds of a port without appProtocol",
    "perRequestTimeout can only be set where the appProtocol is not TCP.",
    basis=model("TimeoutConfiguration.perRequestTimeoutSeconds"),
)  # fmt: skip
NAME_TAKEN = fact(
    "connect-name-taken", CREATE, INVALID, "a name that another service has in the namespace",
    "SC service is already used by {arn}", "aws/copilot-cli#4659",
)  # fmt: skip
REGISTRIES_COUNT = fact(
    "registries-count", CREATE, INVALID, "two serviceRegistries",
    "service registries can have at most 1 items.", preflight("svc-registries-multiple"),
)  # fmt: skip
REGISTRY_MISSING = fact(
    "registry-arn-missing", CREATE, INVALID, "a service registry without registryArn",
    "A service registry has no registryArn.", basis=model("ServiceRegistry.registryArn"),
)  # fmt: skip
REGISTRY_MODE = fact(
    "registry-container", CREATE, INVALID,
    "serviceRegistries with bridge or host, without containerName and containerPort",
    "When specifying 'host' or 'bridge' for networkMode, values for 'containerName' and 'containerPort' must be "
    "specified from the task definition.",
    "techservicesillinois/terraform-aws-ecs-service#16", cut=True,
)  # fmt: skip
REGISTRY_PORTS = fact(
    "registry-ports", CREATE, INVALID, "a service registry with both port and containerPort",
    "A service registry cannot have both port and containerPort.", basis=model("ServiceRegistry.containerPort"),
)  # fmt: skip
REGISTRY_RECORD = fact(
    "registry-a-record", CREATE, INVALID, "awsvpc, a Cloud Map service of A records, and containerPort",
    "The values specified for serviceRegistries do not require a value for 'containerPort'. Remove the value and "
    "retry. Registry: {arn}",
    preflight("svc-registries-port-with-awsvpc"),
)  # fmt: skip
REGISTRY_EXTERNAL = fact(
    "registry-external", CREATE, INVALID, "serviceRegistries with the launch type EXTERNAL",
    "Service registries are not supported for external launch type.", guide("Amazon ECS Anywhere"),
)  # fmt: skip


def check_connections(
    service: Data, definition: Data | None, context: Context, kind: str | None
) -> Iterator[Violation]:
    """``serviceConnectConfiguration`` and ``serviceRegistries``."""
    connect = part(service, "serviceConnectConfiguration")
    if connect.get("enabled"):
        yield from _connect(service, connect, definition, context)
    yield from _registries(service, definition, context, kind)


def _connect(service: Data, connect: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    path: Path = ("serviceConnectConfiguration",)
    if controller(service) != "ECS":
        yield CONNECT_CONTROLLER.at(path, kind=controller(service))
    if not connect.get("namespace") and context.namespace is False:
        yield NAMESPACE_MISSING.at((*path, "namespace"))
    if context.mode not in (None, "awsvpc", "bridge"):
        yield CONNECT_MODE.at(path, mode=context.mode, depends=MODE)
    yield from check_configuration((*path, "logConfiguration"), part(connect, "logConfiguration"))
    if connect.get("accessLogConfiguration") and not connect.get("logConfiguration"):
        yield ACCESS_LOG.at((*path, "accessLogConfiguration"), depends=((*path, "logConfiguration"),))
    seen: set[str] = set()
    for place, item in items(connect, "services", path):
        yield from _connect_service(place, item, definition, context)
        name = item.get("discoveryName") or item.get("portName")
        if name and name in seen:
            member = "discoveryName" if item.get("discoveryName") else "portName"
            yield DISCOVERY_TWICE.at((*place, member), name=name)
        seen.add(str(name))


def _connect_service(place: Path, item: Data, definition: Data | None, context: Context) -> Iterator[Violation]:
    port, discovery = item.get("portName"), item.get("discoveryName")
    if definition is not None and port is not None and port not in named_ports(definition):
        yield PORT_NAME.at(
            (*place, "portName"), name=port, names=named_ports(definition), family=context.family,
            depends=port_places(definition),
        )  # fmt: skip
    if discovery and not patterns.PORT_NAME.fullmatch(discovery):
        yield DISCOVERY_NAME.at((*place, "discoveryName"), name=discovery)
    aliases = list(items(item, "clientAliases", place))
    if not aliases:
        yield ALIAS_MISSING.at((*place, "clientAliases"), name=port)
    if len(aliases) > limits.MAX_CLIENT_ALIASES:
        yield ALIASES_COUNT.at((*place, "clientAliases"), count=len(aliases))
    for inner, alias in aliases:
        name, number = alias.get("dnsName"), alias.get("port")
        if name and not patterns.DNS_NAME.fullmatch(name):
            yield ALIAS_NAME.at((*inner, "dnsName"), name=name)
        if number is not None and not 1 <= number <= limits.MAX_PORT:
            yield PORT_BOUNDS.at((*inner, "port"), member="port of a clientAlias", value=number)
    override = item.get("ingressPortOverride")
    if override is not None and override < limits.LEAST_INGRESS_PORT:
        yield INGRESS_PORT.at((*place, "ingressPortOverride"), value=override)
    if override is not None and override > limits.MAX_PORT:
        yield PORT_BOUNDS.at((*place, "ingressPortOverride"), member="ingressPortOverride", value=override)
    if (
        part(item, "timeout").get("perRequestTimeoutSeconds")
        and definition is not None
        and not _protocol(definition, port)
    ):
        yield REQUEST_TIMEOUT.at(
            (*place, "timeout", "perRequestTimeoutSeconds"), name=port, depends=port_places(definition)
        )


def _protocol(definition: Data, port: str | None) -> str | None:
    for path, box in containers(definition):
        for _, mapping in items(box, "portMappings", path):
            if mapping.get("name") == port:
                return mapping.get("appProtocol")
    return "unknown"


def _registries(service: Data, definition: Data | None, context: Context, kind: str | None) -> Iterator[Violation]:
    found = list(items(service, "serviceRegistries"))
    if len(found) > 1:
        yield REGISTRIES_COUNT.at(("serviceRegistries",), count=len(found))
    if found and kind == "EXTERNAL":
        yield REGISTRY_EXTERNAL.at(("serviceRegistries",))
    for path, item in found:
        if not item.get("registryArn"):
            yield REGISTRY_MISSING.at((*path, "registryArn"), depends=((*path, "registryArn"),))
        if item.get("port") and item.get("containerPort"):
            yield REGISTRY_PORTS.at((*path, "port"))
        if context.mode in ("bridge", "host") and kind != "FARGATE":
            for member in ("containerName", "containerPort"):
                if not item.get(member):
                    yield REGISTRY_MODE.at(
                        (*path, member), member=member, depends=((*path, member), *port_places(definition))
                    )
                    break
        yield from check_container(path, item, definition, context)
