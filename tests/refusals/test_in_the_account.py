"""What Amazon ECS refuses because of what else there is, or says first where several things are wrong: the sandbox."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.refusals.bases import ROLE
from tests.sandbox.ecs.world import World

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{}/0123456789abcdef"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
ADVANCED = {
    "alternateTargetGroupArn": GROUP.format("c"),
    "productionListenerRule": "arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener-rule/app/x/1/2/3",
    "roleArn": ROLE,
}
CONNECT = {
    "enabled": True,
    "namespace": "internal",
    "services": [{"portName": "http", "clientAliases": [{"port": 80}]}],
}
FARGATE = [{"capacityProvider": "FARGATE", "weight": 1}]


@pytest.fixture
def world(empty: World) -> World:
    """A cluster with Fargate's providers, a definition with a port, one for Fargate, and target groups."""
    empty.call("CreateCluster", capacityProviders=["FARGATE"])
    box = {"name": "c", "image": "i:1", "memory": 64, "portMappings": [{"containerPort": 80, "name": "http"}]}
    empty.call("RegisterTaskDefinition", family="web", containerDefinitions=[box])
    size = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
    empty.call("RegisterTaskDefinition", family="far", containerDefinitions=[box], **size)
    empty.elb.group_type = "instance"
    empty.elb.groups.update({GROUP.format(name): None for name in "abc"})
    return empty


def refused(world: World, operation: str, **query: Any) -> str:
    """The code and words of a refusal."""
    status, _, body = world.engine.handle(operation, json.dumps(query).encode())
    answer = json.loads(body)
    assert status == 400, answer
    return f"{answer['__type']}: {answer['message']}"


def entry(name: str, **members: Any) -> dict[str, Any]:
    return {"targetGroupArn": GROUP.format(name), "containerName": "c", "containerPort": 80, **members}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {
                "desiredCount": None,
                "schedulingStrategy": "DAEMON",
                "taskDefinition": "far",
                "networkConfiguration": NETWORK,
                "capacityProviderStrategy": FARGATE,
            },
            "Specifying a capacity provider strategy is not supported when you create a service using the DAEMON",
        ),
        (
            {"capacityProviderStrategy": [*FARGATE, {"capacityProvider": "mine", "weight": 1}]},
            "A capacity provider strategy cannot contain a mix of capacity providers",
        ),
        (
            {
                "taskDefinition": None,
                "deploymentController": {"type": "EXTERNAL"},
                "deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
            },
            "Deployment circuit breaker feature is only supported with ECS deployment controller.",
        ),
        (
            {
                "taskDefinition": None,
                "deploymentController": {"type": "EXTERNAL"},
                "deploymentConfiguration": {"alarms": {"enable": True, "rollback": True, "alarmNames": ["a"]}},
            },
            "Alarm based rollback feature is only supported with ECS deployment controller.",
        ),
        (
            {
                "deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1},
                "loadBalancers": [entry("a", advancedConfiguration=ADVANCED), entry("b")],
            },
            "Either all or none of the provided loadBalancers must have advancedConfiguration defined",
        ),
        ({"launchType": "SOMETHING"}, "launch type should be one of [EC2,FARGATE,EXTERNAL"),
        ({"schedulingStrategy": "ALL"}, "Scheduling strategy should be one of [REPLICA,DAEMON]"),
    ],
)
def test_a_service_is_refused_in_these_words(world: World, members: dict[str, Any], words: str) -> None:
    query = {"serviceName": "s", "taskDefinition": "web", "desiredCount": 1, **members}
    said = refused(world, "CreateService", **{name: value for name, value in query.items() if value is not None})
    assert words in said


def test_a_name_of_service_connect_is_one_services_own(world: World) -> None:
    service = {"taskDefinition": "web", "desiredCount": 0, "serviceConnectConfiguration": CONNECT}
    made = world.call("CreateService", serviceName="one", **service)["service"]
    said = refused(world, "CreateService", serviceName="two", **service)
    assert said == f"InvalidParameterException: SC service is already used by {made['serviceArn']}"
    world.call("UpdateService", service="one", forceNewDeployment=True)
    row = {**CONNECT["services"][0], "discoveryName": "other"}
    world.call(
        "CreateService", serviceName="two", **{**service, "serviceConnectConfiguration": {**CONNECT, "services": [row]}}
    )
    said = refused(world, "UpdateService", service="two", serviceConnectConfiguration=CONNECT)
    assert "SC service is already used by" in said


def test_an_update_of_a_service_for_codedeploy_is_looked_at_too(world: World) -> None:
    controller = {"deploymentController": {"type": "CODE_DEPLOY"}, "loadBalancers": [entry("a")]}
    world.call("CreateService", serviceName="s", taskDefinition="web", desiredCount=0, **controller)
    breaker = {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}}
    assert "Deployment circuit breaker feature" in refused(world, "UpdateService", service="s", **breaker)


def test_definitions_that_cannot_be_deleted_are_told_one_by_one(world: World) -> None:
    world.call("DeregisterTaskDefinition", taskDefinition="far:1")
    answer = world.call("DeleteTaskDefinitions", taskDefinitions=["far:1", "nope:7", "web", "web:1"])
    assert [row["family"] for row in answer["taskDefinitions"]] == ["far"]
    reasons = {row["arn"].rsplit("/", 1)[-1]: row["reason"].partition(".")[0] for row in answer["failures"]}
    assert reasons == {
        "nope:7": "The specified task definition does not exist",
        "web": "The specified task definition identifier is invalid",
        "web:1": "The specified task definition is still in ACTIVE status",
    }
