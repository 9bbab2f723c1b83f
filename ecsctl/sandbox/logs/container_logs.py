"""Where the output of containers goes: the log streams that the options of their awslogs driver name.

A container whose group is not there, and is not to be made, does not start; AWS says so in words of its own for each
launch type, and so does this.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from ecsctl.sandbox.interfaces import ContainerRequest
from ecsctl.sandbox.logs.events import ComputedEvents, StreamEvents

NOT_THERE = "ResourceNotFoundException: The specified log group does not exist."
ON_EC2 = (
    "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to initialize "
    "logging driver: failed to create Cloudwatch log stream: operation error CloudWatch Logs: CreateLogStream, https "
    "response error StatusCode: 400, " + NOT_THERE
)
ON_FARGATE = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to "
    "create Cloudwatch log stream: " + NOT_THERE + " : exit status 1"
)


class LogSetupError(Exception):
    """A container cannot log as its definition says; the text is the ECS agent's."""


class ContainerLogs:
    """Opens the log streams of containers.

    Args:
        account: twelve digits.
        lock: the account's, under which moto is asked.
        clock: the sandbox's, epoch seconds.
    """

    def __init__(self, account: str, lock: threading.RLock, clock: Callable[[], float]) -> None:
        self._account, self._lock, self._clock = account, lock, clock

    def stream(self, request: ContainerRequest, runtime_id: str) -> StreamEvents | None:
        """The events of the stream that a container writes to, made if need be; None where it does not log here.

        Raises:
            LogSetupError: there is no such group.
        """
        found = self._stream(request, runtime_id)
        return None if found is None else cast(StreamEvents, found.events)

    def compute(
        self, request: ContainerRequest, runtime_id: str, lines: Sequence[tuple[float, str]], text: str
    ) -> ComputedEvents | None:
        """The same for a simulated container: its stream goes on by itself until it is closed.

        Raises:
            LogSetupError: there is no such group.
        """
        found = self._stream(request, runtime_id)
        if found is None:
            return None
        if isinstance(found.events, ComputedEvents):
            found.events.resume(self._clock)
        else:
            found.events = ComputedEvents(lines, self._clock(), text, self._clock)
        return found.events

    def append(self, events: StreamEvents, rows: Sequence[tuple[int, str]]) -> None:
        """Take lines of a container in: (when it wrote them, in nanoseconds of the real clock; text)."""
        now = self._clock()
        shift = now - _real_time()
        # The sandbox's clock may be ahead; where it is not, the time is the container's own to the millisecond.
        shift = 0.0 if abs(shift) < 1 else shift
        last, milliseconds = events.last, int(shift * 1000)
        made = []
        for ns, text in rows:
            # Docker stamps stdout and stderr each by itself: their order is that of the lines.
            last = max(last, ns // 1_000_000 + milliseconds)
            made.append((last, text, ns))
        events.append(made, int(now * 1000))

    def _stream(self, request: ContainerRequest, runtime_id: str) -> Any:
        settings = cast(Mapping[str, Any], request.definition.get("logConfiguration") or {})
        if settings.get("logDriver") != "awslogs":
            return None
        options: Mapping[str, Any] = settings.get("options") or {}
        prefix = options.get("awslogs-stream-prefix")
        task = request.task_arn.rsplit("/", 1)[-1]
        name = f"{prefix}/{request.name}/{task}" if prefix else runtime_id
        region = str(options.get("awslogs-region") or request.task_arn.split(":")[3])
        group_name = str(options.get("awslogs-group"))
        from moto.logs.models import logs_backends

        with self._lock:
            backend = logs_backends[self._account][region]
            group = backend.groups.get(group_name)
            if group is None:
                if str(options.get("awslogs-create-group", "")).lower() != "true":
                    raise LogSetupError(ON_EC2 if request.instance_id else ON_FARGATE)
                backend.create_log_group(group_name, {})
                group = backend.groups[group_name]
            if name not in group.streams:
                group.create_log_stream(name)
            return group.streams[name]


def _real_time() -> float:
    import time

    return time.time()
