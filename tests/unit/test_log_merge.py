from __future__ import annotations

import random
from typing import Any

import pytest

from ecsctl.aws.logs import read_events
from ecsctl.errors import AwsError
from ecsctl.query.log_merge import HELD, Line, Merger, last_lines
from ecsctl.query.log_sources import LogSource
from tests.support.fake_aws import FakeAws
from tests.support.log_service import LogService

GROUP = "/ecs/web"


def source(number: int, **more: Any) -> LogSource:
    return LogSource(f"{number:032x}", f"arn:aws:ecs:eu-west-1:1:task/c/{number}", "web", GROUP, f"s/{number}", **more)


class Time:
    """A clock that goes by its own sleeps; ``during`` is called at each, with the seconds that have passed."""

    def __init__(self) -> None:
        self.now = 0.0
        self.during: Any = lambda now: None

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.during(self.now)


def reader(service: LogService) -> Any:
    aws = FakeAws({"logs:GetLogEvents": service.get_log_events})

    def read(of: LogSource, token: str | None, size: int) -> Any:
        return read_events(aws, of.group, of.stream, token=token, limit=size)

    return read


def merger(service: LogService, first: list[LogSource], time: Time, **more: Any) -> Merger:
    return Merger(reader(service), first, clock=time.clock, sleep=time.sleep, **more)


def test_history_is_merged_by_time_page_by_page() -> None:
    service = LogService(page=7)
    for number in range(5):
        service.put(GROUP, f"s/{number}", *((10 * n + number, f"{number}.{n}") for n in range(100)))
    lines = list(merger(service, [source(number) for number in range(5)], Time()).lines())
    assert [line.timestamp for line in lines] == sorted(line.timestamp for line in lines)
    assert {line.message for line in lines} == {f"{number}.{n}" for number in range(5) for n in range(100)}
    assert len(lines) == 500


def test_the_order_within_a_stream_is_never_changed() -> None:
    service = LogService(page=3)
    service.put(GROUP, "s/0", (50, "a"), (10, "b"), (60, "c"), (20, "d"))
    service.put(GROUP, "s/1", (30, "x"))
    lines = [line.message for line in merger(service, [source(0), source(1)], Time()).lines()]
    assert [name for name in lines if name != "x"] == ["a", "b", "c", "d"]


def test_a_stream_that_is_not_there_holds_nothing_up_and_is_told_of() -> None:
    service = LogService()
    service.put(GROUP, "s/0", (1, "a"))
    merged = merger(service, [source(0), source(1)], Time())
    assert [line.message for line in merged.lines()] == ["a"]
    [missing] = [stream for stream in merged.streams.values() if not stream.found]
    assert missing.missing == "The specified log stream does not exist."


def test_twenty_streams_of_a_thousand_lines_a_second_nothing_lost_doubled_or_out_of_order() -> None:
    service, time, random_ = LogService(), Time(), random.Random(1)
    written: dict[int, int] = dict.fromkeys(range(20), 0)
    # Each driver sends at its own times, what it wrote since the last one: lines come up to two seconds late.
    due = {number: random_.uniform(0, 2) for number in range(20)}

    def write(now: float) -> None:
        for number in range(20):
            end = min(now, 4.0)
            if due[number] <= end or now > 4.0:
                first, last = written[number], int(end * 1000)
                service.put(
                    GROUP, f"s/{number}", *((n, f"{number}:{n}") for n in range(first, last)), ingested=int(now * 1000)
                )
                written[number], due[number] = last, end + random_.uniform(0.5, 2)

    time.during = write

    def sources() -> list[LogSource]:
        return [source(number, ended=time.now > 5.5) for number in range(20)]

    merged = merger(service, sources(), time, follow=True, sources=sources, rescan=1.0)
    got: list[Line] = []
    held = 0
    for line in merged.lines():
        got.append(line)
        held = max(held, sum(len(stream.queue) for stream in merged.streams.values()))
    assert len(got) == 80_000
    for number in range(20):
        assert [line.message for line in got if line.source.stream == f"s/{number}"] == [
            f"{number}:{n}" for n in range(4000)
        ]
    stamps = [line.timestamp for line in got if line.timestamp >= 2500]
    assert stamps == sorted(stamps), "once it is known how late lines come, none is out of order"
    assert held < HELD
    assert service.calls < 20 * 8 * 2, "a look a second at each stream"


def test_a_stream_is_not_read_on_while_its_lines_wait() -> None:
    service, time = LogService(), Time()
    service.put(GROUP, "s/0", *((n, "x") for n in range(60_000)))
    service.put(GROUP, "s/1", (0, "first"))
    merged = merger(service, [source(0), source(1)], time)
    most = 0
    for count, _ in enumerate(merged.lines()):
        if count % 1000 == 0:
            most = max(most, sum(len(stream.queue) for stream in merged.streams.values()))
    assert count == 60_000
    assert most <= 2 * 10_000


def test_what_comes_later_joins_in_and_what_has_ended_is_read_to_its_end() -> None:
    service, time = LogService(), Time()
    service.put(GROUP, "s/0", (1, "old"))
    running = [source(0)]

    def during(now: float) -> None:
        if now > 3 and len(running) == 1:
            running.append(source(1))
            service.put(GROUP, "s/1", (3000, "new"), ingested=3000)
        if now > 8:
            running[:] = [source(0, ended=True), source(1, ended=True)]
        if now > 8.5 and len(service.groups[GROUP]["s/1"]) == 1:
            service.put(GROUP, "s/1", (8900, "last words"), ingested=9000)

    time.during = during
    merged = merger(service, list(running), time, follow=True, sources=lambda: list(running), rescan=1.0)
    assert [line.message for line in merged.lines()] == ["old", "new", "last words"]
    assert time.now < 20


def test_throttles_are_borne_and_hold_the_others_up_for_a_while_only() -> None:
    service, time = LogService(), Time()
    service.put(GROUP, "s/0", (1, "a"))
    service.put(GROUP, "s/1", (2, "b"))
    plain, told = reader(service), []

    def read(of: LogSource, token: str | None, size: int) -> Any:
        if of.stream == "s/1" and time.now < 40:
            raise AwsError("logs:GetLogEvents", "ThrottlingException", "Rate exceeded")
        return plain(of, token, size)

    merged = Merger(
        read,
        [source(0, ended=True), source(1, ended=True)],
        follow=True,
        report=told.append,
        clock=time.clock,
        sleep=time.sleep,
    )
    seen: list[tuple[str, float]] = [(line.message, time.now) for line in merged.lines()]
    assert [message for message, _ in seen] == ["a", "b"]
    assert seen[0][1] < 25, "the throttled stream does not hold the other one up for ever"
    assert len(told) == 1
    assert "Rate exceeded" in told[0]


def test_without_following_reading_fails_after_a_minute_of_throttles() -> None:
    time, told = Time(), []

    def read(of: LogSource, token: str | None, size: int) -> Any:
        raise AwsError("logs:GetLogEvents", "ThrottlingException", "Rate exceeded")

    with pytest.raises(AwsError, match="Rate exceeded"):
        list(Merger(read, [source(0)], report=told.append, clock=time.clock, sleep=time.sleep).lines())
    assert 60 <= time.now < 90
    assert len(told) == 1


def test_what_is_not_followed_ends_though_more_may_come() -> None:
    service = LogService()
    service.put(GROUP, "s/0", (1, "a"))
    assert [line.message for line in merger(service, [source(0)], Time(), endless=True).lines()] == ["a"]


def test_a_stream_is_read_once_more_two_seconds_after_its_task_has_ended() -> None:
    service, time = LogService(), Time()
    service.put(GROUP, "s/0", (1, "a"))

    def during(now: float) -> None:
        if now > 1.5 and len(service.groups[GROUP]["s/0"]) == 1:
            service.put(GROUP, "s/0", (1400, "last words"), ingested=1600)

    time.during = during
    merged = merger(service, [source(0, ended=True)], time, follow=True)
    assert [line.message for line in merged.lines()] == ["a", "last words"]


def test_one_line_that_came_very_late_does_not_hold_up_the_others() -> None:
    service, time = LogService(), Time()
    service.put(GROUP, "s/0", (0, "an hour late"), ingested=3_600_000)
    service.put(GROUP, "s/1", (1, "in time"), ingested=1)
    seen = [
        (line.message, time.now)
        for line in merger(
            service,
            [source(0), source(1, ended=True)],
            time,
            follow=True,
            sources=lambda: [source(0, ended=True), source(1, ended=True)],
            rescan=3.0,
        ).lines()
    ]
    assert [message for message, _ in seen] == ["an hour late", "in time"]
    assert seen[1][1] <= 1.0


def test_a_refusal_that_does_not_pass_is_told_at_once() -> None:
    def read(of: LogSource, token: str | None, size: int) -> Any:
        raise AwsError("logs:GetLogEvents", "AccessDeniedException", "no")

    with pytest.raises(AwsError, match="AccessDenied"):
        list(Merger(read, [source(0)], follow=True).lines())


def test_the_last_lines_of_all_together_and_where_reading_goes_on() -> None:
    service = LogService(page=4)
    for number in range(3):
        service.put(GROUP, f"s/{number}", *((3 * n + number, f"{number}.{n}") for n in range(50)))
    aws = FakeAws({"logs:GetLogEvents": service.get_log_events})

    def read(of: LogSource, token: str | None) -> Any:
        return read_events(aws, of.group, of.stream, token=token, limit=4, backwards=True)

    sources = [source(number) for number in range(4)]
    lines, tokens = last_lines(read, sources, 10)
    assert [line.timestamp for line in lines] == list(range(140, 150))
    odd, _ = last_lines(read, sources, 3, lambda message: message.endswith(".5"))
    assert [line.message for line in odd] == ["0.5", "1.5", "2.5"]
    service.put(GROUP, "s/1", (999, "new"))
    merged = merger(service, sources, Time())
    for key, token in tokens.items():
        merged.streams[key].token = token
    assert [line.message for line in merged.lines()] == ["new"]
