"""Container instances: registration, accounting, draining, going away."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

PORT_80 = [{"containerPort": 80, "hostPort": 80}]


def instances(world: World, **members: Any) -> list[dict[str, Any]]:
    arns = world.call("ListContainerInstances", **members)["containerInstanceArns"]
    if not arns:
        return []
    return world.call("DescribeContainerInstances", containerInstances=arns)["containerInstances"]


def resources(instance: dict[str, Any], which: str = "remainingResources") -> dict[str, Any]:
    found = {r["name"]: r for r in instance[which]}
    return {
        "CPU": found["CPU"]["integerValue"],
        "MEMORY": found["MEMORY"]["integerValue"],
        "PORTS": set(found["PORTS"]["stringSetValue"]),
    }


def test_an_agent_of_an_unknown_cluster_is_turned_away(empty: World) -> None:
    with pytest.raises(EcsApiError) as caught:
        empty.host("nope")
    assert (caught.value.code, caught.value.message) == ("ClientException", "Cluster not found.")


def test_an_agent_without_a_cluster_creates_default(empty: World) -> None:
    empty.host("")
    assert empty.call("DescribeClusters")["clusters"][0]["registeredContainerInstancesCount"] == 1


def test_what_an_instance_says_of_itself(empty: World) -> None:
    empty.call("CreateCluster")
    machine = empty.host(vpc_id="vpc-1", subnet_id="subnet-a", attributes={"stack": "test"})
    found = instances(empty)[0]
    assert found["ec2InstanceId"] == machine
    assert (found["status"], found["agentConnected"]) == ("ACTIVE", True)
    attributes = {a["name"]: a.get("value") for a in found["attributes"]}
    assert attributes["ecs.instance-type"] == "t3.small"
    assert attributes["ecs.availability-zone"] == "eu-west-1a"
    assert attributes["stack"] == "test"
    assert "com.amazonaws.ecs.capability.logging-driver.awslogs" in attributes
    assert found["versionInfo"]["agentVersion"]
    assert resources(found) == resources(found, "registeredResources")
    assert resources(found)["PORTS"] == {"22", "2375", "2376", "51678", "51679", "51680"}


def test_accounting_gives_back_what_it_took(world: World) -> None:
    world.family(cpu=100, memory=300, memoryReservation=200, portMappings=PORT_80)
    before = resources(instances(world)[0])
    task = world.call("RunTask", taskDefinition="web")["tasks"][0]
    arn = task["containerInstanceArn"]
    taken = world.call("DescribeContainerInstances", containerInstances=[arn])["containerInstances"][0]
    assert resources(taken)["CPU"] == before["CPU"] - 100
    assert resources(taken)["MEMORY"] == before["MEMORY"] - 200
    assert resources(taken)["PORTS"] == before["PORTS"] | {"80"}
    assert taken["pendingTasksCount"] == 1
    world.step(5)
    world.call("StopTask", task=task["taskArn"])
    world.step(6)
    given = world.call("DescribeContainerInstances", containerInstances=[arn])["containerInstances"][0]
    assert resources(given) == before
    assert (given["runningTasksCount"], given["pendingTasksCount"]) == (0, 0)


def test_registering_again_is_the_same_instance(world: World) -> None:
    before = instances(world)[0]
    world.engine.agent_connected(before["ec2InstanceId"], False)
    assert instances(world)[0]["agentConnected"] is False
    world.hosts = 0
    world.host(zone="a")
    after = instances(world)
    assert len(after) == 2
    assert after[0]["containerInstanceArn"] == before["containerInstanceArn"]
    assert after[0]["agentConnected"] is True


def test_while_the_agent_is_away_nothing_is_heard(world: World) -> None:
    world.family()
    task = world.call("RunTask", taskDefinition="web")["tasks"][0]
    world.step(5)
    machine = next(i["ec2InstanceId"] for i in instances(world) if i["runningTasksCount"])
    world.engine.agent_connected(machine, False)
    world.runtime.tell(task["taskArn"], "app", "exited", exit_code=1)
    world.step(5)
    assert world.tasks()[0]["lastStatus"] == "RUNNING"
    world.engine.agent_connected(machine, True)
    world.step(5)
    assert world.tasks(desiredStatus="STOPPED")[0]["stoppedReason"] == "Essential container in task exited"


def test_a_terminated_machine_takes_its_tasks_along(world: World) -> None:
    world.family()
    tasks = world.call("RunTask", taskDefinition="web", count=2)["tasks"]
    world.step(5)
    world.engine.instance_terminated("i-00000000000000000")
    world.engine.instance_terminated("i-unknown")
    assert [i["ec2InstanceId"] for i in instances(world)] == ["i-00000000000000001"]
    described = world.call("DescribeTasks", tasks=[t["taskArn"] for t in tasks])["tasks"]
    gone = [t for t in described if t["lastStatus"] == "STOPPED"]
    assert len(gone) == 1
    assert gone[0]["stopCode"] == "TerminationNotice"
    assert gone[0]["stoppedReason"] == "Host EC2 (instance i-00000000000000000) terminated."
    assert [name for arn, name, grace in world.runtime.stopped if arn == gone[0]["taskArn"]] == ["app"]


def test_deregister_by_force_only_with_tasks(world: World) -> None:
    world.family()
    task = world.call("RunTask", taskDefinition="web")["tasks"][0]
    world.step(5)
    arn = task["containerInstanceArn"]
    with pytest.raises(EcsApiError, match="Found running tasks on the instance"):
        world.call("DeregisterContainerInstance", containerInstance=arn)
    gone = world.call("DeregisterContainerInstance", containerInstance=arn, force=True)["containerInstance"]
    assert gone["status"] == "INACTIVE"
    assert len(instances(world)) == 1
    assert world.call("DescribeTasks", tasks=[task["taskArn"]])["tasks"][0]["lastStatus"] == "STOPPED"
    with pytest.raises(EcsApiError, match="not found"):
        world.call("DeregisterContainerInstance", containerInstance=arn)


def test_draining(world: World) -> None:
    world.family()
    arns = world.call("ListContainerInstances")["containerInstanceArns"]
    answer = world.call("UpdateContainerInstancesState", containerInstances=[arns[0], "nope"], status="DRAINING")
    assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
    assert world.call("ListContainerInstances", status="DRAINING")["containerInstanceArns"] == [arns[0]]
    tasks = world.call("RunTask", taskDefinition="web", count=4)["tasks"]
    assert {t["containerInstanceArn"] for t in tasks} == {arns[1]}
    with pytest.raises(EcsApiError, match="ACTIVE,DRAINING"):
        world.call("UpdateContainerInstancesState", containerInstances=[arns[0]], status="REGISTERING")


def test_list_by_expression(world: World) -> None:
    found = instances(world, filter="attribute:ecs.availability-zone == eu-west-1b and runningTasksCount == 0")
    assert [i["ec2InstanceId"] for i in found] == ["i-00000000000000001"]
    with pytest.raises(EcsApiError, match="Invalid expression"):
        instances(world, filter="wat")


def test_custom_attributes(world: World) -> None:
    arn = world.call("ListContainerInstances")["containerInstanceArns"][0]
    world.call("PutAttributes", attributes=[{"name": "stack", "value": "blue", "targetId": arn}])
    listed = world.call("ListAttributes", targetType="container-instance", attributeName="stack")["attributes"]
    assert listed == [{"name": "stack", "value": "blue", "targetId": arn}]
    world.call(
        "RegisterTaskDefinition",
        family="blue",
        containerDefinitions=[{"name": "app", "image": "nginx", "memory": 10}],
        placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == blue"}],
    )
    tasks = world.call("RunTask", taskDefinition="blue", count=5)["tasks"]
    assert {t["containerInstanceArn"] for t in tasks} == {arn}
    world.call("DeleteAttributes", attributes=[{"name": "stack", "targetId": arn}])
    assert world.call("ListAttributes", targetType="container-instance", attributeName="stack")["attributes"] == []
    with pytest.raises(EcsApiError, match="TargetNotFoundException"):
        world.call("PutAttributes", attributes=[{"name": "x", "targetId": "nope"}])
    with pytest.raises(EcsApiError, match="reserved"):
        world.call("PutAttributes", attributes=[{"name": "ecs.x", "targetId": arn}])


def test_interfaces_and_gpus_are_finite(empty: World) -> None:
    empty.call("CreateCluster")
    empty.host(interfaces=3, gpus=1)
    empty.family("net", networkMode="awsvpc", memory=10)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}
    answer = empty.call("RunTask", taskDefinition="net", count=3, networkConfiguration=network)
    assert len(answer["tasks"]) == 2
    assert [f["reason"] for f in answer["failures"]] == ["RESOURCE:ENI"]
    empty.family("gpu", memory=10, resourceRequirements=[{"type": "GPU", "value": "1"}])
    answer = empty.call("RunTask", taskDefinition="gpu", count=2)
    assert len(answer["tasks"]) == 1
    assert [f["reason"] for f in answer["failures"]] == ["RESOURCE:GPU"]
