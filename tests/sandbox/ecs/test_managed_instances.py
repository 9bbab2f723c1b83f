"""ECS Managed Instances: the provider belongs to its cluster, and launches and ends machines as tasks need them."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

PROVIDER = {
    "infrastructureRoleArn": "arn:aws:iam::123456789012:role/infrastructure",
    "instanceLaunchTemplate": {
        "ec2InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/ecsInstanceRole",
        "networkConfiguration": {"subnets": ["subnet-0a"], "securityGroups": ["sg-1"]},
        "instanceRequirements": {"vCpuCount": {"min": 2}, "memoryMiB": {"min": 4096}},
    },
}
STRATEGY = [{"capacityProvider": "mi", "weight": 1}]


@pytest.fixture
def managed(empty: World) -> World:
    """A cluster without machines, and its provider of Managed Instances."""
    empty.call("CreateCluster")
    empty.call("CreateCapacityProvider", name="mi", cluster="default", managedInstancesProvider=PROVIDER)
    empty.call(
        "RegisterTaskDefinition",
        family="web",
        requiresCompatibilities=["MANAGED_INSTANCES"],
        networkMode="host",
        cpu="1024",
        memory="2048",
        containerDefinitions=[{"name": "app", "image": "nginx"}],
    )
    return empty


def service(world: World, count: int) -> dict[str, Any]:
    made: dict[str, Any] = world.call(
        "CreateService", serviceName="s", taskDefinition="web", desiredCount=count, capacityProviderStrategy=STRATEGY
    )["service"]
    return made


def running(world: World) -> int:
    return int(world.call("DescribeServices", services=["s"])["services"][0]["runningCount"])


def test_the_provider_is_its_clusters_and_stays_so(managed: World) -> None:
    def providers() -> list[str]:
        names: list[str] = managed.call("DescribeClusters")["clusters"][0]["capacityProviders"]
        return names

    assert providers() == ["mi"]
    put = {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}
    managed.call("PutClusterCapacityProviders", cluster="default", **put)
    assert providers() == ["FARGATE", "mi"]
    with pytest.raises(EcsApiError, match="Cannot associate Managed Instances capacity provider"):
        managed.call("PutClusterCapacityProviders", cluster="default", **{**put, "capacityProviders": ["mi"]})
    with pytest.raises(EcsApiError, match="ClusterNotFoundException"):
        managed.call("CreateCapacityProvider", name="b", cluster="nope", managedInstancesProvider=PROVIDER)


def test_machines_come_for_what_waits_and_take_it(managed: World) -> None:
    service(managed, 3)
    managed.step(12)
    assert running(managed) == 3
    # Two tasks of 1 vCPU fill a machine of two.
    assert len(managed.ec2.managed) == 2
    assert managed.ec2.managed[0]["memory"] == 4096
    instances = managed.call("ListContainerInstances")["containerInstanceArns"]
    rows = managed.call("DescribeContainerInstances", containerInstances=instances)["containerInstances"]
    assert {row["capacityProviderName"] for row in rows} == {"mi"}
    [task, *_] = managed.tasks()
    assert (task["launchType"], task["capacityProviderName"]) == ("MANAGED_INSTANCES", "mi")


def test_a_machine_without_tasks_ends_after_a_while(managed: World) -> None:
    service(managed, 1)
    managed.step(12)
    managed.call("UpdateService", service="s", desiredCount=0)
    managed.step(10)
    assert managed.ec2.terminated == []
    managed.step(2, seconds=61)
    assert len(managed.ec2.terminated) == 1
    assert managed.call("ListContainerInstances")["containerInstanceArns"] == []


def test_what_no_machine_can_take_launches_one_only(managed: World) -> None:
    managed.call(
        "CreateService",
        serviceName="s",
        taskDefinition="web",
        desiredCount=1,
        capacityProviderStrategy=STRATEGY,
        placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == none"}],
    )
    managed.step(20)
    assert len(managed.ec2.managed) == 1


def test_the_provider_goes_when_nothing_uses_it_and_the_cluster_after_it(managed: World) -> None:
    service(managed, 1)
    managed.step(12)
    with pytest.raises(EcsApiError, match="ResourceInUseException"):
        managed.call("DeleteCapacityProvider", capacityProvider="mi")
    managed.call("DeleteService", service="s", force=True)
    managed.step(10)
    managed.call("DeleteCapacityProvider", capacityProvider="mi")
    managed.step(2)
    assert len(managed.ec2.terminated) == 1
    managed.call("DeleteCluster", cluster="default")
