"""What the events of a service mean for its user. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ecsctl.query.views import EventView

# ``place``: no room for a task; ``launch``: ECS cannot start one, whatever the room; ``block``: the deployment
# configuration leaves no step; ``health``: what runs fails its checks; ``task``: tasks fail, each with a reason of its
# own; ``wait``: it goes on by itself.
Sort = Literal["place", "launch", "block", "health", "task", "wait"]


@dataclass(frozen=True)
class Meaning:
    """What an event is about, and what it means in words."""

    sort: Sort
    text: str


# A pattern of an event's message, and its meaning; the first that fits counts.
MEANINGS: tuple[tuple[str, Meaning], ...] = (
    (
        "already using a port required",
        Meaning("place", "a fixed host port is taken: one task an instance, or use host port 0"),
    ),
    ("insufficient CPU", Meaning("place", "no instance has enough CPU left: add instances or lower `cpu`")),
    ("insufficient memory", Meaning("place", "no instance has enough memory left: add instances or lower `memory`")),
    ("insufficient GPU", Meaning("place", "no instance has a GPU left")),
    ('error "AGENT"', Meaning("place", "the agent of the instance is disconnected: `ecsctl instance list`")),
    ("missing an attribute", Meaning("place", "no instance has an attribute that the task requires")),
    (
        "no container instances were found",
        Meaning("place", "the cluster has no instances: `ecsctl instance bootstrap --count N`"),
    ),
    ("capacity is unavailable", Meaning("wait", "AWS has no capacity of this kind in the zone at the moment")),
    ("you've reached the limit", Meaning("launch", "the account's quota is used up: ask for a higher one")),
    ("unable to assume", Meaning("launch", "ECS cannot assume the role: check that it exists and who it trusts")),
    (
        "failed to launch a task",
        Meaning("launch", "ECS cannot start tasks: check the roles, the subnets and the account's quotas"),
    ),
    (
        "failed to register targets",
        Meaning("launch", "ECS cannot register tasks with the balancer: check the target group and the service's role"),
    ),
    ("unable to place a task", Meaning("place", "no instance can take another task")),
    (
        "unable to consistently start tasks",
        Meaning("task", "its tasks keep failing to start; ECS waits longer and longer between"),
    ),
    ("operations are being throttled", Meaning("wait", "AWS throttles the service's operations; it goes on by itself")),
    (
        "because of the service deployment configuration",
        Meaning("block", "minimumHealthyPercent and maximumPercent leave no room to replace tasks"),
    ),
    (
        "is unhealthy in",
        Meaning("health", "the load balancer finds its tasks unhealthy: check port, path and security groups"),
    ),
    ("failed container health checks", Meaning("health", "its containers fail their own health checks")),
)
# Whatever was in the way of the next task is past when one of these is newer.
PROGRESS = ("has started", "has reached a steady state", "has stopped", "registered")


def event_meaning(message: str) -> Meaning | None:
    """What a service event means for its user; None where it tells of no trouble."""
    lowered = message.lower().replace("\u2019", "'")
    return next((meaning for pattern, meaning in MEANINGS if pattern.lower() in lowered), None)


def sentence(message: str) -> str:
    """An event's message without the service's name, the pointer to the documentation and the last stop."""
    said = message.split(" For more information", 1)[0].rstrip(". ")
    return re.sub(r"^\(?service [^ )]+\)? ", "", said)


def in_force(events: Sequence[EventView], *sorts: Sort) -> EventView | None:
    """The newest event of these sorts after which nothing went forward; events are newest first."""
    for event in events:
        meaning = event_meaning(event.message)
        if meaning is not None and meaning.sort in sorts:
            return event
        if any(word in event.message for word in PROGRESS):
            return None
    return None
