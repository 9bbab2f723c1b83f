"""Lays one document over another: mappings merge, named things of a list merge by name, anything else is replaced."""

from __future__ import annotations

from ecsctl.spec.nodes import ListNode, MapNode, Node, Scalar, made

# Lists whose items have a name: the member that holds it.
NAMED = {"containerDefinitions": "name", "environment": "name", "secrets": "name", "volumes": "name", "tags": "key"}


def overlay(base: Node, over: Node, key: str = "") -> Node:
    """``base`` with ``over`` laid over it; both expanded. A null in ``over`` takes the key out of ``base``.

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
        return _overlay_named(base, over, NAMED[key])
    return over


def _overlay_named(base: ListNode, over: ListNode, member: str) -> Node:
    items = list(base.items)
    places = {name: index for index, item in enumerate(items) if (name := _name(item, member)) is not None}
    for item in over.items:
        name = _name(item, member)
        if name is not None and name in places:
            items[places[name]] = overlay(items[places[name]], item)
        else:
            if name is not None:
                places[name] = len(items)
            items.append(item)
    merged = made([], over)
    assert isinstance(merged, ListNode)
    merged.items = items
    return merged


def _name(node: Node, member: str) -> str | None:
    if isinstance(node, MapNode):
        name = node.entries.get(member)
        if isinstance(name, Scalar) and isinstance(name.value, str):
            return name.value
    return None
