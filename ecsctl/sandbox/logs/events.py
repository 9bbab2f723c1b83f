"""The events of a log stream on disk: appended in microseconds, read from any place, the oldest dropped in time.

moto keeps every event as an object for ever and sorts all of them for each page, which ends after some minutes of a
talkative container. Here a stream is a few files of records, with a sparse index in memory, saved with the state.
"""

from __future__ import annotations

import bisect
import contextlib
import itertools
import math
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

RECORD = struct.Struct("<qqqI")
# A stream's files, and how many bytes of it are kept.
SEGMENT_BYTES = 4 * 1024 * 1024
SEGMENTS = 32
EVERY = 200


class Event(NamedTuple):
    """An event: its number in the stream, its times in milliseconds of the epoch, its text.

    ``source_ns`` is when the container wrote it, in nanoseconds of its engine's clock (0 where no container did).
    """

    number: int
    timestamp: int
    ingestion_time: int
    message: str
    source_ns: int = 0

    def to_response_dict(self) -> dict[str, Any]:
        """As GetLogEvents tells it."""
        return {"ingestionTime": self.ingestion_time, "message": self.message, "timestamp": self.timestamp}


class Segment:
    """One file: ``first`` is its first event's number; the index has (number, place in the file, time)."""

    def __init__(self, name: str, first: int) -> None:
        self.name = name
        self.first = first
        self.count = 0
        self.size = 0
        self.least: int | None = None
        self.most = 0
        self.index: list[tuple[int, int, int]] = []


class StreamEvents:
    """The events of a log stream.

    Args:
        folder: where its files are; those of a saved state are in ``home``.
        name: what they are called; unlike that of any other stream.
    """

    home: ClassVar[Path] = Path("logs")

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._segments: list[Segment] = []
        self._next = 0
        self._ordered = True
        self._last = 0
        self.last_source_ns = 0
        self._lock = threading.Lock()
        self._open: Any = None

    def __getstate__(self) -> dict[str, Any]:
        # Without the lock, which a copy of the process would wait for in vain; the last file is read anew anyway.
        state = {k: v for k, v in self.__dict__.items() if k not in ("_lock", "_open", "_folder")}
        return {**state, "_segments": list(self._segments)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._open, self._folder = threading.Lock(), None, StreamEvents.home
        self._recover()

    def _recover(self) -> None:
        """Take in what was written after the state was saved, and forget what the disk no longer has."""
        known = {segment.name: segment for segment in self._segments[:-1]}
        numbers = sorted(int(path.suffix[1:]) for path in self._folder.glob(f"{self._name}.*"))
        self._segments = []
        for number in numbers:
            name = f"{self._name}.{number}"
            segment = known.get(name)
            self._segments.append(segment or Segment(name, number))
            if segment is None:
                self._next = number
                with contextlib.suppress(OSError):
                    self._scan(self._segments[-1])

    def _scan(self, segment: Segment) -> None:
        data = (self._folder / segment.name).read_bytes()
        place = 0
        while place + RECORD.size <= len(data):
            timestamp, _, source_ns, length = RECORD.unpack_from(data, place)
            if place + RECORD.size + length > len(data):
                break
            self._note(segment, timestamp, source_ns, RECORD.size + length)
            place += RECORD.size + length
        if place < len(data):
            os.truncate(self._folder / segment.name, place)

    def _note(self, segment: Segment, timestamp: int, source_ns: int, size: int) -> None:
        if segment.count % EVERY == 0:
            segment.index.append((self._next, segment.size, timestamp))
        segment.count += 1
        segment.size += size
        segment.least = timestamp if segment.least is None else min(segment.least, timestamp)
        segment.most = max(segment.most, timestamp)
        self._ordered = self._ordered and timestamp >= self._last
        self._last = max(self._last, timestamp)
        self.last_source_ns = max(self.last_source_ns, source_ns)
        self._next += 1

    def append(self, rows: Sequence[tuple[int, str, int]], now: int) -> None:
        """Take events in: (time in milliseconds, text, when the container wrote it in nanoseconds or 0).

        Args:
            now: milliseconds of the epoch: the ingestion time.

        Raises:
            OSError: the disk is full.
        """
        with self._lock:
            start = 0
            while start < len(rows):
                segment = self._segment()
                parts: list[bytes] = []
                noted: list[tuple[int, int, int]] = []
                size = segment.size
                for timestamp, text, source_ns in rows[start:]:
                    body = text.encode("utf-8", "replace")
                    parts.append(RECORD.pack(timestamp, now, source_ns, len(body)))
                    parts.append(body)
                    noted.append((timestamp, source_ns, RECORD.size + len(body)))
                    size += RECORD.size + len(body)
                    if size >= SEGMENT_BYTES:
                        break
                if self._open is None:
                    self._folder.mkdir(parents=True, exist_ok=True)
                    self._open = open(self._folder / segment.name, "ab", buffering=0)  # noqa: SIM115
                self._open.write(b"".join(parts))
                for row in noted:
                    self._note(segment, *row)
                start += len(noted)

    def _segment(self) -> Segment:
        if not self._segments or self._segments[-1].size >= SEGMENT_BYTES:
            self._close()
            self._segments.append(Segment(f"{self._name}.{self._next}", self._next))
            if len(self._segments) > SEGMENTS:
                dropped = self._segments.pop(0)
                (self._folder / dropped.name).unlink(missing_ok=True)
        return self._segments[-1]

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def idle(self) -> None:
        """Give the open file back: the container has ended."""
        with self._lock:
            self._close()

    def clear(self) -> None:
        """Remove all of it."""
        with self._lock:
            self._close()
            for segment in self._segments:
                (self._folder / segment.name).unlink(missing_ok=True)
            self._segments = []

    def __len__(self) -> int:
        return sum(segment.count for segment in self._segments)

    def __bool__(self) -> bool:
        return bool(self._segments)

    def __iter__(self) -> Iterator[Event]:
        return self.forwards(self.first)

    def __iadd__(self, events: Sequence[Any]) -> StreamEvents:
        """moto's own way of taking events in: objects with ``timestamp``, ``message`` and ``ingestion_time``."""
        if events:
            rows = [(int(event.timestamp), str(event.message), 0) for event in events]
            self.append(rows, int(events[0].ingestion_time))
        return self

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept."""
        return self._segments[0].first if self._segments else self._next

    @property
    def end(self) -> int:
        """The number that the next event will have."""
        return self._next

    @property
    def last(self) -> int:
        """The greatest time of all events, in milliseconds; 0 where there has been none."""
        return self._last

    def times(self) -> tuple[int, int] | None:
        """The least and the greatest time of all events; None where there are none."""
        with self._lock:
            rows = [(segment.least, segment.most) for segment in self._segments if segment.least is not None]
        return (min(least for least, _ in rows), max(most for _, most in rows)) if rows else None

    def forwards(self, number: int, since: int | None = None) -> Iterator[Event]:
        """The events from a number on, in the order of their times.

        Args:
            since: milliseconds; those of before may be left out.
        """
        if not self._ordered:
            yield from (event for event in self._sorted() if event.number >= number)
            return
        with self._lock:
            segments = [(s, s.count, s.size) for s in self._segments if s.first + s.count > number]
        for segment, count, size in segments:
            if since is not None and segment.most < since:
                continue
            yield from self._read(segment, count, size, number, since)

    def backwards(self, number: int, until: int | None = None) -> Iterator[Event]:
        """The events before a number, the newest first."""
        if not self._ordered:
            yield from (event for event in reversed(self._sorted()) if event.number < number)
            return
        with self._lock:
            segments = [(s, s.count, s.size) for s in reversed(self._segments) if s.first < number]
        for segment, count, size in segments:
            if until is not None and segment.least is not None and segment.least >= until:
                continue
            starts = [entry for entry in segment.index if entry[0] < number]
            for entry in reversed(starts):
                if until is not None and entry[2] >= until and entry is not starts[0]:
                    continue
                block = list(itertools.islice(self._from(segment, count, size, entry), EVERY))
                yield from (event for event in reversed(block) if event.number < number)

    def _sorted(self) -> list[Event]:
        """All of a stream whose events did not come in the order of their times; numbered anew, in that order."""
        with self._lock:
            segments = [(s, s.count, s.size) for s in self._segments]
            base = self.first
        found = [e for s, count, size in segments for e in self._read(s, count, size, 0, None)]
        found.sort(key=lambda event: event.timestamp)
        return [event._replace(number=base + place) for place, event in enumerate(found)]

    def _read(self, segment: Segment, count: int, size: int, number: int, since: int | None) -> Iterator[Event]:
        index = segment.index
        place = max(0, bisect.bisect_right(index, number, key=lambda entry: entry[0]) - 1)
        if since is not None:
            place = max(place, bisect.bisect_left(index, since, key=lambda entry: entry[2]) - 1)
        for event in self._from(segment, count, size, index[place]):
            if event.number >= number:
                yield event

    def _from(self, segment: Segment, count: int, size: int, entry: tuple[int, int, int]) -> Iterator[Event]:
        number, place, _ = entry
        try:
            with open(self._folder / segment.name, "rb") as file:
                file.seek(place)
                data = file.read(size - place)
        except FileNotFoundError:  # dropped meanwhile
            return
        at, last = 0, segment.first + count
        unpack, header = RECORD.unpack_from, RECORD.size
        while number < last:
            timestamp, ingested, source_ns, length = unpack(data, at)
            at += header
            yield Event(number, timestamp, ingested, data[at : at + length].decode(), source_ns)
            at += length
            number += 1


def forget_logs(folder: Path) -> None:
    """Remove the events of all streams."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)


class ComputedEvents:
    """The events of a simulated container: known lines, and one a second that says what it is. Nothing is stored.

    Args:
        lines: (seconds after the start, text), in order; a few.
        began: epoch seconds.
        text: the line of a second, with ``{seconds}`` in it.
        clock: epoch seconds.
    """

    last_source_ns = 0
    first = 0

    def __init__(self, lines: Sequence[tuple[float, str]], began: float, text: str, clock: Callable[[], float]) -> None:
        self._lines = tuple(lines)
        self._began, self._text, self._clock = began, text, clock
        self._ended: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_clock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._clock = lambda: self._ended or self._began

    def resume(self, clock: Callable[[], float]) -> None:
        """Go on, in another process or as another start of the container."""
        self._clock, self._ended = clock, None

    def close(self) -> None:
        """The container has ended."""
        if self._ended is None:
            self._ended = self._clock()

    idle = clear = close

    @property
    def end(self) -> int:
        """As of :class:`StreamEvents`."""
        passed = max(0.0, (self._clock() if self._ended is None else self._ended) - self._began)
        return sum(at <= passed for at, _ in self._lines) + int(passed)

    def __len__(self) -> int:
        return self.end

    def __iter__(self) -> Iterator[Event]:
        return self.forwards(0)

    def times(self) -> tuple[int, int] | None:
        """As of :class:`StreamEvents`."""
        last = self.end
        return (self._at(0).timestamp, self._at(last - 1).timestamp) if last else None

    def _at(self, number: int) -> Event:
        """The event of a number: before it, so many of the lines and so many full seconds."""
        before = 0
        for place, (at, text) in enumerate(self._lines):
            # A line of a full second comes before that second's own.
            own = place + max(0, math.ceil(at) - 1)
            if own == number:
                return self._made(number, at, text)
            before += own < number
        seconds = number - before + 1
        return self._made(number, float(seconds), self._text.format(seconds=seconds))

    def _made(self, number: int, at: float, text: str) -> Event:
        stamp = int((self._began + at) * 1000)
        return Event(number, stamp, stamp, text)

    def forwards(self, number: int, since: int | None = None) -> Iterator[Event]:
        """As of :class:`StreamEvents`."""
        if since is not None:
            # Before that second there are at least so many.
            number = max(number, int(since / 1000 - self._began) - 1)
        for n in range(max(0, number), self.end):
            yield self._at(n)

    def backwards(self, number: int, until: int | None = None) -> Iterator[Event]:
        """As of :class:`StreamEvents`."""
        for n in range(min(number, self.end) - 1, -1, -1):
            yield self._at(n)
