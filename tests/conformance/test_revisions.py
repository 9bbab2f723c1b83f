"""Task definitions: revisions and defaults."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, EITHER, Aws, Ledger, refused

Register = Callable[..., dict[str, Any]]


@pytest.fixture
def family(aws: Aws, ledger: Ledger) -> str:
    name = aws.unique("family")
    ledger.family(name)
    return name


def test_registering_always_makes_a_revision(register: Register, family: str) -> None:
    """RegisterTaskDefinition makes a new revision, even of what is the same."""
    assert [register(family=family)["revision"] for _ in range(3)] == [1, 2, 3]


def test_revision_numbers_survive_deregistration(ecs: Any, register: Register, family: str) -> None:
    """Where all revisions are INACTIVE, the next has the next number."""
    for _ in range(2):
        ecs.deregister_task_definition(taskDefinition=register(family=family)["taskDefinitionArn"])
    assert register(family=family)["revision"] == 3


def test_revision_numbers_survive_deletion(aws: Aws, ecs: Any, register: Register, family: str) -> None:
    """Revision numbers survive the deletion of every revision."""
    arns = [register(family=family)["taskDefinitionArn"] for _ in range(2)]
    for arn in arns:
        ecs.deregister_task_definition(taskDefinition=arn)
    answer = ecs.delete_task_definitions(taskDefinitions=arns)
    assert not answer["failures"]
    assert {row["status"] for row in answer["taskDefinitions"]} == {"DELETE_IN_PROGRESS"}
    assert register(family=family)["revision"] == 3


def test_deleting_needs_deregistering(ecs: Any, register: Register, family: str) -> None:
    """DeleteTaskDefinitions of an ACTIVE revision is a failure in the answer."""
    arn = register(family=family)["taskDefinitionArn"]
    answer = ecs.delete_task_definitions(taskDefinitions=[arn])
    assert answer["taskDefinitions"] == []
    assert [failure["arn"] for failure in answer["failures"]] == [arn]
    assert ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "ACTIVE"


def test_deregistered_ones_stay_describable(ecs: Any, register: Register, family: str) -> None:
    """A deregistered revision is INACTIVE, and can still be described by its number."""
    arn = register(family=family)["taskDefinitionArn"]
    answer = ecs.deregister_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]
    assert answer["status"] == "INACTIVE"
    described = ecs.describe_task_definition(taskDefinition=f"{family}:1")["taskDefinition"]
    assert (described["taskDefinitionArn"], described["status"]) == (arn, "INACTIVE")
    assert described["deregisteredAt"] >= described["registeredAt"]


def test_deregistering_needs_a_revision(ecs: Any, register: Register, family: str) -> None:
    """DeregisterTaskDefinition needs the revision, not the family alone."""
    register(family=family)
    with refused(EITHER):
        ecs.deregister_task_definition(taskDefinition=family)


def test_a_family_means_its_latest_active_revision(ecs: Any, register: Register, family: str) -> None:
    """A family's name stands for its latest ACTIVE revision."""
    for _ in range(3):
        register(family=family)
    ecs.deregister_task_definition(taskDefinition=f"{family}:3")
    assert ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]["revision"] == 2


def test_a_family_without_active_revisions(ecs: Any, register: Register, family: str) -> None:
    """ "Unable to describe task definition." of a family whose revisions are all INACTIVE."""
    register(family=family)
    ecs.deregister_task_definition(taskDefinition=f"{family}:1")
    with refused(CLIENT, "Unable to describe task definition"):
        ecs.describe_task_definition(taskDefinition=family)


@pytest.mark.parametrize("suffix", ["", ":1", ":999"])
def test_unknown_definitions(aws: Aws, ecs: Any, suffix: str) -> None:
    """ "Unable to describe task definition." of one that is not there."""
    with refused(CLIENT, "Unable to describe task definition"):
        ecs.describe_task_definition(taskDefinition=aws.unique("nope") + suffix)


def test_describing_by_arn_name_and_family(ecs: Any, register: Register, family: str) -> None:
    """A task definition is found by family, by family:revision and by ARN."""
    arn = register(family=family)["taskDefinitionArn"]
    for name in (family, f"{family}:1", arn):
        assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["taskDefinitionArn"] == arn


def test_the_form_of_the_arn(aws: Aws, register: Register, family: str, account: str) -> None:
    """A task definition's ARN ends in task-definition/family:revision."""
    arn = register(family=family)["taskDefinitionArn"]
    partition = arn.split(":")[1]
    assert arn == f"arn:{partition}:ecs:{aws.region}:{account}:task-definition/{family}:1"


def test_inactive_ones_do_not_run(ecs: Any, register: Register, family: str, cluster: str) -> None:
    """ "TaskDefinition is inactive": an INACTIVE revision runs no new tasks."""
    register(family=family)
    ecs.deregister_task_definition(taskDefinition=f"{family}:1")
    with refused(EITHER, "TaskDefinition is inactive"):
        ecs.run_task(cluster=cluster, taskDefinition=f"{family}:1")
    with refused(EITHER, "TaskDefinition is inactive"):
        ecs.create_service(cluster=cluster, serviceName="s", taskDefinition=f"{family}:1", desiredCount=0)


def test_unknown_ones_do_not_run(aws: Aws, ecs: Any, cluster: str) -> None:
    """ "TaskDefinition not found." """
    with refused(EITHER, "TaskDefinition not found"):
        ecs.run_task(cluster=cluster, taskDefinition=aws.unique("nope"))


def test_defaults_of_a_container(aws: Aws, register: Register) -> None:
    """What was left out of a container is filled in: cpu 0, essential, empty lists."""
    definition = register(containerDefinitions=[{"name": "app", "image": aws.image, "memory": 16}])
    container = definition["containerDefinitions"][0]
    assert container["cpu"] == 0
    assert container["essential"] is True
    for name in ("portMappings", "environment", "mountPoints", "volumesFrom"):
        assert container[name] == [], name
    assert "privileged" not in container


def test_defaults_of_a_definition(register: Register, family: str) -> None:
    """A task definition is answered with its status, compatibilities, registeredAt, registeredBy, and empty lists."""
    definition = register(family=family)
    assert (definition["family"], definition["revision"], definition["status"]) == (family, 1, "ACTIVE")
    assert {"EC2", "EXTERNAL"} <= set(definition["compatibilities"])
    assert definition["registeredAt"].tzinfo is not None
    assert definition["registeredBy"].startswith("arn:")
    assert definition["placementConstraints"] == []
    assert definition["volumes"] == []


LOG_OPTIONS = {"awslogs-group": "g", "awslogs-region": "eu-west-1"}
REQUIRED = {
    "com.amazonaws.ecs.capability.logging-driver.awslogs": {
        "app": {
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": LOG_OPTIONS,
            }
        }
    },
    "com.amazonaws.ecs.capability.privileged-container": {"app": {"privileged": True}},
    "ecs.capability.task-eni": {"networkMode": "awsvpc"},
    "ecs.capability.container-health-check": {"app": {"healthCheck": {"command": ["CMD-SHELL", "true"]}}},
    "ecs.capability.container-ordering": {
        "containerDefinitions": [
            {
                "name": "a",
                "image": "busybox",
                "memory": 16,
                "dependsOn": [{"containerName": "b", "condition": "START"}],
            },
            {"name": "b", "image": "busybox", "memory": 16},
        ]
    },
    "ecs.capability.pid-ipc-namespace-sharing": {"pidMode": "task"},
}


@pytest.mark.parametrize("attribute", REQUIRED)
def test_required_attributes(register: Register, attribute: str) -> None:
    """What a definition asks of a container instance is in its requiresAttributes: the log driver, the ENI, …"""
    names = {row["name"] for row in register(**REQUIRED[attribute]).get("requiresAttributes", [])}
    assert attribute in names


def test_a_task_role_is_an_attribute(register: Register, execution_role: str) -> None:
    """A task role requires com.amazonaws.ecs.capability.task-iam-role of the instance."""
    definition = register(taskRoleArn=execution_role)
    names = {row["name"] for row in definition["requiresAttributes"]}
    assert "com.amazonaws.ecs.capability.task-iam-role" in names


def test_tags_only_where_included(ecs: Any, register: Register, family: str) -> None:
    """DescribeTaskDefinition answers tags only with include=TAGS."""
    tags = [{"key": "team", "value": "blue"}]
    register(family=family, tags=tags)
    assert not ecs.describe_task_definition(taskDefinition=family).get("tags")
    assert ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])["tags"] == tags


def test_ten_deletions_a_call(ecs: Any) -> None:
    """DeleteTaskDefinitions takes 10 at a time."""
    with refused(EITHER):
        ecs.delete_task_definitions(taskDefinitions=[f"conf-nope:{number}" for number in range(1, 12)])
