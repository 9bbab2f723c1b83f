"""What the change of a service is where others attached something, something leaves with it, or a default differs."""

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

Json = dict[str, Any]
LIVE: Json = {
    "taskDefinition": "web:1",
    "schedulingStrategy": "REPLICA",
    "launchType": "EC2",
    "availabilityZoneRebalancing": "DISABLED",
    "deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 200},
}
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1", "sg-2"]}}
FARGATE: Json = {**LIVE, "launchType": "FARGATE", "networkConfiguration": NETWORK}
ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{}/0123456789abcdef"
ROW = {"targetGroupArn": ARN.format("web"), "containerName": "web", "containerPort": 80}
CLASSIC = {"loadBalancerName": "front", "containerName": "web", "containerPort": 80}


def change(
    wanted: Json, live: Json, *, said: tuple[str, ...] = (), leaving: tuple[Actual, ...] = (), **more: Any
) -> Change | None:
    """The change of a service. ``said``: the fields that the file said before; ``leaving``: what goes as well."""
    tags = {OWNER_TAG: "shop", **listed(FIELDS_TAG, said_fields(wanted))}
    resource = Service("svc", tags, cluster="shop", definition=wanted, **more)
    has = {OWNER_TAG: "shop", **listed(FIELDS_TAG, said)}
    return decide(resource, Actual(resource.key, "arn:…/shop/svc", "shop", live, tags=has), {}, leaving)


def fields(found: Change | None) -> Json:
    assert found is not None
    assert isinstance(found.resource, Service)
    return found.resource.fields()


@pytest.mark.parametrize(("live", "wanted"), [([CLASSIC], [ROW]), ([ROW], [CLASSIC])])
def test_a_classic_balancer_neither_comes_nor_goes_by_an_update(live: list[Json], wanted: list[Json]) -> None:
    found = change({"loadBalancers": wanted}, {**LIVE, "loadBalancers": live})
    assert found is not None
    assert (found.action, found.reason) == ("replace", "the classic load balancer of a service cannot be changed")


def test_a_security_group_that_goes_is_taken_off_the_tasks_and_the_others_stay() -> None:
    group = Actual(Key("security-group", "g"), "sg-1", "shop")
    found = change({}, FARGATE, leaving=(group,))
    inner = fields(found)["networkConfiguration"]["awsvpcConfiguration"]
    assert inner == {"subnets": ["subnet-1"], "securityGroups": ["sg-2"]}
    assert change({}, FARGATE, leaving=(Actual(Key("load-balancer", "g"), "sg-1", "shop"),)) is None


def test_a_classic_balancer_that_goes_takes_its_service_along() -> None:
    found = change(
        {}, {**LIVE, "loadBalancers": [CLASSIC]}, leaving=(Actual(Key("load-balancer", "front"), "front", "shop"),)
    )
    assert found is not None
    assert found.action == "replace"


def test_a_target_group_that_traffic_shifts_to_goes_after_the_service_has_settled() -> None:
    shifting = {**ROW, "advancedConfiguration": {"alternateTargetGroupArn": ARN.format("green")}}
    service = Actual(Key("service", "svc"), "arn:…/shop/svc", "shop", {**LIVE, "loadBalancers": [shifting]})
    [removal] = removals([Actual(Key("target-group", "green"), ARN.format("green"), "shop")], [service])
    assert removal.waits == {"service"}


def test_what_others_attached_stands_against_an_update_and_the_way_out_is_told() -> None:
    runs = {"family": "api", "containerDefinitions": [{"name": "api", "image": "api", "memory": 32}]}
    with pytest.raises(ConflictError, match="The container web does not exist") as raised:
        change({"taskDefinition": "api:1"}, {**LIVE, "loadBalancers": [ROW]}, runs=runs)
    assert "`loadBalancers: []` takes it away" in (raised.value.hint or "")
    with pytest.raises(ConflictError, match="The container web does not exist") as raised:
        change({"taskDefinition": "api:1", "loadBalancers": [ROW]}, {**LIVE, "loadBalancers": [ROW]}, runs=runs)
    assert "takes it away" not in (raised.value.hint or "")


def test_a_platform_version_goes_back_to_the_latest_on_fargate_only() -> None:
    said = ("platformVersion",)
    assert fields(change({}, {**FARGATE, "platformVersion": "1.4.0"}, said=said))["platformVersion"] == "LATEST"
    # Elsewhere there is none, and an update that says one would be refused.
    found = change({"desiredCount": 3}, {**LIVE, "desiredCount": 1}, said=said)
    assert found is not None
    assert (found.action, found.changed) == ("update", {"desiredCount", "tags"})


def test_the_percents_of_a_daemon_go_back_to_its_own_defaults() -> None:
    said = ("deploymentConfiguration.maximumPercent", "deploymentConfiguration.minimumHealthyPercent")
    percents = {"minimumHealthyPercent": 50, "maximumPercent": 100}
    daemon = {**LIVE, "schedulingStrategy": "DAEMON", "deploymentConfiguration": percents}
    found = change({"schedulingStrategy": "DAEMON"}, daemon, said=said)
    assert fields(found)["deploymentConfiguration"] == {"minimumHealthyPercent": 0, "maximumPercent": 100}
    found = change({}, {**LIVE, "deploymentConfiguration": {"maximumPercent": 150}}, said=said)
    assert fields(found)["deploymentConfiguration"] == {"minimumHealthyPercent": 100, "maximumPercent": 200}


def test_a_launch_type_that_is_no_longer_said_and_is_the_default_changes_nothing() -> None:
    found = change({}, LIVE, said=("launchType",), default_launch="EC2")
    assert found is not None
    assert (found.action, found.changed) == ("update", {"tags"})
