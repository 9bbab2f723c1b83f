"""The JSON protocol: what is no request is answered as the service answers it, and bugs never get out."""

from __future__ import annotations

import json
import logging

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from ecsctl.sandbox.ecs.region import OPERATIONS
from tests.sandbox.ecs.world import World


def ask(world: World, operation: str, body: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
    status, headers, answer = world.engine.handle(operation, body)
    return status, headers, json.loads(answer)


def test_an_unknown_operation_is_a_400(empty: World) -> None:
    status, headers, answer = ask(empty, "AmazonEC2ContainerServiceV20141113.MakeCoffee", b"{}")
    assert (status, answer) == (400, {"__type": "UnknownOperationException"})
    assert headers["x-amzn-ErrorType"] == "UnknownOperationException"


def test_an_operation_of_the_model_that_is_missing_is_unknown_too(empty: World) -> None:
    missing = [name for name, state in empty.engine.operations().items() if state == "missing"]
    assert "CreateGateway" in missing
    assert "RunTask" not in missing
    assert ask(empty, missing[0], b"{}")[2]["__type"] == "UnknownOperationException"


def test_the_whole_target_header_and_the_bare_name_are_the_same(empty: World) -> None:
    empty.call("CreateCluster")
    full = ask(empty, "AmazonEC2ContainerServiceV20141113.ListClusters", b"")
    assert full[2] == {"clusterArns": ["arn:aws:ecs:eu-west-1:123456789012:cluster/default"]}
    assert full[2] == ask(empty, "ListClusters", b"{}")[2]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"\xff\xfe"])
def test_what_is_no_json_object_is_a_serialization_exception(empty: World, body: bytes) -> None:
    status, _, answer = ask(empty, "ListClusters", body)
    assert (status, answer["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    "params",
    [
        {"clusterName": {}},
        {"tags": {"a": "b"}},
        {"settings": ["containerInsights"]},
        {"tags": "x"},
    ],
)
def test_a_wrong_type_is_a_serialization_exception(empty: World, params: dict[str, object]) -> None:
    with pytest.raises(EcsApiError, match="SerializationException"):
        empty.call("CreateCluster", **params)
    assert empty.call("ListClusters")["clusterArns"] == []


@pytest.mark.parametrize(
    ("operation", "params", "code", "part"),
    [
        ("DescribeTasks", {}, "InvalidParameterException", "Tasks cannot be empty"),
        ("DescribeServices", {"services": []}, "InvalidParameterException", "Services cannot be empty"),
        ("RegisterTaskDefinition", {"family": "x"}, "ClientException", "Container list cannot be empty"),
        ("RunTask", {}, "InvalidParameterException", "TaskDefinition can not be blank"),
        ("TagResource", {"tags": []}, "InvalidParameterException", "resourceArn"),
        (
            "RunTask",
            {"taskDefinition": "x", "launchType": "MOON"},
            "InvalidParameterException",
            "launch type should be one of",
        ),
        (
            "RegisterTaskDefinition",
            {"family": "x", "containerDefinitions": [{}], "networkMode": "carrier-pigeon"},
            "ClientException",
            "carrier-pigeon",
        ),
    ],
)
def test_missing_and_impossible_arguments(
    empty: World, operation: str, params: dict[str, object], code: str, part: str
) -> None:
    with pytest.raises(EcsApiError) as caught:
        empty.call(operation, **params)
    assert caught.value.code == code
    assert part in caught.value.message
    assert caught.value.status == 400


def test_unknown_members_and_nulls_are_dropped(empty: World) -> None:
    made = empty.call("CreateCluster", clusterName="web", colour="blue", configuration=None)["cluster"]
    assert made["clusterName"] == "web"
    assert "configuration" not in made


def test_a_bug_is_a_500_with_a_line_in_the_log(empty: World, caplog: pytest.LogCaptureFixture) -> None:
    # A stored thing that no operation could have made.
    empty.engine.store.clusters["broken"] = object()  # type: ignore[assignment]
    with caplog.at_level(logging.ERROR):
        status, _, answer = ask(empty, "ListClusters", b"{}")
    assert (status, answer["__type"]) == (500, "ServerException")
    assert "ListClusters" in caplog.text


def test_times_are_epoch_seconds(world: World) -> None:
    arn = world.family()
    answer = world.call("DescribeTaskDefinition", taskDefinition=arn)["taskDefinition"]
    assert answer["registeredAt"] == world.now


def test_every_operation_survives_an_empty_request(world: World) -> None:
    for name in OPERATIONS:
        status, _, answer = ask(world, name, b"{}")
        assert status in (200, 400), (name, answer)
