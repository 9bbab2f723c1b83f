"""Task sets of EXTERNAL and CODE_DEPLOY controllers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/1"
NAMES = {"cluster": "default", "service": "svc"}


@pytest.fixture
def external(world: World) -> World:
    """A service of four tasks that has no task set yet."""
    world.family()
    world.family(image="nginx:2")
    world.call("CreateService", serviceName="svc", desiredCount=4, deploymentController={"type": "EXTERNAL"})
    return world


def add(world: World, revision: int = 1, scale: float = 100.0, **more: Any) -> dict[str, Any]:
    size = {"value": scale, "unit": "PERCENT"}
    answer = world.call("CreateTaskSet", **NAMES, taskDefinition=f"web:{revision}", scale=size, **more)
    return answer["taskSet"]


def sets(world: World) -> list[dict[str, Any]]:
    return world.call("DescribeTaskSets", **NAMES)["taskSets"]


def revisions(world: World) -> Counter[str]:
    return Counter(t["taskDefinitionArn"].rsplit(":", 1)[-1] for t in world.tasks(serviceName="svc"))


def test_an_external_service_has_what_its_task_sets_say(external: World) -> None:
    service = external.service()
    assert (service["deployments"], service["taskSets"], service["runningCount"]) == ([], [], 0)
    assert "taskDefinition" not in service
    made = add(external, scale=30.0, externalId="blue", tags=[{"key": "a", "value": "b"}])
    assert made["computedDesiredCount"] == 2  # 1.2, rounded up
    assert made["taskSetArn"].endswith(f":task-set/default/svc/{made['id']}")
    assert (made["status"], made["stabilityStatus"], made["externalId"]) == ("ACTIVE", "STABILIZING", "blue")
    external.step(10)
    (told,) = sets(external)
    assert (told["runningCount"], told["stabilityStatus"]) == (2, "STEADY_STATE")
    assert {t["startedBy"] for t in external.tasks(serviceName="svc")} == {made["id"]}
    assert external.service()["runningCount"] == 2


def test_a_task_set_is_tagged_like_everything_else(external: World) -> None:
    arn = add(external)["taskSetArn"]
    external.call("TagResource", resourceArn=arn, tags=[{"key": "stage", "value": "blue"}])
    assert external.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "stage", "value": "blue"}]
    (told,) = external.call("DescribeTaskSets", **NAMES, include=["TAGS"])["taskSets"]
    assert told["tags"] == [{"key": "stage", "value": "blue"}]
    with pytest.raises(EcsApiError, match="TaskSetNotFoundException"):
        external.call("ListTagsForResource", resourceArn=f"{arn}0")


def test_a_blue_green_switch_by_hand(external: World) -> None:
    blue = add(external)
    external.call("UpdateServicePrimaryTaskSet", **NAMES, primaryTaskSet=blue["taskSetArn"])
    external.step(10)
    green = add(external, 2, 0.0)
    external.call("UpdateTaskSet", **NAMES, taskSet=green["id"], scale={"value": 100.0, "unit": "PERCENT"})
    external.step(10)
    assert revisions(external) == {"1": 4, "2": 4}
    external.call("UpdateServicePrimaryTaskSet", **NAMES, primaryTaskSet=green["id"])
    assert external.service()["taskDefinition"].endswith("web:2")
    with pytest.raises(EcsApiError, match="scaled above 0"):
        external.call("DeleteTaskSet", **NAMES, taskSet=blue["id"])
    gone = external.call("DeleteTaskSet", **NAMES, taskSet=blue["id"], force=True)["taskSet"]
    assert gone["status"] == "DRAINING"
    external.step(12)
    assert [(s["id"], s["status"]) for s in sets(external)] == [(green["id"], "PRIMARY")]
    assert revisions(external) == {"2": 4}
    external.call("UpdateService", **NAMES, desiredCount=2)
    external.step(12)
    assert revisions(external) == {"2": 2}


def test_a_stopped_task_is_replaced_in_its_set(external: World) -> None:
    add(external)
    external.step(10)
    external.call("StopTask", task=external.tasks()[0]["taskArn"])
    external.step(12)
    assert revisions(external) == {"1": 4}


def test_targets_are_those_of_the_task_set(external: World) -> None:
    external.elb.groups = {GROUP: None}
    external.family("net", networkMode="awsvpc", portMappings=[{"containerPort": 80}])
    external.call(
        "CreateTaskSet",
        **NAMES,
        taskDefinition="net",
        scale={"value": 50.0, "unit": "PERCENT"},
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-a"]}},
        loadBalancers=[{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}],
    )
    external.step(10)
    assert {owner for owner, _, _ in external.elb.targets} == {GROUP}
    assert len(external.elb.targets) == 2
    assert sets(external)[0]["stabilityStatus"] == "STEADY_STATE"
    external.elb.default = "initial"
    external.step(10)
    assert sets(external)[0]["stabilityStatus"] == "STABILIZING"


def test_tokens_and_the_limit_of_five(external: World) -> None:
    first = add(external, scale=0.0, clientToken="t")
    assert add(external, scale=0.0, clientToken="t")["id"] == first["id"]
    for _ in range(4):
        add(external, scale=0.0)
    with pytest.raises(EcsApiError, match="5 deployments exist on the service"):
        add(external, scale=0.0)


def test_unknown_ones(external: World) -> None:
    answer = external.call("DescribeTaskSets", **NAMES, taskSets=["ecs-svc/1"])
    assert answer["failures"][0]["reason"] == "MISSING"
    with pytest.raises(EcsApiError, match="TaskSetNotFoundException"):
        external.call("UpdateTaskSet", **NAMES, taskSet="ecs-svc/1", scale={"value": 1.0, "unit": "PERCENT"})
    with pytest.raises(EcsApiError, match=r"between 0\.0 and 100\.0"):
        add(external, scale=101.0)


def test_the_controller_of_ecs_has_no_task_sets(world: World) -> None:
    world.family()
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=1)
    with pytest.raises(EcsApiError, match="only supports task set management on services"):
        add(world)


def test_a_service_for_codedeploy_runs_its_first_task_set_and_is_updated_by_codedeploy_alone(world: World) -> None:
    world.elb.groups[GROUP] = None
    world.elb.group_type = "instance"
    world.family(portMappings=[{"containerPort": 80}])
    controller = {"type": "CODE_DEPLOY"}
    balancers = [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}]
    world.call(
        "CreateService",
        serviceName="svc",
        taskDefinition="web",
        desiredCount=2,
        deploymentController=controller,
        loadBalancers=balancers,
    )
    world.step(10)
    service = world.service()
    assert [(s["status"], s["runningCount"]) for s in service["taskSets"]] == [("PRIMARY", 2)]
    assert service["deployments"] == []
    world.family(image="nginx:2")
    for members, part in (
        ({"taskDefinition": "web:2"}, "Unable to update task definition on services with a CODE_DEPLOY"),
        ({"forceNewDeployment": True}, "Cannot force a new deployment on services with a CODE_DEPLOY"),
    ):
        with pytest.raises(EcsApiError, match=part):
            world.call("UpdateService", service="svc", **members)
    world.call("UpdateService", service="svc", desiredCount=3)
    world.step(10)
    assert world.service()["runningCount"] == 3
    world.call("DeleteService", service="svc", force=True)
    world.step(12)
    assert world.service()["status"] == "INACTIVE"


def test_the_state_with_task_sets_is_saved(external: World) -> None:
    add(external)
    external.step(10)
    before = sets(external)
    again = external.new_engine()
    again.load(external.engine.dump())
    external.engine = again
    assert sets(external) == before
