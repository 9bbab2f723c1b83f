"""Faults and throttling by the sandbox's own clock, which stands still and is stepped: nothing here waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.config
import botocore.exceptions
import pytest

from tests.sandbox.support import Account, until
from tests.support.sandbox import REGION, Running, start_sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox whose time does not pass."""
    with start_sandbox(tmp_path_factory.mktemp("still"), speed=0) as running:
        yield running


@pytest.fixture(scope="module")
def account(still: Running) -> Account:
    return Account(still.client)


@pytest.fixture(autouse=True)
def no_fault_is_left(still: Running) -> Iterator[None]:
    yield
    still.sandbox.clear_faults()
    still.sandbox.start(throttle=False)


def once(still: Running) -> Any:
    """A client of ECS that tries once."""
    import boto3

    retries = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 1})
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client("ecs", REGION, endpoint_url=still.endpoint, config=retries, **keys)


def burst(call: Any, times: int) -> int:
    """How many of so many calls are admitted, whatever then becomes of them."""
    throttled = []
    for _ in range(times):
        try:
            call()
        except botocore.exceptions.ClientError as refused:
            told = refused.response["Error"]
            if told["Code"] == "ThrottlingException":
                throttled.append((refused.response["ResponseMetadata"]["HTTPStatusCode"], told["Message"]))
    assert set(throttled) <= {(400, "Rate exceeded")}
    return times - len(throttled)


@pytest.mark.parametrize(
    ("operation", "size", "refill"),
    [("delete_task_definitions", 5, 1), ("list_clusters", 50, 20), ("tag_resource", 20, 10)],
)
def test_an_unretried_burst_gets_exactly_what_the_bucket_holds(
    still: Running, operation: str, size: int, refill: int
) -> None:
    asked: dict[str, Any] = {
        "delete_task_definitions": {"taskDefinitions": ["absent:1"]},
        "tag_resource": {"resourceArn": f"arn:aws:ecs:{REGION}:123456789012:cluster/absent", "tags": []},
    }.get(operation, {})
    client = once(still)
    assert burst(lambda: getattr(client, operation)(**asked), size + 15) == size + 15
    still.sandbox.start(throttle=True)
    assert burst(lambda: getattr(client, operation)(**asked), size + 15) == size
    still.sandbox.advance(1)
    assert burst(lambda: getattr(client, operation)(**asked), refill + 15) == refill


def test_what_was_written_is_seen_when_its_time_has_come(still: Running, account: Account, name: str) -> None:
    still.sandbox.add_fault({"kind": "eventual-consistency", "seconds": 30})
    account.ecs.create_cluster(clusterName=name)
    still.sandbox.advance(29)
    assert account.ecs.describe_clusters(clusters=[name])["clusters"] == []
    still.sandbox.advance(1)
    assert account.ecs.describe_clusters(clusters=[name])["clusters"][0]["status"] == "ACTIVE"


def test_a_fault_ends_when_its_time_is_over(still: Running, account: Account, name: str) -> None:
    account.ecs.create_cluster(clusterName=name)
    host = account.instance(name, account.profile(name))
    still.sandbox.advance(60)
    assert account.members(name)[host]["agentConnected"]
    still.sandbox.add_fault({"kind": "agent-disconnect", "cluster": name, "for": 600})
    still.sandbox.advance(599)
    assert not account.members(name)[host]["agentConnected"]
    still.sandbox.advance(2)
    assert account.members(name)[host]["agentConnected"]


def test_faults_outlive_a_kill(tmp_path: Path) -> None:
    with start_sandbox(tmp_path, speed=0) as running:
        made = running.sandbox.add_fault({"kind": "throttle", "operation": ["RunTask"], "times": 3})
        state = running.sandbox.folder / "state.pickle"
        until(lambda: state.exists() and made["id"].encode() in state.read_bytes(), "the fault is saved")
        os.kill(running.info.pid, signal.SIGKILL)
        until(lambda: running.sandbox.running() is None, "the process is gone")
        running.sandbox.start(port=0, docker="never", region=REGION, speed=0)
        assert running.sandbox.faults() == [made]


def test_spot_gives_two_minutes_notice(still: Running, account: Account, name: str) -> None:
    account.ecs.create_cluster(clusterName=name)
    script = f"#!/bin/bash\necho ECS_CLUSTER={name} >> /etc/ecs/ecs.config\n"
    script += "echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config\n"
    host = account.instance(name, account.profile(name), script=script)
    still.sandbox.advance(60)
    still.sandbox.add_fault({"kind": "spot-interruption", "instance": host})
    still.sandbox.advance(115)
    assert account.members(name)[host]["status"] == "DRAINING"
    still.sandbox.advance(10)
    assert account.members(name) == {}


def test_a_container_crashes_some_time_after_its_start(still: Running, account: Account, name: str) -> None:
    account.ecs.create_cluster(clusterName=name)
    account.instance(name, account.profile(name))
    still.sandbox.advance(60)
    account.register(name)
    task = account.run(name, name)
    still.sandbox.advance(10)
    still.sandbox.add_fault({"kind": "out-of-memory", "family": name, "after": 300})
    still.sandbox.advance(290)
    assert account.task(task)["lastStatus"] == "RUNNING"
    still.sandbox.advance(60)
    assert account.task(task)["containers"][0]["exitCode"] == 137
