"""Where tasks answer, in the words of other programs: env, hosts, haproxy, nginx, prometheus (file_sd), json. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from ecsctl.query.addresses import Location
from ecsctl.render.locations import columns
from ecsctl.render.table import as_data

Endpoint = Mapping[str, Any]
# What stands in for a service without tasks: a server that is never asked, since none at all is a fault of the file.
NOBODY = "127.0.0.1:1"


def endpoints(locations: Iterable[Location]) -> list[dict[str, Any]]:
    """What can be sent requests: the ports of running tasks that are not unhealthy and not about to stop, in order.

    Each as ``locate -o json`` has it, and ``host`` (its address alone), ``port``, ``name`` (the service, else the
    family), ``healthStatus``.
    """
    found = []
    shown = columns()
    for location in locations:
        task = location.task
        gone = task.last_status != "RUNNING" or task.desired_status != "RUNNING" or task.health == "UNHEALTHY"
        if gone or location.address is None:
            continue
        data = as_data(location, shown)
        data.update(host=location.address, port=location.port, name=task.service or task.family)
        data["healthStatus"] = task.health
        found.append(data)
    return sorted(found, key=lambda one: (one["name"], one["container"], one["containerPort"], one["address"]))


class Groups:
    """Endpoints by what they are of: ``web``, or ``web-nginx-80`` where a service or family has several ports.

    Args:
        known: names that are there also without an endpoint. A name that was seen once is known from then on: a file
            that refers to it stays valid while its last task is replaced.
    """

    def __init__(self, known: Collection[str] = ()) -> None:
        self._known = set(known)

    def of(self, found: Sequence[Endpoint]) -> dict[str, list[Endpoint]]:
        """The groups by name, in order; those that are known and have no endpoint are empty."""
        ports: dict[str, set[tuple[Any, Any]]] = {}
        for one in found:
            ports.setdefault(one["name"], set()).add((one["container"], one["containerPort"]))
        groups: dict[str, list[Endpoint]] = {}
        for one in found:
            name = str(one["name"])
            if len(ports[name]) > 1:
                name = f"{name}-{one['container']}-{one['containerPort']}"
            groups.setdefault(name, []).append(one)
        for name in self._known:
            # Of `web` there are `web-nginx-80` and `web-metrics-9090` now.
            if name not in groups and name not in ports:
                groups[name] = []
        self._known |= set(groups)
        return dict(sorted(groups.items()))


def context(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]], cluster: str) -> dict[str, Any]:
    """What a template is rendered with: ``endpoints``, ``services`` (groups by name), ``cluster``."""
    return {"endpoints": list(found), "services": dict(groups), "cluster": cluster}


def _env(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    lines = []
    for name, members in groups.items():
        variable = re.sub(r"\W", "_", name).upper()
        variable = f"_{variable}" if variable[:1].isdigit() else variable
        if members:
            lines += [f"{variable}_HOST={members[0]['host']}", f"{variable}_PORT={members[0]['port']}"]
        lines.append(f"{variable}_ENDPOINTS={','.join(str(one['address']) for one in members)}")
    return _text(lines)


def _hosts(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    return _text(dict.fromkeys(f"{one['host']}\t{_word(str(one['name']))}" for one in found))


def _haproxy(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    lines = []
    for name, members in groups.items():
        lines.append(f"backend {_word(name)}")
        lines += [f"    server {_word(one['task'][:8])}-{one['port']} {one['address']} check" for one in _tcp(members)]
        lines.append("")
    return _text(lines)


def _nginx(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    lines = []
    for name, members in groups.items():
        servers = [f"    server {one['address']};" for one in _tcp(members)]
        lines += [f"upstream {_word(name)} {{", *(servers or [f"    server {NOBODY} down;"]), "}"]
    return _text(lines)


LABELS = {
    "ecs_region": "region",
    "ecs_cluster": "cluster",
    "ecs_service": "service",
    "ecs_family": "family",
    "ecs_task": "task",
    "ecs_container": "container",
    "ecs_availability_zone": "availabilityZone",
    "ecs_instance": "instanceId",
}


def _prometheus(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    targets = [
        {"targets": [one["address"]], "labels": {label: str(one[key]) for label, key in LABELS.items() if one.get(key)}}
        for one in _tcp(found)
    ]
    return json.dumps(targets, indent=2) + "\n"


def _json(found: Sequence[Endpoint], groups: Mapping[str, Sequence[Endpoint]]) -> str:
    return json.dumps(list(found), indent=2, ensure_ascii=False, default=str) + "\n"


def _tcp(found: Sequence[Endpoint]) -> list[Endpoint]:
    return [one for one in found if one["protocol"] == "tcp"]


def _word(text: str) -> str:
    """A name that every one of these programs takes."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def _text(lines: Iterable[str]) -> str:
    text = "\n".join(lines).rstrip("\n")
    return f"{text}\n" if text else ""


FORMATS: dict[str, Callable[[Sequence[Endpoint], Mapping[str, Sequence[Endpoint]]], str]] = {
    "env": _env,
    "hosts": _hosts,
    "haproxy": _haproxy,
    "nginx": _nginx,
    "prometheus": _prometheus,
    "json": _json,
}
