"""The registry of faults, the table of their kinds, and the buckets: by a clock that is moved by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecsctl.sandbox.ecs.api.throttling import BUCKETS, Throttle
from ecsctl.sandbox.ecs.api.wire import known_operations
from ecsctl.sandbox.faults.kinds import KINDS, FaultError
from ecsctl.sandbox.faults.registry import FaultRegistry
from ecsctl.sandbox.faults.requests import RequestFaults, meant
from ecsctl.sandbox.http.request import Request


def request(service: str, operation: str, **headers: str) -> Request:
    """A request; ECS's has the JSON protocol, others the query protocol."""
    known = (
        {"x-amz-target": f"X.{operation}"}
        if service == "ecs"
        else {"content-type": "application/x-www-form-urlencoded"}
    )
    return Request(service=service, operation=operation, headers={**known, **headers})


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry(clock: Clock) -> FaultRegistry:
    return FaultRegistry(clock)


def ask(registry: FaultRegistry, operation: str, service: str = "ecs") -> str | None:
    """The error's code that the faults answer with, or None."""
    answer, _ = RequestFaults(registry, wait=lambda seconds: None).before(request(service, operation))
    return None if answer is None else f"{answer[0]} {answer[2].decode()}"


def test_the_nth_match_triggers_it_and_no_other(registry: FaultRegistry) -> None:
    registry.add({"kind": "error", "operation": ["RunTask"], "nth": 3, "code": "ClientException"})
    seen = [ask(registry, "RunTask") is not None for _ in range(5)]
    assert seen == [False, False, True, False, False]
    assert ask(registry, "StopTask") is None
    told = registry.to_dict()[0]
    assert (told["state"], told["triggered"], told["times"]) == ("exhausted", 1, 1)


def test_the_nth_match_and_some_after_it(registry: FaultRegistry) -> None:
    registry.add({"kind": "throttle", "nth": 2, "times": 2})
    assert [ask(registry, "RunTask") is not None for _ in range(5)] == [False, True, True, False, False]


def test_a_fault_ends_by_itself(registry: FaultRegistry, clock: Clock) -> None:
    registry.add({"kind": "error", "for": 10})
    assert ask(registry, "RunTask") is not None
    clock.now += 10
    assert ask(registry, "RunTask") is None
    assert registry.to_dict()[0]["state"] == "expired"


def test_none_is_cleared_where_one_is_unknown(registry: FaultRegistry) -> None:
    first = registry.add({"kind": "error"})["id"]
    with pytest.raises(KeyError):
        registry.clear([first, "error-9"])
    assert [row["id"] for row in registry.to_dict()] == [first]
    second = registry.add({"kind": "error"})["id"]
    assert [row["id"] for row in registry.clear([second])] == [second]
    assert [row["id"] for row in registry.clear()] == [first]
    assert registry.add({"kind": "error"})["id"] == "error-3"


def test_a_book_is_taken_up_again(registry: FaultRegistry, clock: Clock) -> None:
    registry.add({"kind": "error", "operation": ["ecs:*"], "times": 3})
    ask(registry, "RunTask")
    again = FaultRegistry(clock)
    again.load(registry.dump())
    assert again.to_dict() == registry.to_dict()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "there is no fault None"),
        ({"kind": "flood"}, "there is no fault 'flood'"),
        ({"kind": "latency"}, "latency needs seconds"),
        ({"kind": "latency", "seconds": -1}, "0 or more"),
        ({"kind": "latency", "seconds": "1"}, "must be a number"),
        ({"kind": "latency", "seconds": True}, "must be a number"),
        ({"kind": "latency", "seconds": float("nan")}, "must be a number"),
        ({"kind": "error", "operation": [1]}, "list of patterns"),
        ({"kind": "error", "operation": []}, "list of patterns"),
        ({"kind": "error", "times": 1.5}, "whole number"),
        ({"kind": "error", "status": 200}, "from 400 to 599"),
        ({"kind": "error", "nth": 0}, "nth must be from 1"),
        ({"kind": "error", "times": 0}, "times must be from 1"),
        ({"kind": "container-crash", "exitCode": 256}, "from 0 to 255"),
        ({"kind": "error", "exitCode": 1}, "error takes no exitCode"),
        ({"kind": "instance-loss", "how": "flooded"}, "terminated, stopped, impaired"),
        ({"kind": "throttle", "bucket": "mine"}, "cluster-modify"),
        ({"kind": ["error"]}, "there is no fault"),
        ({"kind": "eventual-consistency", "seconds": 1, "of": ["s3"]}, "ecs, iam"),
    ],
)
def test_what_is_no_fault_is_told_and_not_injected(registry: FaultRegistry, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(FaultError, match=words):
        registry.add(wrong)
    assert registry.to_dict() == []


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(sorted({field.name for kind in KINDS for field in kind.fields} | {"times", "nth", "for"}))


@given(
    kind=st.sampled_from([kind.name for kind in KINDS]),
    fields=st.dictionaries(names | st.text(max_size=6), json_values, max_size=4),
)
def test_any_object_is_a_fault_or_is_refused(kind: str, fields: dict[str, Any]) -> None:
    registry = FaultRegistry(lambda: 0.0)
    try:
        made = registry.add({**fields, "kind": kind})
    except FaultError:
        assert registry.to_dict() == []
    else:
        assert registry.to_dict() == [made]


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [
        ("RunTask", True),
        ("runtask", True),
        ("ecs:Run*", True),
        ("ecs:*", True),
        ("*", True),
        ("ec2:*", False),
        ("Describe*", False),
        ("e*:R?nTask", True),
    ],
)
def test_which_operations_a_pattern_means(pattern: str, is_meant: bool) -> None:
    assert meant([pattern], "ecs", "RunTask") is is_meant


def test_the_short_name_of_the_balancers_service() -> None:
    assert meant(["elbv2:Describe*"], "elasticloadbalancing", "DescribeTargetHealth")


@pytest.mark.parametrize(
    ("service", "answer"),
    [
        ("ecs", '400 {"__type": "ThrottlingException", "message": "Rate exceeded"}'),
        ("ec2", "<Code>RequestLimitExceeded</Code>"),
        ("iam", "<Code>Throttling</Code>"),
    ],
)
def test_each_service_throttles_in_its_own_words(registry: FaultRegistry, service: str, answer: str) -> None:
    registry.add({"kind": "throttle"})
    given, triggered = RequestFaults(registry).before(request(service, "Describe"))
    assert given is not None
    assert answer in f"{given[0]} {given[2].decode()}"
    assert triggered == ["throttle-1"]


def test_a_bucket_is_throttled_whole_and_alone(registry: FaultRegistry) -> None:
    registry.add({"kind": "throttle", "bucket": "task-definition-modify"})
    assert ask(registry, "RegisterTaskDefinition")
    assert ask(registry, "DeregisterTaskDefinition")
    assert ask(registry, "DescribeTaskDefinition") is None
    assert ask(registry, "RegisterTaskDefinition", service="batch") is None


def test_only_some_callers_are_meant(registry: FaultRegistry) -> None:
    registry.add({"kind": "error", "caller": "*terraform*"})
    registry.add({"kind": "error", "caller": "AKIDONE"})
    faults = RequestFaults(registry)

    def refused(agent: str, key: str = "AKIDTWO") -> bool:
        given = request("ecs", "RunTask", **{"user-agent": agent})
        return faults.before(replace(given, access_key_id=key))[0] is not None

    assert refused("APN/1.0 HashiCorp/1.0 Terraform/1.9")
    assert refused("aws-cli/2", "AKIDONE")
    assert not refused("aws-cli/2")


def test_a_delay_comes_before_a_refusal(registry: FaultRegistry) -> None:
    waited: list[float] = []
    registry.add({"kind": "latency", "seconds": 1.5, "operation": "RunTask"})
    registry.add({"kind": "error", "code": "AccessDeniedException", "message": "no", "status": 403})
    answer, triggered = RequestFaults(registry, wait=waited.append).before(request("ecs", "RunTask"))
    assert waited == [1.5]
    assert answer is not None
    assert answer[0] == 403
    assert triggered == ["latency-1", "error-2"]


@pytest.mark.parametrize("bucket", BUCKETS, ids=lambda bucket: bucket.name)
def test_a_burst_gets_what_the_bucket_holds_and_then_its_refill(bucket: Any, clock: Clock) -> None:
    throttle = Throttle(clock, enabled=True)

    def burst() -> int:
        names = bucket.operations * (bucket.burst + 50)
        return sum(throttle.admits("eu-west-1", name) for name in names[: bucket.burst + 50])

    assert burst() == bucket.burst
    assert throttle.admits("us-east-1", bucket.operations[0])
    clock.now += 1
    assert burst() == min(bucket.refill, bucket.burst)
    clock.now += 3600
    assert burst() == bucket.burst


def test_without_throttling_everything_passes(clock: Clock) -> None:
    throttle = Throttle(clock)
    assert all(throttle.admits("eu-west-1", "DeleteTaskDefinitions") for _ in range(100))
    throttle.enable(True)
    assert sum(throttle.admits("eu-west-1", "DeleteTaskDefinitions") for _ in range(100)) == 5
    assert all(throttle.admits("eu-west-1", "NoSuchOperation") for _ in range(100))


def test_no_operation_is_in_two_buckets_and_all_exist() -> None:
    listed = [operation for bucket in BUCKETS for operation in bucket.operations]
    assert len(listed) == len(set(listed))
    assert set(listed) <= known_operations()


@pytest.mark.parametrize(
    ("operation", "burst", "refill"),
    [
        ("DescribeClusters", 50, 20),
        ("RegisterTaskDefinition", 20, 1),
        ("DescribeTaskDefinition", 50, 20),
        ("DeleteTaskDefinitions", 5, 1),
        ("CreateCapacityProvider", 10, 1),
        ("RunTask", 100, 40),
        ("StopTask", 100, 40),
        ("ExecuteCommand", 100, 40),
        ("DescribeTasks", 100, 20),
        ("ListTasks", 100, 20),
        ("UpdateService", 50, 5),
        ("DescribeServices", 100, 20),
        ("TagResource", 20, 10),
    ],
)
def test_the_documented_rates(operation: str, burst: int, refill: int) -> None:
    bucket = next(bucket for bucket in BUCKETS if operation in bucket.operations)
    assert (bucket.burst, bucket.refill) == (burst, refill)
