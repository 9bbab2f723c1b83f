"""What the targets behind a service say: how many are healthy, why the others are not."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.errors import AwsError
from ecsctl.query.target_health import Targets, of_classic, of_service, of_target_group
from tests.support.fake_aws import FakeAws, refused

Json = dict[str, Any]
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/{}/1"
TIMEOUT = {"State": "unhealthy", "Reason": "Target.Timeout", "Description": "Request timed out"}
WRONG = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "Health checks failed"}
UNUSED = {"State": "unused", "Reason": "Target.NotInUse", "Description": "Target group is not configured"}
HEALTHY = {"State": "healthy"}


def groups(**states: list[Json]) -> FakeAws:
    """Target groups by name, with the states of their targets."""

    def health(query: Json) -> Json:
        rows = states[query["TargetGroupArn"].split("/")[-2]]
        return {"TargetHealthDescriptions": [{"TargetHealth": state} for state in rows]}

    return FakeAws({"elbv2:DescribeTargetHealth": health})


def of(*states: Json) -> Targets:
    return of_target_group(groups(web=list(states)), GROUP.format("web"))


@pytest.mark.parametrize("state", ["initial", "draining"])
def test_what_is_on_its_way_is_neither_healthy_nor_sick(state: str) -> None:
    assert of({"State": state, "Reason": "Elb.RegistrationInProgress"}) == Targets("target group web")


def test_the_most_frequent_reason_comes_first() -> None:
    found = of(WRONG, TIMEOUT, TIMEOUT, HEALTHY)
    assert found.healthy == 1
    assert [reason.partition(" (")[0] for reason in found.reasons] == ["Request timed out", "Health checks failed"]


def test_targets_are_unused_only_where_all_that_are_sick_are() -> None:
    assert of(UNUSED, HEALTHY).unused
    assert not of(UNUSED, TIMEOUT).unused
    assert not of(HEALTHY).unused


def test_a_shortage_is_told_with_its_reasons_and_ends_at_the_number_wanted() -> None:
    found = of(HEALTHY, TIMEOUT)
    assert found.shortage(1) is None
    assert str(found.shortage(2)).startswith("1 of 2 targets healthy in target group web: Request timed out (")
    assert Targets("target group x", missing=True).shortage(0) == "target group x does not exist"


def test_two_groups_that_take_turns_are_counted_together() -> None:
    advanced = {"alternateTargetGroupArn": GROUP.format("green")}
    service = {"loadBalancers": [{"targetGroupArn": GROUP.format("blue"), "advancedConfiguration": advanced}]}
    [found] = of_service(groups(blue=[HEALTHY], green=[HEALTHY, TIMEOUT]), service)
    assert (found.where, found.healthy, len(found.reasons)) == ("target groups blue and green", 2, 1)
    [idle] = of_service(groups(blue=[UNUSED], green=[]), service)
    assert idle.unused
    [busy] = of_service(groups(blue=[UNUSED], green=[HEALTHY]), service)
    assert not busy.unused


def test_instances_behind_a_classic_balancer_are_sick_only_for_reasons_of_their_own() -> None:
    rows = [
        {"State": "InService", "ReasonCode": "N/A", "Description": "N/A"},
        {"State": "OutOfService", "ReasonCode": "Instance", "Description": "Instance has failed the health check."},
        {"State": "OutOfService", "ReasonCode": "ELB", "Description": "Instance registration is still in progress."},
    ]
    aws = FakeAws({"elb:DescribeInstanceHealth": lambda query: {"InstanceStates": rows}})
    [found] = of_service(aws, {"loadBalancers": [{"loadBalancerName": "lb"}]})
    assert found == Targets("load balancer lb", 1, ("Instance has failed the health check",))


def test_what_does_not_exist_is_missing_and_every_other_refusal_is_told() -> None:
    operation = "elbv2:DescribeTargetHealth"
    assert of_target_group(FakeAws({operation: refused(operation, "TargetGroupNotFound")}), "x").missing
    with pytest.raises(AwsError, match="AccessDenied"):
        of_target_group(FakeAws({operation: refused(operation, "AccessDenied")}), "x")
    operation = "elb:DescribeInstanceHealth"
    assert of_classic(FakeAws({operation: refused(operation, "LoadBalancerNotFound")}), "x").missing
