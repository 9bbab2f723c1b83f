"""The client's own token buckets: bursts at once, then the rate, per group of operations."""

from __future__ import annotations

import pytest

from ecsctl.aws.rate_limits import GROUPS, RateLimits, TokenBucket


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    time = Time()
    bucket = TokenBucket(3, 2, clock=time.clock, sleep=time.sleep)
    for _ in range(7):
        bucket.take()
    assert time.slept == [0.5, 0.5, 0.5, 0.5]


def test_a_pause_fills_the_bucket_but_not_beyond_its_burst() -> None:
    time = Time()
    bucket = TokenBucket(2, 1, clock=time.clock, sleep=time.sleep)
    for _ in range(2):
        bucket.take()
    time.now += 100
    for _ in range(3):
        bucket.take()
    assert time.slept == [1.0]


def test_lists_and_describes_of_tasks_share_a_bucket_below_that_of_ecs() -> None:
    time = Time()
    limits = RateLimits(clock=time.clock, sleep=time.sleep)
    for _ in range(200):
        limits.take("ecs", "ListTasks")
        limits.take("ecs", "DescribeTasks")
    floor = (400 - 100) / 20
    assert floor < time.now < 1.06 * floor


@pytest.mark.parametrize("operation", ["TagResource", "DescribeInstances"])
def test_what_has_no_known_rate_is_never_held_up(operation: str) -> None:
    time = Time()
    limits = RateLimits(clock=time.clock, sleep=time.sleep)
    for _ in range(1000):
        limits.take("ec2" if operation == "DescribeInstances" else "ecs", operation)
    assert time.slept == []


def test_groups_do_not_wait_for_each_other() -> None:
    time = Time()
    limits = RateLimits(clock=time.clock, sleep=time.sleep)
    for name, (burst, _, operations) in GROUPS.items():
        for _ in range(int(burst * 0.95)):
            limits.take("ecs", operations[0])
        assert time.slept == [], name
