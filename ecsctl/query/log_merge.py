"""Lines of many log streams, merged by their time: nothing lost, nothing doubled, never the order of a stream changed.

Each stream is read with its own token, so that a line comes just once. A line is passed on when every other stream has
been read past it. While streams are still being written, a line of another one may arrive late (the awslogs driver
sends every five seconds), so a line then waits for as long as lines have been seen to take, counted from its own time.
A stream whose lines wait is not read on: no more than a page or two of each are held in memory.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ecsctl.aws.failures import is_temporary
from ecsctl.aws.logs import EVENTS, Page
from ecsctl.errors import AwsError
from ecsctl.polling import pause
from ecsctl.query.log_sources import LogSource

# The lines held in memory over all streams, at most about.
HELD = 200_000
LEAST_PAGE = 500
# Seconds between two looks at a stream that has news, and at one that has had none for long.
POLL = 1.0
IDLE_POLL = 4.0
# How long a line waits for the other streams: as long as lines have been seen to take, within these seconds.
LEAST_LAG = 0.5
MOST_LAG = 6.0
# A stream that cannot be read (it is throttled, say) holds the others up for no longer than that; without following,
# reading fails after so many seconds of it.
PATIENCE = 15.0
GIVE_UP = 60.0
# A stream of a task that has ended is read once more after so many seconds.
SETTLE = 2.0


class Line(NamedTuple):
    """A log event: times in milliseconds of the epoch."""

    source: LogSource
    timestamp: int
    ingested: int
    message: str


@dataclass
class Stream:
    """A stream that is being read; ``queue`` has (line, when it was written, on this program's clock)."""

    source: LogSource
    token: str | None = None
    queue: deque[tuple[Line, float]] = field(default_factory=deque)
    # When the look began by which the stream had nothing more.
    read_to_end: float = float("-inf")
    next_look: float = 0.0
    interval: float = POLL
    finished: bool = False
    ended_at: float | None = None
    found: bool = False
    # What AWS says of a stream that is not there, and since when the stream cannot be read.
    missing: str | None = None
    failing_since: float | None = None
    error: AwsError | None = None


Read = Callable[[LogSource, "str | None", int], Page]
Fetch = Callable[[Callable[[Stream], None], Sequence[Stream]], None]


def one_by_one(work: Callable[[Stream], None], streams: Sequence[Stream]) -> None:
    """Read streams one after the other."""
    for stream in streams:
        work(stream)


class Merger:
    """Reads streams and yields their lines in the order of time.

    Args:
        read: gives a page of a source: (source, token, the most events).
        follow: go on at the end of the streams, until their tasks have ended.
        fetch: reads several streams; side by side, where it can.
        sources: called every ``rescan`` seconds while following; the sources there are by then (an added one joins in,
            one that says ``ended`` is read to its end). None where they stay as they are.
        endless: while following, go on although all tasks have ended: others may come.
        report: is told of a stream that cannot be read for the moment.
    """

    def __init__(
        self,
        read: Read,
        streams: Sequence[LogSource],
        *,
        follow: bool = False,
        fetch: Fetch = one_by_one,
        sources: Callable[[], Sequence[LogSource] | None] | None = None,
        rescan: float = 5.0,
        endless: bool = False,
        report: Callable[[str], None] = lambda line: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = pause,
    ) -> None:
        self._read = read
        self._follow = follow
        self._fetch = fetch
        self._sources = sources
        self._rescan = rescan
        self._endless = endless
        self._report = report
        self._clock = clock
        self._sleep = sleep
        self._next_scan = clock() + rescan
        self._lag = LEAST_LAG
        self.streams: dict[tuple[str | None, str, str], Stream] = {}
        self._add(streams)

    def _add(self, sources: Sequence[LogSource]) -> None:
        now = self._clock()
        known = set()
        for source in sources:
            known.add(source.key)
            stream = self.streams.setdefault(source.key, Stream(source))
            if source.ended and stream.ended_at is None:
                stream.ended_at = now
                stream.next_look = min(stream.next_look, now)
        for key, stream in self.streams.items():
            # A task that ECS no longer tells of has ended.
            if key not in known and stream.ended_at is None:
                stream.ended_at = now

    def lines(self) -> Iterator[Line]:
        """The lines, until every stream has been read to its end; while following, until the tasks have ended.

        Raises:
            what ``read`` raises, but a stream that does not exist (yet) and what passes: those are looked at again.
        """
        while True:
            now = self._clock()
            if self._sources is not None and now >= self._next_scan:
                self._scan()
            self._look(now)
            yielded = False
            for line in self._ready():
                yielded = True
                yield line
            if self._over():
                return
            if not yielded:
                self._rest()

    def _scan(self) -> None:
        assert self._sources is not None
        self._next_scan = self._clock() + self._rescan
        sources = self._sources()
        if sources is not None:
            self._add(sources)

    def _page_size(self) -> int:
        live = sum(not stream.finished for stream in self.streams.values()) or 1
        return max(LEAST_PAGE, min(EVENTS, HELD // (2 * live)))

    def _look(self, now: float) -> None:
        size = self._page_size()
        due = [s for s in self.streams.values() if not s.finished and s.next_look <= now and len(s.queue) < size]

        def work(stream: Stream) -> None:
            self._advance(stream, size)

        self._fetch(work, due)
        for stream in due:
            if stream.error is not None:
                error, stream.error = stream.error, None
                raise error

    def _advance(self, stream: Stream, size: int) -> None:
        began = self._clock()
        try:
            page = self._read(stream.source, stream.token, size)
        except AwsError as error:
            self._missed(stream, error, began)
            return
        stream.found, stream.missing, stream.failing_since = True, None, None
        stream.token = page.token or stream.token
        if page.events:
            self._take(stream, page, began)
            stream.interval = POLL
        if not page.end:
            stream.next_look = 0.0
            return
        self._at_end(stream, began)
        if not page.events:
            stream.interval = min(IDLE_POLL, stream.interval * 1.25)

    def _take(self, stream: Stream, page: Page, began: float) -> None:
        newest_lag = None
        for event in page.events:
            line = Line(stream.source, int(event["timestamp"]), int(event.get("ingestionTime", 0)), event["message"])
            lag = max(0.0, (line.ingested - line.timestamp) / 1000) if line.ingested else 0.0
            newest_lag = lag if newest_lag is None else max(newest_lag, lag)
            stream.queue.append((line, began - lag))
        if newest_lag is not None and newest_lag <= MOST_LAG:
            self._lag = max(self._lag, min(MOST_LAG, newest_lag + LEAST_LAG))

    def _missed(self, stream: Stream, error: AwsError, began: float) -> None:
        """What cannot be read: a stream that is not there (yet) is empty, a throttle passes."""
        if error.aws_code == "ResourceNotFoundException":
            stream.missing = error.aws_message
            self._at_end(stream, began)
        elif (error.ambiguous or is_temporary(error)) and self._bears(stream, began):
            if stream.failing_since is None:
                stream.failing_since = began
                self._report(f"{error.message}; it is tried again")
            stream.interval = min(PATIENCE, stream.interval * 2)
            stream.next_look = self._clock() + stream.interval
        else:
            stream.error = error

    def _bears(self, stream: Stream, now: float) -> bool:
        return self._follow or stream.failing_since is None or now - stream.failing_since < GIVE_UP

    def _at_end(self, stream: Stream, began: float) -> None:
        stream.read_to_end = began
        if not self._follow:
            stream.finished = True
        elif stream.ended_at is not None:
            stream.finished = began >= stream.ended_at + SETTLE
            stream.next_look = stream.ended_at + SETTLE
        else:
            stream.next_look = self._clock() + stream.interval

    def _ready(self) -> Iterator[Line]:
        """The lines that may be passed on now, in order."""
        import heapq

        heads = [(s.queue[0][0].timestamp, n, s) for n, s in enumerate(self.streams.values()) if s.queue]
        heapq.heapify(heads)
        now = self._clock()
        # Until when all that are empty have been read; one that cannot be read for long is not waited for.
        empty = [
            s
            for s in self.streams.values()
            if not (s.queue or s.finished or (s.failing_since is not None and now - s.failing_since > PATIENCE))
        ]
        past = min((s.read_to_end for s in empty), default=float("inf"))
        while heads:
            _, number, stream = heads[0]
            line, written = stream.queue[0]
            wait = self._lag if self._follow else 0.0
            if written + wait > past:
                return
            stream.queue.popleft()
            yield line
            if stream.queue:
                heapq.heapreplace(heads, (stream.queue[0][0].timestamp, number, stream))
                continue
            heapq.heappop(heads)
            if not stream.finished:
                if stream.next_look <= self._clock():
                    return
                past = min(past, stream.read_to_end)

    def _over(self) -> bool:
        done = all(stream.finished and not stream.queue for stream in self.streams.values())
        return done and not (self._follow and self._endless)

    def _rest(self) -> None:
        now = self._clock()
        looks = [s.next_look for s in self.streams.values() if not s.finished and len(s.queue) < LEAST_PAGE]
        if self._sources is not None:
            looks.append(self._next_scan)
        waits = [s.queue[0][1] + self._lag for s in self.streams.values() if s.queue]
        until = min([*looks, *(w for w in waits if w > now)], default=now + POLL)
        self._sleep(max(0.05, min(IDLE_POLL, until - now)))


def last_lines(
    read: Callable[[LogSource, str | None], Page],
    sources: Sequence[LogSource],
    count: int,
    wanted: Callable[[str], bool] = lambda message: True,
) -> tuple[list[Line], dict[tuple[str | None, str, str], str]]:
    """The last ``count`` lines of all sources together, and the tokens with which reading goes on behind them.

    Args:
        read: gives the page before the one of the token, of the newest lines without one.
        wanted: which messages count.
    """
    import heapq

    found: list[list[Line]] = []
    tokens: dict[tuple[str | None, str, str], str] = {}
    for source in sources:
        kept: deque[Line] = deque()
        token: str | None = None
        while len(kept) < count:
            try:
                page = read(source, token)
            except AwsError as error:
                if error.aws_code != "ResourceNotFoundException":
                    raise
                break
            if token is None:
                tokens[source.key] = page.forward
            for event in reversed(page.events):
                if len(kept) < count and wanted(event["message"]):
                    ingested = int(event.get("ingestionTime", 0))
                    kept.appendleft(Line(source, int(event["timestamp"]), ingested, event["message"]))
            if page.end:
                break
            token = page.token
        found.append(list(kept))
    merged = deque(heapq.merge(*found, key=lambda line: line.timestamp), maxlen=count)
    return list(merged), tokens
