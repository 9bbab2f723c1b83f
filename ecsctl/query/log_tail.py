"""The last lines that a container wrote, where CloudWatch Logs has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ecsctl.aws.failures import can_go_without
from ecsctl.errors import AwsError
from ecsctl.query.views import TaskView

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = ("logs:GetLogEvents",)


def last_lines(aws: Aws, task: TaskView, container: str, definition: Mapping[str, Any], count: int = 5) -> list[str]:
    """The last ``count`` lines of a task's container, oldest first; none where it logs elsewhere or may not be asked.

    Args:
        definition: the task definition, as DescribeTaskDefinition gives it.

    Calls: logs:GetLogEvents.
    """
    rows = [row for row in definition.get("containerDefinitions", ()) if row.get("name") == container]
    logging = (rows[0].get("logConfiguration") or {}) if rows else {}
    options = logging.get("options") or {}
    if logging.get("logDriver") != "awslogs" or options.get("awslogs-region") not in (None, aws.region):
        return []
    stream = _stream(task, container, options.get("awslogs-stream-prefix"))
    if not stream or not options.get("awslogs-group"):
        return []
    query = {"logGroupName": options["awslogs-group"], "logStreamName": stream, "limit": count, "startFromHead": False}
    try:
        answer = aws.call("logs", "GetLogEvents", query, about=f"log stream {stream}")
    except AwsError as error:
        # The task may have written nothing yet, or the group may be gone.
        if error.aws_code != "ResourceNotFoundException" and not can_go_without(error):
            raise
        return []
    lines = [str(event.get("message", "")).rstrip() for event in answer.get("events", ())]
    return [line for line in lines if line]


def _stream(task: TaskView, container: str, prefix: str | None) -> str | None:
    """The name of a container's log stream: of the task's id, or without a prefix of Docker's id of the container."""
    if prefix:
        return f"{prefix}/{container}/{task.id}"
    return next((found.runtime_id for found in task.containers if found.name == container), None)
