"""What an update of a service says besides what the file says: pure."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.deploy.kinds.service import Service
from ecsctl.deploy.plan import decide
from ecsctl.deploy.resources import Actual

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
    found = planned(said)
    assert found is not None
    assert "availabilityZoneRebalancing" not in found[1]
