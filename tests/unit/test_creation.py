"""What a new service gets that its file does not say: one task, and a circuit breaker that rolls back."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds.service import Service, ServiceKind
from ecsctl.ecs_definitions.api_inputs import creation
from tests.support.fake_aws import FakeAws

ON = {"enable": True, "rollback": True}
OFF = {"enable": False, "rollback": False}


@pytest.mark.parametrize(
    ("said", "breaker"),
    [
        ({}, ON),
        ({"deploymentConfiguration": {"maximumPercent": 150}}, ON),
        ({"loadBalancers": [{"targetGroupArn": "arn"}]}, ON),
        ({"deploymentConfiguration": {"deploymentCircuitBreaker": OFF}}, OFF),
        ({"loadBalancers": [{"loadBalancerName": "lb"}]}, None),
        ({"schedulingStrategy": "DAEMON"}, None),
        ({"deploymentController": {"type": "EXTERNAL"}}, None),
    ],
)
def test_a_breaker_where_ecs_has_one_and_the_file_says_nothing(said: dict[str, Any], breaker: dict[str, Any]) -> None:
    made = creation(said)
    assert (made.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") == breaker
    assert {**made, "deploymentConfiguration": None, "desiredCount": None} == {
        **said,
        "deploymentConfiguration": None,
        "desiredCount": None,
    }
    assert made.get("desiredCount") == (None if said.get("schedulingStrategy") else 1)
    assert creation({}, classic=True) == {"desiredCount": 1}


def test_it_is_created_as_the_plan_shows_it() -> None:
    service = {"serviceArn": "arn", "deployments": []}
    aws = FakeAws(
        {
            "ecs:CreateService": lambda query: {"service": service},
            "ecs:DescribeServices": lambda query: {"services": []},
        }
    )
    resource = Service("web", cluster="prod", definition={"taskDefinition": "web:1"})
    shown = {item.path: item.after for item in ServiceKind().summary(resource)}
    assert shown["deploymentConfiguration.deploymentCircuitBreaker.rollback"] == "true"
    ServiceKind().create(aws, resource)
    [query] = [query for name, query in aws.calls if name == "ecs:CreateService"]
    assert query["deploymentConfiguration"] == {"deploymentCircuitBreaker": ON}
    assert query["desiredCount"] == 1
