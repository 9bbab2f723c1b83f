"""Shorthands that touch more than their own value: a family of one container, ``logs``, a container's ``volumes``."""

from __future__ import annotations

import re

from ecsctl.manifest.model import log_group_of
from ecsctl.manifest.shorthands.values import Context, ShorthandError, mount
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made

DRIVERS_OF_OPTIONS = "awslogs, or logConfiguration for any other"


def task_definition(node: Node, context: Context) -> Node:
    """One container without the list, and the volumes that its containers mount by the short form."""
    if not isinstance(node, MapNode):
        return node
    node = _one_container(node, context)
    boxes = node.entries.get("containerDefinitions")
    if not isinstance(boxes, ListNode) or not any(_mounts(box) for box in boxes.items):
        return node
    node = node.copy()
    volumes: dict[str, Node] = {}
    items = [_with_mounts(box, volumes, context) if _mounts(box) else box for box in boxes.items]
    node.set(
        "containerDefinitions", ListNode(boxes.file, boxes.line, boxes.column, items), node.keys["containerDefinitions"]
    )
    declared = node.entries.get("volumes")
    if declared is None:
        declared = made([], boxes)
    known = _declared(declared)
    added = [volume for name, volume in volumes.items() if name not in known]
    if isinstance(declared, ListNode):
        node.set(
            "volumes", ListNode(declared.file, declared.line, declared.column, [*declared.items, *added]), declared
        )
    elif isinstance(declared, MapNode):
        merged = declared.copy()
        for volume in added:
            assert isinstance(volume, MapNode)
            name = volume.entries["name"]
            assert isinstance(name, Scalar)
            rest = volume.copy()
            rest.drop("name")
            merged.set(name.text, rest, name)
        node.set("volumes", merged, declared)
    return node


def container(node: Node, context: Context) -> Node:
    """``logs: awslogs`` is a log configuration with a group of the family's name, which ``up`` makes."""
    if not isinstance(node, MapNode) or "logs" not in node.entries:
        return node
    logs = node.entries["logs"]
    known = isinstance(logs, Scalar) and logs.value == "awslogs"
    if not known or "logConfiguration" in node.entries:
        together = ("logs and logConfiguration cannot be used together", "use one of them")
        context.refused.append(
            ShorthandError(
                logs, *(together if known else (f"{logs.kind} is not an allowed value of logs", DRIVERS_OF_OPTIONS))
            )
        )
        # The rest of the container is sound all the same.
        left = node.copy()
        left.drop("logs")
        if not known:
            unknown = Scalar(logs.file, logs.line, logs.column, "", unresolved=True)
            left.set("logConfiguration", unknown, node.keys["logs"])
        return left
    name = node.entries.get("name")
    region = Scalar(logs.file, logs.line, logs.column, "")
    context.regional.append(region)
    options = {
        "awslogs-group": Scalar(logs.file, logs.line, logs.column, log_group_of(context.family), implied=True),
        "awslogs-region": region,
        "awslogs-stream-prefix": name.text if isinstance(name, Scalar) else context.family,
    }
    new = node.copy()
    new.set("logConfiguration", made({"logDriver": "awslogs", "options": options}, logs), node.keys["logs"])
    new.drop("logs")
    return new


def _one_container(node: MapNode, context: Context) -> MapNode:
    """Members of a container that stand in the family itself make its one container, named like the family.

    A file that is laid over another may leave the image out, and all else that the other says.
    """
    of_the_task = context.members("TaskDefinition")
    of_a_container = (context.members("ContainerDefinition") | {"logs"}) - of_the_task - {"name"}
    first = next((key for key in ("image", *node.entries) if key in node.entries and key in of_a_container), None)
    if "containerDefinitions" in node.entries or first is None:
        return node
    at = node.keys[first]
    task, box = node.copy(), MapNode(at.file, at.line, at.column)
    box.set("name", Scalar(at.file, at.line, at.column, context.key, implied=True), at)
    for key, value in node.entries.items():
        if key in of_a_container or key == "name" or (key == "volumes" and _are_mounts(value)):
            box.set(key, value, node.keys[key])
            task.drop(key)
    task.set("containerDefinitions", ListNode(at.file, at.line, at.column, [box]), at)
    return task


def _are_mounts(node: Node | None) -> bool:
    if not isinstance(node, ListNode):
        return False
    # The task's own volumes are mappings; one text among them is enough to tell what was meant.
    return any(isinstance(item, Scalar) for item in node.items)


def _mounts(box: Node) -> bool:
    return isinstance(box, MapNode) and _are_mounts(box.entries.get("volumes"))


def _with_mounts(box: Node, volumes: dict[str, Node], context: Context) -> Node:
    assert isinstance(box, MapNode)
    listed = box.entries["volumes"]
    assert isinstance(listed, ListNode)
    mounts = context.each(listed.items, lambda item: [_mounted(item, volumes)])
    new = box.copy()
    new.drop("volumes")
    others = box.entries.get("mountPoints")
    if isinstance(others, ListNode):
        mounts = [*others.items, *mounts]
    new.set("mountPoints", ListNode(listed.file, listed.line, listed.column, mounts), box.keys["volumes"])
    return new


def _mounted(item: Node, volumes: dict[str, Node]) -> Node:
    """The mount point of one item of a container's ``volumes``; what it names is put into ``volumes``."""
    if not isinstance(item, Scalar) or item.value is None:
        raise ShorthandError(item, f"{item.kind} is not a valid mount", "name:/path, name:/path:ro or /host/path:/path")
    if item.unresolved:
        return item
    source, _, rest = item.text.partition(":")
    name = source
    if source.startswith((".", "~")):
        raise ShorthandError(item, f"{source} is not an absolute path", "/path, or the name of a volume")
    if source.startswith("/"):
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", source).strip("-") or "root"
    try:
        point = mount(Scalar(item.file, item.line, item.column, f"{name}:{rest}" if rest else source))
    except ShorthandError as error:
        message = error.message if error.allowed == "ro or rw" else f"{item.kind} is not a valid mount"
        raise ShorthandError(item, message, error.allowed) from None
    volumes.setdefault(name, made({"name": name, **({"host": {"sourcePath": source}} if name != source else {})}, item))
    return point


def _declared(volumes: Node) -> set[str]:
    if isinstance(volumes, MapNode):
        return set(volumes.entries)
    items = volumes.items if isinstance(volumes, ListNode) else []
    names = [item.entries.get("name") for item in items if isinstance(item, MapNode)]
    return {name.text for name in names if isinstance(name, Scalar)}
