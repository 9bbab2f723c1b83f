"""Availability Zone rebalancing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

NO_INSTANCE = "no container instance met all of its requirements."


def create(world: World, **members: Any) -> None:
    world.family()
    world.call("CreateService", serviceName="svc", taskDefinition="web", **{"desiredCount": 4, **members})
    world.step(12)


def zones(world: World) -> Counter[str]:
    return Counter(task["availabilityZone"][-1] for task in world.tasks(serviceName="svc"))


@pytest.fixture
def lopsided(empty: World) -> World:
    """Four tasks in one zone, and an instance that came later in another one."""
    empty.call("CreateCluster")
    empty.host(zone="a")
    create(empty)
    empty.host(zone="b")
    return empty


def test_tasks_move_to_an_empty_zone_one_by_one(lopsided: World) -> None:
    assert zones(lopsided) == {"a": 4}
    for _ in range(60):
        lopsided.step()
        tasks = lopsided.tasks(serviceName="svc")
        assert sum(task["lastStatus"] == "RUNNING" for task in tasks) >= 4
        assert len(tasks) <= 5
    assert zones(lopsided) == {"a": 2, "b": 2}
    stopped = lopsided.tasks(desiredStatus="STOPPED")
    primary = lopsided.service()["deployments"][0]["id"]
    assert {task["stoppedReason"] for task in stopped} == {
        f"Availability-zone rebalancing initiated by (deployment {primary})"
    }
    told = [message for message in lopsided.messages() if "AZ" in message]
    assert told[0] == (
        "(service svc) is not AZ balanced with 4 tasks in eu-west-1a, 0 tasks in eu-west-1b. "
        "AZ Rebalancing in progress."
    )
    assert told[1].startswith("(service svc) has started 1 tasks in eu-west-1b to AZ Rebalance: (task ")
    assert told[2].startswith("(service svc) has stopped 1 running tasks in eu-west-1a due to AZ rebalancing: (task ")
    assert told[-1] == "(service svc) is AZ balanced with 2 tasks in eu-west-1a, 2 tasks in eu-west-1b."


def test_a_difference_of_one_is_balanced(empty: World) -> None:
    empty.call("CreateCluster")
    for zone in "ab":
        empty.host(zone=zone)
    create(empty, desiredCount=3)
    empty.step(40)
    assert sorted(zones(empty).values()) == [1, 2]
    assert not [message for message in empty.messages() if "AZ" in message]


@pytest.mark.parametrize(
    "members",
    [
        {"availabilityZoneRebalancing": "DISABLED"},
        {"placementStrategy": [{"type": "binpack", "field": "memory"}]},
    ],
)
def test_a_service_that_is_not_rebalanced_stays(empty: World, members: dict[str, Any]) -> None:
    empty.call("CreateCluster")
    empty.host(zone="a")
    create(empty, **members)
    assert empty.service()["availabilityZoneRebalancing"] == "DISABLED"
    empty.host(zone="b")
    empty.step(40)
    assert zones(empty) == {"a": 4}


def test_without_room_there_the_events_say_so_and_it_is_tried_again(empty: World) -> None:
    empty.call("CreateCluster")
    empty.host(zone="a")
    create(empty)
    empty.host(zone="b", memory=50)
    empty.step(20)
    assert zones(empty) == {"a": 4}
    told = [message for message in empty.messages() if "eu-west-1b" in message or "AZ" in message]
    assert told[1:] == [
        f"(service svc) is unable to place a task in eu-west-1b because {NO_INSTANCE}",
        "(service svc) stopped AZ Rebalancing.",
    ]
    empty.host(zone="b")
    empty.step(10, seconds=10)
    empty.step(60)
    assert zones(empty) == {"a": 2, "b": 2}


def test_protected_tasks_stay(lopsided: World) -> None:
    arns = [task["taskArn"] for task in lopsided.tasks(serviceName="svc")]
    lopsided.call("UpdateTaskProtection", cluster="default", tasks=arns, protectionEnabled=True)
    lopsided.step(30)
    assert {task["taskArn"] for task in lopsided.tasks(serviceName="svc")} == set(arns)
    assert any("was unable to AZ Rebalance" in message for message in lopsided.messages())


def test_fargate_tasks_move_between_subnets(empty: World) -> None:
    empty.call("CreateCluster")
    container = {"name": "app", "image": "nginx"}
    fargate = {"networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512"}
    empty.call("RegisterTaskDefinition", family="fg", containerDefinitions=[container], **fargate)
    network = {"awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"]}}
    empty.call(
        "CreateService",
        serviceName="svc",
        taskDefinition="fg",
        launchType="FARGATE",
        desiredCount=4,
        networkConfiguration=network,
    )
    # The fake EC2 gives every interface to the first subnet.
    empty.step(60)
    assert zones(empty) == {"a": 2, "b": 2}


def test_daemons_are_refused(empty: World) -> None:
    empty.call("CreateCluster")
    empty.family()
    with pytest.raises(EcsApiError, match="Rebalancing does not support DAEMON as scheduling strategy"):
        empty.call(
            "CreateService",
            serviceName="svc",
            taskDefinition="web",
            schedulingStrategy="DAEMON",
            availabilityZoneRebalancing="ENABLED",
        )
