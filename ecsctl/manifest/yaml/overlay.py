"""Lays one document over another: mappings merge, named things of a list merge by name, anything else is replaced."""

from __future__ import annotations

from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made

# Lists whose items have a name: the member that holds it.
NAMED = {"containerDefinitions": "name", "environment": "name", "secrets": "name", "volumes": "name", "tags": "key"}
# Of these, what a null takes out.
VALUES = {"environment": "value", "secrets": "valueFrom", "tags": "value"}


def overlay(base: Node, over: Node, key: str = "") -> Node:
    """``base`` with ``over`` laid over it; both expanded. A null in ``over`` takes the key out of ``base``; so it does
    with a variable, a secret or a tag.

    Every value keeps the place in the file where it was written.
    """
    if isinstance(base, MapNode) and isinstance(over, MapNode):
        merged = base.copy()
        for name, value in over.entries.items():
            if isinstance(value, Scalar) and value.value is None:
                merged.drop(name)
            elif name in base.entries:
                merged.set(name, overlay(base.entries[name], value, name), over.keys[name])
            else:
                merged.set(name, value, over.keys[name])
        return merged
    if key in NAMED and isinstance(base, ListNode) and isinstance(over, ListNode):
        return _overlay_named(base, over, key)
    return over


def _overlay_named(base: ListNode, over: ListNode, key: str) -> Node:
    member = NAMED[key]
    if len(base.items) == 1 and len(over.items) == 1 and _implied(over.items[0], member):
        # The short form of one container is laid over the one container that there is, whatever its name.
        over = ListNode(over.file, over.line, over.column, [_renamed(over.items[0], base.items[0], member)])
    items: list[Node | None] = list(base.items)
    places = {name: index for index, item in enumerate(base.items) if (name := _name(item, member)) is not None}
    for item in over.items:
        name = _name(item, member)
        if name is not None and _takes_out(item, key):
            if name in places:
                items[places.pop(name)] = None
        elif name is not None and name in places:
            index = places[name]
            held = items[index]
            items[index] = item if held is None else overlay(held, item)
        else:
            if name is not None:
                places[name] = len(items)
            items.append(item)
    merged = made([], over)
    assert isinstance(merged, ListNode)
    merged.items = [item for item in items if item is not None]
    return merged


def _takes_out(item: Node, key: str) -> bool:
    value = item.entries.get(VALUES[key]) if key in VALUES and isinstance(item, MapNode) else None
    return isinstance(value, Scalar) and value.value is None


def _implied(item: Node, member: str) -> bool:
    name = item.entries.get(member) if isinstance(item, MapNode) else None
    return isinstance(name, Scalar) and name.implied


def _renamed(item: Node, base: Node, member: str) -> Node:
    if not isinstance(item, MapNode) or not isinstance(base, MapNode) or member not in base.entries:
        return item
    renamed = item.copy()
    renamed.set(member, base.entries[member], base.keys[member])
    return renamed


def _name(node: Node, member: str) -> str | None:
    if isinstance(node, MapNode):
        name = node.entries.get(member)
        if isinstance(name, Scalar) and isinstance(name.value, str):
            return name.value
    return None
