"""Where the containers of tasks write their logs: log streams of CloudWatch, or some other place, in words. Pure.

The awslogs driver names a stream ``prefix/container/task-id``; without ``awslogs-stream-prefix`` (which only EC2 takes)
the stream has the id that Docker gave the container.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.query.views import TaskView

Json = Mapping[str, Any]
DEFAULT_DRIVER = "json-file"
# The options of log drivers that say where the lines go.
ADDRESSES = ("splunk-url", "fluentd-address", "gelf-address")


@dataclass(frozen=True)
class LogSource:
    """A container of a task, and the log stream that it writes to. ``region`` is None where it is the task's own."""

    task_id: str
    task_arn: str
    container: str
    group: str
    stream: str
    region: str | None = None
    service: str | None = None
    family: str = ""
    several: bool = False
    ended: bool = False

    @property
    def key(self) -> tuple[str | None, str, str]:
        """What tells one stream from another."""
        return self.region, self.group, self.stream


@dataclass(frozen=True)
class Destinations:
    """Where the containers of a task log to: streams that can be read here, and sentences about all the others."""

    sources: tuple[LogSource, ...]
    elsewhere: tuple[str, ...] = ()


def destinations(task: TaskView, definition: Json, region: str, container: str | None = None) -> Destinations:
    """Where a task's containers write their logs.

    Args:
        definition: the task definition of the task (DescribeTaskDefinition's ``taskDefinition``).
        region: the task's own.
        container: only this one.
    """
    sources: list[LogSource] = []
    elsewhere: list[str] = []
    runtime_ids = {row.name: row.runtime_id for row in task.containers}
    rows = [row for row in definition.get("containerDefinitions", ()) if container in (None, row["name"])]
    for row in rows:
        settings: Json = row.get("logConfiguration") or {}
        options: Json = settings.get("options") or {}
        who = f"container {row['name']} of task {task.short_id}"
        if settings.get("logDriver") != "awslogs":
            elsewhere.append(f"{who} {_elsewhere(settings, options, task)}")
            continue
        stream = stream_of(options, row["name"], task.id, runtime_ids.get(row["name"]))
        if stream is None:
            elsewhere.append(f"{who} has not started, so its log stream has no name yet")
            continue
        other = options.get("awslogs-region")
        sources.append(
            LogSource(
                task_id=task.id,
                task_arn=task.arn,
                container=row["name"],
                group=str(options.get("awslogs-group", "")),
                stream=stream,
                region=str(other) if other and other != region else None,
                service=task.service,
                family=task.family,
                several=len(definition.get("containerDefinitions", ())) > 1,
                ended=task.stopped,
            )
        )
    return Destinations(tuple(sources), tuple(elsewhere))


def stream_of(options: Json, container: str, task_id: str, runtime_id: str | None) -> str | None:
    """The name of the stream that the awslogs driver writes to; None where it is not known yet."""
    prefix = options.get("awslogs-stream-prefix")
    return f"{prefix}/{container}/{task_id}" if prefix else runtime_id


def _elsewhere(settings: Json, options: Json, task: TaskView) -> str:
    driver = settings.get("logDriver") or DEFAULT_DRIVER
    host = task.host or "its instance"
    if driver in ("json-file", "local"):
        configured = "has no logConfiguration" if not settings else f"logs with the driver {driver}"
        return f"{configured}: its lines stay on {host} (`docker logs` there)"
    if driver == "none":
        return "logs nowhere: its log driver is none"
    if driver == "awsfirelens":
        where = [options.get(name) for name in ("Name", "@type") if options.get(name)]
        keys = ("log_group_name", "delivery_stream", "bucket", "Host", "host", "endpoint", "stream")
        where += [f"{key} {options[key]}" for key in keys if options.get(key)]
        return f"sends its lines through FireLens{' to ' + ', '.join(map(str, where)) if where else ''}"
    if driver in ("syslog", "journald"):
        address = options.get("syslog-address")
        return f"logs to {driver} of {host}" if not address else f"logs to syslog at {address}"
    address = next((options[key] for key in ADDRESSES if options.get(key)), None)
    return f"logs with the driver {driver}{f' to {address}' if address else ''}, which ecsctl cannot read"


def shorten(ids: Iterable[str], least: int = 8) -> dict[str, str]:
    """Each id cut to the fewest digits (at least ``least``) that tell it from the others."""
    known = sorted(set(ids))
    length = least
    longest = max((len(one) for one in known), default=0)
    while length < longest and len({one[:length] for one in known}) < len(known):
        length += 1
    return {one: one[:length] for one in known}
