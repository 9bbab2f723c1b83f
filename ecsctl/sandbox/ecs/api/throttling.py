"""The token buckets by which ECS throttles its callers: one an account, a region and a group of operations.

Bursts and refills are those of the developer guide's "Request throttling for the Amazon ECS API".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Bucket:
    """``burst`` requests at once, ``refill`` more each second, shared by the operations."""

    name: str
    burst: int
    refill: int
    operations: tuple[str, ...]


BUCKETS = (
    Bucket(
        "cluster-modify",
        20,
        1,
        ("CreateCluster", "DeleteCluster", "PutClusterCapacityProviders", "UpdateCluster", "UpdateClusterSettings"),
    ),
    Bucket("cluster-read", 50, 20, ("DescribeClusters", "ListClusters")),
    Bucket("task-definition-modify", 20, 1, ("DeregisterTaskDefinition", "RegisterTaskDefinition")),
    Bucket("task-definition-delete", 5, 1, ("DeleteTaskDefinitions",)),
    Bucket(
        "task-definition-read",
        50,
        20,
        ("DescribeTaskDefinition", "ListTaskDefinitionFamilies", "ListTaskDefinitions"),
    ),
    Bucket(
        "capacity-provider-modify",
        10,
        1,
        ("CreateCapacityProvider", "DeleteCapacityProvider", "UpdateCapacityProvider"),
    ),
    Bucket("capacity-provider-read", 50, 20, ("DescribeCapacityProviders",)),
    Bucket(
        "cluster-resource-modify",
        100,
        40,
        (
            "DeleteAttributes",
            "ExecuteCommand",
            "PutAttributes",
            "RunTask",
            "StartTask",
            "StopTask",
            "UpdateTaskProtection",
        ),
    ),
    Bucket(
        "cluster-resource-read",
        100,
        20,
        (
            "DescribeContainerInstances",
            "DescribeTasks",
            "GetTaskProtection",
            "ListAttributes",
            "ListContainerInstances",
            "ListTasks",
        ),
    ),
    Bucket(
        "agent-modify",
        200,
        120,
        (
            "DeregisterContainerInstance",
            "DiscoverPollEndpoint",
            "RegisterContainerInstance",
            "SubmitAttachmentStateChanges",
            "SubmitContainerStateChange",
            "SubmitTaskStateChange",
            "UpdateContainerAgent",
            "UpdateContainerInstancesState",
        ),
    ),
    Bucket(
        "service-modify",
        50,
        5,
        (
            "CreateService",
            "CreateTaskSet",
            "DeleteService",
            "DeleteTaskSet",
            "StopServiceDeployment",
            "UpdateService",
            "UpdateServicePrimaryTaskSet",
            "UpdateTaskSet",
        ),
    ),
    Bucket(
        "service-read",
        100,
        20,
        (
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "DescribeServices",
            "DescribeTaskSets",
            "ListServiceDeployments",
            "ListServices",
            "ListServicesByNamespace",
        ),
    ),
    Bucket("tag", 20, 10, ("ListTagsForResource", "TagResource", "UntagResource")),
    Bucket(
        "account-setting",
        20,
        10,
        ("DeleteAccountSetting", "ListAccountSettings", "PutAccountSetting", "PutAccountSettingDefault"),
    ),
)
BUCKET_OF = {operation: bucket for bucket in BUCKETS for operation in bucket.operations}
BUCKET_NAMES = tuple(bucket.name for bucket in BUCKETS)


def operations_of(name: str) -> tuple[str, ...]:
    """The operations of a bucket, by its name (of :data:`BUCKET_NAMES`)."""
    return next(bucket.operations for bucket in BUCKETS if bucket.name == name)


class Throttle:
    """The buckets of one account, full at first. Any thread may ask.

    Args:
        clock: seconds, from any start.
        enabled: False admits everything.
    """

    def __init__(self, clock: Callable[[], float], *, enabled: bool = False) -> None:
        self._clock = clock
        self._enabled = enabled
        self._guard = threading.Lock()
        # (region, bucket) → tokens, and the time at which there were so many.
        self._tokens: dict[tuple[str, str], tuple[float, float]] = {}

    @property
    def enabled(self) -> bool:
        """Whether requests are counted at all."""
        return self._enabled

    def enable(self, enabled: bool) -> None:
        """Begin with full buckets, or end."""
        with self._guard:
            self._tokens.clear()
            self._enabled = enabled

    def admits(self, region: str, operation: str) -> bool:
        """Take a token of the operation's bucket; False where there is none. Operations without a bucket pass."""
        bucket = BUCKET_OF.get(operation)
        if not self._enabled or bucket is None:
            return True
        with self._guard:
            tokens = self._in(region, bucket)
            admitted = tokens >= 1
            self._tokens[region, bucket.name] = (tokens - 1 if admitted else tokens, self._clock())
        return admitted

    def _in(self, region: str, bucket: Bucket) -> float:
        tokens, since = self._tokens.get((region, bucket.name), (float(bucket.burst), self._clock()))
        return min(float(bucket.burst), tokens + max(0.0, self._clock() - since) * bucket.refill)

    def to_dict(self, region: str) -> list[dict[str, object]]:
        """Every bucket of a region, with the whole tokens in it now."""
        with self._guard:
            return [
                {
                    "bucket": bucket.name,
                    "burst": bucket.burst,
                    "refillPerSecond": bucket.refill,
                    "tokens": int(self._in(region, bucket)),
                    "operations": list(bucket.operations),
                }
                for bucket in BUCKETS
            ]
