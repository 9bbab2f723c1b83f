"""RegisterTaskDefinition: network modes, ports and the App Mesh proxy."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.containers import REGISTER
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, guide, items, model, part, preflight

AWSVPC_HOSTNAME = fact(
    "awsvpc-hostname", REGISTER, CLIENT, "awsvpc with hostname",
    "hostname is not supported on container when networkMode=awsvpc.", preflight("awsvpc-hostname"),
)  # fmt: skip
AWSVPC_EXTRA_HOSTS = fact(
    "awsvpc-extra-hosts", REGISTER, CLIENT, "awsvpc with extraHosts",
    "Extra hosts are not supported on container when networkMode=awsvpc.", preflight("awsvpc-extra-hosts"),
)  # fmt: skip
AWSVPC_NETWORKING = fact(
    "awsvpc-disable-networking", REGISTER, CLIENT, "awsvpc with disableNetworking",
    "Disable Networking is not supported on container when networkMode=awsvpc.",
    preflight("fargate-disable-networking"),
)  # fmt: skip
AWSVPC_DNS_SERVERS = fact(
    "awsvpc-dns-servers", REGISTER, CLIENT, "awsvpc with dnsServers",
    "DNS servers are not supported on container when networkMode=awsvpc.", preflight("fargate-dns-servers"),
)  # fmt: skip
AWSVPC_DNS_SEARCH = fact(
    "awsvpc-dns-search-domains", REGISTER, CLIENT, "awsvpc with dnsSearchDomains",
    "DNS search domains are not supported on container when networkMode=awsvpc.",
    basis=guide("task definition differences for Fargate"),
)  # fmt: skip
AWSVPC_LINKS = fact(
    "awsvpc-links", REGISTER, CLIENT, "awsvpc with links",
    "Links are not supported when networkMode=awsvpc.", preflight("fargate-links"),
)  # fmt: skip
LINKS_MODE = fact(
    "links-mode", REGISTER, CLIENT, "links in network mode host or none",
    "Links are not supported when networkMode={mode}.", basis=model("ContainerDefinition.links"),
)  # fmt: skip
NONE_PORTS = fact(
    "none-port-mappings", REGISTER, CLIENT, "port mappings in network mode none",
    "Port mappings are not supported when networkMode=none.", basis=model("RegisterTaskDefinition.networkMode"),
)  # fmt: skip
PORTS_MATCH = fact(
    "host-ports-match", REGISTER, CLIENT,
    "network mode host or awsvpc, and a hostPort that is not the containerPort; 0 is none either",
    "When networkMode={mode}, the host ports and container ports in port mappings must match.",
    f"{preflight('host-network-host-port-mismatch')}; aws/amazon-ecs-cli#1014",
)  # fmt: skip
PORT_MISSING = fact(
    "port-missing", REGISTER, CLIENT, "a port mapping without containerPort and containerPortRange",
    "A port mapping of container '{container}' has neither containerPort nor containerPortRange.",
    basis=model("PortMapping"),
)  # fmt: skip
PORT_BOUNDS = fact(
    "port-bounds", REGISTER, CLIENT, "a containerPort outside of 1 to 65535, a hostPort outside of 0 to 65535",
    "Invalid '{member}' setting for container '{container}': {value}.", basis=model("PortMapping"),
)  # fmt: skip
PORT_AND_RANGE = fact(
    "port-and-range", REGISTER, CLIENT, "containerPortRange with containerPort or hostPort",
    "Invalid port mapping for container '{container}', cannot specify both single port and port range.",
    preflight("port-range-with-host-port"),
)  # fmt: skip
PORT_RANGE = fact(
    "port-range", REGISTER, CLIENT, "a containerPortRange whose first port is not below its last, or that is none",
    "Invalid 'containerPortRange' setting for container '{container}'.", preflight("port-range-reversed"),
)  # fmt: skip
PORT_RANGE_MODE = fact(
    "port-range-mode", REGISTER, CLIENT, "containerPortRange in network mode host",
    "containerPortRange is not supported when networkMode={mode}.", basis=model("PortMapping.containerPortRange"),
)  # fmt: skip
PORT_RANGES_COUNT = fact(
    "port-ranges-count", REGISTER, CLIENT, "more than 100 port ranges of a container",
    "Container '{container}' can have at most {most} port ranges.", basis=model("PortMapping.containerPortRange"),
)  # fmt: skip
PORT_TWICE_AWSVPC = fact(
    "container-port-twice", REGISTER, CLIENT, "overlapping port ranges in network mode awsvpc",
    "{protocol} container port '{port}' is used multiple times in task when networkMode=awsvpc.",
    preflight("port-range-overlap"),
)  # fmt: skip
PORT_RANGES_OVERLAP = fact(
    "port-ranges-overlap", REGISTER, CLIENT, "overlapping port ranges of one container in network mode bridge",
    "{protocol} container port '{port}' is used multiple times in container '{container}'.",
    basis=model("PortMapping.containerPortRange"),
)  # fmt: skip
HOST_PORT_TWICE = fact(
    "host-port-twice", REGISTER, CLIENT, "one port of the host twice in a task definition",
    "{protocol} host port '{port}' is mapped multiple times in task.",
    "reports of two Fargate containers on one port; the same words for EC2",
)  # fmt: skip
PORT_NAME_TWICE = fact(
    "port-name-twice", REGISTER, CLIENT, "one name of a port mapping twice, in network mode awsvpc",
    "When networkMode=awsvpc, port mapping name is already used", preflight("port-mapping-duplicate-name"),
)  # fmt: skip
PORT_NAME = fact(
    "port-name", REGISTER, CLIENT, "a port mapping's name that is not of up to 64 small letters, digits, - and _",
    "Container '{container}' has an invalid name of a port mapping: {name}.", basis=model("PortMapping.name"),
)  # fmt: skip
PROXY_MODE = fact(
    "proxy-mode", REGISTER, CLIENT, "proxyConfiguration of type APPMESH without awsvpc",
    "APPMESH proxy configuration is only supported in networkMode=awsvpc",
    preflight("proxy-configuration-awsvpc-required"),
)  # fmt: skip
PROXY_CONTAINER = fact(
    "proxy-container", REGISTER, CLIENT, "proxyConfiguration names no container of the task definition",
    "Proxy container [{name}] does not exist.", preflight("proxy-configuration-container-missing"),
)  # fmt: skip
PROXY_INGRESS = fact(
    "proxy-ingress-port", REGISTER, CLIENT, "an APPMESH proxy without ProxyIngressPort",
    "Ingress port not found", preflight("proxy-configuration-missing-required-props"),
)  # fmt: skip
PROXY_PROPERTIES = fact(
    "proxy-properties", REGISTER, CLIENT, "an APPMESH proxy without ProxyEgressPort, AppPorts or EgressIgnoredIPs",
    "The proxy configuration has no {name}.",
    basis=f"{model('ProxyConfiguration.properties')}; {preflight('proxy-configuration-missing-required-props')}",
)  # fmt: skip

_AWSVPC_BARS = (
    ("hostname", AWSVPC_HOSTNAME),
    ("extraHosts", AWSVPC_EXTRA_HOSTS),
    ("disableNetworking", AWSVPC_NETWORKING),
    ("dnsServers", AWSVPC_DNS_SERVERS),
    ("dnsSearchDomains", AWSVPC_DNS_SEARCH),
)


def mode_of(definition: Data, *, fargate: bool) -> str:
    """The network mode that a definition gets: its own, ``awsvpc`` on Fargate, else ``bridge``."""
    return definition.get("networkMode") or ("awsvpc" if fargate else "bridge")


def check_network(definition: Data, mode: str) -> Iterator[Violation]:
    """What a network mode does not go with."""
    for path, box in containers(definition):
        if mode == "awsvpc":
            if box.get("links"):
                yield AWSVPC_LINKS.at((*path, "links"), mode=mode)
            for member, broken in _AWSVPC_BARS:
                if box.get(member):
                    yield broken.at((*path, member), member=member)
        elif mode in ("host", "none") and box.get("links"):
            yield LINKS_MODE.at((*path, "links"), mode=mode)
        if mode == "none" and box.get("portMappings"):
            yield NONE_PORTS.at((*path, "portMappings"))
    yield from _proxy(definition, mode)
    yield from _ports(definition, mode)


def _proxy(definition: Data, mode: str) -> Iterator[Violation]:
    proxy = part(definition, "proxyConfiguration")
    if not proxy or proxy.get("type", "APPMESH") != "APPMESH":
        return
    place: Path = ("proxyConfiguration",)
    if mode != "awsvpc":
        yield PROXY_MODE.at(place, mode=mode)
    name = proxy.get("containerName")
    names = [box.get("name") for _, box in containers(definition)]
    if name is not None and name not in names:
        depends = tuple((*path, "name") for path, _ in containers(definition))
        yield PROXY_CONTAINER.at((*place, "containerName"), name=name, names=names, depends=depends)
    given = {item.get("name") for _, item in items(proxy, "properties")}
    if "ProxyIngressPort" not in given:
        yield PROXY_INGRESS.at((*place, "properties"))
    for name in ("ProxyEgressPort", "AppPorts", "EgressIgnoredIPs"):
        if name not in given:
            yield PROXY_PROPERTIES.at((*place, "properties"), name=name)


def _ports(definition: Data, mode: str) -> Iterator[Violation]:
    taken: dict[tuple[str, int], str] = {}
    spans: list[tuple[str, int, int]] = []
    named: set[str] = set()
    for path, box in containers(definition):
        if mode != "awsvpc":
            spans = []
        ranges = 0
        for place, mapping in items(box, "portMappings", path):
            yield from _mapping(place, mapping, box, mode)
            ranges += mapping.get("containerPortRange") is not None
            yield from _overlap(place, mapping, box, mode, spans)
            yield from _taken(place, mapping, box, mode, taken)
            name = mapping.get("name")
            if name is not None and not patterns.PORT_NAME.fullmatch(name):
                yield PORT_NAME.at((*place, "name"), container=box.get("name"), name=name)
            elif name is not None and name in named and mode == "awsvpc":
                yield PORT_NAME_TWICE.at((*place, "name"), name=name)
            named.add(name or "")
        if ranges > limits.MAX_PORT_RANGES:
            yield PORT_RANGES_COUNT.at(
                (*path, "portMappings"), container=box.get("name"), count=ranges, most=limits.MAX_PORT_RANGES
            )


def _mapping(place: Path, mapping: Data, box: Data, mode: str) -> Iterator[Violation]:
    port, host, span = mapping.get("containerPort"), mapping.get("hostPort"), mapping.get("containerPortRange")
    name = box.get("name")
    if port is None and span is None:
        depends = ((*place, "containerPort"), (*place, "containerPortRange"))
        yield PORT_MISSING.at(place, container=name, depends=depends)
    if span is not None and (port is not None or host is not None):
        yield PORT_AND_RANGE.at((*place, "containerPortRange"), container=name)
    elif span is not None and _span(span) is None:
        yield PORT_RANGE.at((*place, "containerPortRange"), container=name, value=span)
    elif span is not None and mode == "host":
        yield PORT_RANGE_MODE.at((*place, "containerPortRange"), mode=mode)
    for member, value, least in (("containerPort", port, 1), ("hostPort", host, 0)):
        if value is not None and not least <= value <= limits.MAX_PORT:
            yield PORT_BOUNDS.at((*place, member), container=name, member=member, value=value, least=least)
    if mode in ("host", "awsvpc") and port and host is not None and port != host:
        yield PORTS_MATCH.at((*place, "hostPort"), mode=mode, port=port, host=host)


def _span(text: str) -> tuple[int, int] | None:
    ends = patterns.PORT_RANGE.fullmatch(text)
    first, last = (int(ends[1]), int(ends[2])) if ends else (0, 0)
    return (first, last) if 1 <= first < last <= limits.MAX_PORT else None


def _overlap(
    place: Path, mapping: Data, box: Data, mode: str, spans: list[tuple[str, int, int]]
) -> Iterator[Violation]:
    """Ranges, and single ports beside ranges; single ports among themselves are ``_taken``'s."""
    protocol, span = _protocol(mapping), mapping.get("containerPortRange")
    port = mapping.get("containerPort")
    ends = _span(span) if span else (port, port) if port else None
    if ends is None or mode not in ("awsvpc", "bridge"):
        return
    first, last = ends
    for other, start, end in spans:
        if other == protocol and first <= end and start <= last and (span or start != end):
            broken = PORT_TWICE_AWSVPC if mode == "awsvpc" else PORT_RANGES_OVERLAP
            member = "containerPortRange" if span else "containerPort"
            yield broken.at(
                (*place, member), protocol=protocol.upper(), port=max(first, start), container=box.get("name")
            )
            break
    spans.append((protocol, first, last))


def _taken(place: Path, mapping: Data, box: Data, mode: str, taken: dict[tuple[str, int], str]) -> Iterator[Violation]:
    port = mapping.get("hostPort") if mode == "bridge" else mapping.get("containerPort")
    if not port or mode == "none":
        return
    key = (_protocol(mapping), port)
    if key in taken:
        member = "hostPort" if "hostPort" in mapping else "containerPort"
        yield HOST_PORT_TWICE.at((*place, member), protocol=key[0].upper(), port=port, container=taken[key])
    taken.setdefault(key, str(box.get("name")))


def _protocol(mapping: Data) -> str:
    # ECS takes any other value as tcp.
    return "udp" if mapping.get("protocol") == "udp" else "tcp"
