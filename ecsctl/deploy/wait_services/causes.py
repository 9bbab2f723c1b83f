"""Why a service is not steady, the likeliest cause first and each once: what the error of a wait says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ecsctl.deploy.wait_services.observation import Observation
from ecsctl.deploy.wait_services.progress import target_shortage
from ecsctl.query.diagnosis import TaskCause, grouped
from ecsctl.query.log_tail import last_lines
from ecsctl.query.service_events import event_meaning, sentence
from ecsctl.query.views import ContainerView, EventView, TaskView

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

LOG_LINES = 5
# So much of a log line stands in the first line of an error.
LOG_WIDTH = 200
ELB_CHECKS_FAILED = "Task failed ELB health checks"
CONTAINER_CHECKS_FAILED = "Task failed container health checks"


@dataclass(frozen=True)
class Cause:
    """A cause in one sentence, and what stands below it: the last lines of a log."""

    text: str
    details: tuple[str, ...] = ()


def causes_of(aws: Aws, seen: Observation, definition: Mapping[str, Any] | None, *, events: bool = True) -> list[Cause]:
    """What keeps the service from being steady, as far as it was seen: tasks, balancers, events.

    Args:
        definition: the task definition of the deployment that is waited for; None where it cannot be had.
        events: False leaves out what the events, the balancers and the tasks on their way tell.

    Calls: logs:GetLogEvents, for containers that ended by themselves and log to CloudWatch.
    """
    found = [_of_tasks(aws, cause, seen, definition or {}) for cause in grouped(seen.failures.values())]
    if not events:
        return found
    found += _of_unready(seen, definition or {})
    shortage = target_shortage(seen)
    if shortage and not any(ELB_CHECKS_FAILED in cause.text for cause in found):
        found.append(Cause(shortage))
    found += _of_events(seen, told_by_tasks=bool(found))
    found += _of_starting(seen) if not found else []
    return list({cause.text: cause for cause in found}.values())


def _of_tasks(aws: Aws, cause: TaskCause, seen: Observation, definition: Mapping[str, Any]) -> Cause:
    """Why tasks failed, with what only others know: the balancer's reason, the check's command, the last log line."""
    text, task = str(cause), cause.example
    if ELB_CHECKS_FAILED in text:
        reasons = [reason for known in seen.target_reasons.values() for reason in known]
        return Cause(f"{text}: {'; '.join(dict.fromkeys(reasons))}" if reasons else text)
    if CONTAINER_CHECKS_FAILED in text:
        checks = _checks(task, definition)
        return Cause(f"{text}: {'; '.join(checks)}" if checks else text)
    ended = _ended_by_itself(task)
    lines = last_lines(aws, task, ended.name, definition, LOG_LINES) if ended is not None else []
    if ended is None or not lines:
        return Cause(text)
    head = f"the last lines of container {ended.name} of task {task.short_id}:"
    return Cause(f"{text}; its last log line: {lines[-1][:LOG_WIDTH]}", (head, *(f"  {line}" for line in lines)))


def _ended_by_itself(task: TaskView) -> ContainerView | None:
    """The container whose end ended the task, and that ran at all."""
    ended = [c for c in task.containers if c.exit_code is not None and f"container {c.name}" in str(grouped([task])[0])]
    return ended[0] if ended else None


def _checks(task: TaskView, definition: Mapping[str, Any]) -> list[str]:
    """The health checks that a task failed, each with its command."""
    sick = {container.name for container in task.containers if container.health == "UNHEALTHY"}
    rows = [row for row in definition.get("containerDefinitions", ()) if row.get("healthCheck")]
    rows = [row for row in rows if row.get("name") in sick] or rows
    return [f"{row['name']} runs `{_command(row)}`" for row in rows]


def _command(container: Mapping[str, Any]) -> str:
    words = [str(word) for word in (container.get("healthCheck") or {}).get("command") or ()]
    return " ".join(words[1:] if words[:1] in (["CMD"], ["CMD-SHELL"]) else words)


def _of_unready(seen: Observation, definition: Mapping[str, Any]) -> Iterator[Cause]:
    rows = {row.get("name"): row for row in definition.get("containerDefinitions", ())}
    for name in seen.unready():
        waiting = [
            str(row.get("name"))
            for row in rows.values()
            for item in row.get("dependsOn") or ()
            if item.get("containerName") == name and item.get("condition") == "HEALTHY"
        ]
        check = f" (`{_command(rows[name])}`)" if rows.get(name, {}).get("healthCheck") else ""
        then = f", and {' and '.join(waiting)} wait{'s' if len(waiting) == 1 else ''} for it" if waiting else ""
        yield Cause(f"container {name} fails its health check{check}{then}")


def _of_events(seen: Observation, *, told_by_tasks: bool) -> Iterator[Cause]:
    """What the events since tell; where nothing new was said, what was said since the service was last steady holds.

    ECS mutes an event that it has told before.
    """
    events = seen.events()
    trouble = [event for event in events if event_meaning(event.message)]
    if not trouble and not told_by_tasks and seen.view is not None:
        trouble = [event for event in _since_steady(seen.view.events) if event_meaning(event.message)][:3]
    for event in trouble:
        meaning = event_meaning(event.message)
        if meaning is not None and not (told_by_tasks and meaning.sort in ("task", "health")):
            yield Cause(f"{sentence(event.message)} ({meaning.text})")


def _since_steady(events: tuple[EventView, ...]) -> Iterator[EventView]:
    for event in events:
        if "has reached a steady state" in event.message:
            return
        yield event


def _of_starting(seen: Observation) -> list[Cause]:
    """Where the tasks are that do not run yet, where nobody has complained so far."""
    states: dict[str, int] = {}
    for task in seen.starting:
        states[task.last_status] = states.get(task.last_status, 0) + 1
    return [
        Cause(f"{count} task{'s are' if count > 1 else ' is'} {status}") for status, count in sorted(states.items())
    ]
