"""Limits: how many a call takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, EITHER, INVALID, Aws, refused
from tests.conformance.made import Network

Register = Callable[..., dict[str, Any]]


def ids(count: int) -> list[str]:
    """Identifiers of nothing."""
    return [f"{number:032x}" for number in range(count)]


def test_100_clusters_a_call(ecs: Any) -> None:
    """DescribeClusters takes 100."""
    assert len(ecs.describe_clusters(clusters=ids(100))["failures"]) == 100
    with refused(INVALID):
        ecs.describe_clusters(clusters=ids(101))


def test_100_tasks_a_call(ecs: Any, cluster: str) -> None:
    """DescribeTasks takes 100."""
    assert len(ecs.describe_tasks(cluster=cluster, tasks=ids(100))["failures"]) == 100
    with refused(INVALID):
        ecs.describe_tasks(cluster=cluster, tasks=ids(101))


def test_100_container_instances_a_call(ecs: Any, cluster: str) -> None:
    """DescribeContainerInstances takes 100."""
    answer = ecs.describe_container_instances(cluster=cluster, containerInstances=ids(100))
    assert len(answer["failures"]) == 100
    with refused(INVALID):
        ecs.describe_container_instances(cluster=cluster, containerInstances=ids(101))


def test_10_services_a_call(ecs: Any, cluster: str) -> None:
    """DescribeServices takes 10."""
    assert len(ecs.describe_services(cluster=cluster, services=ids(10))["failures"]) == 10
    with refused(INVALID):
        ecs.describe_services(cluster=cluster, services=ids(11))


def test_100_capacity_providers_a_call(ecs: Any) -> None:
    """DescribeCapacityProviders takes 100."""
    with refused(EITHER):
        ecs.describe_capacity_providers(capacityProviders=ids(101))


@pytest.mark.parametrize("count", [0, -1, 11])
def test_run_task_count(ecs: Any, cluster: str, definition: str, count: int) -> None:
    """RunTask runs 1 to 10 tasks a call."""
    with refused(INVALID):
        ecs.run_task(cluster=cluster, taskDefinition=definition, count=count)


def test_start_task_instances(ecs: Any, cluster: str, definition: str) -> None:
    """StartTask takes 10 container instances."""
    with refused(INVALID):
        ecs.start_task(cluster=cluster, taskDefinition=definition, containerInstances=ids(11))
    answer = ecs.start_task(cluster=cluster, taskDefinition=definition, containerInstances=ids(10))
    assert {failure["reason"] for failure in answer["failures"]} == {"MISSING"}


def test_states_of_10_instances(ecs: Any, cluster: str) -> None:
    """UpdateContainerInstancesState takes 10."""
    with refused(INVALID):
        ecs.update_container_instances_state(cluster=cluster, containerInstances=ids(11), status="DRAINING")
    answer = ecs.update_container_instances_state(cluster=cluster, containerInstances=ids(10), status="DRAINING")
    assert len(answer["failures"]) == 10


MEMBER_OF = {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}


def test_10_constraints(ecs: Any, cluster: str, definition: str) -> None:
    """A task has 10 placement constraints."""
    with refused(EITHER):
        ecs.run_task(cluster=cluster, taskDefinition=definition, placementConstraints=[MEMBER_OF] * 11)


def test_10_constraints_with_the_definitions(ecs: Any, register: Register, cluster: str) -> None:
    """The 10 placement constraints of a task include its task definition's."""
    own = register(placementConstraints=[MEMBER_OF] * 6)["taskDefinitionArn"]
    with refused(EITHER):
        ecs.run_task(cluster=cluster, taskDefinition=own, placementConstraints=[MEMBER_OF] * 5)


def test_5_strategies(ecs: Any, cluster: str, definition: str) -> None:
    """A task has 5 placement strategies."""
    spread = {"type": "spread", "field": "instanceId"}
    with refused(EITHER):
        ecs.run_task(cluster=cluster, taskDefinition=definition, placementStrategy=[spread] * 6)


def test_2000_characters_of_expression(ecs: Any, cluster: str, definition: str) -> None:
    """A constraint's expression has 2000 characters."""
    long = " or ".join(["attribute:ecs.os-type == linux"] * 70)
    assert len(long) > 2000
    with refused(EITHER):
        ecs.run_task(
            cluster=cluster,
            taskDefinition=definition,
            placementConstraints=[{"type": "memberOf", "expression": long}],
        )


def test_8192_characters_of_overrides(ecs: Any, cluster: str, definition: str) -> None:
    """Overrides have 8192 characters."""
    override = {"name": "app", "environment": [{"name": "V", "value": "v" * 8200}]}
    with refused(EITHER):
        ecs.run_task(cluster=cluster, taskDefinition=definition, overrides={"containerOverrides": [override]})


def test_overrides_name_a_container(ecs: Any, cluster: str, definition: str) -> None:
    """ "Override for container named nope is not a container in the TaskDefinition."""
    override = {"name": "nope", "command": ["true"]}
    with refused(EITHER, "Override for container named nope is not a container in the TaskDefinition"):
        ecs.run_task(cluster=cluster, taskDefinition=definition, overrides={"containerOverrides": [override]})


def test_128_characters_of_started_by(ecs: Any, cluster: str, definition: str) -> None:
    """startedBy has 128 characters."""
    with refused(INVALID):
        ecs.run_task(cluster=cluster, taskDefinition=definition, startedBy="x" * 129)


def test_64_characters_of_token(ecs: Any, cluster: str, definition: str) -> None:
    """RunTask's clientToken has 64 characters."""
    with refused(INVALID):
        ecs.run_task(cluster=cluster, taskDefinition=definition, clientToken="x" * 65)


def _run_with(ecs: Any, cluster: str, definition: str, network: Network, subnets: int, groups: int) -> None:
    configuration = {
        "subnets": [network.subnets[0]] + [f"subnet-{number:017x}" for number in range(subnets - 1)],
        "securityGroups": [network.group] + [f"sg-{number:017x}" for number in range(groups - 1)],
    }
    ecs.run_task(
        cluster=cluster,
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": configuration},
    )


def test_16_subnets(ecs: Any, cluster: str, fargate_definition: str, network: Network) -> None:
    """An awsvpc configuration has 16 subnets."""
    with refused(INVALID, "subnets can have at most 16 items"):
        _run_with(ecs, cluster, fargate_definition, network, 17, 1)


def test_5_security_groups(ecs: Any, cluster: str, fargate_definition: str, network: Network) -> None:
    """An awsvpc configuration has 5 security groups."""
    with refused(INVALID, "securityGroups can have at most 5 items"):
        _run_with(ecs, cluster, fargate_definition, network, 1, 6)


def test_20_capacity_providers_a_strategy(ecs: Any, cluster: str, definition: str) -> None:
    """A capacity provider strategy has 20 items."""
    strategy = [{"capacityProvider": f"conf-{number}", "weight": 1} for number in range(21)]
    with refused(EITHER):
        ecs.run_task(cluster=cluster, taskDefinition=definition, capacityProviderStrategy=strategy)


def _tags(count: int) -> list[dict[str, str]]:
    return [{"key": f"k{number}", "value": "v"} for number in range(count)]


def test_50_tags(ecs: Any, make_cluster: Callable[..., str], register: Register) -> None:
    """A resource has 50 tags."""
    name = make_cluster(tags=_tags(50))
    arn = ecs.describe_clusters(clusters=[name])["clusters"][0]["clusterArn"]
    with refused(INVALID):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "one-more", "value": "v"}])
    with refused(EITHER):
        register(tags=_tags(51))


@pytest.mark.parametrize(
    ("key", "value"),
    [("k" * 129, "v"), ("k", "v" * 257), ("", "v"), ("aws:reserved", "v"), ("k#", "v")],
    ids=["key", "value", "empty key", "aws:", "characters"],
)
def test_tag_form(ecs: Any, cluster: str, key: str, value: str) -> None:
    """A tag's key has 1–128 of letters, digits, space and + - = . _ : / @, its value 256; aws: is reserved."""
    arn = ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    with refused(INVALID):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": key, "value": value}])


def test_longest_tag(ecs: Any, cluster: str) -> None:
    """A tag of 128 and 256 characters is taken."""
    arn = ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    tag = {"key": "k" * 128, "value": "v" * 256}
    ecs.tag_resource(resourceArn=arn, tags=[tag])
    assert tag in ecs.list_tags_for_resource(resourceArn=arn)["tags"]


@pytest.mark.parametrize("size", [0, 101, -1])
@pytest.mark.parametrize("call", ["list_clusters", "list_tasks", "list_services", "list_task_definitions"])
def test_page_sizes(aws: Aws, ecs: Any, call: str, size: int) -> None:
    """maxResults is 1 to 100 in every list call."""
    with refused((INVALID, CLIENT)):
        getattr(ecs, call)(maxResults=size)
