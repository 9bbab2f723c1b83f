"""Deployments: rolling within the percents, circuit breaker, back-off, daemon services."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

PORT_80 = [{"containerPort": 80, "hostPort": 80}]


def create(world: World, desired: int | None = 4, **members: Any) -> dict[str, Any]:
    more = {} if desired is None else {"desiredCount": desired}
    return world.call("CreateService", serviceName="svc", taskDefinition="web", **more, **members)["service"]


def revisions(world: World) -> Counter[str]:
    """Revision → how many of its tasks are wanted running."""
    return Counter(t["taskDefinitionArn"].rsplit(":", 1)[-1] for t in world.tasks(serviceName="svc"))


def percents(least: int, most: int) -> dict[str, Any]:
    return {
        "deploymentConfiguration": {"minimumHealthyPercent": least, "maximumPercent": most},
        "availabilityZoneRebalancing": "DISABLED",
    }


@pytest.mark.parametrize(("least", "most"), [(100, 200), (50, 100), (100, 150), (50, 150), (0, 100)])
def test_a_rollout_keeps_within_its_percents(world: World, least: int, most: int) -> None:
    world.family()
    create(world, **percents(least, most))
    world.step(8)
    world.family(image="nginx:2")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    for _ in range(60):
        world.step()
        tasks = world.tasks(serviceName="svc")
        assert len(tasks) <= 4 * most // 100
        assert sum(t["lastStatus"] == "RUNNING" for t in tasks) >= 4 * least // 100
    assert revisions(world) == {"2": 4}
    service = world.service()
    assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]
    assert service["taskDefinition"].endswith("web:2")


def test_two_deployments_are_seen_while_one_makes_way(world: World) -> None:
    world.family()
    create(world)
    world.step(8)
    world.call("UpdateService", service="svc", forceNewDeployment=True)
    world.step(2)
    service = world.service()
    assert [d["status"] for d in service["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert service["deployments"][0]["desiredCount"] == 4
    with pytest.raises(EcsApiError, match="ServicesException"):
        world.call("DeleteCluster", cluster="default")
    world.call("UpdateService", service="svc", desiredCount=0)
    with pytest.raises(EcsApiError, match=r"The service cannot be stopped while deployments are active\."):
        world.call("DeleteService", service="svc")


def test_an_update_that_changes_nothing_deploys_nothing(world: World) -> None:
    world.family()
    create(world)
    world.step(8)
    before = world.service()["deployments"]
    world.call("UpdateService", service="svc", taskDefinition="web:1", desiredCount=4)
    world.step(8)
    assert [d["id"] for d in world.service()["deployments"]] == [d["id"] for d in before]


def test_fixed_ports_without_a_free_instance_block_a_rollout(world: World) -> None:
    world.family(portMappings=PORT_80)
    create(world, 2)
    world.step(8)
    world.family(portMappings=PORT_80, image="nginx:2")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    world.step(20)
    assert revisions(world) == {"1": 2}
    assert "already using a port" in world.messages()[-1]
    world.call(
        "UpdateService", service="svc", deploymentConfiguration={"minimumHealthyPercent": 50, "maximumPercent": 150}
    )
    world.step(40)
    assert revisions(world) == {"2": 2}


def breaker(rollback: bool) -> dict[str, Any]:
    return {"deploymentConfiguration": {"deploymentCircuitBreaker": {"enable": True, "rollback": rollback}}}


def wait(world: World, turns: int = 60) -> None:
    """Long enough for the back-off between failing starts."""
    for _ in range(turns):
        world.step(1, seconds=15)
        world.step(8)


def test_the_circuit_breaker_rolls_back(world: World) -> None:
    world.family()
    create(world, **breaker(True))
    world.step(8)
    world.runtime.behaviour["bad"] = "cannot-pull"
    world.family(image="bad")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    failed = world.service()["deployments"][0]["id"]
    wait(world)
    service = world.service()
    assert service["taskDefinition"].endswith("web:1")
    assert revisions(world) == {"1": 4}
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert f"(service svc) (deployment {failed}) deployment failed: tasks failed to start." in world.messages()
    statuses = world.call("ListServiceDeployments", service="svc")["serviceDeployments"]
    assert [d["status"] for d in statuses] == ["ROLLBACK_SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    described = world.call("DescribeServiceDeployments", serviceDeploymentArns=[statuses[1]["serviceDeploymentArn"]])
    assert described["serviceDeployments"][0]["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    revision = world.call("DescribeServiceRevisions", serviceRevisionArns=[statuses[1]["targetServiceRevisionArn"]])
    assert revision["serviceRevisions"][0]["containerImages"] == [{"containerName": "app", "image": "bad"}]


def test_without_rollback_it_stays_failed(world: World) -> None:
    world.family()
    create(world, **breaker(False))
    world.step(8)
    world.runtime.behaviour["bad"] = "cannot-pull"
    world.family(image="bad")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    wait(world)
    primary = world.service()["deployments"][0]
    assert primary["rolloutState"] == "FAILED"
    assert primary["failedTasks"] >= 3
    launched = len(world.runtime.launched)
    wait(world, 10)
    assert len(world.runtime.launched) == launched
    assert revisions(world)["1"] == 4
    world.call("UpdateService", service="svc", desiredCount=1)
    wait(world, 2)
    assert revisions(world) == {"1": 1}


def test_a_newer_deployment_supersedes_one_in_progress(world: World) -> None:
    world.runtime.behaviour["slow"] = "silent"
    world.family()
    create(world)
    world.step(8)
    world.family(image="slow")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    world.step(3)
    world.call("UpdateService", service="svc", taskDefinition="web:1")
    assert {d["rolloutState"] for d in world.service()["deployments"]} == {"IN_PROGRESS", "COMPLETED"}
    statuses = world.call("ListServiceDeployments", service="svc")["serviceDeployments"]
    assert [d["status"] for d in statuses] == ["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]
    world.step(30)
    assert revisions(world) == {"1": 4}


def test_tasks_that_keep_failing_are_started_ever_more_slowly(world: World) -> None:
    world.runtime.behaviour["nginx"] = "cannot-pull"
    world.family()
    create(world, 1)
    for _ in range(600):
        world.step(1, seconds=1)
    assert 4 <= len(world.runtime.launched) <= 12
    assert sum("is unable to consistently start tasks successfully" in m for m in world.messages()) == 1


def test_a_crash_loop_does_not_spin(world: World) -> None:
    world.runtime.behaviour["nginx"] = "exits-1"
    world.family()
    create(world, 1)
    for _ in range(600):
        world.step(1, seconds=0.2)
    assert 3 <= len(world.runtime.launched) <= 15


def test_a_daemon_runs_once_on_every_instance(world: World) -> None:
    world.family(portMappings=PORT_80)
    create(world, None, schedulingStrategy="DAEMON")
    world.step(8)
    service = world.service()
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)
    world.host(zone="c")
    world.step(8)
    assert world.service()["runningCount"] == 3
    assert len({t["containerInstanceArn"] for t in world.tasks()}) == 3
    world.family(portMappings=PORT_80, image="nginx:2")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    world.step(30)
    assert revisions(world) == {"2": 3}
    world.engine.instance_terminated("i-00000000000000000")
    arn = world.tasks()[0]["containerInstanceArn"]
    world.call("UpdateContainerInstancesState", containerInstances=[arn], status="DRAINING")
    world.step(10)
    assert world.service()["desiredCount"] == 1
    assert len(world.tasks()) == 1
    with pytest.raises(EcsApiError, match="desired count"):
        world.call("UpdateService", service="svc", desiredCount=3)


def test_a_deployment_stopped_by_hand_goes_back(world: World) -> None:
    world.family()
    create(world)
    world.step(8)
    world.runtime.behaviour["slow"] = "silent"
    world.family(image="slow")
    world.call("UpdateService", service="svc", taskDefinition="web:2")
    world.step(3)
    arn = world.service()["currentServiceDeployment"]
    world.call("StopServiceDeployment", serviceDeploymentArn=arn, stopType="ROLLBACK")
    world.step(30)
    assert revisions(world) == {"1": 4}
    with pytest.raises(EcsApiError, match="ConflictException"):
        world.call("StopServiceDeployment", serviceDeploymentArn=arn)


def test_shares_of_capacity_providers(empty: World) -> None:
    groups = {name: f"arn:aws:autoscaling:eu-west-1:1:autoScalingGroup:1:autoScalingGroupName/{name}" for name in "ab"}
    for name, arn in groups.items():
        empty.call("CreateCapacityProvider", name=name, autoScalingGroupProvider={"autoScalingGroupArn": arn})
    empty.call("CreateCluster", capacityProviders=["a", "b"])
    for arn in groups.values():
        empty.host(auto_scaling_group_arn=arn)
    empty.family(memory=10)
    strategy = [{"capacityProvider": "a", "base": 2, "weight": 1}, {"capacityProvider": "b", "weight": 3}]
    create(empty, 10, capacityProviderStrategy=strategy)
    empty.step(8)
    assert Counter(t["capacityProviderName"] for t in empty.tasks()) == {"a": 4, "b": 6}
    assert empty.service()["runningCount"] == 10


def test_the_state_is_saved_and_taken_up_again(world: World) -> None:
    world.family(portMappings=PORT_80)
    create(world, 2)
    world.step(8)
    saved = world.engine.dump()
    before = world.service()
    launched = len(world.runtime.launched)
    world.engine = world.new_engine(seed=2)
    assert world.call("ListClusters")["clusterArns"] == []
    world.engine.load(saved)
    assert world.service() == before
    assert {r.task_arn for r in world.engine.expected_containers()} == {t["taskArn"] for t in world.tasks()}
    world.step(5)
    assert len(world.runtime.launched) == launched
    world.call("StopTask", task=world.tasks()[0]["taskArn"])
    world.step(10)
    assert world.service()["runningCount"] == 2


def test_a_state_of_another_region_is_refused(world: World) -> None:
    saved = world.engine.dump()
    world.engine.store.region = "us-east-1"
    with pytest.raises(ValueError, match="eu-west-1"):
        world.engine.load(saved)


def test_the_same_steps_end_in_the_same_state() -> None:
    def play() -> list[Any]:
        world = World(seed=7)
        world.call("CreateCluster")
        for zone in "ab":
            world.host(zone=zone)
        world.family()
        create(world, 5, placementStrategy=[{"type": "random"}])
        world.step(10)
        return [world.service(), world.tasks()]

    assert play() == play()
