"""Deployments that fail: thresholds of the circuit breaker, alarms, bake time."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.api.service_view import circuit_threshold
from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World


def create(world: World, **configuration: Any) -> None:
    world.family()
    world.call(
        "CreateService",
        serviceName="svc",
        taskDefinition="web",
        desiredCount=2,
        deploymentConfiguration=configuration,
    )
    world.step(10)


def update(world: World, image: str = "nginx:2") -> str:
    """Roll out another image; the ARN of the service deployment."""
    world.family(image=image)
    world.call("UpdateService", service="svc", taskDefinition="web")
    return str(world.service()["currentServiceDeployment"])


def described(world: World, arn: str) -> dict[str, Any]:
    (found,) = world.call("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"]
    return found


@pytest.mark.parametrize(
    ("configured", "desired", "expected"),
    [
        (None, 1, 3),
        (None, 25, 13),
        (None, 1000, 200),
        ({"type": "COUNT", "value": 1}, 1000, 1),
        ({"type": "BOUNDED_PERCENT", "value": 10}, 10, 3),
        ({"type": "UNBOUNDED_PERCENT", "value": 10}, 10, 1),
        ({"type": "UNBOUNDED_PERCENT", "value": 100}, 1000, 1000),
    ],
)
def test_the_threshold_of_the_circuit_breaker(configured: dict[str, Any] | None, desired: int, expected: int) -> None:
    breaker = {"enable": True, "rollback": True} | ({"thresholdConfiguration": configured} if configured else {})
    assert circuit_threshold(breaker, desired) == expected


def test_a_count_of_one_trips_at_the_first_failure(world: World) -> None:
    threshold = {"type": "COUNT", "value": 1}
    breaker = {"enable": True, "rollback": True, "thresholdConfiguration": threshold}
    create(world, deploymentCircuitBreaker=breaker)
    world.runtime.behaviour["bad"] = "cannot-pull"
    arn = update(world, "bad")
    world.step(12)
    told = described(world, arn)["deploymentCircuitBreaker"]
    assert (told["status"], told["threshold"]) == ("TRIGGERED", 1)
    world.step(10)
    assert world.service()["taskDefinition"].endswith("web:1")


def test_an_alarm_ends_a_deployment_and_rolls_it_back(world: World) -> None:
    world.cloudwatch.known = {"errors": "OK", "slow": "INSUFFICIENT_DATA"}
    create(world, alarms={"alarmNames": ["errors", "slow"], "enable": True, "rollback": True}, bakeTimeInMinutes=5)
    world.step(10, seconds=40)
    arn = update(world)
    deployment = world.service()["deployments"][0]["id"]
    world.step(20)
    assert world.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert described(world, arn)["alarms"] == {
        "status": "MONITORING",
        "alarmNames": ["errors", "slow"],
        "triggeredAlarmNames": [],
    }
    world.cloudwatch.known["errors"] = "ALARM"
    world.step(10)
    assert f"(service svc) (deployment {deployment}) deployment failed: alarm detected." in world.messages()
    alarms = described(world, arn)["alarms"]
    assert (alarms["status"], alarms["triggeredAlarmNames"]) == ("TRIGGERED", ["errors"])
    world.cloudwatch.known["errors"] = "OK"
    world.step(20, seconds=30)
    service = world.service()
    assert service["taskDefinition"].endswith("web:1")
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"


def test_an_alarm_that_rings_already_is_not_watched(world: World) -> None:
    create(world, alarms={"alarmNames": ["errors"], "enable": True, "rollback": True})
    world.cloudwatch.known = {"errors": "ALARM"}
    arn = update(world)
    world.step(20)
    assert world.service()["taskDefinition"].endswith("web:2")
    assert world.service()["deployments"][0]["rolloutState"] == "COMPLETED"
    assert described(world, arn)["alarms"]["status"] == "DISABLED"


def test_a_rollout_is_in_progress_until_its_bake_time_is_over(world: World) -> None:
    create(world, bakeTimeInMinutes=2)
    world.step(10, seconds=10)
    assert world.service()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    world.step(10, seconds=10)
    assert world.service()["deployments"][0]["rolloutState"] == "COMPLETED"


@pytest.mark.parametrize(
    "configuration",
    [
        {"alarms": {"alarmNames": [], "enable": True, "rollback": False}},
        {
            "deploymentCircuitBreaker": {
                "enable": True,
                "rollback": False,
                "thresholdConfiguration": {"type": "COUNT", "value": 0},
            }
        },
    ],
)
def test_what_is_refused(world: World, configuration: dict[str, Any]) -> None:
    with pytest.raises(EcsApiError, match="InvalidParameterException"):
        create(world, **configuration)
