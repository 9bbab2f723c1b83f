"""What was probably meant by a name that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

# What other tools call it, where the names are too far apart to be found by likeness.
KNOWN_ELSEWHERE = {
    "ports": "portMappings",
    "env": "environment",
    "expose": "portMappings",
    "volumes": "mountPoints",
    "mounts": "mountPoints",
    "depends_on": "dependsOn",
    "replicas": "desiredCount",
    "scale": "desiredCount",
    "count": "desiredCount",
    "containers": "containerDefinitions",
    "logging": "logConfiguration",
    "task": "taskDefinition",
    "tasks": "taskDefinitions",
    "cap_add": "linuxParameters",
    "working_dir": "workingDirectory",
    "labels": "dockerLabels",
    "elb": "loadBalancer",
    "capacity": "instances",
    "project": "name",
}
MAX_VALUES = 12
MAX_KEYS = 30


def closest_key(name: str, known: Iterable[str]) -> str | None:
    """The known key that an unknown one was probably meant to be, or None."""
    names = list(known)
    lower = {item.lower(): item for item in names}
    guess = lower.get(name.lower().replace("_", "").replace("-", ""))
    if guess is None and KNOWN_ELSEWHERE.get(name) in names:
        guess = KNOWN_ELSEWHERE[name]
    return guess if guess is not None else _near(name, names, 0.7)


def known_keys(names: Iterable[str]) -> str:
    """The known keys in words, cut in length."""
    listed = sorted(names)
    more = " …" if len(listed) > MAX_KEYS else ""
    return f"known: {', '.join(listed[:MAX_KEYS])}{more}"


def one_of(value: str, allowed: Iterable[Any]) -> str:
    """The allowed values in words, with the closest one as a question first."""
    names = [str(item) for item in allowed]
    near = _near(value, names, 0.6)
    guess = f"did you mean {near}? " if near is not None else ""
    more = f" and {len(names) - MAX_VALUES} more" if len(names) > MAX_VALUES else ""
    return f"{guess}one of {', '.join(names[:MAX_VALUES])}{more}"


def _near(name: str, names: list[str], cutoff: float) -> str | None:
    lower = {item.lower(): item for item in names}
    near = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=cutoff)
    return lower[near[0]] if near else None
