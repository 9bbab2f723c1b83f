"""``strategy`` of a service: how a deployment comes into service, in the API's words."""

from __future__ import annotations

from typing import Any

from ecsctl import units
from ecsctl.manifest.shorthands.values import Context, ShorthandError, load_balancer
from ecsctl.manifest.yaml.nodes import ListNode, MapNode, Node, Scalar, made

TYPES = {"rolling": "ROLLING", "blueGreen": "BLUE_GREEN", "linear": "LINEAR", "canary": "CANARY"}
# What each has besides `bake`: the member of the API, of it the share of a step, and for how long that stays.
STEPS = {
    "linear": ("linearConfiguration", "stepPercent", "stepBakeTimeInMinutes"),
    "canary": ("canaryConfiguration", "canaryPercent", "canaryBakeTimeInMinutes"),
}
USUAL_BAKE_MINUTES = 5
ALLOWED = {"rolling": ("type",), "blueGreen": ("type", "bake", "testListener", "hooks")}
MEMBERS = ("type", "percent", "interval", "bake", "testListener", "hooks")


def service(node: Node, context: Context) -> Node:
    """A service whose ``strategy`` stands in the API's words; one that has none stays as it is."""
    if not isinstance(node, MapNode) or "strategy" not in node.entries:
        return node
    said, at = node.entries["strategy"], node.keys["strategy"]
    new = node.copy()
    new.drop("strategy")
    try:
        configuration, test = _configuration(said, context)
    except ShorthandError as error:
        # The rest of the service is sound all the same.
        context.refused.append(error)
        return new
    there = node.entries.get("deploymentConfiguration")
    if there is None:
        new.set("deploymentConfiguration", made(configuration, said), at)
    elif isinstance(there, MapNode):
        merged = there.copy()
        for name, value in configuration.items():
            if name in merged.entries:
                message = f"strategy and deploymentConfiguration.{name} cannot be used together"
                context.refused.append(ShorthandError(said, message, "use one of them"))
            merged.set(name, made(value, said), at)
        new.set("deploymentConfiguration", merged, node.keys["deploymentConfiguration"])
    front = node.entries.get("loadBalancer")
    if test is not None and front is not None:
        long = load_balancer(front, context)
        if isinstance(long, MapNode):
            long = long.copy()
            long.set("testListener", test, test)
            new.set("loadBalancer", long, node.keys["loadBalancer"])
    elif test is not None:
        context.refused.append(ShorthandError(test, "a test listener is of a load balancer", "loadBalancer: NAME:PORT"))
    return new


def _configuration(said: Node, context: Context) -> tuple[dict[str, Any], Node | None]:
    """The members of ``deploymentConfiguration``, and the port of the test listener."""
    parts: dict[str, Node] = {"type": said} if isinstance(said, Scalar) else dict(getattr(said, "entries", {}))
    kind = parts.pop("type", None)
    name = kind.value if isinstance(kind, Scalar) else None
    if not isinstance(name, str) or name not in TYPES:
        raise ShorthandError(kind or said, f"{(kind or said).kind} is not a strategy", ", ".join(TYPES))
    for key in list(parts):
        allowed = ALLOWED.get(name, MEMBERS)
        if key not in allowed:
            message = f"unknown key {key}" if key not in MEMBERS else f"{key} is not for the strategy {name}"
            context.refused.append(ShorthandError(parts.pop(key), message, ", ".join(allowed)))
    found: dict[str, Any] = {"strategy": TYPES[name]}
    if name == "rolling":
        found["deploymentCircuitBreaker"] = {"enable": True, "rollback": True}
        return found, None
    found["bakeTimeInMinutes"] = _minutes(parts["bake"]) if "bake" in parts else USUAL_BAKE_MINUTES
    if name in STEPS:
        member, percent, bake = STEPS[name]
        step: dict[str, Any] = {}
        if "percent" in parts:
            step[percent] = _percent(parts["percent"])
        if "interval" in parts:
            step[bake] = _minutes(parts["interval"])
        if step:
            found[member] = step
    if "hooks" in parts:
        found["lifecycleHooks"] = _hooks(parts["hooks"])
    return found, parts.get("testListener")


def _minutes(node: Node) -> Any:
    if isinstance(node, Scalar) and isinstance(node.value, int) and not isinstance(node.value, bool):
        return node
    try:
        seconds = units.duration(node.text if isinstance(node, Scalar) else "")
    except ValueError:
        seconds = 0.5
    if seconds % 60:
        raise ShorthandError(node, f"{node.kind} is not a number of whole minutes", "5m, 1h")
    return made(int(seconds // 60), node)


def _percent(node: Node) -> Node:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.endswith("%"):
        text = node.value[:-1].strip()
        if text.replace(".", "", 1).isdecimal():
            return made(float(text) if "." in text else int(text), node)
    return node


def _hooks(node: Node) -> Node:
    """A list in the API's words, or the function of each stage: ``{PRE_SCALE_UP: arn:…}``."""
    if not isinstance(node, MapNode):
        return node
    rows = []
    for stage, target in node.entries.items():
        if not isinstance(target, Scalar) or not isinstance(target.value, str):
            raise ShorthandError(
                target, f"{target.kind} is not the ARN of a function", "{POST_TEST_TRAFFIC_SHIFT: arn:…}"
            )
        row = MapNode(node.file, node.line, node.column)
        row.set("hookTargetArn", target, target)
        row.set("lifecycleStages", ListNode(node.file, node.line, node.column, [made(stage, node.keys[stage])]), node)
        rows.append(row)
    return ListNode(node.file, node.line, node.column, rows)
