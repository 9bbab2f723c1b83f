"""Clusters and capacity providers."""

from __future__ import annotations

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

GROUP = "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:1:autoScalingGroupName/web"


def test_create_is_idempotent_and_keeps_tags(empty: World) -> None:
    first = empty.call("CreateCluster", clusterName="web", tags=[{"key": "a", "value": "1"}])["cluster"]
    again = empty.call("CreateCluster", clusterName="web")["cluster"]
    assert first["tags"] == again["tags"] == [{"key": "a", "value": "1"}]
    assert first["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert empty.call("ListClusters")["clusterArns"] == [first["clusterArn"]]


@pytest.mark.parametrize("name", ["a b", "x" * 256, "ümlaut", "a/b"])
def test_a_name_that_is_none(empty: World, name: str) -> None:
    with pytest.raises(EcsApiError, match="InvalidParameterException"):
        empty.call("CreateCluster", clusterName=name)


def test_describe_answers_what_is_asked_for(world: World) -> None:
    world.call("TagResource", resourceArn=world.call("DescribeClusters")["clusters"][0]["clusterArn"],
               tags=[{"key": "team", "value": "web"}])  # fmt: skip
    plain = world.call("DescribeClusters")["clusters"][0]
    assert plain["tags"] == plain["statistics"] == plain["settings"] == []
    assert plain["registeredContainerInstancesCount"] == 2
    full = world.call("DescribeClusters", include=["TAGS", "STATISTICS", "SETTINGS"])["clusters"][0]
    assert full["tags"] == [{"key": "team", "value": "web"}]
    assert {"name": "runningEC2TasksCount", "value": "0"} in full["statistics"]
    answer = world.call("DescribeClusters", clusters=["default", "nope"])
    assert answer["failures"] == [{"arn": "arn:aws:ecs:eu-west-1:123456789012:cluster/nope", "reason": "MISSING"}]


def test_delete_is_refused_while_something_is_in_it_and_leaves_an_inactive_cluster(world: World) -> None:
    world.family()
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=1)
    world.step(6)
    with pytest.raises(EcsApiError, match="ClusterContainsServicesException"):
        world.call("DeleteCluster", cluster="default")
    world.call("RunTask", taskDefinition="web")
    world.call("DeleteService", service="svc", force=True)
    world.step(6)
    with pytest.raises(EcsApiError, match="ClusterContainsContainerInstancesException"):
        world.call("DeleteCluster", cluster="default")
    for arn in world.call("ListContainerInstances")["containerInstanceArns"]:
        world.call("DeregisterContainerInstance", containerInstance=arn, force=True)
    assert world.call("DeleteCluster", cluster="default")["cluster"]["status"] == "INACTIVE"
    assert world.call("DescribeClusters")["clusters"][0]["status"] == "INACTIVE"
    assert world.call("ListClusters")["clusterArns"] == []
    with pytest.raises(EcsApiError, match="ClusterNotFoundException"):
        world.call("ListTasks")
    assert world.call("CreateCluster")["cluster"]["status"] == "ACTIVE"


def test_a_cluster_with_fargate_tasks_is_not_deleted(empty: World) -> None:
    empty.call("CreateCluster")
    empty.call(
        "RegisterTaskDefinition",
        family="web",
        cpu="256",
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "app", "image": "nginx"}],
    )
    network = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}
    empty.call("RunTask", taskDefinition="web", launchType="FARGATE", networkConfiguration=network)
    with pytest.raises(EcsApiError, match="ClusterContainsTasksException"):
        empty.call("DeleteCluster", cluster="default")


def test_pages_hold_their_place(empty: World) -> None:
    for n in range(7):
        empty.call("CreateCluster", clusterName=f"c{n}")
    first = empty.call("ListClusters", maxResults=3)
    assert [arn[-2:] for arn in first["clusterArns"]] == ["c0", "c1", "c2"]
    empty.call("DeleteCluster", cluster="c0")
    second = empty.call("ListClusters", maxResults=3, nextToken=first["nextToken"])
    assert [arn[-2:] for arn in second["clusterArns"]] == ["c3", "c4", "c5"]
    last = empty.call("ListClusters", maxResults=3, nextToken=second["nextToken"])
    assert [arn[-2:] for arn in last["clusterArns"]] == ["c6"]
    assert "nextToken" not in last
    with pytest.raises(EcsApiError, match="Invalid token"):
        empty.call("ListServices", cluster="c1", nextToken=first["nextToken"])
    with pytest.raises(EcsApiError, match="Invalid token"):
        empty.call("ListClusters", nextToken="abc")


def test_a_capacity_provider_from_birth_to_death(world: World) -> None:
    made = world.call("CreateCapacityProvider", name="web", autoScalingGroupProvider={"autoScalingGroupArn": GROUP})
    assert made["capacityProvider"]["autoScalingGroupProvider"]["managedTerminationProtection"] == "DISABLED"
    world.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=["web"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}],
    )
    with pytest.raises(EcsApiError, match="ResourceInUseException"):
        world.call("DeleteCapacityProvider", capacityProvider="web")
    world.call(
        "PutClusterCapacityProviders",
        cluster="default",
        capacityProviders=[],
        defaultCapacityProviderStrategy=[],
    )
    deleted = world.call("DeleteCapacityProvider", capacityProvider="web")["capacityProvider"]
    assert deleted["updateStatus"] == "DELETE_IN_PROGRESS"
    world.step()
    gone = world.call("DescribeCapacityProviders", capacityProviders=["web"])["capacityProviders"][0]
    assert (gone["status"], gone["updateStatus"]) == ("INACTIVE", "DELETE_COMPLETE")


def test_a_provider_with_tasks_stays_with_the_cluster(world: World) -> None:
    world.call("CreateCapacityProvider", name="web", autoScalingGroupProvider={"autoScalingGroupArn": GROUP})
    world.call("PutClusterCapacityProviders", cluster="default", capacityProviders=["web"],
               defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}])  # fmt: skip
    world.host(auto_scaling_group_arn=GROUP)
    world.family()
    task = world.call("RunTask", taskDefinition="web")["tasks"][0]
    assert (task["lastStatus"], task["capacityProviderName"]) == ("PROVISIONING", "web")
    world.step(5)
    running = world.tasks()[0]
    assert running["lastStatus"] == "RUNNING"
    host = world.call("DescribeContainerInstances", containerInstances=[running["containerInstanceArn"]])
    assert host["containerInstances"][0]["capacityProviderName"] == "web"
    with pytest.raises(EcsApiError, match="in use and cannot be removed"):
        world.call("PutClusterCapacityProviders", cluster="default", capacityProviders=[],
                   defaultCapacityProviderStrategy=[])  # fmt: skip


def test_a_task_that_waits_for_a_provider_without_machines_fails_in_the_end(world: World) -> None:
    world.call("CreateCapacityProvider", name="web", autoScalingGroupProvider={"autoScalingGroupArn": GROUP})
    world.call("PutClusterCapacityProviders", cluster="default", capacityProviders=["web"],
               defaultCapacityProviderStrategy=[{"capacityProvider": "web", "weight": 1}])  # fmt: skip
    world.family()
    world.call("RunTask", taskDefinition="web")
    world.step(10)
    assert world.tasks()[0]["lastStatus"] == "PROVISIONING"
    world.step(1, seconds=60)
    world.step(6)
    stopped = world.tasks(desiredStatus="STOPPED")[0]
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["stoppedReason"] == "TaskFailedToStart: EMPTY CAPACITY PROVIDER"


@pytest.mark.parametrize("name", ["awsome", "ecs-x", "FargateLike", "a b"])
def test_provider_names_that_are_reserved(empty: World, name: str) -> None:
    with pytest.raises(EcsApiError, match="ClientException: The specified capacity provider name is invalid"):
        empty.call("CreateCapacityProvider", name=name, autoScalingGroupProvider={"autoScalingGroupArn": GROUP})


def test_settings_of_the_account_are_the_default_of_clusters(empty: World) -> None:
    empty.call("PutAccountSettingDefault", name="containerInsights", value="enabled")
    made = empty.call("CreateCluster")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    listed = empty.call("ListAccountSettings", effectiveSettings=True, name="containerInsights")["settings"]
    assert [setting["value"] for setting in listed] == ["enabled"]
    with pytest.raises(EcsApiError, match="not valid"):
        empty.call("PutAccountSetting", name="containerInsights", value="maybe")


@pytest.mark.parametrize("name", ["serviceLongArnFormat", "taskLongArnFormat", "containerInstanceLongArnFormat"])
def test_an_account_may_put_every_value_that_the_model_has(world: World, name: str) -> None:
    put = world.call("PutAccountSetting", name=name, value="disabled")["setting"]
    assert (put["name"], put["value"]) == (name, "disabled")
    [listed] = world.call("ListAccountSettings", name=name)["settings"]
    assert listed["value"] == "disabled"
