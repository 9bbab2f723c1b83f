"""Task definitions: what is refused, what is filled in, how revisions live."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.refusals.limits import FARGATE_SIZES
from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

APP: dict[str, Any] = {"name": "app", "image": "nginx", "memory": 100}
FARGATE: dict[str, Any] = {
    "networkMode": "awsvpc",
    "requiresCompatibilities": ["FARGATE"],
    "cpu": "256",
    "memory": "512",
}
ROLE = "arn:aws:iam::123456789012:role/exec"
LOGS = {"logDriver": "awslogs", "options": {"awslogs-group": "g", "awslogs-region": "eu-west-1"}}
CHECK = {"command": ["CMD", "true"]}


def register(world: World, family: str = "web", **members: Any) -> dict[str, Any]:
    members.setdefault("containerDefinitions", [APP])
    return world.call("RegisterTaskDefinition", family=family, **members)["taskDefinition"]


def app(**members: Any) -> dict[str, Any]:
    return {"containerDefinitions": [{**APP, **members}]}


def pair(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"containerDefinitions": [{**APP, "name": "a", **first}, {**APP, "name": "b", **second}]}


REFUSED = [
    (FARGATE | {"cpu": None}, "Fargate requires that 'cpu' be defined at the task level"),
    (FARGATE | {"memory": None}, "Fargate requires that 'memory' be defined at the task level"),
    (FARGATE | {"memory": "4096"}, "No Fargate configuration exists for given values"),
    (FARGATE | {"networkMode": "bridge"}, "Fargate only supports network mode"),
    (
        FARGATE | {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        "No Fargate configuration",
    ),
    (app(memory=None), "At least one of 'memory' or 'memoryReservation' must be specified"),
    (app(memory=100, memoryReservation=200), "'memory' must be greater than or equal to 'memoryReservation'"),
    (app(memory=2000) | {"cpu": "256", "memory": "1024"}, "The 'memory' setting for container 'app' is greater"),
    (app(cpu=512) | {"cpu": "256", "memory": "1024"}, "The sum of all container 'cpu' values cannot be greater"),
    (app(essential=False), "doesn't have any essential container"),
    (pair({"name": "x"}, {"name": "x"}), "Container names must be unique within a task definition"),
    (app(name="a b"), "Container.name contains invalid characters."),
    (app(image=""), "Container.image should not be null or empty."),
    ({"family": "a b"}, "Family contains invalid characters"),
    ({"containerDefinitions": []}, "Container list cannot be empty"),
    (
        {"containerDefinitions": [{**APP, "name": f"c{n}"} for n in range(11)]},
        "A task definition can have at most 10 containers.",
    ),
    (
        app(environment=[{"name": "X", "value": "y" * 70000}]),
        "Actual length: '70125'. Max allowed length is '65536' bytes.",
    ),
    (
        app(portMappings=[{"containerPort": 80, "hostPort": 8080}]) | {"networkMode": "host"},
        "When networkMode=host, the host ports and container ports in port mappings must match",
    ),
    (
        app(portMappings=[{"containerPort": 80, "hostPort": 8080}]) | {"networkMode": "awsvpc"},
        "When networkMode=awsvpc, the host ports",
    ),
    (app(portMappings=[{"containerPort": 80}]) | {"networkMode": "none"}, "networkMode=none"),
    (app(portMappings=[{"containerPort": 70000}]), "Invalid 'containerPort'"),
    (app(portMappings=[{"hostPort": 80}]), "containerPort"),
    (pair({}, {"links": ["a"]}) | {"networkMode": "awsvpc"}, "Links are not supported when networkMode=awsvpc"),
    (app(hostname="h") | {"networkMode": "awsvpc"}, "hostname"),
    (
        app(dnsServers=["1.1.1.1"]) | {"networkMode": "awsvpc"},
        "DNS servers are not supported on container when networkMode=awsvpc.",
    ),
    (
        pair({}, {"dependsOn": [{"containerName": "a", "condition": "SUCCESS"}]}),
        "SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    (
        pair({}, {"dependsOn": [{"containerName": "a", "condition": "HEALTHY"}]}),
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    (pair({}, {"dependsOn": [{"containerName": "z", "condition": "START"}]}), "does not exist"),
    (
        pair(
            {"dependsOn": [{"containerName": "b", "condition": "START"}]},
            {"dependsOn": [{"containerName": "a", "condition": "START"}]},
        ),
        "cycle",
    ),
    (app(secrets=[{"name": "S", "valueFrom": "arn:x"}]), "you must also specify a value for 'executionRoleArn'"),
    (
        FARGATE | app(logConfiguration=LOGS),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs",
    ),
    (FARGATE | app(logConfiguration=LOGS) | {"executionRoleArn": ROLE}, "awslogs-stream-prefix"),
    (FARGATE | app(image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/x"), "to support ECR images"),
    (
        FARGATE | app(logConfiguration={"logDriver": "syslog"}),
        "syslog is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]",
    ),
    (
        app(logConfiguration={"logDriver": "awslogs"}),
        "Log driver awslogs requires options: awslogs-region, awslogs-group",
    ),
    (app(healthCheck=CHECK | {"interval": 1}), "Health check interval must be at least 5 for container 'app'."),
    (
        app(healthCheck=CHECK | {"timeout": 61}),
        "Health check timeout must be less than or equal to the maximum allowed value 60 for container 'app'",
    ),
    (app(healthCheck=CHECK | {"retries": 0}), "Health check retries must be at least 1 for container 'app'."),
    (
        app(healthCheck=CHECK | {"startPeriod": 301}),
        "Health check startPeriod must be less than or equal to the maximum allowed value 300 for container 'app'",
    ),
    (FARGATE | {"ephemeralStorage": {"sizeInGiB": 20}}, "EphemeralStorage size should be at least 21"),
    ({"ephemeralStorage": {"sizeInGiB": 30}}, "Tasks using the EC2 launch type do not support EphemeralStorage"),
    (app(mountPoints=[{"sourceVolume": "nope", "containerPath": "/x"}]), "Unknown volume 'nope'"),
    (
        {
            "volumes": [
                {
                    "name": "v",
                    "efsVolumeConfiguration": {
                        "fileSystemId": "fs-1",
                        "rootDirectory": "/x",
                        "transitEncryption": "ENABLED",
                        "authorizationConfig": {"accessPointId": "fsap-1"},
                    },
                }
            ]
        },
        "root directory",
    ),
    (
        {
            "volumes": [
                {
                    "name": "v",
                    "efsVolumeConfiguration": {"fileSystemId": "fs-1", "authorizationConfig": {"iam": "ENABLED"}},
                }
            ]
        },
        "EFS IAM authorization requires TransitEncryption to be enabled.",
    ),
    (
        app(ulimits=[{"name": "nofile", "softLimit": 9, "hardLimit": 1}]),
        "Soft limit exceeds hard limit for ulimit nofile",
    ),
    (
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64"}},
        "ARM64",
    ),
    (
        FARGATE | {"placementConstraints": [{"type": "memberOf", "expression": "runningTasksCount == 0"}]},
        "Fargate compatible task definitions do not support constraints",
    ),
    (FARGATE | app(privileged=True), "privileged"),
    (FARGATE | {"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]}, "sourcePath"),
    (
        FARGATE | {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"driver": "local"}}]},
        "Fargate compatible task definitions do not support dockerVolumeConfiguration",
    ),
    (FARGATE | app(resourceRequirements=[{"type": "GPU", "value": "1"}]), "GPU"),
    (FARGATE | app(linuxParameters={"devices": [{"hostPath": "/dev/x"}]}), "devices"),
    (FARGATE | app(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}), "NET_ADMIN is not allowed on Fargate."),
    (FARGATE | {"ipcMode": "task"}, "Fargate compatible task definitions do not support ipcMode"),
    (
        FARGATE | {"pidMode": "host"},
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
    ),
    (FARGATE | app(stopTimeout=121), "stopTimeout"),
    ({"cpu": "64"}, "Invalid 'cpu' setting for task."),
    ({"placementConstraints": [{"type": "memberOf", "expression": "colour == blue"}]}, "Invalid expression"),
]


@pytest.mark.parametrize(("members", "part"), REFUSED)
def test_what_the_service_refuses(empty: World, members: dict[str, Any], part: str) -> None:
    with pytest.raises(EcsApiError) as caught:
        register(empty, **{"family": "web", **members})
    assert caught.value.code == "ClientException"
    assert part in caught.value.message
    assert empty.call("ListTaskDefinitions", status="ACTIVE")["taskDefinitionArns"] == []


@pytest.mark.parametrize("cpu", FARGATE_SIZES)
def test_every_fargate_size_is_taken(empty: World, cpu: int) -> None:
    for memory in FARGATE_SIZES[cpu]:
        made = register(empty, **FARGATE | {"cpu": str(cpu), "memory": str(memory)})
        assert (made["cpu"], made["memory"]) == (str(cpu), str(memory))
        assert "FARGATE" in made["compatibilities"]


def test_sizes_with_units(empty: World) -> None:
    made = register(empty, **FARGATE | {"cpu": "1 vCPU", "memory": "2GB"})
    assert (made["cpu"], made["memory"]) == ("1024", "2048")


def test_defaults_are_filled_in(empty: World) -> None:
    made = register(empty, **app(portMappings=[{"containerPort": 80}], healthCheck=CHECK))
    container = made["containerDefinitions"][0]
    assert container["essential"] is True
    assert container["cpu"] == 0
    for member in ("environment", "mountPoints", "volumesFrom", "systemControls"):
        assert container[member] == []
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]
    assert container["healthCheck"] == {**CHECK, "interval": 30, "timeout": 5, "retries": 3}
    assert made["compatibilities"] == ["EXTERNAL", "EC2"]
    assert (made["status"], made["revision"], made["volumes"]) == ("ACTIVE", 1, [])
    fargate = register(empty, **FARGATE | app(portMappings=[{"containerPort": 80}]))
    assert fargate["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 80
    assert fargate["compatibilities"] == ["EC2", "FARGATE", "MANAGED_INSTANCES"]


def test_required_attributes(empty: World) -> None:
    made = register(
        empty,
        **app(logConfiguration=LOGS, image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/x", memoryReservation=10),
        taskRoleArn=ROLE,
        executionRoleArn=ROLE,
    )
    names = {attribute["name"] for attribute in made["requiresAttributes"]}
    assert {
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "ecs.capability.execution-role-awslogs",
        "com.amazonaws.ecs.capability.ecr-auth",
        "ecs.capability.execution-role-ecr-pull",
        "com.amazonaws.ecs.capability.task-iam-role",
        "com.amazonaws.ecs.capability.docker-remote-api.1.21",
    } <= names
    plain = register(empty, "plain")
    assert plain["requiresAttributes"] == []


def test_revision_numbers_survive_deletion(empty: World) -> None:
    for _ in range(2):
        register(empty)
    empty.call("DeregisterTaskDefinition", taskDefinition="web:2")
    assert empty.call("DescribeTaskDefinition", taskDefinition="web")["taskDefinition"]["revision"] == 1
    assert empty.call("DescribeTaskDefinition", taskDefinition="web:2")["taskDefinition"]["status"] == "INACTIVE"
    refused = empty.call("DeleteTaskDefinitions", taskDefinitions=["web:1", "web:9"])
    assert [failure["reason"] for failure in refused["failures"]] == [
        "The specified task definition is still in ACTIVE status. Please deregister the target and try again.",
        "The specified task definition does not exist. Specify a valid account, family, revision and try again.",
    ]
    deleted = empty.call("DeleteTaskDefinitions", taskDefinitions=["web:2"])["taskDefinitions"][0]
    assert deleted["status"] == "DELETE_IN_PROGRESS"
    empty.step()
    with pytest.raises(EcsApiError, match="Unable to describe task definition"):
        empty.call("DescribeTaskDefinition", taskDefinition="web:2")
    assert register(empty)["revision"] == 3


def test_a_deleted_definition_stays_while_a_service_uses_it(world: World) -> None:
    register(world)
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=1)
    world.call("DeregisterTaskDefinition", taskDefinition="web:1")
    world.call("DeleteTaskDefinitions", taskDefinitions=["web:1"])
    world.step(6)
    assert world.service()["runningCount"] == 1
    with pytest.raises(EcsApiError, match="inactive"):
        world.call("RunTask", taskDefinition="web:1")
    world.call("DeleteService", service="svc", force=True)
    world.step(8)
    with pytest.raises(EcsApiError, match="Unable to describe"):
        world.call("DescribeTaskDefinition", taskDefinition="web:1")


def test_lists(empty: World) -> None:
    for family in ("a", "b", "ab"):
        register(empty, family)
    register(empty, "a")
    empty.call("DeregisterTaskDefinition", taskDefinition="b:1")

    def names(**filters: Any) -> list[str]:
        return [arn.rsplit("/", 1)[-1] for arn in empty.call("ListTaskDefinitions", **filters)["taskDefinitionArns"]]

    assert names() == ["a:1", "a:2", "ab:1"]
    assert names(familyPrefix="a", sort="DESC") == ["a:2", "a:1"]
    assert names(status="INACTIVE") == ["b:1"]
    assert empty.call("ListTaskDefinitionFamilies", familyPrefix="a")["families"] == ["a", "ab"]
    assert empty.call("ListTaskDefinitionFamilies", status="ACTIVE")["families"] == ["a", "ab"]
    assert empty.call("ListTaskDefinitionFamilies", status="INACTIVE")["families"] == ["b"]


def test_tags_come_with_the_definition_when_asked_for(empty: World) -> None:
    made = empty.call(
        "RegisterTaskDefinition", family="web", containerDefinitions=[APP], tags=[{"key": "a", "value": "1"}]
    )
    assert made["tags"] == [{"key": "a", "value": "1"}]
    assert "tags" not in empty.call("DescribeTaskDefinition", taskDefinition="web")
    assert empty.call("DescribeTaskDefinition", taskDefinition="web", include=["TAGS"])["tags"] == made["tags"]


def test_deregister_needs_a_revision(empty: World) -> None:
    register(empty)
    with pytest.raises(EcsApiError, match="ClientException"):
        empty.call("DeregisterTaskDefinition", taskDefinition="web")
