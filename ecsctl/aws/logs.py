"""What CloudWatch Logs is asked: the events of a stream page by page, forwards or backwards, and a group's streams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ecsctl.aws.session import Aws, Json

AWS_OPERATIONS = ("logs:DescribeLogStreams", "logs:GetLogEvents")
# The most events that one page of GetLogEvents has.
EVENTS = 10_000


@dataclass(frozen=True)
class Page:
    """A page of a stream's events, oldest first; ``token`` continues it in the direction that was asked for.

    ``end`` says that there is nothing more in that direction now; ``forward`` continues behind the page in any case.
    """

    events: tuple[Json, ...]
    token: str
    end: bool
    forward: str = ""


def read_events(
    aws: Aws,
    group: str,
    stream: str,
    *,
    token: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int = EVENTS,
    backwards: bool = False,
) -> Page:
    """A page of a stream's events (logs:GetLogEvents).

    Args:
        token: of the page before; None begins at the oldest event, or at the newest one where ``backwards``.
        since: milliseconds of the epoch: only events of then or later.
        until: milliseconds of the epoch: only events of before.
        limit: the most events of the page; AWS takes 1 to 10,000, and cuts a page at 1 MB.

    Raises:
        AwsError: ResourceNotFoundException where there is no such group or stream (yet), AccessDeniedException …
    """
    query: Json = {"logGroupName": group, "logStreamName": stream, "limit": limit, "startFromHead": not backwards}
    query.update({"startTime": since} if since is not None else {})
    query.update({"endTime": until} if until is not None else {})
    query.update({"nextToken": token} if token else {})
    answer = aws.call("logs", "GetLogEvents", query, about=f"log stream {group} {stream}")
    following = str(answer.get("nextBackwardToken" if backwards else "nextForwardToken") or "")
    # An empty page may be followed by a full one: the end is where the token stays as it was.
    forward = str(answer.get("nextForwardToken") or "")
    return Page(tuple(answer.get("events", ())), following, not following or following == token, forward)


def list_streams(aws: Aws, group: str, prefix: str) -> Iterator[Json]:
    """The streams of a group whose names begin with ``prefix`` (logs:DescribeLogStreams)."""
    query: Json = {"logGroupName": group, "logStreamNamePrefix": prefix}
    return aws.pages("logs", "DescribeLogStreams", query, "logStreams", about=f"log group {group}")
