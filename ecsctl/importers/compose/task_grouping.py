"""Which services go into one task, and how its containers wait for and reach each other."""

from __future__ import annotations

from ecsctl.importers.compose.converted_service import Dependency, Part
from ecsctl.importers.report import Report
from ecsctl.importers.write import Flow

MOST_CONTAINERS = 10


def groups(parts: dict[str, Part], report: Report, *, one_task: bool) -> list[list[Part]]:
    """The services task by task, in the file's order; without ``one_task`` each has a task of its own."""
    if not one_task:
        return [[part] for part in parts.values()]
    leader = {key: key for key in parts}

    def find(key: str) -> str:
        while leader[key] != key:
            key = leader[key]
        return key

    for key, part in parts.items():
        for other in (*part.depends, *part.links, *part.joins):
            if other in parts:
                leader[find(other)] = find(key)
    made: dict[str, list[Part]] = {}
    for key, part in parts.items():
        made.setdefault(find(key), []).append(part)
    result: list[list[Part]] = []
    for group in made.values():
        if len(group) > MOST_CONTAINERS:
            text = (
                f"{len(group)} services hang together, and a task has {MOST_CONTAINERS} containers at most: not grouped"
            )
            report.note(None, ("services",), text)
            result += [[part] for part in group]
        else:
            result.append(group)
    return result


def head(group: list[Part]) -> Part:
    """The service that gives a task its name: the first that no other one of the task waits for."""
    wanted = {other for part in group for other in (*part.depends, *part.links, *part.joins)}
    return next((part for part in group if part.key not in wanted), group[0])


def connect(
    group: list[Part], parts: dict[str, Part], report: Report, *, bridge: bool, connected: bool = False
) -> None:
    """Make dependencies and links of what is in the same task; the rest is noted.

    Args:
        bridge: containers of a task find each other by links, and not at ``localhost``.
        connected: tasks find each other by Service Connect.
    """
    names = {part.key: part for part in group}
    links: dict[str, dict[str, str]] = {}
    waits: dict[str, set[str]] = {}
    for part in group:
        found: dict[str, str] = {}
        for key, dependency in part.depends.items():
            other = names.get(key)
            if other is None:
                _elsewhere(key, dependency, parts, report)
            elif _reaches(waits, key, part.key):
                report.note(dependency.node, dependency.path, f"{key} waits for {part.key} in turn; omitted")
            else:
                waits.setdefault(part.key, set()).add(key)
                found[other.name] = _condition(dependency, other, report)
        if found:
            part.container["dependsOn"] = Flow(found)
        for key, (alias, node, path) in part.links.items():
            if key not in names and connected and key in parts:
                if alias not in ("", key):
                    report.note(
                        node, path, f"Service Connect has it as {key}, not as {alias}: use that name, or --one-task"
                    )
            elif key not in names:
                report.note(
                    node, path, "it is in another task, which no link reaches: name it by address, or --one-task"
                )
            elif bridge:
                links.setdefault(part.key, {})[key] = alias
            else:
                report.note(node, path, "the containers of this task find each other at localhost")
        if bridge:
            for key, dependency in part.depends.items():
                # Docker links running containers only: what has to end first is not one.
                if key in names and dependency.condition != "SUCCESS":
                    links.setdefault(part.key, {}).setdefault(key, "")
        _join(part, names, parts, report, bridge)
    _link(group, names, links, report)


def _join(part: Part, names: dict[str, Part], parts: dict[str, Part], report: Report, bridge: bool) -> None:
    mounts = []
    for key, (node, path) in part.joins.items():
        if key not in names:
            why = (
                "it needs the same task as that service: --one-task" if key in parts else "no such service in this file"
            )
            report.note(node, path, why)
        elif key in part.mounts_of:
            mount: dict[str, object] = {"sourceContainer": names[key].name}
            mounts.append(Flow({**mount, "readOnly": True} if part.mounts_of[key] else mount))
        elif path[-1] in ("network_mode", "net") and bridge:
            report.note(
                node, path, "in a task of networkMode bridge each container has a network of its own; awsvpc shares one"
            )
    if mounts:
        part.container["volumesFrom"] = mounts


def _reaches(waits: dict[str, set[str]], start: str, goal: str) -> bool:
    todo, seen = [start], set()
    while todo:
        key = todo.pop()
        if key == goal:
            return True
        if key not in seen:
            seen.add(key)
            todo += waits.get(key, ())
    return False


def _condition(dependency: Dependency, other: Part, report: Report) -> str:
    if dependency.condition == "SUCCESS":
        other.container["essential"] = False
    elif dependency.condition == "HEALTHY" and "healthCheck" not in other.container:
        report.note(dependency.node, dependency.path, f"{other.key} has no healthcheck of its own here; using START")
        return "START"
    return dependency.condition


def _elsewhere(key: str, dependency: Dependency, parts: dict[str, Part], report: Report) -> None:
    if key not in parts:
        text = "no such service in this file" + ("" if dependency.required else " (it is optional)")
    else:
        text = f"{key} runs in a task of its own; ECS orders the containers of one task only: see --one-task"
        if dependency.condition == "SUCCESS":
            text = f"{key} must have run before: `ecsctl run … --wait` does that, or --one-task"
    report.note(dependency.node, dependency.path, text)


def _link(group: list[Part], names: dict[str, Part], links: dict[str, dict[str, str]], report: Report) -> None:
    """Write the links; one that would close a circle is noted, as Docker starts linked containers in their order."""
    made: dict[str, set[str]] = {}
    for part in group:
        found = []
        for key, alias in links.get(part.key, {}).items():
            if _reaches(made, key, part.key):
                node, path = part.links[key][1:] if key in part.links else (part.section.place, part.section.path)
                report.note(node, path, f"{key} is linked to {part.key} in turn; omitted")
                continue
            made.setdefault(part.key, set()).add(key)
            other = names[key]
            alias = alias or (key if key != other.name else "")
            found.append(f"{other.name}:{alias}" if alias else other.name)
        if found:
            part.container["links"] = found
