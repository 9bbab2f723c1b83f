"""CloudWatch Logs in memory, with its tokens and pages: what following logs is tested on."""

from __future__ import annotations

import threading
from typing import Any

from ecsctl.errors import AwsError

Json = dict[str, Any]


class LogService:
    """Log groups with streams; ``put`` appends, as the awslogs driver does. Pages have at most ``page`` events."""

    def __init__(self, page: int = 10_000) -> None:
        self.page = page
        self.groups: dict[str, dict[str, list[Json]]] = {}
        self.calls = 0
        self.largest = 0
        self._lock = threading.Lock()

    def put(self, group: str, stream: str, *events: tuple[int, str], ingested: int | None = None) -> None:
        """Append events, (milliseconds of the epoch, message)."""
        with self._lock:
            rows = self.groups.setdefault(group, {}).setdefault(stream, [])
            rows += [{"timestamp": t, "message": m, "ingestionTime": ingested or t + 100} for t, m in events]

    def get_log_events(self, query: Json) -> Json:
        with self._lock:
            self.calls += 1
            rows = self._rows(query)
            first, last = query.get("startTime", 0), query.get("endTime", 1 << 62)
            limit = min(self.page, query["limit"])
            assert 1 <= query["limit"] <= 10_000
            token = query.get("nextToken")
            forwards = query["startFromHead"]
            assert token is None or (token[0] == "f") is forwards, "a token is of one direction"
            at = int(token[2:]) if token else (0 if forwards else len(rows))
            chosen: list[tuple[int, Json]] = []
            for n in range(at, len(rows)) if forwards else range(at - 1, -1, -1):
                if len(chosen) == limit:
                    break
                if first <= rows[n]["timestamp"] < last:
                    chosen.append((n, rows[n]))
            if not forwards:
                chosen.reverse()
            ahead = chosen[-1][0] + 1 if chosen else at
            behind = chosen[0][0] if chosen else at
            self.largest = max(self.largest, len(chosen))
            return {
                "events": [row for _, row in chosen],
                "nextForwardToken": f"f/{ahead}",
                "nextBackwardToken": f"b/{behind}",
            }

    def describe_log_streams(self, query: Json) -> Json:
        streams = self.groups.get(query["logGroupName"])
        if streams is None:
            raise _missing("DescribeLogStreams", "group")
        return {
            "logStreams": [
                {"logStreamName": name, "lastEventTimestamp": rows[-1]["timestamp"] if rows else None}
                for name, rows in sorted(streams.items())
                if name.startswith(query["logStreamNamePrefix"])
            ]
        }

    def _rows(self, query: Json) -> list[Json]:
        streams = self.groups.get(query["logGroupName"])
        if streams is None:
            raise _missing("GetLogEvents", "group")
        if query["logStreamName"] not in streams:
            raise _missing("GetLogEvents", "stream")
        return streams[query["logStreamName"]]


def _missing(operation: str, what: str) -> AwsError:
    return AwsError(f"logs:{operation}", "ResourceNotFoundException", f"The specified log {what} does not exist.")
