"""Blue/green, linear and canary deployments."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

BASE = "arn:aws:elasticloadbalancing:eu-west-1:123456789012"
BLUE, GREEN = f"{BASE}:targetgroup/blue/1", f"{BASE}:targetgroup/green/2"
RULE, TEST = f"{BASE}:listener-rule/app/web/1/2/3", f"{BASE}:listener-rule/app/web/1/2/4"
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}


def create(world: World, strategy: str = "BLUE_GREEN", **configuration: Any) -> None:
    world.elb.groups = {BLUE: None, GREEN: None}
    world.family(networkMode="awsvpc", portMappings=[{"containerPort": 80}])
    advanced = {
        "alternateTargetGroupArn": GREEN,
        "productionListenerRule": RULE,
        "testListenerRule": TEST,
        "roleArn": "arn:aws:iam::123456789012:role/ecs",
    }
    balancer = {"targetGroupArn": BLUE, "containerName": "app", "containerPort": 80, "advancedConfiguration": advanced}
    world.call(
        "CreateService",
        serviceName="svc",
        taskDefinition="web",
        desiredCount=2,
        networkConfiguration=NETWORK,
        loadBalancers=[balancer],
        deploymentConfiguration={"strategy": strategy, "bakeTimeInMinutes": 5, **configuration},
    )
    world.step(20)


def update(world: World, image: str = "nginx:2") -> str:
    """Deploy another image; the ARN of the service deployment."""
    world.family(image=image, networkMode="awsvpc", portMappings=[{"containerPort": 80}])
    world.call("UpdateService", service="svc", taskDefinition="web")
    return str(world.service()["currentServiceDeployment"])


def described(world: World, arn: str) -> dict[str, Any]:
    (found,) = world.call("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"]
    return found


def behind(world: World, group: str) -> int:
    return sum(owner == group for owner, _, _ in world.elb.targets)


def revisions(world: World) -> list[str]:
    return sorted(t["taskDefinitionArn"].rsplit(":", 1)[-1] for t in world.tasks(serviceName="svc"))


def test_the_first_deployment_serves_at_once(world: World) -> None:
    create(world)
    assert world.elb.routes[RULE] == {BLUE: 100.0, GREEN: 0.0}
    assert (behind(world, BLUE), behind(world, GREEN)) == (2, 0)
    assert world.service()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_blue_and_green_run_side_by_side_until_the_bake_time_is_over(world: World) -> None:
    create(world)
    arn = update(world)
    assert described(world, arn)["status"] == "IN_PROGRESS"
    world.step(20)
    told = described(world, arn)
    assert told["lifecycleStage"] == "BAKE_TIME"
    assert told["targetServiceRevision"]["requestedProductionTrafficWeight"] == 100.0
    assert told["sourceServiceRevisions"][0]["requestedProductionTrafficWeight"] == 0.0
    assert (behind(world, BLUE), behind(world, GREEN)) == (2, 2)
    assert world.elb.routes == {RULE: {GREEN: 100.0, BLUE: 0.0}, TEST: {GREEN: 100.0, BLUE: 0.0}}
    # Tests come before production, and production only when green is healthy.
    assert world.elb.routed[-2:] == [(TEST, {GREEN: 100.0, BLUE: 0.0}), (RULE, {GREEN: 100.0, BLUE: 0.0})]
    assert revisions(world) == ["1", "1", "2", "2"]
    world.step(20, seconds=20)
    assert revisions(world) == ["2", "2"]
    assert described(world, arn)["status"] == "SUCCESSFUL"
    assert [d["rolloutState"] for d in world.service()["deployments"]] == ["COMPLETED"]
    # The next one goes back to the first target group.
    update(world, "nginx:3")
    world.step(20)
    world.step(20, seconds=20)
    assert world.elb.routes[RULE] == {BLUE: 100.0, GREEN: 0.0}
    assert (behind(world, BLUE), behind(world, GREEN)) == (2, 0)


def test_unhealthy_green_gets_no_traffic(world: World) -> None:
    create(world)
    world.elb.default = "initial"
    for owner, target, port in world.elb.targets:
        world.elb.verdicts[target, port] = "healthy"
        assert owner == BLUE
    arn = update(world)
    world.step(30)
    assert described(world, arn)["lifecycleStage"] == "SCALE_UP"
    assert world.elb.routes[RULE] == {GREEN: 0.0, BLUE: 100.0}


@pytest.mark.parametrize(
    ("strategy", "configuration", "weights"),
    [
        ("LINEAR", {"linearConfiguration": {"stepPercent": 40.0, "stepBakeTimeInMinutes": 1}}, [40.0, 80.0, 100.0]),
        ("CANARY", {"canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2}}, [10.0, 100.0]),
    ],
)
def test_traffic_moves_in_steps(
    world: World, strategy: str, configuration: dict[str, Any], weights: list[float]
) -> None:
    create(world, strategy, **configuration)
    world.elb.routed.clear()
    update(world)
    for _ in range(60):
        world.step(2, seconds=5)
    moved = [weights[GREEN] for rule, weights in world.elb.routed if rule == RULE]
    assert moved == weights
    assert revisions(world) == ["2", "2"]


def test_an_alarm_in_the_bake_time_sends_the_traffic_back(world: World) -> None:
    create(world, alarms={"alarmNames": ["errors"], "enable": True, "rollback": True})
    arn = update(world)
    world.step(20)
    world.cloudwatch.known = {"errors": "ALARM"}
    world.step(10)
    assert world.elb.routes[RULE] == {BLUE: 100.0, GREEN: 0.0}
    world.step(20)
    assert revisions(world) == ["1", "1"]
    told = described(world, arn)
    assert told["status"] == "ROLLBACK_SUCCESSFUL"
    assert told["rollback"]["serviceRevisionArn"] == told["sourceServiceRevisions"][0]["arn"]
    service = world.service()
    assert service["taskDefinition"].endswith("web:1")
    assert [d["status"] for d in service["deployments"]] == ["PRIMARY"]


def paused(world: World, **timeout: Any) -> tuple[str, str]:
    """A deployment that waits at its hook: its ARN and the hook's id."""
    hook: dict[str, Any] = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
    if timeout:
        hook["timeoutConfiguration"] = timeout
    create(world, lifecycleHooks=[hook])
    arn = update(world)
    world.step(20)
    told = described(world, arn)
    (detail,) = told["lifecycleHookDetails"]
    assert (told["lifecycleStage"], detail["status"]) == ("POST_TEST_TRAFFIC_SHIFT", "AWAITING_ACTION")
    assert world.elb.routes[RULE][GREEN] == 0.0
    return arn, detail["hookId"]


def test_a_pause_waits_to_be_continued(world: World) -> None:
    arn, hook = paused(world)
    world.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook, action="CONTINUE")
    world.step(5)
    assert world.elb.routes[RULE][GREEN] == 100.0
    with pytest.raises(EcsApiError, match="does not await"):
        world.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook)


def test_a_pause_can_be_answered_by_going_back(world: World) -> None:
    arn, hook = paused(world)
    world.call("ContinueServiceDeployment", serviceDeploymentArn=arn, hookId=hook, action="ROLLBACK")
    world.step(20)
    assert revisions(world) == ["1", "1"]
    assert described(world, arn)["status"] == "ROLLBACK_SUCCESSFUL"


def test_a_pause_that_nobody_answers_times_out(world: World) -> None:
    arn, _ = paused(world, timeoutInMinutes=1, action="CONTINUE")
    world.step(10, seconds=10)
    assert described(world, arn)["lifecycleHookDetails"][0]["status"] == "TIMED_OUT"
    assert world.elb.routes[RULE][GREEN] == 100.0


def test_a_newer_deployment_takes_the_place_of_green(world: World) -> None:
    create(world)
    world.runtime.behaviour["slow"] = "silent"
    update(world, "slow")
    world.step(10)
    world.runtime.behaviour.clear()
    arn = update(world, "nginx:3")
    for task in world.tasks(serviceName="svc"):
        if task["taskDefinitionArn"].endswith(":2"):
            assert task["lastStatus"] != "RUNNING"
            world.runtime.tell(task["taskArn"], "app", "exited", exit_code=0)
    world.step(30)
    assert behind(world, BLUE) == 2
    world.step(30, seconds=20)
    assert revisions(world) == ["3", "3"]
    assert described(world, arn)["status"] == "SUCCESSFUL"


def test_stopping_a_deployment_goes_back(world: World) -> None:
    create(world)
    arn = update(world)
    world.step(20)
    world.call("StopServiceDeployment", serviceDeploymentArn=arn)
    world.step(20)
    assert revisions(world) == ["1", "1"]
    assert world.elb.routes[RULE] == {BLUE: 100.0, GREEN: 0.0}


@pytest.mark.parametrize(
    ("strategy", "configuration", "part"),
    [
        ("LINEAR", {"linearConfiguration": {"stepPercent": 2.0}}, "stepPercent"),
        ("CANARY", {"canaryConfiguration": {"canaryPercent": 0.0}}, "canaryPercent"),
        ("BLUE_GREEN", {"bakeTimeInMinutes": 2000}, "bakeTimeInMinutes"),
    ],
)
def test_what_is_refused(world: World, strategy: str, configuration: dict[str, Any], part: str) -> None:
    with pytest.raises(EcsApiError, match=part):
        create(world, strategy, **configuration)
