"""Throttling: the buckets of the ECS API.

To ask this of AWS would throttle everybody in the account, so it is asked of a sandbox with ``--throttle`` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import Aws
from tests.conformance.own import REGION, own_sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def strict(aws: Aws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """An endpoint that throttles, whose clock stands still."""
    if not aws.owned:
        pytest.skip("not asked: it would throttle others")
    with own_sandbox(tmp_path_factory.mktemp("strict"), "--throttle", "--speed", "0") as endpoint:
        asked = Aws(REGION, endpoint, aws.image, owned=True, steps=True)
        asked.client("ecs").create_cluster(clusterName="default")
        yield asked


BUCKETS: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "cluster read": ("describe_clusters", {}, 50, 20),
    "task definition modify": ("deregister_task_definition", {"taskDefinition": "nope:1"}, 20, 1),
    "task definition read": ("list_task_definitions", {}, 50, 20),
    "task definition delete": ("delete_task_definitions", {"taskDefinitions": ["nope:1"]}, 5, 1),
    "capacity provider modify": ("delete_capacity_provider", {"capacityProvider": "nope"}, 10, 1),
    "run task": ("stop_task", {"task": "0" * 32}, 100, 40),
    "tasks read": ("list_tasks", {}, 100, 20),
    "service modify": ("delete_service", {"service": "nope"}, 50, 5),
    "service read": ("list_services", {}, 100, 20),
    "tags": ("list_tags_for_resource", {"resourceArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/default"}, 20, 10),
}


@pytest.mark.parametrize("bucket", BUCKETS)
def test_buckets(strict: Aws, bucket: str) -> None:
    """Buckets, burst/refill a second: ThrottlingException "Rate exceeded", HTTP 400, after the burst."""
    call, params, burst, refill = BUCKETS[bucket]

    def let_through() -> int:
        """How many calls are answered until one is throttled."""
        for count in range(10 * burst):  # noqa: B007
            try:
                getattr(strict.client("ecs"), call)(**params)
            except ClientError as error:
                told = error.response
                if told["Error"]["Code"] == "ThrottlingException":
                    break
        else:
            pytest.fail(f"{10 * burst} calls were let through")
        assert "Rate exceeded" in told["Error"]["Message"]
        assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
        return count

    assert let_through() == burst
    strict.advance(2)
    assert let_through() == 2 * refill
