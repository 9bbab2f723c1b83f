"""Containers that wait for each other, or take something from each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.manifest.rules import Tell, cites
from ecsctl.refusals import dependencies as facts
from ecsctl.refusals import volumes


def _one_of_names(values: Mapping[str, Any]) -> str:
    return f"one of {', '.join(values['names'])}"


cites(
    "ECS027",
    "A container depends on another one of its task definition.",
    Tell(facts.UNKNOWN, "there is no container {name!r}", _one_of_names),
    Tell(facts.LINK_UNKNOWN, "there is no container {name!r}", _one_of_names),
    Tell(volumes.VOLUMES_FROM, "there is no container {name!r}", _one_of_names),
    Tell(facts.SELF, "the container {container} refers to itself"),
    why="The agent starts and stops the containers of one task in this order.",
    looks_at="dependsOn[].containerName, and those of volumesFrom and links",
)
cites(
    "ECS028",
    "A dependency that must end is not essential.",
    Tell(facts.ESSENTIAL, "{name} must end with {condition}, but is essential", "essential: false on {name}"),
    why="When an essential container ends, the task ends, before the one that waits for it could start.",
    looks_at="SUCCESS and COMPLETE",
)
cites(
    "ECS029",
    "A dependency that must be HEALTHY has a health check.",
    Tell(facts.HEALTHY, "{name} must be HEALTHY, but has no healthCheck"),
    why="Without a check nothing ever says that it is healthy, and the task never starts.",
    looks_at="HEALTHY",
)
cites(
    "ECS030",
    "Dependencies have no cycle.",
    Tell(facts.CYCLE, "the containers wait for each other: {cycle}"),
    why="Containers that wait for each other never start.",
    looks_at="dependsOn of all containers together",
)
