"""What an update of a service says besides what the file says: pure."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.changes import Change
from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.kinds.service_updates import said_fields
from ecsctl.deploy.plan import decide, removals
from ecsctl.deploy.resources import OWNER_TAG, Actual, Key
from ecsctl.deploy.tags import FIELDS_TAG, listed
from ecsctl.errors import ConflictError

LIVE: dict[str, Any] = {
    "taskDefinition": "web:1",
    "schedulingStrategy": "REPLICA",
    "launchType": "EC2",
    "availabilityZoneRebalancing": "ENABLED",
    "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
}


def planned(wanted: dict[str, Any], live: dict[str, Any] = LIVE) -> tuple[str, dict[str, str | None]] | None:
    """The action, and what each field that differs becomes."""
    resource = Service("svc", cluster="shop", definition=wanted)
    change = decide(resource, Actual(resource.key, "arn:…/shop/svc", "shop", live), {})
    return (change.action, {item.path: item.after for item in change.fields}) if change else None


@pytest.mark.parametrize(
    "incompatible",
    [
        {"placementStrategy": [{"type": "binpack", "field": "memory"}]},
        {"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.availability-zone == a"}]},
        {"deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 100}},
    ],
)
def test_rebalancing_that_aws_turned_on_is_turned_off_where_it_would_be_refused(incompatible: dict[str, Any]) -> None:
    found = planned(incompatible)
    assert found is not None
    action, fields = found
    assert (action, fields["availabilityZoneRebalancing"]) == ("update", "DISABLED")
    assert planned(incompatible, {**LIVE, **incompatible, "availabilityZoneRebalancing": "DISABLED"}) is None


def test_rebalancing_stays_where_nothing_speaks_against_it_or_the_file_says_it() -> None:
    spread = [{"type": "spread", "field": "attribute:ecs.availability-zone"}]
    found = planned({"placementStrategy": spread})
    assert found is not None
    assert list(found[1]) == ["placementStrategy"]
    said = {"availabilityZoneRebalancing": "ENABLED", "placementStrategy": [{"type": "binpack", "field": "cpu"}]}
    with pytest.raises(ConflictError, match="would refuse it: Availability Zone Rebalancing does not support"):
        planned(said)


FARGATE = {**LIVE, "launchType": "FARGATE", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}}
BRIDGE = {"family": "web", "containerDefinitions": [{"name": "web", "image": "web", "memory": 32}]}
AWSVPC = {**BRIDGE, "networkMode": "awsvpc"}


def planned_after(said: str, wanted: dict[str, Any], live: dict[str, Any], **more: Any) -> Change | None:
    """The change of a service of which the file said these fields before."""
    tags = {OWNER_TAG: "shop", **listed(FIELDS_TAG, said_fields(wanted))}
    resource = Service("svc", tags, cluster="shop", definition=wanted, **more)
    has = {OWNER_TAG: "shop", **listed(FIELDS_TAG, said.split())}
    return decide(resource, Actual(resource.key, "arn:…/shop/svc", "shop", live, tags=has), {})


@pytest.mark.parametrize(
    ("field", "live", "told"),
    [
        ("placementStrategy", [{"type": "random"}], []),
        ("loadBalancers", [{"targetGroupArn": "arn:aws:elasticloadbalancing:x", "containerName": "web"}], []),
        ("serviceRegistries", [{"registryArn": "arn:aws:servicediscovery:x"}], []),
        ("serviceConnectConfiguration", {"enabled": True, "namespace": "n"}, {"enabled": False}),
        ("propagateTags", "SERVICE", "NONE"),
        ("enableECSManagedTags", True, False),
        ("healthCheckGracePeriodSeconds", 30, 0),
    ],
)
def test_a_field_that_the_file_no_longer_says_goes_back_to_the_default(field: str, live: Any, told: Any) -> None:
    found = planned_after(field, {}, {**LIVE, field: live})
    assert found is not None
    assert (found.action, found.changed) == ("update", {field, "tags"})
    assert isinstance(found.resource, Service)
    assert found.resource.fields()[field] == told
    # What somebody else set is left alone.
    assert planned_after("", {}, {**LIVE, field: live}) is None


def test_members_of_the_deployment_configuration_go_back_one_by_one() -> None:
    live = {**LIVE, "deploymentConfiguration": {"minimumHealthyPercent": 50, "maximumPercent": 150}}
    said = "deploymentConfiguration.minimumHealthyPercent deploymentConfiguration.maximumPercent"
    found = planned_after(said, {"deploymentConfiguration": {"maximumPercent": 150}}, live)
    assert found is not None
    assert isinstance(found.resource, Service)
    assert found.resource.fields()["deploymentConfiguration"] == {"maximumPercent": 150, "minimumHealthyPercent": 100}


def test_a_launch_type_that_the_file_no_longer_says_is_another_service_where_there_are_instances() -> None:
    found = planned_after("launchType", {}, FARGATE, default_launch="EC2")
    assert found is not None
    assert (found.action, found.reason) == ("replace", "launchType cannot be changed in place")
    assert found.to_data()["interrupts"].startswith("its tasks are stopped first")
    # Where nothing else can run its tasks, it stays.
    without = planned_after("launchType", {}, FARGATE)
    assert without is not None
    assert (without.action, without.changed) == ("update", {"tags"})


def test_what_amazon_ecs_refuses_of_an_update_is_a_new_service_and_the_plan_says_why() -> None:
    live = {**FARGATE, "launchType": "EC2"}
    found = planned_after("networkConfiguration", {"taskDefinition": "web:2"}, live, runs=BRIDGE)
    assert found is not None
    assert found.action == "replace"
    assert "Network Configuration is not valid for the given networkMode" in found.reason
    same = planned_after("networkConfiguration", {"taskDefinition": "web:2"}, live, runs=AWSVPC)
    assert same is not None
    assert same.action == "update"


def test_a_strategy_comes_and_goes_as_an_update() -> None:
    spot = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    on_spot = {name: value for name, value in FARGATE.items() if name != "launchType"} | {
        "capacityProviderStrategy": spot
    }
    there = planned({"capacityProviderStrategy": spot}, FARGATE)
    assert there is not None
    assert there[0] == "update"
    back = planned_after("capacityProviderStrategy", {"launchType": "FARGATE"}, on_spot)
    assert back is not None
    assert back.action == "update"
    assert isinstance(back.resource, Service)
    assert back.resource.fields()["capacityProviderStrategy"] == []
    elsewhere = planned_after("capacityProviderStrategy", {"launchType": "EC2"}, on_spot)
    assert elsewhere is not None
    assert elsewhere.action == "replace"


@pytest.mark.parametrize("controller", ["CODE_DEPLOY", "EXTERNAL"])
def test_what_another_controller_deploys_is_refused_while_planning(controller: str) -> None:
    live = {**LIVE, "deploymentController": {"type": controller}, "desiredCount": 1}
    with pytest.raises(ConflictError, match=f"its deployment controller is {controller}.* taskDefinition of it"):
        planned({"taskDefinition": "web:2"}, live)
    assert planned({"desiredCount": 3}, live) == ("update", {"desiredCount": "3"})


def test_what_leaves_is_taken_off_a_service_that_the_file_says_nothing_of() -> None:
    arn = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/ecsctl-svc/1"
    rows = [{"targetGroupArn": arn, "containerName": "web", "containerPort": 80}]
    others = [{"targetGroupArn": arn.replace("ecsctl-svc/1", "by-hand/2"), "containerName": "web", "containerPort": 81}]
    group = Actual(Key("target-group", "ecsctl-svc"), arn, "shop")
    resource = Service("svc", cluster="shop", definition={})
    actual = Actual(resource.key, "arn:…/shop/svc", "shop", {**LIVE, "loadBalancers": rows + others})
    found = decide(resource, actual, {}, [group])
    assert found is not None
    assert isinstance(found.resource, Service)
    assert found.resource.fields()["loadBalancers"] == others
    [removal] = removals([group], [actual])
    assert removal.waits == {"service"}
    assert removals([group])[0].waits == frozenset()
