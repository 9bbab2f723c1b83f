"""Task sets: services whose deployments somebody else controls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.asking import EITHER, INVALID, Aws, refused
from tests.conformance.made import Fleet
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs


@pytest.fixture
def services(aws: Aws, fleet: Fleet) -> Iterator[Services]:
    made = Services(aws, fleet.cluster)
    yield made
    made.drop()


@pytest.fixture
def external(services: Services, aws: Aws) -> str:
    """A service with the deployment controller EXTERNAL, which wants two tasks."""
    name = aws.unique("service")
    controller = {"type": "EXTERNAL"}
    aws.client("ecs").create_service(
        cluster=services.cluster, serviceName=name, desiredCount=2, deploymentController=controller
    )
    services.made.append(name)
    return name


def test_an_external_service(services: Services, external: str) -> None:
    """A service of the controller EXTERNAL has no task definition, no deployments, and starts nothing by itself."""
    found = services.look(external)
    assert found["deploymentController"] == {"type": "EXTERNAL"}
    assert "taskDefinition" not in found
    assert (found["deployments"], found["runningCount"]) == ([], 0)


def test_a_task_set(services: Services, external: str, ecs: Any, definition: str) -> None:
    """CreateTaskSet starts its share of the desired count, STABILIZING, then STEADY_STATE, and may be PRIMARY."""
    call = {"cluster": services.cluster, "service": external}
    made = ecs.create_task_set(
        **call, taskDefinition=definition, launchType="EC2", scale={"value": 50, "unit": "PERCENT"}
    )["taskSet"]
    assert (made["status"], made["stabilityStatus"]) == ("ACTIVE", "STABILIZING")
    assert made["computedDesiredCount"] == 1
    assert made["id"].startswith("ecs-svc/")

    def steady() -> Any:
        (row,) = ecs.describe_task_sets(**call, taskSets=[made["id"]])["taskSets"]
        return row if row["stabilityStatus"] == "STEADY_STATE" else None

    row = services.aws.until(steady, "the task set is steady", 20.0)
    assert (row["runningCount"], row["pendingCount"]) == (1, 0)
    primary = ecs.update_service_primary_task_set(**call, primaryTaskSet=made["id"])["taskSet"]
    assert primary["status"] == "PRIMARY"
    assert [each["id"] for each in services.look(external)["taskSets"]] == [made["id"]]


def test_scaling_a_task_set(services: Services, external: str, ecs: Any, definition: str) -> None:
    """UpdateTaskSet scales it; DeleteTaskSet needs force while it is scaled above 0."""
    call = {"cluster": services.cluster, "service": external}
    made = ecs.create_task_set(
        **call, taskDefinition=definition, launchType="EC2", scale={"value": 50, "unit": "PERCENT"}
    )["taskSet"]
    scaled = ecs.update_task_set(**call, taskSet=made["id"], scale={"value": 100, "unit": "PERCENT"})["taskSet"]
    assert scaled["computedDesiredCount"] == 2
    with refused(EITHER):
        ecs.delete_task_set(**call, taskSet=made["id"])
    assert ecs.delete_task_set(**call, taskSet=made["id"], force=True)["taskSet"]["status"] == "DRAINING"


def test_unknown_task_sets(services: Services, external: str, ecs: Any) -> None:
    """A task set that is not there: MISSING in DescribeTaskSets, TaskSetNotFoundException elsewhere."""
    call = {"cluster": services.cluster, "service": external}
    unknown = "ecs-svc/1234567890123456789"
    assert [row["reason"] for row in ecs.describe_task_sets(**call, taskSets=[unknown])["failures"]] == ["MISSING"]
    with refused("TaskSetNotFoundException"):
        ecs.delete_task_set(**call, taskSet=unknown)


def test_only_external_services_have_task_sets(services: Services, ecs: Any, definition: str) -> None:
    """CreateTaskSet on a service whose deployments ECS controls is refused."""
    name = services.create(definition, 0)
    with refused((INVALID, "UnsupportedFeatureException")):
        ecs.create_task_set(cluster=services.cluster, service=name, taskDefinition=definition, launchType="EC2")
