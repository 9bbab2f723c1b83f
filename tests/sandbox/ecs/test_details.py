"""What DescribeTasks and DescribeServices tell beside the statuses: attachments, storage, namespaces, ids."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

EBS = {"roleArn": "arn:aws:iam::123456789012:role/ebs", "sizeInGiB": 20, "volumeType": "gp3"}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-0a"]}}
IDENTITY = json.dumps({"instanceId": "i-0123456789abcdef0", "instanceType": "m5.large"})


def with_volume(world: World) -> None:
    mount = {"sourceVolume": "data", "containerPath": "/data"}
    world.call(
        "RegisterTaskDefinition",
        family="store",
        containerDefinitions=[{"name": "app", "image": "nginx", "memory": 64, "mountPoints": [mount]}],
        volumes=[{"name": "data", "configuredAtLaunch": True}],
    )


def details(attachment: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["value"] for row in attachment["details"]}


def test_a_task_has_its_ebs_volume_and_loses_it_when_it_stops(world: World) -> None:
    with_volume(world)
    volume = {"name": "data", "managedEBSVolume": EBS}
    run = world.call("RunTask", taskDefinition="store", volumeConfigurations=[volume])
    world.step(5)
    arn = run["tasks"][0]["taskArn"]
    [attachment] = world.call("DescribeTasks", tasks=[arn])["tasks"][0]["attachments"]
    assert (attachment["type"], attachment["status"]) == ("AmazonElasticBlockStorage", "ATTACHED")
    assert details(attachment) == {
        "roleArn": EBS["roleArn"],
        "deleteOnTermination": "true",
        "volumeName": "data",
        "volumeId": world.ec2.volumes[0],
    }
    world.call("StopTask", task=arn)
    world.step(6)
    assert world.ec2.volumes == []
    [attachment] = world.call("DescribeTasks", tasks=[arn])["tasks"][0]["attachments"]
    assert attachment["status"] == "DELETED"


def test_a_task_that_was_run_may_keep_its_volume(world: World) -> None:
    with_volume(world)
    kept = {**EBS, "terminationPolicy": {"deleteOnTermination": False}}
    run = world.call(
        "RunTask", taskDefinition="store", volumeConfigurations=[{"name": "data", "managedEBSVolume": kept}]
    )
    world.step(5)
    world.call("StopTask", task=run["tasks"][0]["taskArn"])
    world.step(6)
    assert len(world.ec2.volumes) == 1


def test_a_volume_that_ec2_refuses_ends_the_task(world: World) -> None:
    with_volume(world)
    volume = {"name": "data", "managedEBSVolume": {**EBS, "sizeInGiB": 13}}
    run = world.call("RunTask", taskDefinition="store", volumeConfigurations=[volume])
    world.step(6)
    [task] = world.call("DescribeTasks", tasks=[run["tasks"][0]["taskArn"]])["tasks"]
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert "VolumeLimitExceeded" in task["stoppedReason"]


def connected(world: World, **members: Any) -> dict[str, Any]:
    world.family("web", networkMode="awsvpc", portMappings=[{"containerPort": 80, "name": "http"}])
    connect = {
        "enabled": True,
        "services": [{"portName": "http", "discoveryName": "web", "clientAliases": [{"port": 80}]}],
        **members,
    }
    answer = world.call(
        "CreateService",
        serviceName="web",
        taskDefinition="web",
        desiredCount=1,
        networkConfiguration=NETWORK,
        serviceConnectConfiguration=connect,
    )
    service: dict[str, Any] = answer["service"]
    return service


def test_service_connect_shows_in_deployments_and_tasks(world: World) -> None:
    service = connected(world, namespace="internal")
    namespace = world.cloud_map.arns["internal"]
    resources = service["deployments"][0]["serviceConnectResources"]
    assert resources == [{"discoveryName": "web", "discoveryArn": f"{namespace}/web"}]
    world.step(5)
    [task] = world.tasks()
    [attachment] = [row for row in task["attachments"] if row["type"] == "Service Connect"]
    assert details(attachment) == {"portName": "http", "clientAliases": '[{"port": 80}]', "discoveryName": "web"}


def test_a_namespace_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(EcsApiError) as raised:
        connected(world, namespace="nowhere")
    assert (raised.value.code, raised.value.message) == (
        "NamespaceNotFoundException",
        "Failed to retrieve namespace for nowhere",
    )


def test_a_clusters_default_namespace_is_made_by_its_name_and_found_by_its_arn(world: World) -> None:
    made = world.call("CreateCluster", clusterName="a", serviceConnectDefaults={"namespace": "fresh"})["cluster"]
    arn = world.cloud_map.arns["fresh"]
    assert made["serviceConnectDefaults"] == {"namespace": arn}
    again = world.call("CreateCluster", clusterName="b", serviceConnectDefaults={"namespace": arn})["cluster"]
    assert again["serviceConnectDefaults"] == {"namespace": arn}
    with pytest.raises(EcsApiError, match="NamespaceNotFoundException"):
        world.call("UpdateCluster", cluster="a", serviceConnectDefaults={"namespace": f"{arn}x"})
    world.call("UpdateCluster", cluster="a", serviceConnectDefaults={"namespace": ""})
    assert "serviceConnectDefaults" not in world.call("DescribeClusters", clusters=["a"])["clusters"][0]


def test_fargate_tells_its_storage_and_platform(world: World) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/k"
    world.call(
        "UpdateCluster",
        cluster="default",
        configuration={"managedStorageConfiguration": {"fargateEphemeralStorageKmsKeyId": key}},
    )
    world.call(
        "RegisterTaskDefinition",
        family="f",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "app", "image": "nginx"}],
    )
    service = world.call(
        "CreateService",
        serviceName="f",
        taskDefinition="f",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=NETWORK,
    )["service"]
    assert service["deployments"][0]["fargateEphemeralStorage"] == {"kmsKeyId": key}
    world.step(6)
    [task] = world.tasks()
    assert task["fargateEphemeralStorage"] == {"sizeInGiB": 20, "kmsKeyId": key}
    world.runtime.tell(task["taskArn"], "app", "started", runtime_id="rt", image_digest="sha256:ab")
    world.step()
    arn = world.call("DescribeServices", services=["f"])["services"][0]["currentServiceRevisions"][0]["arn"]
    [revision] = world.call("DescribeServiceRevisions", serviceRevisionArns=[arn])["serviceRevisions"]
    assert revision["platformFamily"] == "Linux"
    assert revision["fargateEphemeralStorage"] == {"kmsKeyId": key}
    assert revision["containerImages"] == [{"containerName": "app", "image": "nginx", "imageDigest": "sha256:ab"}]


def test_a_service_deployment_has_an_id_of_its_own_kind(world: World) -> None:
    world.family()
    world.call("CreateService", serviceName="s", taskDefinition="web", desiredCount=1)
    [brief] = world.call("ListServiceDeployments", service="s")["serviceDeployments"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{21}", brief["serviceDeploymentArn"].rpartition("/")[2])
    assert brief["targetServiceRevisionArn"].rpartition("/")[2].isdecimal()


def test_a_service_that_is_not_there_is_missing_by_its_name_alone(world: World) -> None:
    failures = world.call("DescribeServices", services=["nope"])["failures"]
    assert failures == [{"arn": "arn:aws:ecs:eu-west-1:123456789012:service/nope", "reason": "MISSING"}]


def test_a_machine_that_registers_anew_gets_a_new_arn_in_another_cluster_too(world: World) -> None:
    world.call("CreateCluster", clusterName="other")

    def register(**members: Any) -> str:
        answer = world.call("RegisterContainerInstance", instanceIdentityDocument=IDENTITY, **members)
        return str(answer["containerInstance"]["containerInstanceArn"])

    first, second, third = register(), register(), register(cluster="other")
    assert len({first, second, third}) == 3
    assert register(containerInstanceArn=third, cluster="other") == third
    rows = world.call("DescribeContainerInstances", containerInstances=[first, second])["containerInstances"]
    assert [row["agentConnected"] for row in rows] == [False, False]


def test_registering_needs_nothing_that_the_model_leaves_optional(world: World) -> None:
    answer = world.call("RegisterContainerInstance", instanceIdentityDocument=IDENTITY)["containerInstance"]
    sizes = {row["name"]: row.get("integerValue") for row in answer["registeredResources"]}
    assert None not in (sizes["CPU"], sizes["MEMORY"])
    put = world.call("PutAttributes", attributes=[{"name": "stack", "value": "x"}])["attributes"]
    assert {row["targetId"] for row in put} >= {answer["containerInstanceArn"]}
