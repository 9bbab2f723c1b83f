"""What can be waited for of a task or a service, as a test of what ECS describes. Pure.

A condition is one of :data:`NAMES`, or an expression: ``.lastStatus==STOPPED`` as kubectl's jsonpath conditions, or any
JMESPath expression whose value then counts as true or false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.aws.jmespath_query import compile_query

Json = Mapping[str, Any]
NAMES = ("running", "stopped", "healthy", "steady", "gone")
SIMPLE = re.compile(
    r"(?:jsonpath=)?\{?\.?(?P<path>[A-Za-z_][\w.\[\]]*)\}?\s*(?P<operator>==|!=|>=|<=|=|>|<)\s*(?P<value>[^\s=`(][^`(]*)"
)
WORD = re.compile(r"[\w-]*")


@dataclass(frozen=True)
class State:
    """How a subject stands: whether the condition is met, in words, and what keeps it from ever being met."""

    met: bool
    text: str
    failed: str | None = None


class Expression:
    """An expression over what ECS describes.

    Args:
        text: as written.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if WORD.fullmatch(text):
            import difflib

            near = difflib.get_close_matches(text, NAMES, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"it is none of {', '.join(NAMES)}, and compares nothing{meant}")
        simple = SIMPLE.fullmatch(text.strip())
        self._compare: tuple[str, str] | None = None
        if simple:
            self._path = simple["path"]
            self._compare = (simple["operator"].replace("==", "="), simple["value"].strip().strip("'\""))
        else:
            self._path = text.strip().removeprefix(".")
        self._value: Callable[[Any], Any] = compile_query(self._path)

    def holds(self, described: Json) -> bool:
        """Whether it is true of what ECS describes.

        Raises:
            ValueError: it does not fit the types of the data.
        """
        value = self._value(described)
        if self._compare is None:
            return value not in (None, False, "", [], {})
        operator, wanted = self._compare
        return _compared(value, operator, described.get(wanted, wanted))

    def told(self, described: Json) -> str:
        """What it sees now, in words."""
        value = self._value(described)
        return f"{self._path} is {'not set' if value is None else value}"


def _compared(value: Any, operator: str, wanted: Any) -> bool:
    if isinstance(value, bool):
        value, wanted = str(value).lower(), str(wanted).lower()
    elif isinstance(value, (int, float)):
        try:
            wanted = float(wanted)
        except (TypeError, ValueError):
            return operator == "!="
    elif value is None:
        return (operator == "!=") is not (str(wanted).lower() in ("null", "none"))
    else:
        value, wanted = str(value), str(wanted)
    return bool(
        {
            "=": value == wanted,
            "!=": value != wanted,
            ">": value > wanted,
            "<": value < wanted,
            ">=": value >= wanted,
            "<=": value <= wanted,
        }[operator]
    )


Condition = str | Expression


def parse(text: str) -> Condition:
    """The condition that a text names.

    Raises:
        ValueError: it names none and is no expression.
    """
    return text if text in NAMES else Expression(text)


def of_task(described: Json, condition: Condition) -> State:
    """How a task stands, by DescribeTasks' member of it."""
    status, desired = described.get("lastStatus", "UNKNOWN"), described.get("desiredStatus")
    stopped = status == "STOPPED"
    if condition == "gone":
        return State(stopped, f"is {status}")
    if condition == "stopped":
        return State(stopped, f"is {status}")
    if isinstance(condition, Expression):
        met = condition.holds(described)
        over = f"has stopped, and {condition.told(described)}" if stopped and not met else None
        return State(met, condition.told(described), over)
    over = "has stopped" if stopped else None
    if condition == "healthy":
        health = described.get("healthStatus") or "UNKNOWN"
        return State(health == "HEALTHY" and not stopped, f"is {status}, its health {health}", over)
    return State(status == "RUNNING" and desired == "RUNNING", f"is {status}", over)


def of_service(described: Json, condition: Condition, tasks: Callable[[], list[Json]]) -> State:
    """How a service stands, by DescribeServices' member of it.

    Args:
        tasks: DescribeTasks' members of the tasks that it wants to run.
    """
    status = described.get("status", "UNKNOWN")
    running, desired = described.get("runningCount", 0), described.get("desiredCount", 0)
    if condition == "gone":
        return State(status == "INACTIVE", f"is {status}")
    over = "has been deleted" if status == "INACTIVE" else None
    if isinstance(condition, Expression):
        met = condition.holds(described)
        return State(met, condition.told(described), over if not met else None)
    if condition == "stopped":
        left = running + described.get("pendingCount", 0)
        return State(left == 0, f"has {left} tasks left" if left else "has no task left")
    if condition == "healthy":
        healthy = sum(task.get("healthStatus") == "HEALTHY" for task in tasks())
        return State(healthy >= desired == running, f"has {healthy} of {desired} tasks healthy", over)
    return State(running >= desired, f"has {running} of {desired} tasks running", over)
