"""Answers: what the describe calls tell, defaults filled in."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import Aws
from tests.conformance.balancing import make_alb, make_listener, make_target_group
from tests.conformance.made import Fleet, Network, Tasks

Register = Callable[..., dict[str, Any]]
ID = re.compile(r"[0-9a-f]{32}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def instance(ecs: Any, fleet: Fleet) -> dict[str, Any]:
    """A container instance as it is described."""
    rows = ecs.describe_container_instances(cluster=fleet.cluster, containerInstances=[fleet.arns[0]])
    return dict(rows["containerInstances"][0])


@pytest.mark.costs
def test_a_container_instance(aws: Aws, fleet: Fleet, instance: dict[str, Any], account: str) -> None:
    """A container instance is ACTIVE, connected, with version, registeredAt, task counts, no agent update."""
    assert (instance["status"], instance["agentConnected"]) == ("ACTIVE", True)
    assert instance["ec2InstanceId"] == fleet.ec2_ids[0]
    assert instance["version"] >= 1
    assert isinstance(instance["registeredAt"], datetime.datetime)
    assert "agentUpdateStatus" not in instance
    assert (instance["attachments"], instance["tags"]) == ([], [])
    prefix, ending = instance["containerInstanceArn"].rsplit("/", 1)
    assert prefix.endswith(f":ecs:{aws.region}:{account}:container-instance/{fleet.cluster}")
    assert ID.fullmatch(ending)


@pytest.mark.costs
def test_version_info(instance: dict[str, Any]) -> None:
    """versionInfo has the agent's version and hash, and Docker's version after "DockerVersion: "."""
    info = instance["versionInfo"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", info["agentVersion"])
    assert re.fullmatch(r"\*?[0-9a-f]{6,40}", info["agentHash"])
    assert re.match(r"DockerVersion: \d+\.\d+\.\d+", info["dockerVersion"])


@pytest.mark.costs
@pytest.mark.parametrize("member", ["registeredResources", "remainingResources"])
def test_resources_of_an_instance(instance: dict[str, Any], member: str) -> None:
    """Resources are CPU and MEMORY (INTEGER), PORTS and PORTS_UDP (STRINGSET) with the reserved ports."""
    rows = {row["name"]: row for row in instance[member]}
    assert {"CPU", "MEMORY", "PORTS", "PORTS_UDP"} <= set(rows)
    assert (rows["CPU"]["type"], rows["MEMORY"]["type"]) == ("INTEGER", "INTEGER")
    assert (rows["CPU"]["doubleValue"], rows["CPU"]["longValue"]) == (0.0, 0)
    assert rows["PORTS"]["type"] == rows["PORTS_UDP"]["type"] == "STRINGSET"
    assert {"22", "2375", "2376", "51678"} <= set(rows["PORTS"]["stringSetValue"])
    if member == "registeredResources":
        assert rows["CPU"]["integerValue"] == 2048
        assert 1700 < rows["MEMORY"]["integerValue"] < 2048


ATTRIBUTES: dict[str, str | None] = {
    "ecs.availability-zone": r"[a-z]{2}(-[a-z]+)+-\d[a-z]",
    "ecs.ami-id": r"ami-[0-9a-f]+",
    "ecs.instance-type": r"t3\.small",
    "ecs.os-type": "linux",
    "ecs.os-family": "LINUX",
    "ecs.cpu-architecture": "x86_64",
    "ecs.vpc-id": r"vpc-[0-9a-f]+",
    "ecs.subnet-id": r"subnet-[0-9a-f]+",
    "ecs.awsvpc-trunk-id": None,
    "com.amazonaws.ecs.capability.docker-remote-api.1.17": None,
    "com.amazonaws.ecs.capability.docker-remote-api.1.21": None,
    "com.amazonaws.ecs.capability.docker-remote-api.1.44": None,
    "com.amazonaws.ecs.capability.ecr-auth": None,
    "com.amazonaws.ecs.capability.logging-driver.awslogs": None,
    "com.amazonaws.ecs.capability.logging-driver.json-file": None,
    "com.amazonaws.ecs.capability.logging-driver.none": None,
    "com.amazonaws.ecs.capability.logging-driver.syslog": None,
    "com.amazonaws.ecs.capability.privileged-container": None,
    "com.amazonaws.ecs.capability.task-iam-role": None,
    "com.amazonaws.ecs.capability.task-iam-role-network-host": None,
    "ecs.capability.aws-appmesh": None,
    "ecs.capability.container-health-check": None,
    "ecs.capability.container-ordering": None,
    "ecs.capability.cni-plugin-version": r".+",
    "ecs.capability.docker-plugin.local": None,
    "ecs.capability.efs": None,
    "ecs.capability.efsAuth": None,
    "ecs.capability.env-files.s3": None,
    "ecs.capability.execution-role-awslogs": None,
    "ecs.capability.execution-role-ecr-pull": None,
    "ecs.capability.firelens.fluentbit": None,
    "ecs.capability.full-sync": None,
    "ecs.capability.increased-task-cpu-limit": None,
    "ecs.capability.network.container-port-range": None,
    "ecs.capability.pid-ipc-namespace-sharing": None,
    "ecs.capability.private-registry-authentication.secretsmanager": None,
    "ecs.capability.secrets.asm.environment-variables": None,
    "ecs.capability.secrets.ssm.environment-variables": None,
    "ecs.capability.storage.ebs-task-volume-attach": None,
    "ecs.capability.task-cpu-mem-limit": None,
    "ecs.capability.task-eia": None,
    "ecs.capability.task-eni": None,
}
# What not every agent has.
SOME = {"ecs.awsvpc-trunk-id", "ecs.capability.task-eia", "ecs.capability.aws-appmesh"}


@pytest.mark.costs
@pytest.mark.parametrize("name", sorted(set(ATTRIBUTES) - SOME))
def test_attributes_of_an_instance(instance: dict[str, Any], name: str) -> None:
    """A container instance has the attributes of its host and the capabilities of its agent."""
    found = {row["name"]: row.get("value") for row in instance["attributes"]}
    assert name in found
    pattern = ATTRIBUTES[name]
    if pattern is None:
        assert found[name] is None
    else:
        assert re.fullmatch(pattern, found[name] or ""), found[name]


@pytest.mark.costs
def test_health_of_an_instance(ecs: Any, fleet: Fleet) -> None:
    """healthStatus is told with include=CONTAINER_INSTANCE_HEALTH only: overallStatus and CONTAINER_RUNTIME."""
    call = {"cluster": fleet.cluster, "containerInstances": [fleet.arns[0]]}
    assert "healthStatus" not in ecs.describe_container_instances(**call)["containerInstances"][0]
    answer = ecs.describe_container_instances(**call, include=["CONTAINER_INSTANCE_HEALTH"])
    status = answer["containerInstances"][0]["healthStatus"]
    assert status["overallStatus"] == "OK"
    assert [row["type"] for row in status["details"]] == ["CONTAINER_RUNTIME"]


@pytest.fixture(scope="module")
def ec2_task(aws: Aws, fleet: Fleet, register: Register) -> dict[str, Any]:
    """A task that runs on EC2 in bridge mode, as it is described."""
    tasks = Tasks(aws)
    app = {"cpu": 64, "memory": 64, "memoryReservation": 32, "environment": [{"name": "A", "value": "1"}]}
    arn = register(app=app, networkMode="bridge")["taskDefinitionArn"]
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "2"}]}]}
    (task,) = tasks.running(fleet.cluster, arn, startedBy="conformance", overrides=overrides)
    tasks.stop_all()
    return task


@pytest.mark.costs
def test_a_task_on_ec2(ec2_task: dict[str, Any], fleet: Fleet) -> None:
    """A task tells launchType EC2, its instance, zone, startedBy, connectivity, healthStatus, version, no platform."""
    assert ec2_task["launchType"] == "EC2"
    assert ec2_task["containerInstanceArn"] in fleet.arns
    assert re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", ec2_task["availabilityZone"])
    assert ec2_task["startedBy"] == "conformance"
    assert (ec2_task["connectivity"], ec2_task["lastStatus"]) == ("CONNECTED", "RUNNING")
    assert ec2_task["connectivityAt"] <= ec2_task["startedAt"]
    assert ec2_task["version"] >= 2
    assert ec2_task["attachments"] == []
    assert ec2_task["tags"] == []
    assert ec2_task["enableExecuteCommand"] is False
    for absent in ("platformVersion", "platformFamily", "ephemeralStorage", "stoppedAt", "stopCode", "stoppedReason"):
        assert absent not in ec2_task, absent


@pytest.mark.costs
def test_size_of_a_task(ec2_task: dict[str, Any]) -> None:
    """cpu and memory of a task are text: the sums over its containers where the definition has none."""
    assert (ec2_task["cpu"], ec2_task["memory"]) == ("64", "32")


@pytest.mark.costs
def test_architecture_of_a_task(ec2_task: dict[str, Any]) -> None:
    """A task's attributes tell its architecture: ecs.cpu-architecture."""
    assert {"name": "ecs.cpu-architecture", "value": "x86_64"} in ec2_task["attributes"]


@pytest.mark.costs
def test_overrides_of_a_task(ec2_task: dict[str, Any]) -> None:
    """overrides name every container, and have an empty inferenceAcceleratorOverrides."""
    overrides = ec2_task["overrides"]
    assert overrides["inferenceAcceleratorOverrides"] == []
    assert [row["name"] for row in overrides["containerOverrides"]] == ["app"]
    assert overrides["containerOverrides"][0]["environment"] == [{"name": "A", "value": "2"}]


@pytest.mark.costs
def test_a_container(ec2_task: dict[str, Any], aws: Aws) -> None:
    """A container has its own ARN, image, runtimeId, lastStatus, healthStatus; cpu and memory are text."""
    (container,) = ec2_task["containers"]
    task_id = ec2_task["taskArn"].rsplit("/", 1)[-1]
    head, cluster, own_task, ending = container["containerArn"].rsplit("/", 3)
    assert head.endswith(":container")
    assert (cluster, own_task) == (ec2_task["clusterArn"].rsplit("/", 1)[-1], task_id)
    assert UUID.fullmatch(ending)
    assert container["taskArn"] == ec2_task["taskArn"]
    assert (container["name"], container["image"]) == ("app", aws.image)
    assert re.fullmatch(r"[0-9a-f]{64}", container["runtimeId"])
    assert (container["lastStatus"], container["healthStatus"]) == ("RUNNING", "UNKNOWN")
    assert (container["cpu"], container["memory"], container["memoryReservation"]) == ("64", "64", "32")
    assert container["networkInterfaces"] == []
    assert "exitCode" not in container
    assert "reason" not in container


@pytest.mark.costs
def test_image_digests(ec2_task: dict[str, Any]) -> None:
    """A running container tells imageDigest: sha256 of what was pulled."""
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", ec2_task["containers"][0]["imageDigest"])


@pytest.fixture(scope="module")
def fargate_task(aws: Aws, cluster: str, register_fargate: Register, network: Network) -> dict[str, Any]:
    """A task that runs on Fargate, as it is described."""
    tasks = Tasks(aws)
    arn = register_fargate(app={"portMappings": [{"containerPort": 80}]})["taskDefinitionArn"]
    call = {"launchType": "FARGATE", "networkConfiguration": network.awsvpc(public=True)}
    started = tasks.run(cluster, arn, **call)[0]["taskArn"]
    (task,) = tasks.wait(cluster, [started], "RUNNING", 20.0)
    tasks.stop_all()
    return task


@pytest.mark.costs
def test_a_task_on_fargate(fargate_task: dict[str, Any]) -> None:
    """A Fargate task tells platformVersion 1.4.0, platformFamily Linux, its size, 20 GiB of storage, no instance."""
    assert fargate_task["launchType"] == "FARGATE"
    assert fargate_task["platformVersion"] == "1.4.0"
    assert fargate_task["platformFamily"].lower() == "linux"
    assert (fargate_task["cpu"], fargate_task["memory"]) == ("256", "512")
    assert fargate_task["ephemeralStorage"] == {"sizeInGiB": 20}
    assert "containerInstanceArn" not in fargate_task
    assert re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d[a-z]", fargate_task["availabilityZone"])
    assert fargate_task["connectivity"] == "CONNECTED"


@pytest.mark.costs
def test_runtime_ids_on_fargate(fargate_task: dict[str, Any]) -> None:
    """A Fargate container's runtimeId is the task's id and a number."""
    task_id = fargate_task["taskArn"].rsplit("/", 1)[-1]
    assert re.fullmatch(rf"{task_id}-\d{{5,10}}", fargate_task["containers"][0]["runtimeId"])


@pytest.mark.costs
def test_the_interface_is_asked_for_first(
    cluster: str, fargate_definition: str, network: Network, tasks: Tasks
) -> None:
    """RunTask of awsvpc answers an attachment PRECREATED with the subnet alone."""
    call = {"launchType": "FARGATE", "networkConfiguration": network.awsvpc(public=True)}
    (task,) = tasks.run(cluster, fargate_definition, **call)
    (attachment,) = task["attachments"]
    assert (attachment["type"], attachment["status"]) == ("ElasticNetworkInterface", "PRECREATED")
    assert UUID.fullmatch(attachment["id"])
    assert attachment["details"] == [{"name": "subnetId", "value": network.subnets[0]}]


@pytest.mark.costs
def test_what_run_task_answers(fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """RunTask answers a task that is PENDING, wanted RUNNING, version 1, its containers PENDING."""
    (task,) = tasks.run(fleet.cluster, definition)
    assert (task["lastStatus"], task["desiredStatus"], task["version"]) == ("PENDING", "RUNNING", 1)
    assert [row["lastStatus"] for row in task["containers"]] == ["PENDING"]
    for absent in ("startedAt", "connectivity", "pullStartedAt", "stoppedAt", "stoppingAt"):
        assert absent not in task, absent


def service(aws: Aws, cluster: str, definition: str, **params: Any) -> dict[str, Any]:
    """A service that wants nothing, as DescribeServices answers it."""
    ecs = aws.client("ecs")
    given = {"desiredCount": 0, **params}
    name = aws.unique("service")
    ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=definition, **given)
    return dict(ecs.describe_services(cluster=cluster, services=[name])["services"][0])


def test_a_service(aws: Aws, cluster: str, definition: str, account: str) -> None:
    """DescribeServices fills in: counts, deploymentController ECS, no placement, createdBy, no role."""
    found = service(aws, cluster, definition)
    assert (found["status"], found["schedulingStrategy"], found["launchType"]) == ("ACTIVE", "REPLICA", "EC2")
    assert found["deploymentController"] == {"type": "ECS"}
    assert (found["desiredCount"], found["runningCount"], found["pendingCount"]) == (0, 0, 0)
    assert (found["placementConstraints"], found["placementStrategy"]) == ([], [])
    assert (found["loadBalancers"], found["serviceRegistries"]) == ([], [])
    assert found["createdBy"].startswith("arn:")
    assert account in found["createdBy"]
    assert (found["enableECSManagedTags"], found["enableExecuteCommand"]) == (False, False)
    assert found["propagateTags"] == "NONE"
    for absent in ("roleArn", "platformVersion", "platformFamily", "networkConfiguration", "tags"):
        assert not found.get(absent), absent


def test_deployment_configuration_of_a_service(aws: Aws, cluster: str, definition: str) -> None:
    """deploymentConfiguration fills in ROLLING, 200 and 100 percent, the circuit breaker off."""
    configuration = service(aws, cluster, definition)["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (200, 100)
    assert configuration["strategy"] == "ROLLING"
    assert configuration["deploymentCircuitBreaker"] == {"enable": False, "rollback": False}


def test_a_deployment(aws: Aws, cluster: str, definition: str) -> None:
    """A deployment tells id ecs-svc/NUMBER, PRIMARY, counts, failedTasks, launchType, its times and rolloutState."""
    found = service(aws, cluster, definition)
    (deployment,) = found["deployments"]
    assert re.fullmatch(r"ecs-svc/\d{19}", deployment["id"])
    assert (deployment["status"], deployment["launchType"]) == ("PRIMARY", "EC2")
    assert deployment["taskDefinition"] == definition
    counts = ("desiredCount", "pendingCount", "runningCount", "failedTasks")
    assert [deployment[name] for name in counts] == [0, 0, 0, 0]
    assert deployment["createdAt"] <= deployment["updatedAt"]
    assert deployment["rolloutState"] in ("IN_PROGRESS", "COMPLETED")
    assert deployment["rolloutStateReason"].startswith(f"ECS deployment {deployment['id']} ")


def test_an_empty_service_is_steady(aws: Aws, ecs: Any, cluster: str, definition: str) -> None:
    """A service that wants nothing is COMPLETED, with the events "deployment completed" and "steady state"."""
    name = service(aws, cluster, definition)["serviceName"]

    def done() -> dict[str, Any] | None:
        row = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
        return row if row["deployments"][0]["rolloutState"] == "COMPLETED" and row["events"] else None

    row = aws.until(done, "the rollout is COMPLETED")
    assert row["deployments"][0]["rolloutStateReason"] == f"ECS deployment {row['deployments'][0]['id']} completed."
    assert f"(service {name}) has reached a steady state." in [event["message"] for event in row["events"]]
    assert all(UUID.fullmatch(event["id"]) and event["createdAt"] for event in row["events"])


def test_a_fargate_service(aws: Aws, cluster: str, fargate_definition: str, network: Network) -> None:
    """A Fargate service and its deployment tell LATEST, Linux and the network, DISABLED public IP by default."""
    awsvpc = {"subnets": [network.subnets[0]], "securityGroups": [network.group]}
    call = {"launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": awsvpc}}
    found = service(aws, cluster, fargate_definition, **call)
    deployment = found["deployments"][0]
    for row in (found, deployment):
        assert (row["launchType"], row["platformVersion"]) == ("FARGATE", "LATEST")
        assert row["platformFamily"].lower() == "linux"
        assert row["networkConfiguration"]["awsvpcConfiguration"] == {**awsvpc, "assignPublicIp": "DISABLED"}


@pytest.mark.costs
def test_a_service_behind_a_target_group(
    aws: Aws, ledger: Any, cluster: str, register: Register, network: Network, account: str
) -> None:
    """Behind a target group a service has the service-linked role's ARN and grace period 0."""
    group = make_target_group(aws, ledger, network)
    make_listener(aws, ledger, make_alb(aws, ledger, network), group)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    found = service(aws, cluster, definition, loadBalancers=[balancer])
    assert found["roleArn"].endswith(f":iam::{account}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS")
    assert found["healthCheckGracePeriodSeconds"] == 0
    assert found["loadBalancers"] == [balancer]


def test_tags_of_a_service(aws: Aws, ecs: Any, cluster: str, definition: str) -> None:
    """DescribeServices tells tags with include=TAGS only; CreateService always."""
    name = aws.unique("service")
    tags = [{"key": "team", "value": "blue"}]
    made = ecs.create_service(cluster=cluster, serviceName=name, taskDefinition=definition, desiredCount=0, tags=tags)
    assert made["service"]["tags"] == tags
    assert not ecs.describe_services(cluster=cluster, services=[name])["services"][0].get("tags")
    found = ecs.describe_services(cluster=cluster, services=[name], include=["TAGS"])["services"][0]
    assert found["tags"] == tags


def test_the_revision_of_a_service(aws: Aws, ecs: Any, cluster: str, definition: str) -> None:
    """A service names its current revision and deployment, which can be described."""
    found = service(aws, cluster, definition)
    (revision,) = found["currentServiceRevisions"]
    (described,) = ecs.describe_service_revisions(serviceRevisionArns=[revision["arn"]])["serviceRevisions"]
    assert (described["serviceArn"], described["taskDefinition"]) == (found["serviceArn"], definition)
    assert described["containerImages"][0]["containerName"] == "app"
    listed = ecs.list_service_deployments(cluster=cluster, service=found["serviceName"])["serviceDeployments"]
    (deployment,) = listed
    assert deployment["targetServiceRevisionArn"] == revision["arn"]
    answer = ecs.describe_service_deployments(serviceDeploymentArns=[deployment["serviceDeploymentArn"]])
    assert answer["serviceDeployments"][0]["status"] in ("PENDING", "IN_PROGRESS", "SUCCESSFUL")
