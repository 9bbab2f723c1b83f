"""How the services of a Compose project find each other on ECS: by Service Connect, by the names that Compose has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ecsctl.importers.compose.converted_service import Part
from ecsctl.importers.report import Report
from ecsctl.importers.write import Commented, Flow, strip

# The ports that the images of well-known servers listen on, for a service that names none.
USUAL_PORTS = {
    "cassandra": 9042,
    "clickhouse-server": 9000,
    "couchdb": 5984,
    "elasticsearch": 9200,
    "influxdb": 8086,
    "kafka": 9092,
    "mariadb": 3306,
    "memcached": 11211,
    "minio": 9000,
    "mongo": 27017,
    "mysql": 3306,
    "nats": 4222,
    "neo4j": 7687,
    "opensearch": 9200,
    "postgis": 5432,
    "postgres": 5432,
    "rabbitmq": 5672,
    "redis": 6379,
    "valkey": 6379,
    "zookeeper": 2181,
}
NO_NAMES = ("host", "none")
LONGEST_NAME = 64
# A host where text begins, after // or @ of an address, or in a list.
HOST = re.compile(r"(?:^|//|[@,=\s])([A-Za-z0-9][\w.-]*)(?::(\d{1,5}))?(?=$|[:/,?\s])")
# What ECS recommends for the proxy that it puts into the task.
PROXY_MEMORY = 64


def offer_ports(groups: Sequence[Sequence[Part]], *, project: str, shared: bool) -> None:
    """Give a name to each TCP port that services of other tasks can reach; ``Part.offers`` has the API's entries.

    Args:
        groups: the services, task by task; those of tasks that are no services are left out.
        shared: other projects may be in the cluster, and have services of the same names.
    """
    named: dict[str, set[int]] = {}
    for part in (part for group in groups for part in group):
        for host, ports in _mentions(part).items():
            named.setdefault(host, set()).update(ports)
    for group in groups:
        if not connectable(group):
            continue
        names: set[str] = set()
        for part in group:
            for port in _ports(part, named.get(part.key, ())):
                name = _named(f"{part.name}-{port}")
                if name in names:
                    continue
                name = _name_mapping(part, port, name)
                names.add(name)
                entry: dict[str, Any] = {"portName": name}
                if shared:
                    entry["discoveryName"] = _named(f"{project}-{name}")
                part.offers.append({**entry, "clientAliases": [Flow({"port": port, "dnsName": part.key.lower()})]})


def configuration(group: Iterable[Part]) -> Any:
    """The ``serviceConnectConfiguration`` of a service whose task has these Compose services."""
    offers = [offer for part in group for offer in part.offers]
    if not offers:
        return Flow({"enabled": True})
    names = " and ".join(dict.fromkeys(str(part.key) for part in group if part.offers))
    return Commented({"enabled": True, "services": offers}, above=(f"Others reach it as {names}, as in Compose.",))


def connectable(group: Sequence[Part]) -> bool:
    """Whether the tasks of these Compose services can have the proxy of Service Connect."""
    return not any(part.task.get("networkMode") in NO_NAMES for part in group)


def in_order(groups: Sequence[Sequence[Part]]) -> list[Sequence[Part]]:
    """The tasks with those first that others depend on: who starts later knows the names of who was there before."""
    home = {part.key: index for index, group in enumerate(groups) for part in group}
    needs = [sorted({home[key] for part in group for key in _needed(part) if key in home}) for group in groups]
    made: dict[int, Sequence[Part]] = {}
    seen: set[int] = set()
    todo = [(index, False) for index in reversed(range(len(groups)))]
    while todo:
        index, ready = todo.pop()
        if ready:
            made[index] = groups[index]
        elif index not in seen:
            # A circle is cut where it closes.
            seen.add(index)
            todo += [(index, True), *((other, False) for other in reversed(needs[index]))]
    return list(made.values())


def tell(groups: Sequence[Sequence[Part]], report: Report) -> None:
    """Say how the services find each other, and which do not."""
    reached = [f"{part.key}:{offer['clientAliases'][0].value['port']}" for group in groups for part in group
               for offer in part.offers]  # fmt: skip
    if reached:
        text = f"the services reach each other by Service Connect, under their names: {', '.join(reached)}"
        report.note(None, ("services",), f"{text}; --one-task puts what depends on each other into one task instead")
    wanted: dict[str, set[str]] = {}
    for part in (part for group in groups for part in group):
        for key in _needed(part):
            wanted.setdefault(key, set()).add(part.key)
    for group in groups:
        own = {part.key for part in group}
        for part in group:
            if not part.offers and not connectable(group):
                why = "tasks on the host's network, or without one, have no Service Connect: name it by its address"
            elif not part.offers and wanted.get(part.key, set()) - own:
                why = f"no port of it is known, so no other service reaches {part.key} by name: add expose: [PORT]"
            else:
                continue
            report.note(part.section.place, part.section.path, why)


def _ports(part: Part, named: Iterable[int]) -> list[int]:
    mapped = [number for mapping in _mappings(part) if (number := _container_port(mapping)) is not None]
    found = dict.fromkeys([*mapped, *part.exposed])
    if not found:
        found = dict.fromkeys(sorted(named))
    if not found:
        image = re.split(r"[:@]", str(strip(part.container.get("image", ""))).rpartition("/")[2])[0]
        found = dict.fromkeys([USUAL_PORTS[image]] if image in USUAL_PORTS else [])
    return [number for number in found if 1 <= number <= 65535]


def _mappings(part: Part) -> list[Any]:
    found: list[Any] = part.container.get("portMappings") or []
    return found


def _container_port(mapping: Any) -> int | None:
    """The container's port of one that Service Connect can offer: a single one of TCP."""
    if isinstance(mapping, Mapping):
        tcp = mapping.get("protocol", "tcp") == "tcp"
        return int(mapping["containerPort"]) if tcp and "containerPort" in mapping else None
    match = re.fullmatch(r"(?:\d+:)?(\d+)", str(mapping))
    return int(match[1]) if match else None


def _name_mapping(part: Part, port: int, name: str) -> str:
    """Name the mapping of a port, or add one; the name that it has now."""
    mappings = part.container.setdefault("portMappings", [])
    for index, mapping in enumerate(mappings):
        if _container_port(mapping) != port:
            continue
        if isinstance(mapping, Mapping):
            mappings[index] = {"name": name, **mapping}
            return str(mappings[index]["name"])
        host, _, inside = str(mapping).rpartition(":")
        own = {"hostPort": int(host)} if host else {}
        mappings[index] = Flow({"name": name, "containerPort": int(inside), **own})
        return name
    mappings.append(Flow({"name": name, "containerPort": port}))
    return name


def _named(text: str) -> str:
    return re.sub(r"[^a-z0-9_-]", "-", text.lower()).lstrip("-_")[:LONGEST_NAME]


def _texts(part: Part) -> Iterator[str]:
    environment = strip(part.container.get("environment")) or {}
    if isinstance(environment, list):
        environment = {row["name"]: row.get("value", "") for row in environment}
    yield from map(str, environment.values())
    for member in ("command", "entryPoint"):
        yield from map(str, strip(part.container.get(member)) or ())


def _mentions(part: Part) -> dict[str, set[int]]:
    """What stands where a host would in a service's variables and commands, with the ports that follow it."""
    found: dict[str, set[int]] = {}
    for text in _texts(part):
        for host, port in HOST.findall(text):
            found.setdefault(host, set()).update([int(port)] if port else [])
    return found


def _needed(part: Part) -> list[str]:
    """The services that this one waits for, links, or may name in its variables and commands."""
    return [key for key in dict.fromkeys([*part.depends, *part.links, *_mentions(part)]) if key != part.key]
