"""The client's own token buckets: bursts at once, then the rate, per group of operations."""

from __future__ import annotations

import pytest

from ecsctl.aws.rate_limits import GROUPS, RateLimits, TokenBucket
from tests.support.clock import ManualClock


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    clock = ManualClock()
    bucket = TokenBucket(3, 2, clock=clock)
    for _ in range(7):
        bucket.take()
    assert clock.slept == [0.5, 0.5, 0.5, 0.5]


def test_a_pause_fills_the_bucket_but_not_beyond_its_burst() -> None:
    clock = ManualClock()
    bucket = TokenBucket(2, 1, clock=clock)
    for _ in range(2):
        bucket.take()
    clock.passed += 100
    for _ in range(3):
        bucket.take()
    assert clock.slept == [1.0]


def test_lists_and_describes_of_tasks_share_a_bucket_below_that_of_ecs() -> None:
    clock = ManualClock()
    limits = RateLimits(clock=clock)
    for _ in range(200):
        limits.take("ecs", "ListTasks")
        limits.take("ecs", "DescribeTasks")
    floor = (400 - 100) / 20
    assert floor < clock.passed < 1.06 * floor


@pytest.mark.parametrize("operation", ["TagResource", "DescribeInstances"])
def test_what_has_no_known_rate_is_never_held_up(operation: str) -> None:
    clock = ManualClock()
    limits = RateLimits(clock=clock)
    for _ in range(1000):
        limits.take("ec2" if operation == "DescribeInstances" else "ecs", operation)
    assert clock.slept == []


def test_groups_do_not_wait_for_each_other() -> None:
    clock = ManualClock()
    limits = RateLimits(clock=clock)
    for name, (burst, _, operations) in GROUPS.items():
        for _ in range(int(burst * 0.95)):
            limits.take("ecs", operations[0])
        assert clock.slept == [], name
