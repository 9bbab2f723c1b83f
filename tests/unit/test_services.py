"""Whether a service is steady, and its rollout in a word."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.query.services import rollout, steady
from ecsctl.query.views import service_view

SERVICE = {"serviceArn": "arn:aws:ecs:eu-west-1:1:service/web/svc", "serviceName": "svc", "status": "ACTIVE"}
COUNTS = {"desiredCount": 2, "runningCount": 2, "pendingCount": 0}
PRIMARY = {"id": "ecs-svc/2", "status": "PRIMARY", **COUNTS}
OLD = {"id": "ecs-svc/1", "status": "ACTIVE", "desiredCount": 0, "runningCount": 0, "pendingCount": 0}


@pytest.mark.parametrize(
    ("more", "is_steady", "word"),
    [
        ({"deployments": [PRIMARY]}, True, "COMPLETED"),
        ({"deployments": [{**PRIMARY, "rolloutState": "COMPLETED"}]}, True, "COMPLETED"),
        ({"deployments": [{**PRIMARY, "rolloutState": "IN_PROGRESS"}]}, False, "IN_PROGRESS"),
        ({"deployments": [PRIMARY, OLD]}, False, "IN_PROGRESS"),
        ({"deployments": [PRIMARY], "runningCount": 1}, False, "IN_PROGRESS"),
        ({"deployments": [PRIMARY], "pendingCount": 1}, False, "IN_PROGRESS"),
        ({"deployments": [{**PRIMARY, "rolloutState": "COMPLETED"}], "status": "DRAINING"}, True, "DRAINING"),
    ],
)
def test_a_service_is_steady_when_one_deployment_runs_what_it_should(
    more: dict[str, Any], is_steady: bool, word: str
) -> None:
    view = service_view({**SERVICE, **COUNTS, **more})
    assert steady(view) is is_steady
    assert rollout(view) == word
