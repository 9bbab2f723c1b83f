"""``connect`` of a service: the names under which services find each other, as Service Connect has them.

It names ports of the service's task definition, so it is expanded when all files are laid over each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.model import Fault
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made, path_text

MEMBER = "connect"
LONG = "serviceConnectConfiguration"
PORTS = re.compile(r"(?:(?P<client>\d{1,5}):)?(?P<port>\d{1,5})")
FORMS = "{NAME: PORT}, {NAME: CLIENTS_PORT:PORT}, or {} for one that only calls others"


def connect(root: Node) -> list[Fault]:
    """Put the API's words in the place of ``connect``, and name the ports that it offers; ``root`` is changed.

    Returns:
        what could not be read.
    """
    faults: list[Fault] = []
    services = root.entries.get("services") if isinstance(root, MapNode) else None
    for key, service in services.entries.items() if isinstance(services, MapNode) else ():
        if not isinstance(service, MapNode) or MEMBER not in service.entries:
            continue
        said, at = service.entries[MEMBER], service.keys[MEMBER]
        service.drop(MEMBER)
        path = ("services", key, MEMBER)
        if LONG in service.entries:
            message = f"{MEMBER} and {LONG} cannot be used together"
            faults.append(Fault(said.position, path_text(path), message, allowed="one of them"))
            continue
        client = isinstance(said, Scalar) and said.value is True
        if not client and not isinstance(said, MapNode):
            message = f"expected names with their ports, not {said.kind}"
            faults.append(Fault(said.position, path_text(path), message, allowed=FORMS))
            continue
        offers = []
        for name, value in said.entries.items() if isinstance(said, MapNode) else ():
            offer = _offer(root, service, name, value)
            if isinstance(offer, Fault):
                faults.append(Fault(value.position, path_text((*path, name)), offer.message, allowed=offer.allowed))
            else:
                offers.append(offer)
        long = {"enabled": True, **({"services": offers} if offers else {})}
        service.set(LONG, made(long, said), at)
    return faults


def _offer(root: Node, service: MapNode, name: str, value: Node) -> Node | Fault:
    match = PORTS.fullmatch(value.text) if isinstance(value, Scalar) and value.value is not None else None
    if match is None:
        return Fault(None, "", f"{value.kind} is not a port", allowed=FORMS)
    port = int(match["port"])
    mappings = list(_mappings(root, service, port))
    definition = _definition(root, service)
    if definition is not None and not mappings:
        known = ", ".join(sorted(_ports(definition))) or "it has no port mapping"
        return Fault(None, "", f"no container of the task definition has a port {port}", allowed=known)
    if mappings and "name" not in mappings[0].entries:
        mappings[0].set("name", made(name, value), value)
    said = mappings[0].entries["name"] if mappings else made(name, value)
    alias = {"port": int(match["client"] or port), "dnsName": name}
    return made({"portName": said, "discoveryName": name, "clientAliases": [alias]}, value)


def _definition(root: Node, service: MapNode) -> Node | None:
    """The service's task definition, where the file has it."""
    family = service.entries.get("taskDefinition")
    section = root.entries.get("taskDefinitions") if isinstance(root, MapNode) else None
    return section.entries.get(family.text) if isinstance(section, MapNode) and isinstance(family, Scalar) else None


def _mappings(root: Node, service: MapNode, port: int) -> Iterator[MapNode]:
    for mapping in _all_mappings(_definition(root, service)):
        held = mapping.entries.get("containerPort")
        if isinstance(held, Scalar) and held.value == port:
            yield mapping


def _ports(definition: Node) -> set[str]:
    held = (mapping.entries.get("containerPort") for mapping in _all_mappings(definition))
    return {port.text for port in held if isinstance(port, Scalar)}


def _all_mappings(definition: Node | None) -> Iterator[MapNode]:
    containers = definition.entries.get("containerDefinitions") if isinstance(definition, MapNode) else None
    for container in containers.items if isinstance(containers, ListNode) else ():
        listed = container.entries.get("portMappings") if isinstance(container, MapNode) else None
        for mapping in listed.items if isinstance(listed, ListNode) else ():
            if isinstance(mapping, MapNode):
                yield mapping
