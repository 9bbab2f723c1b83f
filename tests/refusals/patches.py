"""Requests made of a base and of what is set in it, and what becomes of them offline."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import dataclass, field
from typing import Any

from ecsctl.manifest import check
from ecsctl.manifest.model import Fault
from ecsctl.manifest.rules import all_rules


@dataclass(frozen=True)
class Example:
    """A refusal, a request that has just that fault, and its good twin.

    ``bad_definition``, ``good_definition``: the task definition of a service's. ``offline`` False: it depends on what
    a file does not say.
    """

    refusal: str
    bad: dict[str, Any]
    good: dict[str, Any]
    bad_definition: dict[str, Any] = field(default_factory=dict)
    good_definition: dict[str, Any] = field(default_factory=dict)
    offline: bool = True


def patched(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of the base with members set, by paths as ``containerDefinitions.0.name``; None takes one out."""
    made = copy.deepcopy(base)
    for path, value in changes.items():
        *way, last = path.split(".") if not path.count("awslogs-") else path.split(".", 5)
        holder: Any = made
        for part in way:
            if isinstance(holder, list):
                holder = holder[int(part)]
            else:
                holder = holder.setdefault(part, {})
        if isinstance(holder, list):
            _set_item(holder, int(last), value)
        elif value is None:
            holder.pop(last, None)
        else:
            holder[last] = copy.deepcopy(value)
    return made


def _set_item(holder: list[Any], index: int, value: Any) -> None:
    if value is None:
        del holder[index]
    elif index == len(holder):
        holder.append(copy.deepcopy(value))
    else:
        holder[index] = copy.deepcopy(value)


def faults_of(definition: dict[str, Any]) -> list[Fault]:
    """What ``validate`` says of a project of one task definition."""
    members = {name: value for name, value in definition.items() if name != "family"}
    document = {"name": "p", "taskDefinitions": {definition.get("family", "t"): members}}
    _, faults = check(["-"], stdin=io.BytesIO(json.dumps(document).encode()), env={})
    return faults


def errors(faults: list[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.severity == "error"]


def citing(refusal: str) -> set[str]:
    """The rules that say a refusal."""
    return {rule.id for rule in all_rules().values() if refusal in {one.id for one in rule.cites}}
