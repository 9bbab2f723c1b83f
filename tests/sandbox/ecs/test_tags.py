"""Tags: their limits, on creation and afterwards, and the list of all that is tagged."""

from __future__ import annotations

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World


def test_every_kind_of_resource_is_tagged(world: World) -> None:
    world.family()
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=1)
    task = world.call("RunTask", taskDefinition="web")["tasks"][0]
    arns = [
        world.call("DescribeClusters")["clusters"][0]["clusterArn"],
        world.call("DescribeTaskDefinition", taskDefinition="web")["taskDefinition"]["taskDefinitionArn"],
        world.service()["serviceArn"],
        task["taskArn"],
        task["containerInstanceArn"],
    ]
    for arn in arns:
        world.call("TagResource", resourceArn=arn, tags=[{"key": "k", "value": "v"}, {"key": "gone"}])
        world.call("UntagResource", resourceArn=arn, tagKeys=["gone", "never"])
        assert world.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    assert sorted(world.engine.tagged_resources()) == sorted((arn, {"k": "v"}) for arn in arns)


@pytest.mark.parametrize(
    "tags",
    [
        [{"key": f"k{n}", "value": ""} for n in range(51)],
        [{"key": "k" * 129, "value": ""}],
        [{"key": "k", "value": "v" * 257}],
        [{"key": "aws:x", "value": ""}],
        [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}],
        [{"value": "v"}],
    ],
)
def test_tags_the_service_refuses(empty: World, tags: list[dict[str, str]]) -> None:
    with pytest.raises(EcsApiError, match="InvalidParameterException"):
        empty.call("CreateCluster", tags=tags)
    assert empty.call("ListClusters")["clusterArns"] == []


def test_the_limit_counts_what_is_there(empty: World) -> None:
    full = [{"key": f"k{n}", "value": ""} for n in range(50)]
    arn = empty.call("CreateCluster", tags=full)["cluster"]["clusterArn"]
    empty.call("TagResource", resourceArn=arn, tags=[{"key": "k0", "value": "new"}])
    with pytest.raises(EcsApiError, match="maximum number of tags"):
        empty.call("TagResource", resourceArn=arn, tags=[{"key": "one-more", "value": ""}])


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("nonsense", "InvalidParameterException"),
        ("arn:aws:ecs:eu-west-1:123456789012:cluster/nope", "ClusterNotFoundException"),
        ("arn:aws:ecs:eu-west-1:123456789012:service/default/nope", "ServiceNotFoundException"),
    ],
)
def test_tags_of_nothing(world: World, arn: str, code: str) -> None:
    with pytest.raises(EcsApiError) as caught:
        world.call("ListTagsForResource", resourceArn=arn)
    assert caught.value.code == code


def test_tasks_inherit_tags(world: World) -> None:
    world.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[{"name": "app", "image": "nginx", "memory": 10}],
        tags=[{"key": "from", "value": "definition"}],
    )
    run = world.call("RunTask", taskDefinition="web", propagateTags="TASK_DEFINITION", enableECSManagedTags=True)
    assert {t["key"]: t["value"] for t in run["tasks"][0]["tags"]} == {
        "from": "definition",
        "aws:ecs:clusterName": "default",
    }
    world.call(
        "CreateService",
        serviceName="svc",
        taskDefinition="web",
        desiredCount=1,
        propagateTags="SERVICE",
        tags=[{"key": "from", "value": "service"}],
    )
    world.step(5)
    arn = world.call("ListTasks", serviceName="svc")["taskArns"][0]
    assert world.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "from", "value": "service"}]
