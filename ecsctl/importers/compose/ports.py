"""Published ports: Compose's short and long form as port mappings."""

from __future__ import annotations

import re
from typing import Any

from ecsctl.importers.compose.converted_service import Context, Part, Port
from ecsctl.importers.report import Section, settle
from ecsctl.manifest.yaml.nodes import MapNode, Node, Path

RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
# What stands before the container's port: an address (an IPv6 one in brackets), then the host's port.
SHORT = re.compile(
    r"(?:(?:\[(?P<v6>[^]]*)\]|(?P<ip>[^:]*(?:\.[^:]*){1,3})):)?(?:(?P<host>[^:]*):)?(?P<container>[^:]+)"
)
LOCAL = ("127.", "::1", "localhost")
PROTOCOLS = ("tcp", "udp")
MOST = 100


def read_ports(section: Section, part: Part, context: Context) -> None:
    """``ports`` of a service, and ``expose``."""
    for node, path in section.nodes("ports"):
        if isinstance(node, MapNode):
            _long(Section(node, path, section.report, section.dialect), part, context)
        elif (text := section.scalar(node, path)) is not None:
            _short(section, node, path, text, part, context)
    mappings = part.container.get("portMappings", [])
    if len(mappings) > MOST:
        section.note("ports", f"{len(mappings)} ports where a task may publish {MOST}; the rest is omitted")
        del mappings[MOST:]
    for node, path in section.nodes("expose"):
        text = section.scalar(node, path)
        ports, _, protocol = (settle(text) or "" if text is not None else "").partition("/")
        span = _range(ports)
        if span is None or protocol not in ("", "tcp") or span[1] - span[0] >= MOST:
            section.report.note(node, path, "other services reach single ports and short ranges of TCP; omitted")
        else:
            part.exposed += range(span[0], span[1] + 1)


def _short(section: Section, node: Node, path: Path, text: str, part: Part, context: Context) -> None:
    plain = settle(text)
    if plain is None:
        section.report.note(node, path, "a variable without a default in a port: set it, or write the port")
        return
    ports, _, protocol = plain.partition("/")
    match = SHORT.fullmatch(ports.strip())
    if match is None:
        section.report.note(node, path, "not a valid Compose port; omitted")
        return
    address = match["v6"] or match["ip"] or ""
    mappings = part.container.setdefault("portMappings", [])
    _publish(section, node, path, match["container"], match["host"] or "", protocol or "tcp", address, part, context)
    written = text.removesuffix("/tcp")
    if plain != text and mappings and mappings[-1] == plain.removesuffix("/tcp"):
        mappings[-1] = written
    elif plain != text:
        section.report.note(node, path, "templates are not supported here; using the defaults of its variables")


def _long(section: Section, part: Part, context: Context) -> None:
    target = section.parsed("target", str, "a port") or ""
    published = section.parsed("published", str, "a port or range of ports") or ""
    protocol = section.parsed("protocol", str, "tcp or udp") or "tcp"
    address = section.parsed("host_ip", str, "an address") or ""
    name, application = section.text("name"), section.text("app_protocol")
    section.meaningless("mode")
    extra: dict[str, Any] = {}
    if name:
        extra["name"] = re.sub(r"[^a-z0-9_-]", "-", name.lower())[:64].lstrip("-_") or "port"
    if application in ("http", "http2", "grpc") and name:
        extra["appProtocol"] = application
    elif application:
        section.note("app_protocol", "ECS supports http, http2 and grpc, of a port that has a name")
    node = section.place
    assert node is not None
    _publish(section, node, section.path, target, published, protocol, address, part, context, extra)
    section.close()


def _publish(
    section: Section,
    node: Node,
    path: Path,
    container: str,
    host: str,
    protocol: str,
    address: str,
    part: Part,
    context: Context,
    extra: dict[str, Any] | None = None,
) -> None:
    targets, hosts = _range(container), _range(host) if host.strip() else None
    protocol = protocol.strip().lower()
    if targets is None or (host.strip() and hosts is None):
        section.report.note(node, path, "not a port or a port range from 1 to 65535; omitted")
        return
    if protocol not in PROTOCOLS:
        section.report.note(node, path, f"ECS publishes tcp and udp, not {protocol}; omitted")
        return
    public = not address.startswith(LOCAL)
    if address and address not in ("0.0.0.0", "::"):
        closed = "" if public else "; the instances' security group keeps it closed"
        section.report.note(node, path, f"ECS cannot publish on {address} alone, only on every address{closed}")
    count = targets[1] - targets[0] + 1
    own_network = context.fargate or part.task.get("networkMode") in ("host", "awsvpc")
    if part.task.get("networkMode") == "none":
        section.report.note(node, path, "a container without a network has no ports; omitted")
        return
    if hosts is not None and hosts[1] - hosts[0] + 1 != count:
        section.report.note(
            node, path, "the host port is any of a range: ECS draws one by itself (`ecsctl locate` says which)"
        )
        hosts = None
    if own_network:
        if hosts is not None and hosts != targets and part.task.get("networkMode") != "host":
            section.report.note(
                node, path, f"a Fargate task answers on the container's port {container}, not on {host}"
            )
        elif hosts is not None and hosts != targets:
            section.report.note(node, path, f"on the host's network the container's port {container} is the host's too")
        hosts = targets
    mappings: list[Any] = part.container.setdefault("portMappings", [])
    suffix = "" if protocol == "tcp" else f"/{protocol}"
    if hosts is None:
        _add(mappings, f"{_text(targets)}{suffix}", targets, None, protocol, extra)
    else:
        for offset in range(min(count, MOST + 1)):
            port, at = targets[0] + offset, hosts[0] + offset
            _add(mappings, f"{at}:{port}{suffix}", (port, port), at, protocol, extra)
        if not own_network or part.task.get("networkMode") == "host":
            port_range = Port(hosts[0], hosts[1], protocol, public)
            if port_range not in part.ports:
                part.ports.append(port_range)


def _add(
    mappings: list[Any],
    short: str,
    ports: tuple[int, int],
    host: int | None,
    protocol: str,
    extra: dict[str, Any] | None,
) -> None:
    if not extra:
        if short not in mappings:
            mappings.append(short)
        return
    key: dict[str, Any] = {"containerPort": ports[0]} if ports[0] == ports[1] else {"containerPortRange": _text(ports)}
    mappings.append(
        {
            **key,
            **({"hostPort": host} if host is not None else {}),
            **({"protocol": protocol} if protocol != "tcp" else {}),
            **extra,
        }
    )


def _range(text: str) -> tuple[int, int] | None:
    match = RANGE.fullmatch(text.strip())
    if match is None:
        return None
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    return (first, last) if 1 <= first <= last <= 65535 else None


def _text(ports: tuple[int, int]) -> str:
    return str(ports[0]) if ports[0] == ports[1] else f"{ports[0]}-{ports[1]}"
