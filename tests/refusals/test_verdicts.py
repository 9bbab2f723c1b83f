"""What was refused though Amazon ECS takes it, or taken though it refuses it: offline and in the sandbox."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from ecsctl.manifest import check
from tests.refusals.bases import AWSVPC, EFS, FARGATE, MOUNT, PLAIN, PROXY, ROLE, C, V, files, ports
from tests.refusals.patches import errors, faults_of, patched
from tests.sandbox.ecs.world import World

CHECKED = patched(PLAIN, {C + "healthCheck": {"command": ["CMD", "true"]}})
MAPPED = patched(PLAIN, ports({"containerPort": 80, "hostPort": 80}))
STORED = patched(PLAIN, {"volumes": [{"name": "v", "configuredAtLaunch": True}], **MOUNT})
MANAGED = patched(
    PLAIN, {"requiresCompatibilities": ["MANAGED_INSTANCES"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
)
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
LATTICE = {"roleArn": ROLE, "targetGroupArn": "arn:aws:vpc-lattice:eu-west-1:123456789012:targetgroup/tg-1"}
REBALANCING = {"availabilityZoneRebalancing": "ENABLED"}


def awslogs(**options: str) -> dict[str, Any]:
    known = {"awslogs-group": "g", "awslogs-region": "eu-west-1"}
    return {C + "logConfiguration": {"logDriver": "awslogs", "options": {**known, **options}}}


def weighing(weight: int | None) -> dict[str, Any]:
    item = {"capacityProvider": "FARGATE"} | ({} if weight is None else {"weight": weight})
    return {"capacityProviderStrategy": [item], "networkConfiguration": NETWORK}


def volume(**members: Any) -> dict[str, Any]:
    managed = {"roleArn": ROLE, "sizeInGiB": 10, **members}
    return {"volumeConfigurations": [{"name": "v", "managedEBSVolume": managed}]}


@pytest.mark.parametrize(
    "definition",
    [
        patched(PLAIN, {C + "healthCheck": {"command": ["/healthcheck"]}}),
        patched(PLAIN, {C + "memory": 4}),
        patched(PLAIN, {C + "memory": None, C + "memoryReservation": 4}),
        MANAGED,
        patched(PLAIN, awslogs(**{"awslogs-create-group": "true", "mode": "non-blocking"})),
        # As in aws-samples/amazon-cloudwatch-container-insights.
        patched(PLAIN, awslogs(**{"awslogs-create-group": "True"})),
        patched(PLAIN, {"executionRoleArn": "ecsTaskExecutionRole"}),
        patched(PLAIN, {"executionRoleArn": "arn:aws-cn:iam::123456789012:role/path/to/role"}),
    ],
)
def test_a_definition_that_ecs_takes(definition: dict[str, Any], empty: World) -> None:
    assert not errors(faults_of(definition))
    empty.call("RegisterTaskDefinition", **definition)


@pytest.mark.parametrize(
    "definition",
    [
        patched(PLAIN, awslogs(log_key="x")),
        patched(PLAIN, awslogs(**{"awslogs-create-group": "false"})),
        patched(PLAIN, {C + "environmentFiles": [{"type": "s3", "value": "s3://b/x.env"}]}),
        patched(PLAIN, files(11)),
        patched(FARGATE, {C + "dockerSecurityOptions": ["no-new-privileges"]}),
        patched(FARGATE, {C + "linuxParameters": {"maxSwap": 100}}),
        patched(FARGATE, {C + "stopTimeout": 1}),
        patched(AWSVPC, ports({"containerPortRange": "8080-8090"}, {"containerPortRange": "8085-8095"})),
        patched(AWSVPC, {"proxyConfiguration": {**PROXY, "containerName": "nope"}}),
        patched(EFS, {V + "efsVolumeConfiguration.transitEncryptionPort": 2049}),
        patched(PLAIN, ports({"containerPort": 0})),
        patched(PLAIN, {C + "image": "$NAME:$TAG"}),
        patched(PLAIN, {"executionRoleArn": "arn:aws:iam::XXXXXXXXXXXX:role/x"}),
        patched(PLAIN, {"executionRoleArn": "<EXECUTION_ROLE_ARN>"}),
        patched(PLAIN, {"executionRoleArn": "arn:aws:iam::<account>:role/x"}),
        patched(PLAIN, {"taskRoleArn": "arn:aws:iam::123456789012:role/x "}),
        patched(PLAIN, {"taskRoleArn": " arn:aws:iam::123456789012:role/x"}),
        patched(PLAIN, {"taskRoleArn": "arn:aws:iam::123456789:role/x"}),
        patched(PLAIN, {"taskRoleArn": "arn:aws:iam::123456789012:user/x"}),
    ],
)
def test_a_definition_that_ecs_refuses(definition: dict[str, Any], empty: World) -> None:
    assert errors(faults_of(definition))
    status, _, body = empty.engine.handle("RegisterTaskDefinition", json.dumps(definition).encode())
    assert status == 400, body


def faults_of_service(service: dict[str, Any], definition: dict[str, Any]) -> list[Any]:
    """The errors of a project with this service and its definition."""
    inner = {name: value for name, value in definition.items() if name != "family"}
    members = {name: value for name, value in {"taskDefinition": "t", **service}.items() if value is not None}
    document = {"name": "p", "taskDefinitions": {"t": inner}, "services": {"s": members}}
    _, faults = check(["-"], stdin=io.BytesIO(json.dumps(document).encode()), env={})
    return errors(faults)


def created(service: dict[str, Any], definition: dict[str, Any], world: World) -> tuple[int, bytes]:
    """What the sandbox answers to CreateService; ``default`` has the Fargate providers and one of its own."""
    world.elb.classics.add("x")
    world.call("CreateCluster", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    world.call("RegisterTaskDefinition", **definition)
    members = {"serviceName": "s", "taskDefinition": "t", "desiredCount": 1, **service}
    body = json.dumps({name: value for name, value in members.items() if value is not None}).encode()
    status, _, answer = world.engine.handle("CreateService", body)
    return status, answer


@pytest.mark.parametrize(
    ("service", "definition"),
    [
        ({"taskDefinition": None, "deploymentController": {"type": "EXTERNAL"}}, PLAIN),
        ({"healthCheckGracePeriodSeconds": 60}, CHECKED),
        (
            {"healthCheckGracePeriodSeconds": 60, "vpcLatticeConfigurations": [{**LATTICE, "portName": "http"}]},
            patched(PLAIN, ports({"containerPort": 80, "name": "http"})),
        ),
    ],
)
def test_a_service_that_ecs_takes(service: dict[str, Any], definition: dict[str, Any], empty: World) -> None:
    assert not faults_of_service(service, definition)
    status, body = created(service, definition, empty)
    assert status == 200, body


@pytest.mark.parametrize(
    ("service", "definition"),
    [
        (weighing(0), FARGATE),
        (weighing(None), FARGATE),
        ({"deploymentController": {"type": "EXTERNAL"}}, PLAIN),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, PLAIN),
        (volume(volumeType="gp2", throughput=200), STORED),
        (
            {
                **REBALANCING,
                "placementConstraints": [
                    {"type": "memberOf", "expression": "attribute:ecs.availability-zone == eu-west-1a"}
                ],
            },
            PLAIN,
        ),
        ({**REBALANCING, "placementStrategy": [{"type": "binpack", "field": "cpu"}]}, PLAIN),
        (
            {
                **REBALANCING,
                "loadBalancers": [{"loadBalancerName": "x", "containerName": "c", "containerPort": 80}],
            },
            MAPPED,
        ),
        ({"launchType": "FARGATE", "platformVersion": "1.9.9", "networkConfiguration": NETWORK}, FARGATE),
    ],
)  # fmt: skip
def test_a_service_that_ecs_refuses(service: dict[str, Any], definition: dict[str, Any], empty: World) -> None:
    assert faults_of_service(service, definition)
    status, body = created(service, definition, empty)
    assert status == 400, body


@pytest.mark.parametrize(
    "subnet", ["very-real-subnet-id", "subnet-xxxxxxxx", "", "subnet-0123456789abcdef0 ", "<subnet>"]
)
def test_a_placeholder_is_no_id(subnet: str) -> None:
    network = {"awsvpcConfiguration": {"subnets": [subnet]}}
    assert faults_of_service({"launchType": "FARGATE", "networkConfiguration": network}, FARGATE)


@pytest.mark.parametrize(
    "arn", ["arn:aws:elasticloadbalancing:REGION:ACCOUNT:targetgroup/x/1", "YOUR_TARGET_GROUP", "<arn>", ""]
)
def test_a_placeholder_is_no_target_group(arn: str) -> None:
    balancer = {"targetGroupArn": arn, "containerName": "c", "containerPort": 80}
    assert faults_of_service({"loadBalancers": [balancer]}, MAPPED)
