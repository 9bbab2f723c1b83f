"""What each shorthand becomes: functions of the value as written, giving the API's form at the same place."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ecsctl import units
from ecsctl.errors import UsageError
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made

PORT = re.compile(
    r"(?:(?P<host>\d{1,5})(?:-(?P<host_end>\d{1,5}))?:)?(?P<port>\d{1,5})(?:-(?P<end>\d{1,5}))?(?:/(?P<protocol>tcp|udp))?"
)
PORT_FORMS = 'write it as "80", "8080:80" (host:container), "53:53/udp" or "8000-8010"'
HIGHEST_PORT = 65535
MOST_PORTS = 100
T = TypeVar("T")


class ShorthandError(Exception):
    """A shorthand that cannot be read: where, why, and what is allowed."""

    def __init__(self, node: Node, message: str, allowed: str | None = None) -> None:
        super().__init__(message)
        self.node, self.message, self.allowed = node, message, allowed


@dataclass(frozen=True)
class Context:
    """What an expansion may know.

    ``key`` is what the value stands under, ``family`` the task definition it is in; ``regional`` takes the values that
    will be the region; ``members`` gives the members of an API shape; ``refused`` takes what could not be read.
    """

    key: str
    family: str
    regional: list[Scalar]
    members: Callable[[str], frozenset[str]]
    refused: list[ShorthandError] = field(default_factory=list)

    def each(self, nodes: Iterable[T], expand: Callable[[T], list[Node]]) -> list[Node]:
        """What all of ``nodes`` become; one that cannot be read goes to ``refused`` and hides no other."""
        made: list[Node] = []
        for node in nodes:
            try:
                made += expand(node)
            except ShorthandError as error:
                self.refused.append(error)
                at = error.node
                made.append(Scalar(at.file, at.line, at.column, "", unresolved=True))
        return made


def _amount(parse: Callable[[str], int], as_text: bool) -> Callable[[Node, Context], Node]:
    def expand(node: Node, context: Context) -> Node:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return node
        if re.fullmatch(r"-?\d+", node.value):
            return node
        try:
            amount = parse(node.value)
        except ValueError as error:
            raise ShorthandError(node, f"{node.kind} is not valid: {error}") from None
        return made(str(amount) if as_text else amount, node)

    return expand


memory = _amount(units.memory_mib, as_text=False)
task_memory = _amount(units.memory_mib, as_text=True)
cpu = _amount(units.cpu_units, as_text=False)
task_cpu = _amount(units.cpu_units, as_text=True)
duration = _amount(units.seconds, as_text=False)


def _text(node: Node, what: str) -> Scalar:
    """A scalar as the text that is written; ``what`` it is, for the message."""
    if isinstance(node, Scalar) and node.value is not None:
        if isinstance(node.value, bool) or node.trap == "boolean":
            message = f"{what} is {node.text} without quotes, which YAML reads as a boolean"
            raise ShorthandError(node, message, allowed=f'"{node.text}" in quotes')
        if isinstance(node.value, str):
            return node
        return Scalar(node.file, node.line, node.column, node.text, node.text)
    raise ShorthandError(node, f"{what} must be a string, not {node.kind}", allowed='"" for an empty one')


def _pairs(node: Node, name: str, value: str, what: str, context: Context) -> Node:
    """A mapping as a list of ``{name: …, value: …}``."""
    if not isinstance(node, MapNode):
        return node
    keys = node.keys

    def pair(entry: tuple[str, Node]) -> list[Node]:
        key, item = entry
        # A null takes the one of a file below out; where none is below, the schema refuses it.
        null = isinstance(item, Scalar) and item.value is None
        text = item if null else _text(item, f"the value of {what} {key}")
        return [made({name: made(key, keys[key]), value: text}, keys[key])]

    return ListNode(node.file, node.line, node.column, context.each(node.entries.items(), pair))


def environment(node: Node, context: Context) -> Node:
    """A mapping, or a list of ``NAME=value``."""
    if isinstance(node, ListNode):
        return ListNode(node.file, node.line, node.column, context.each(node.items, _assignment))
    return _pairs(node, "name", "value", "variable", context)


def _assignment(node: Node) -> list[Node]:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return [node]
    name, equals, value = node.value.partition("=")
    if not equals or not name:
        raise ShorthandError(
            node, f"{node.kind} is not a valid variable", allowed="NAME=value, or a mapping NAME: value"
        )
    return [made({"name": name, "value": value}, node)]


def secrets(node: Node, context: Context) -> Node:
    """A mapping of names to ARNs or parameter names."""
    return _pairs(node, "name", "valueFrom", "secret", context)


def tags(node: Node, context: Context) -> Node:
    """A mapping."""
    return _pairs(node, "key", "value", "tag", context)


def port_mappings(node: Node, context: Context) -> Node:
    """Each item a number or a text of Compose's form; one text of two ranges becomes one mapping a port."""
    if not isinstance(node, ListNode):
        return node
    return ListNode(node.file, node.line, node.column, context.each(node.items, _ports))


def _ports(node: Node) -> list[Node]:
    if isinstance(node, Scalar) and node.value is not None and not isinstance(node.value, bool) and not node.unresolved:
        return [made(mapping, node) for mapping in _port(node)]
    return [node]


def _port(node: Scalar) -> list[dict[str, Any]]:
    match = PORT.fullmatch(node.text)
    if match is None:
        if re.match(r"[\d.]+:\d*:\d+|\[", node.text):
            raise ShorthandError(node, f"{node.kind} binds an address, which ECS does not support", allowed=PORT_FORMS)
        raise ShorthandError(node, f"{node.kind} is not a valid port mapping", allowed=PORT_FORMS)
    numbers = {name: int(text) for name, text in match.groupdict().items() if text and name != "protocol"}
    if any(number > HIGHEST_PORT for number in numbers.values()):
        raise ShorthandError(node, f"{node.kind} names a port above {HIGHEST_PORT}", allowed="1 to 65535")
    protocol = {"protocol": match["protocol"]} if match["protocol"] else {}
    port, end, host = numbers["port"], numbers.get("end"), numbers.get("host")
    if end is None:
        if "host_end" in numbers:
            raise ShorthandError(
                node, f"{node.kind} has a range of host ports for one container port", allowed=PORT_FORMS
            )
        if port == 0:
            raise ShorthandError(node, "0 is not a valid container port", allowed="1 to 65535")
        return [{"containerPort": port, **({"hostPort": host} if host is not None else {}), **protocol}]
    if end < port:
        raise ShorthandError(node, f"the range {port}-{end} ends before it starts", allowed=PORT_FORMS)
    if host is None:
        return [{"containerPortRange": f"{port}-{end}", **protocol}]
    if numbers.get("host_end", host) - host != end - port:
        raise ShorthandError(node, f"the two ranges of {node.kind} differ in length", allowed=PORT_FORMS)
    if end - port >= MOST_PORTS:
        raise ShorthandError(
            node, f"{node.kind} has more than {MOST_PORTS} ports", allowed="at most 100 a task definition"
        )
    return [{"containerPort": port + n, "hostPort": host + n, **protocol} for n in range(end - port + 1)]


def words(node: Node, context: Context) -> Node:
    """A text split into words as a shell does; nothing is substituted."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    try:
        return made(shlex.split(node.value), node)
    except ValueError as error:
        raise ShorthandError(node, f"{node.kind} cannot be split into words: {error}") from None


def health_check(node: Node, context: Context) -> Node:
    """A text or a list is the command alone."""
    if isinstance(node, ListNode):
        first = node.items[0] if node.items else None
        if isinstance(first, Scalar) and first.value not in ("CMD", "CMD-SHELL", "NONE"):
            node = ListNode(node.file, node.line, node.column, [made("CMD", node), *node.items])
        return made({"command": node}, node)
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return made({"command": health_command(node, context)}, node)
    return node


def health_command(node: Node, context: Context) -> Node:
    """A text is run by the container's shell."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return made(["CMD-SHELL", node], node)
    return node


def mount_points(node: Node, context: Context) -> Node:
    """``name:/path`` or ``name:/path:ro``."""
    if not isinstance(node, ListNode):
        return node

    def one(item: Node) -> list[Node]:
        return [mount(item) if isinstance(item, Scalar) and not item.unresolved else item]

    return ListNode(node.file, node.line, node.column, context.each(node.items, one))


def mount(node: Scalar) -> Node:
    """A mount point of ``name:/path`` or ``name:/path:ro``."""
    forms = "name:/path, name:/path:ro"
    parts = node.text.split(":")
    if len(parts) not in (2, 3) or not parts[0] or not parts[1]:
        raise ShorthandError(node, f"{node.kind} is not a valid mount", allowed=forms)
    if len(parts) == 3 and parts[2] not in ("ro", "rw"):
        raise ShorthandError(node, f"{parts[2]!r} is not a valid mount mode", allowed="ro or rw")
    mount: dict[str, Any] = {"sourceVolume": parts[0], "containerPath": parts[1]}
    if len(parts) == 3:
        mount["readOnly"] = parts[2] == "ro"
    return made(mount, node)


def volumes(node: Node, context: Context) -> Node:
    """A mapping of names to a host path, to nothing, or to the rest of the volume."""
    if not isinstance(node, MapNode):
        return node
    keys = node.keys

    def one(item: tuple[str, Node]) -> list[Node]:
        key, value = item
        at = keys[key]
        entry = MapNode(at.file, at.line, at.column)
        entry.set("name", made(key, at), at)
        if isinstance(value, MapNode):
            for member, inner in value.entries.items():
                entry.set(member, inner, value.keys[member])
        elif not (isinstance(value, Scalar) and value.value is None):
            entry.set("host", made({"sourcePath": _text(value, f"the host path of volume {key}")}, value), value)
        return [entry]

    return ListNode(node.file, node.line, node.column, context.each(node.entries.items(), one))


def dependencies(node: Node, context: Context) -> Node:
    """A list of names (each must have started), or a mapping of names to conditions."""
    if isinstance(node, MapNode):
        pairs = [
            made({"containerName": made(key, node.keys[key]), "condition": value}, node.keys[key])
            for key, value in node.entries.items()
        ]
        return ListNode(node.file, node.line, node.column, pairs)
    if isinstance(node, ListNode):
        items = [
            made({"containerName": item, "condition": "START"}, item) if isinstance(item, Scalar) else item
            for item in node.items
        ]
        return ListNode(node.file, node.line, node.column, items)
    return node


def one_in_list(node: Node, context: Context) -> Node:
    """A text alone is a list of one."""
    return made([node], node) if isinstance(node, Scalar) and isinstance(node.value, str) else node


def count(node: Node, context: Context) -> Node:
    """A number is all three."""
    if isinstance(node, Scalar) and node.filled and node.text.isdecimal():
        node = made(int(node.text), node)
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return made({"min": node, "desired": node, "max": node}, node)
    if isinstance(node, Scalar) and node.value is not None and not node.unresolved:
        raise ShorthandError(node, f"{node.kind} is not a valid count", allowed="2, or {min: 1, desired: 2, max: 4}")
    return node


def ingress(node: Node, context: Context) -> Node:
    """``80``, ``8000-8100/udp``, ``443@10.0.0.0/8``."""
    from ecsctl.manifest.model import IngressSpec

    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
        return node
    try:
        rule = IngressSpec.parse(node.text)
    except UsageError as error:
        raise ShorthandError(node, error.message, allowed=error.hint) from None
    parts = {"fromPort": rule.from_port, "toPort": rule.to_port, "protocol": rule.protocol, "cidr": rule.cidr}
    return made(parts, node)


def listener(node: Node, context: Context) -> Node:
    """A port, ``port:instancePort``, or ``port->port`` for a redirect."""
    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
        return node
    match = re.fullmatch(r"(\d{1,5})(?:(:| *-> *)(\d{1,5}))?", node.text)
    if match is None:
        allowed = '80, "80:8080" (port:instancePort) or "80->443" (a redirect)'
        raise ShorthandError(node, f"{node.kind} is not a valid listener", allowed=allowed)
    ports = {"port": int(match[1])}
    if match[3]:
        ports["instancePort" if match[2] == ":" else "redirect"] = int(match[3])
    return made(ports, node)


def balancer_check(node: Node, context: Context) -> Node:
    """``fast``: the quickest that every kind of balancer allows, about ten seconds until a target is out."""
    if not isinstance(node, Scalar) or node.value != "fast":
        return node
    return made({"interval": 5, "timeout": 2, "healthyThreshold": 2, "unhealthyThreshold": 2}, node)


def number_as_text(node: Node, context: Context) -> Node:
    """A number where the API has text."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool) or not isinstance(node.value, int):
        return node
    return made(node.text, node)


def load_balancer(node: Node, context: Context) -> Node:
    """``name``, ``name:containerPort`` or ``name:containerName:containerPort``."""
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return node
    parts = node.value.split(":")
    if len(parts) > 3 or not all(parts) or not (len(parts) == 1 or parts[-1].isdecimal()):
        raise ShorthandError(
            node, f"{node.kind} is not a valid reference to a load balancer", allowed="name:port or name:container:port"
        )
    reference: dict[str, Any] = {"name": parts[0]}
    if len(parts) == 3:
        reference["containerName"] = parts[1]
    if len(parts) > 1:
        reference["containerPort"] = int(parts[-1])
    return made(reference, node)
