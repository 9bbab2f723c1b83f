"""CloudWatch Logs: events on disk, pages and tokens as AWS gives them, a missing stream told from a missing group.

A token of AWS is a place in the stream: it stays when the bounds of time change, and at the end it is given back as it
was. moto's counts the events of one query, and sorts all of them for each.
"""

from __future__ import annotations

import base64
import heapq
import itertools
import json
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ecsctl.sandbox.logs.events import ComputedEvents, Event, StreamEvents

PAGE = 10_000
PAGE_BYTES = 1024 * 1024
# What CloudWatch counts for each event beside its text.
EVENT_BYTES = 26
NO_STREAM = "The specified log stream does not exist."
BAD_TOKEN = "The specified nextToken is invalid."


def patch(folder: Path) -> None:
    """Have the events of log streams in files below ``folder``."""
    from moto.logs import models
    from moto.logs.exceptions import ResourceNotFoundException

    LogStream: Any = models.LogStream  # noqa: N806
    LogGroup: Any = models.LogGroup  # noqa: N806
    LogsBackend: Any = models.LogsBackend  # noqa: N806
    StreamEvents.home = folder
    make, delete_stream, delete_group = LogStream.__init__, LogGroup.delete_log_stream, LogsBackend.delete_log_group

    def __init__(self: Any, *args: Any, **keywords: Any) -> None:  # noqa: N807
        make(self, *args, **keywords)
        self.events = StreamEvents(folder, uuid.uuid4().hex)

    def _update(self: Any) -> None:
        times = self.events.times()
        self.first_event_timestamp, self.last_event_timestamp = times or (None, None)

    def to_describe_dict(self: Any) -> dict[str, Any]:
        from moto.core.utils import unix_time_millis

        _update(self)
        told = {
            "arn": self.arn,
            "creationTime": int(unix_time_millis(self.creation_time)),
            "logStreamName": self.log_stream_name,
            # AWS has told nothing else since 2019.
            "storedBytes": 0,
        }
        if self.events:
            told["firstEventTimestamp"] = self.first_event_timestamp
            told["lastEventTimestamp"] = told["lastIngestionTime"] = self.last_event_timestamp
            told["uploadSequenceToken"] = str(self.upload_sequence_token)
        return told

    def get_log_events(self: Any, stream: str, *rest: Any) -> Any:
        if stream not in self.streams:
            raise ResourceNotFoundException(NO_STREAM)
        return page_of(self.streams[stream].events, *rest)

    def filter_log_events(
        self: Any,
        log_group_name: str,
        log_stream_names: list[str],
        start_time: int | None,
        end_time: int | None,
        limit: int | None,
        next_token: str | None,
        filter_pattern: str | None,
        interleaved: bool,
    ) -> Any:
        missing = [name for name in log_stream_names or () if name not in self.streams]
        if missing:
            raise ResourceNotFoundException(NO_STREAM)
        streams = {n: s.events for n, s in self.streams.items() if not log_stream_names or n in log_stream_names}
        events, token = filtered(streams, start_time, end_time, limit or PAGE, next_token, filter_pattern)
        searched = [{"logStreamName": name, "searchedCompletely": token is None} for name in streams]
        return events, token, searched

    def delete_log_stream(self: Any, log_stream_name: str) -> None:
        found = self.streams.get(log_stream_name)
        delete_stream(self, log_stream_name)
        found.events.clear()

    def delete_log_group(self: Any, log_group_name: str) -> None:
        found = self.groups.get(log_group_name)
        delete_group(self, log_group_name)
        for stream in found.streams.values():
            stream.events.clear()

    LogStream.__init__ = __init__
    LogStream._update = _update
    LogStream.to_describe_dict = to_describe_dict
    LogGroup.get_log_events = get_log_events
    LogGroup.filter_log_events = filter_log_events
    LogGroup.delete_log_stream = delete_log_stream
    LogsBackend.delete_log_group = delete_log_group


Events = StreamEvents | ComputedEvents


def page_of(
    events: Events,
    start_time: int | None,
    end_time: int | None,
    limit: int | None,
    next_token: str | None,
    start_from_head: bool,
) -> tuple[list[dict[str, Any]], str, str]:
    """GetLogEvents' answer: the events, the token of what is before them, and of what comes behind."""
    forwards, number = _place(events, next_token, start_from_head)
    most = limit or PAGE
    if forwards:
        source = itertools.takewhile(
            lambda e: end_time is None or e.timestamp < end_time, events.forwards(number, start_time)
        )
        chosen = list(_cut((e for e in source if start_time is None or e.timestamp >= start_time), most))
        behind = chosen[-1].number + 1 if chosen else number
        before = chosen[0].number if chosen else number
    else:
        source = itertools.takewhile(
            lambda e: start_time is None or e.timestamp >= start_time, events.backwards(number, end_time)
        )
        chosen = list(_cut((e for e in source if end_time is None or e.timestamp < end_time), most))[::-1]
        before = chosen[0].number if chosen else number
        behind = chosen[-1].number + 1 if chosen else number
    return [event.to_response_dict() for event in chosen], f"b/{before:056d}", f"f/{behind:056d}"


def _place(events: Events, token: str | None, start_from_head: bool) -> tuple[bool, int]:
    from moto.logs.exceptions import InvalidParameterException

    if token is None:
        return start_from_head, events.first if start_from_head else events.end
    direction, _, digits = token.partition("/")
    if direction not in ("f", "b") or not digits.isdigit():
        raise InvalidParameterException(BAD_TOKEN)
    return direction == "f", int(digits)


def _cut(events: Iterator[Event], most: int) -> Iterator[Event]:
    size = 0
    for count, event in enumerate(events):
        size += len(event.message) + EVENT_BYTES
        if count == most or (count and size > PAGE_BYTES):
            return
        yield event


def filtered(
    streams: dict[str, Events],
    start_time: int | None,
    end_time: int | None,
    limit: int,
    token: str | None,
    pattern: str | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """FilterLogEvents' answer: the events of several streams by time, and the token of what comes behind."""
    from moto.logs.exceptions import InvalidParameterException
    from moto.logs.utils import EventMessageFilter

    try:
        places: dict[str, int] = json.loads(base64.b64decode(token)) if token else {}
    except ValueError:
        raise InvalidParameterException(BAD_TOKEN) from None
    wanted = EventMessageFilter(pattern) if pattern else None

    def of(name: str, events: Events) -> Iterator[tuple[int, str, Event]]:
        for event in events.forwards(places.get(name, events.first), start_time):
            if end_time is not None and event.timestamp > end_time:
                return
            if start_time is None or event.timestamp >= start_time:
                yield event.timestamp, name, event

    chosen: list[dict[str, Any]] = []
    size = 0
    following: str | None = None
    for timestamp, name, event in heapq.merge(*(of(n, e) for n, e in streams.items()), key=lambda row: row[:2]):
        if len(chosen) == limit or (chosen and size > PAGE_BYTES):
            following = base64.b64encode(json.dumps(places).encode()).decode()
            break
        places[name] = event.number + 1
        if wanted is None or wanted.matches(event.message):
            size += len(event.message) + EVENT_BYTES
            chosen.append(
                {
                    "logStreamName": name,
                    "timestamp": timestamp,
                    "message": event.message,
                    "ingestionTime": event.ingestion_time,
                    "eventId": f"{timestamp:020d}{event.number:016d}{zlib.crc32(name.encode()):020d}",
                }
            )
    return chosen, following
