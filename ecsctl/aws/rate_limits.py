"""Token buckets of the client's own, a little below those by which ECS throttles an account.

A throttled call is lost work on both sides, and its retry waits longer than the bucket would have. So a command that
asks for thousands of tasks keeps to the rates by itself; the retries of botocore remain for what others use up.

Source: "Request throttling for the Amazon ECS API" of the developer guide (burst, and refill a second).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from ecsctl.polling import MACHINE, Clock

# group: (burst, refill a second, operations)
GROUPS: Mapping[str, tuple[int, int, tuple[str, ...]]] = {
    "cluster-read": (50, 20, ("DescribeClusters", "ListClusters")),
    "cluster-resource-modify": (100, 40, ("ExecuteCommand", "RunTask", "StopTask")),
    "cluster-resource-read": (
        100,
        20,
        ("DescribeContainerInstances", "DescribeTasks", "ListContainerInstances", "ListTasks"),
    ),
    "service-modify": (50, 5, ("CreateService", "DeleteService", "UpdateService")),
    "service-read": (100, 20, ("DescribeServices", "ListServices")),
    "task-definition-delete": (5, 1, ("DeleteTaskDefinitions",)),
    "task-definition-modify": (20, 1, ("DeregisterTaskDefinition", "RegisterTaskDefinition")),
    "task-definition-read": (50, 20, ("DescribeTaskDefinition", "ListTaskDefinitionFamilies", "ListTaskDefinitions")),
}
GROUP_OF = {operation: name for name, (_, _, operations) in GROUPS.items() for operation in operations}
BURST_SHARE = 0.95
RATE_SHARE = 0.98


class TokenBucket:
    """``burst`` calls at once, and ``per_second`` more each second.

    Args:
        clock: the time by which calls are counted and waited for.
    """

    def __init__(self, burst: float, per_second: float, *, clock: Clock = MACHINE) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._tokens = burst
        self._at = clock.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until a call may be made; calls wait in the order in which they ask."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
            self._at = now
            # Below zero the token is promised: whoever comes next waits longer.
            self._tokens -= 1
            wait = -self._tokens / self._per_second
        if wait > 0:
            self._clock.sleep(wait)


class RateLimits:
    """The buckets of one account and region, made when first used."""

    def __init__(self, *, clock: Clock = MACHINE) -> None:
        self._clock = clock
        self._buckets: dict[str, TokenBucket] = {}
        self._lock = threading.Lock()

    def take(self, service: str, operation: str) -> None:
        """Wait until an operation may be called; those of other services, and without a known rate, at once."""
        group = GROUP_OF.get(operation) if service == "ecs" else None
        if group is None:
            return
        with self._lock:
            if group not in self._buckets:
                burst, refill, _ = GROUPS[group]
                self._buckets[group] = TokenBucket(
                    max(1.0, burst * BURST_SHARE), refill * RATE_SHARE, clock=self._clock
                )
        self._buckets[group].take()
