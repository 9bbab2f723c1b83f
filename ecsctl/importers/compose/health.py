"""Health checks, and what a service waits for before it starts."""

from __future__ import annotations

import re
from typing import Any

from ecsctl.importers.compose.converted_service import Dependency, Part
from ecsctl.importers.report import Section
from ecsctl.importers.write import Commented
from ecsctl.manifest.yaml.nodes import MapNode, Scalar
from ecsctl.units import duration

CONDITIONS = {
    "service_started": "START",
    "service_healthy": "HEALTHY",
    "service_completed_successfully": "SUCCESS",
}
# The bounds that ECS sets, in seconds (retries: times).
TIMES = {"interval": (5, 300), "timeout": (2, 60), "start_period": (0, 300)}
# What Docker takes where nothing is said; its other defaults are those of ECS.
DOCKER_TIMEOUT = 30
NAMES = {"interval": "interval", "timeout": "timeout", "start_period": "startPeriod"}


def read_health(section: Section, part: Part) -> None:
    """``healthcheck`` of a service."""
    if "healthcheck" not in section:
        section.meaningless("healthcheck")
        return
    check = section.section("healthcheck")
    disabled = check.flag("disable") is True
    command = _test(check)
    if disabled or command == ["NONE"]:
        # ECS runs no check but its own, so that leaving it out disables the image's.
        check.meaningless("disable", "interval", "timeout", "retries", "start_period", "start_interval")
        return
    made: dict[str, Any] = {"command": command}
    for key, (least, most) in TIMES.items():
        value = check.parsed(key, duration, "a duration such as 1m30s")
        if value is not None:
            made[NAMES[key]] = _bounded(check, key, round(value), least, most, "seconds")
    if command is not None and "timeout" not in made:
        made["timeout"] = Commented(DOCKER_TIMEOUT, beside="Docker's default; that of ECS is 5")
    retries = check.parsed("retries", lambda text: int(float(text)), "a whole number")
    if retries is not None:
        made["retries"] = _bounded(check, "retries", retries, 1, 10, "times")
    check.note("start_interval", "ECS has one interval only")
    if command is None:
        check.note_here("no test: ECS does not run the image's own health check, so there is none")
        return
    part.container["healthCheck"] = made


def without_lost_scripts(section: Section, part: Part) -> None:
    """Leave out a health check that runs a file of a mount which could not be carried over: it would always fail."""
    for member, key in (("healthCheck", "healthcheck"), ("entryPoint", "entrypoint"), ("command", "command")):
        value = part.container.get(member)
        words = " ".join(value["command"] if member == "healthCheck" else value) if value else ""
        for mount in part.lost_mounts:
            if not re.search(rf"(?:^|[\s'\"=;&|(]){re.escape(mount.rstrip('/'))}(?:$|[/\s'\";&|)])", words):
                continue
            if member == "healthCheck":
                del part.container[member]
                section.note(key, f"it runs a file of the mount {mount}, which is omitted: so is the health check")
            else:
                section.note(key, f"it runs a file of the mount {mount}, which is omitted: put it into the image")
            break


def _bounded(check: Section, key: str, value: int, least: int, most: int, unit: str) -> int:
    bounded = min(max(value, least), most)
    if bounded != value:
        check.note(key, f"ECS accepts {least} to {most} {unit}; using {bounded}")
    return bounded


def _test(check: Section) -> list[str] | None:
    node = check.get("test")
    if node is None:
        return None
    if isinstance(node, Scalar):
        text = check.text("test")
        return ["CMD-SHELL", text] if text else None
    words = check.texts("test")
    if not words:
        check.note("test", "an empty test")
        return None
    if words[0] not in ("CMD", "CMD-SHELL", "NONE"):
        check.note("test", "a list begins with CMD, CMD-SHELL or NONE; using CMD")
        return ["CMD", *words]
    if len(words) == 1 and words[0] != "NONE":
        check.note("test", "a test without a command")
        return None
    return words[:1] if words[0] == "NONE" else words


def read_dependencies(section: Section, part: Part) -> None:
    """``depends_on``, ``links`` and ``volumes_from`` of a service, as what joins it to others."""
    node = section.get("depends_on")
    if isinstance(node, MapNode):
        outer = section.section("depends_on")
        for name in outer:
            inner = outer.section(name)
            written = inner.plain("condition") or "service_started"
            condition = CONDITIONS.get(written)
            if condition is None:
                inner.note("condition", "a condition that Compose does not have; using START")
            required = inner.flag("required") is not False
            if inner.flag("restart"):
                inner.note("restart", "ECS replaces a whole task; it restarts no container after another")
            place = inner.place or node
            part.depends[name] = Dependency(condition or "START", place, inner.path, required)
    else:
        for item, path in section.nodes("depends_on"):
            name_text = section.scalar(item, path)
            if name_text:
                part.depends[name_text] = Dependency("START", item, path)
    for item, path in section.nodes("links"):
        text = section.scalar(item, path)
        if text:
            name, _, alias = text.partition(":")
            part.links[name] = (alias, item, path)
    for item, path in section.nodes("volumes_from"):
        text = section.scalar(item, path)
        name, _, mode = (text or "").removeprefix("container:").partition(":")
        if name:
            part.joins[name] = (item, path)
            part.mounts_of[name] = mode == "ro"
