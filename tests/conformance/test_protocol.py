"""The protocol: required members, enumerations, types, unknown operations."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.conformance.asking import EITHER, Aws, refused, says

MODEL = botocore.session.get_session().get_service_model("ecs")
# Managed daemons and gateways are not offered everywhere.
REQUIRED = [
    name
    for name in MODEL.operation_names
    if getattr(MODEL.operation_model(name).input_shape, "required_members", ())
    and not re.search("Daemon|Gateway", name)
]


def method(ecs: Any, operation: str) -> Any:
    """boto3's method of an operation."""
    names = {api: python for python, api in ecs.meta.method_to_api_mapping.items()}
    return getattr(ecs, names[operation])


@pytest.mark.parametrize("operation", REQUIRED)
def test_required_members(ecs: Any, operation: str) -> None:
    """An operation without the members that it requires is a fault of the caller: HTTP 400, never 500."""
    with refused((*EITHER, "ValidationException")):
        method(ecs, operation)()


ENUMERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "RunTask launchType": ("RunTask", {"taskDefinition": "t", "launchType": "MOON"}),
    "RunTask propagateTags": ("RunTask", {"taskDefinition": "t", "propagateTags": "EVERYWHERE"}),
    "CreateService launchType": ("CreateService", {"serviceName": "s", "launchType": "MOON"}),
    "CreateService schedulingStrategy": ("CreateService", {"serviceName": "s", "schedulingStrategy": "CHAOS"}),
    "CreateService rebalancing": ("CreateService", {"serviceName": "s", "availabilityZoneRebalancing": "MAYBE"}),
    "CreateService strategy": (
        "CreateService",
        {"serviceName": "s", "deploymentConfiguration": {"strategy": "PURPLE"}},
    ),
    "ListTasks desiredStatus": ("ListTasks", {"desiredStatus": "FLYING"}),
    "ListTasks launchType": ("ListTasks", {"launchType": "MOON"}),
    "ListServices schedulingStrategy": ("ListServices", {"schedulingStrategy": "CHAOS"}),
    "ListContainerInstances status": ("ListContainerInstances", {"status": "FLYING"}),
    "ListTaskDefinitions status": ("ListTaskDefinitions", {"status": "FLYING"}),
    "ListTaskDefinitions sort": ("ListTaskDefinitions", {"sort": "RANDOM"}),
    "ListTaskDefinitionFamilies status": ("ListTaskDefinitionFamilies", {"status": "FLYING"}),
    "DescribeClusters include": ("DescribeClusters", {"include": ["EVERYTHING"]}),
    "DescribeTasks include": ("DescribeTasks", {"tasks": ["0" * 32], "include": ["EVERYTHING"]}),
    "UpdateContainerInstancesState status": (
        "UpdateContainerInstancesState",
        {"containerInstances": ["0" * 32], "status": "FLYING"},
    ),
    "PutAccountSetting name": ("PutAccountSetting", {"name": "nope", "value": "enabled"}),
    "RegisterTaskDefinition networkMode": (
        "RegisterTaskDefinition",
        {"family": "conf-enum", "networkMode": "mesh", "containerDefinitions": []},
    ),
    "RegisterTaskDefinition requiresCompatibilities": (
        "RegisterTaskDefinition",
        {
            "family": "conf-enum",
            "requiresCompatibilities": ["MOON"],
            "containerDefinitions": [{"name": "a", "image": "b", "memory": 16}],
        },
    ),
    "RegisterTaskDefinition logDriver": (
        "RegisterTaskDefinition",
        {
            "family": "conf-enum",
            "containerDefinitions": [
                {"name": "a", "image": "b", "memory": 16, "logConfiguration": {"logDriver": "smoke"}}
            ],
        },
    ),
    "RegisterTaskDefinition condition": (
        "RegisterTaskDefinition",
        {
            "family": "conf-enum",
            "containerDefinitions": [
                {"name": "a", "image": "b", "memory": 16, "dependsOn": [{"containerName": "c", "condition": "READY"}]},
                {"name": "c", "image": "b", "memory": 16},
            ],
        },
    ),
}


@pytest.mark.parametrize("member", ENUMERATIONS)
def test_enumerations(ecs: Any, member: str) -> None:
    """A value outside a member's enumeration is refused."""
    operation, params = ENUMERATIONS[member]
    with refused(EITHER):
        method(ecs, operation)(**params)


TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "text for a number": ("RunTask", {"taskDefinition": "t", "count": "many"}),
    "a number for a list": ("DescribeTasks", {"tasks": 5}),
    "a list for a structure": ("CreateService", {"serviceName": "s", "deploymentConfiguration": []}),
    "a structure for text": ("DescribeTaskDefinition", {"taskDefinition": {}}),
}


@pytest.mark.parametrize("fault", TYPES)
def test_types(aws: Aws, fault: str) -> None:
    """A member of the wrong type: SerializationException, HTTP 400."""
    operation, params = TYPES[fault]
    client = aws.client("ecs", fresh=True)

    # boto3 would fail on its own at some of these, so the body is written here.
    def send(params_of_call: Any = None, **kwargs: Any) -> None:
        kwargs["params"]["body"] = json.dumps(params).encode()

    client.meta.events.register(f"before-call.ecs.{operation}", send)
    with refused("SerializationException"):
        method(client, operation)()


def test_unknown_operations(aws: Aws) -> None:
    """An operation that ECS does not have: UnknownOperationException, HTTP 400."""
    client = aws.client("ecs", fresh=True)

    def rename(params: Any, **kwargs: Any) -> None:
        params["headers"]["X-Amz-Target"] = "AmazonEC2ContainerServiceV20141113.MakeCoffee"

    client.meta.events.register("before-call.ecs.ListClusters", rename)
    with refused(("UnknownOperationException", "UnknownOperation")):
        client.list_clusters()


def test_request_ids(ecs: Any) -> None:
    """Every answer has a request id of its own."""
    answers = [ecs.list_clusters()["ResponseMetadata"] for _ in range(2)]
    assert len({answer.get("RequestId") for answer in answers} - {None, ""}) == 2


def test_unknown_members_are_dropped(aws: Aws, ecs: Any, cluster: str) -> None:
    """A member that ECS does not know is ignored."""
    client = aws.client("ecs", fresh=True)

    def add(params: Any, **kwargs: Any) -> None:
        params["body"] = params["body"].replace(b"{", b'{"flavour": "vanilla", ', 1)

    client.meta.events.register("before-call.ecs.DescribeClusters", add)
    assert client.describe_clusters(clusters=[cluster])["clusters"][0]["clusterName"] == cluster


def raw(aws: Aws, operation: str, **params: Any) -> dict[str, Any]:
    """An answer as it came over the wire: ``status_code``, ``headers``, ``body``."""
    client = aws.client("ecs", fresh=True)
    seen: dict[str, Any] = {}

    def keep(response_dict: dict[str, Any], **kwargs: Any) -> None:
        seen.update(response_dict)

    client.meta.events.register(f"before-parse.ecs.{operation}", keep)
    with contextlib.suppress(ClientError):
        method(client, operation)(**params)
    return seen


def test_the_form_of_an_error(aws: Aws) -> None:
    """An error is JSON with __type, the exception's name, and message; its header x-amzn-ErrorType has the name too."""
    answer = raw(aws, "ListTasks", cluster="conf-nope")
    assert answer["status_code"] == 400
    body = json.loads(answer["body"])
    assert body["__type"].rpartition("#")[2] == "ClusterNotFoundException"
    assert says(body["message"], "Cluster not found")
    assert answer["headers"]["Content-Type"].startswith("application/x-amz-json-1.1")


def test_headers(aws: Aws) -> None:
    """Every answer has x-amzn-RequestId, a Date, its length, and the type application/x-amz-json-1.1."""
    headers = {name.lower(): value for name, value in raw(aws, "ListClusters")["headers"].items()}
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["x-amzn-requestid"])
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert headers["date"]
    assert int(headers["content-length"]) > 0


def test_times_are_numbers(aws: Aws, definition: str) -> None:
    """Timestamps are numbers: seconds since 1970."""
    body = json.loads(raw(aws, "DescribeTaskDefinition", taskDefinition=definition)["body"])
    assert isinstance(body["taskDefinition"]["registeredAt"], float | int)
    assert body["taskDefinition"]["registeredAt"] > 1_600_000_000


def test_nothing_is_null(aws: Aws, cluster: str, definition: str) -> None:
    """What has no value is left out of an answer: there is no null in it."""

    def nulls(value: Any) -> bool:
        if isinstance(value, dict):
            return any(nulls(item) for item in value.values())
        if isinstance(value, list):
            return any(nulls(item) for item in value)
        return value is None

    for operation, params in (
        ("DescribeClusters", {"clusters": [cluster, "conf-nope"]}),
        ("DescribeTaskDefinition", {"taskDefinition": definition}),
        ("ListServices", {"cluster": cluster}),
    ):
        assert not nulls(json.loads(raw(aws, operation, **params)["body"])), operation


def test_nulls_are_as_if_left_out(aws: Aws, cluster: str) -> None:
    """A null in a request is as if the member were left out."""
    client = aws.client("ecs", fresh=True)

    def add(params: Any, **kwargs: Any) -> None:
        params["body"] = params["body"].replace(b"{", b'{"include": null, ', 1)

    client.meta.events.register("before-call.ecs.DescribeClusters", add)
    assert client.describe_clusters(clusters=[cluster])["clusters"][0]["clusterName"] == cluster


def test_members_of_another_case_are_unknown(aws: Aws) -> None:
    """Members' names are case-sensitive: ClusterName is not clusterName."""
    client = aws.client("ecs", fresh=True)

    def rename(params: Any, **kwargs: Any) -> None:
        params["body"] = json.dumps({"Clusters": ["conf-nope"]}).encode()

    client.meta.events.register("before-call.ecs.DescribeClusters", rename)
    assert all(row["arn"].endswith("/default") for row in client.describe_clusters()["failures"])


def test_bodies_that_are_no_json(aws: Aws) -> None:
    """A body that is no JSON: SerializationException, HTTP 400."""
    client = aws.client("ecs", fresh=True)

    def spoil(params: Any, **kwargs: Any) -> None:
        params["body"] = b"{no json"

    client.meta.events.register("before-call.ecs.ListClusters", spoil)
    with refused("SerializationException"):
        client.list_clusters()
