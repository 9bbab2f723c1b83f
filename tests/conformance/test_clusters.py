"""Clusters: create, describe, delete, INACTIVE leftovers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import EITHER, INVALID, Aws, Ledger, refused
from tests.conformance.made import Fleet, Tasks

MakeCluster = Callable[..., str]


def test_a_new_cluster(aws: Aws, ecs: Any, make_cluster: MakeCluster, account: str) -> None:
    """A new cluster is ACTIVE, empty, without capacity providers."""
    name = make_cluster()
    cluster = ecs.describe_clusters(clusters=[name])["clusters"][0]
    assert (cluster["clusterName"], cluster["status"]) == (name, "ACTIVE")
    assert cluster["clusterArn"].endswith(f":ecs:{aws.region}:{account}:cluster/{name}")
    counts = ("registeredContainerInstancesCount", "runningTasksCount", "pendingTasksCount", "activeServicesCount")
    assert [cluster[count] for count in counts] == [0, 0, 0, 0]
    assert cluster["capacityProviders"] == []
    assert cluster["defaultCapacityProviderStrategy"] == []


def test_creating_it_again_changes_nothing(ecs: Any, make_cluster: MakeCluster) -> None:
    """CreateCluster of an ACTIVE name answers that cluster, its tags untouched."""
    tags = [{"key": "team", "value": "blue"}]
    name = make_cluster(tags=tags)
    arn = ecs.create_cluster(clusterName=name, tags=tags)["cluster"]["clusterArn"]
    found = ecs.describe_clusters(clusters=[name], include=["TAGS"])["clusters"]
    assert [(cluster["clusterArn"], cluster["tags"]) for cluster in found] == [(arn, tags)]


@pytest.mark.parametrize("name", ["a b", "a.b", "x" * 256], ids=lambda name: name[:5])
def test_cluster_names(ecs: Any, name: str) -> None:
    """Cluster names have up to 255 letters, digits, hyphens and underscores."""
    with refused(EITHER):
        ecs.create_cluster(clusterName=name)


def test_missing_under_http_200(aws: Aws, ecs: Any, cluster: str) -> None:
    """DescribeClusters of an unknown one: failures[].reason=MISSING under HTTP 200, beside what was found."""
    answer = ecs.describe_clusters(clusters=[cluster, aws.unique("nope")])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert [found["clusterName"] for found in answer["clusters"]] == [cluster]
    (failure,) = answer["failures"]
    assert failure["reason"] == "MISSING"
    assert ":cluster/conf-nope-" in failure["arn"]


def test_by_arn_and_by_name(ecs: Any, cluster: str) -> None:
    """A cluster is found by name and by ARN, in every call."""
    arn = ecs.describe_clusters(clusters=[cluster])["clusters"][0]["clusterArn"]
    assert ecs.describe_clusters(clusters=[arn])["clusters"][0]["clusterName"] == cluster
    assert ecs.list_tasks(cluster=arn)["taskArns"] == []
    assert ecs.list_services(cluster=arn)["serviceArns"] == []


def test_includes(ecs: Any, make_cluster: MakeCluster) -> None:
    """DescribeClusters answers tags, settings, statistics only where they are included."""
    tags = [{"key": "team", "value": "blue"}]
    name = make_cluster(tags=tags, settings=[{"name": "containerInsights", "value": "enabled"}])
    plain = ecs.describe_clusters(clusters=[name])["clusters"][0]
    assert not any(plain.get(member) for member in ("tags", "settings", "statistics"))
    full = ecs.describe_clusters(clusters=[name], include=["TAGS", "SETTINGS", "STATISTICS"])["clusters"][0]
    assert full["tags"] == tags
    assert full["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    statistics = {row["name"]: row["value"] for row in full["statistics"]}
    assert statistics["runningEC2TasksCount"] == "0"
    assert statistics["runningFargateTasksCount"] == "0"


def test_a_deleted_cluster_lingers(ecs: Any, make_cluster: MakeCluster, definition: str) -> None:
    """A deleted cluster is INACTIVE: described, not listed; nothing runs in it any more."""
    name = make_cluster()
    deleted = ecs.delete_cluster(cluster=name)["cluster"]
    assert deleted["status"] == "INACTIVE"
    answer = ecs.describe_clusters(clusters=[name])
    assert [cluster["status"] for cluster in answer["clusters"]] == ["INACTIVE"]
    pages = ecs.get_paginator("list_clusters").paginate()
    assert deleted["clusterArn"] not in [arn for page in pages for arn in page["clusterArns"]]
    with refused((*EITHER, "ClusterNotFoundException")):
        ecs.run_task(cluster=name, taskDefinition=definition)
    with refused((*EITHER, "ClusterNotFoundException")):
        ecs.create_service(cluster=name, serviceName="s", taskDefinition=definition, desiredCount=0)


def test_a_name_can_be_taken_again(ecs: Any, make_cluster: MakeCluster) -> None:
    """A deleted cluster's name makes a new, ACTIVE cluster, without the old one's tags."""
    name = make_cluster(tags=[{"key": "team", "value": "blue"}])
    ecs.delete_cluster(cluster=name)
    make_cluster(clusterName=name)
    found = ecs.describe_clusters(clusters=[name], include=["TAGS"])["clusters"]
    assert [(cluster["status"], cluster["tags"]) for cluster in found] == [("ACTIVE", [])]


def test_unknown_clusters(aws: Aws, ecs: Any, definition: str) -> None:
    """ "Cluster not found." of every call that names one which is not there."""
    nope = aws.unique("nope")
    calls: list[Callable[[], Any]] = [
        lambda: ecs.delete_cluster(cluster=nope),
        lambda: ecs.list_tasks(cluster=nope),
        lambda: ecs.list_services(cluster=nope),
        lambda: ecs.list_container_instances(cluster=nope),
        lambda: ecs.describe_tasks(cluster=nope, tasks=["0" * 32]),
        lambda: ecs.describe_services(cluster=nope, services=["s"]),
        lambda: ecs.describe_container_instances(cluster=nope, containerInstances=["0" * 32]),
        lambda: ecs.run_task(cluster=nope, taskDefinition=definition),
        lambda: ecs.stop_task(cluster=nope, task="0" * 32),
        lambda: ecs.delete_service(cluster=nope, service="s"),
        lambda: ecs.update_cluster_settings(
            cluster=nope, settings=[{"name": "containerInsights", "value": "disabled"}]
        ),
        lambda: ecs.put_cluster_capacity_providers(
            cluster=nope, capacityProviders=[], defaultCapacityProviderStrategy=[]
        ),
    ]
    for call in calls:
        with refused("ClusterNotFoundException", "Cluster not found"):
            call()


def test_settings_are_updated(ecs: Any, make_cluster: MakeCluster) -> None:
    """UpdateClusterSettings sets containerInsights."""
    name = make_cluster()
    ecs.update_cluster_settings(cluster=name, settings=[{"name": "containerInsights", "value": "enabled"}])
    found = ecs.describe_clusters(clusters=[name], include=["SETTINGS"])["clusters"][0]
    assert found["settings"] == [{"name": "containerInsights", "value": "enabled"}]


def test_services_keep_a_cluster(aws: Aws, ecs: Any, make_cluster: MakeCluster, definition: str) -> None:
    """ClusterContainsServicesException: "The Cluster cannot be deleted while Services are active."""
    name = make_cluster()
    ecs.create_service(cluster=name, serviceName="s", taskDefinition=definition, desiredCount=0)
    with refused("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active"):
        ecs.delete_cluster(cluster=name)
    assert ecs.describe_clusters(clusters=[name])["clusters"][0]["activeServicesCount"] == 1
    ecs.delete_service(cluster=name, service="s")
    assert aws.until(
        lambda: ecs.describe_services(cluster=name, services=["s"])["services"][0]["status"] == "INACTIVE",
        "the service is INACTIVE",
    )
    assert ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"


@pytest.mark.costs
def test_instances_keep_a_cluster(ecs: Any, fleet: Fleet) -> None:
    """ClusterContainsContainerInstancesException: "The Cluster cannot be deleted while Container Instances are active
    or draining."""
    phrase = "The Cluster cannot be deleted while Container Instances are active or draining"
    with refused("ClusterContainsContainerInstancesException", phrase):
        ecs.delete_cluster(cluster=fleet.cluster)
    cluster = ecs.describe_clusters(clusters=[fleet.cluster])["clusters"][0]
    assert (cluster["status"], cluster["registeredContainerInstancesCount"]) == ("ACTIVE", 2)


@pytest.mark.costs
def test_tasks_keep_a_cluster(
    ecs: Any, make_cluster: MakeCluster, tasks: Tasks, fargate_definition: str, network: Any
) -> None:
    """ClusterContainsTasksException: "The Cluster cannot be deleted while Tasks are active."""
    name = make_cluster()
    tasks.run(name, fargate_definition, launchType="FARGATE", networkConfiguration=network.awsvpc(public=True))
    with refused("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active"):
        ecs.delete_cluster(cluster=name)


def test_the_default_cluster(ecs: Any, ledger: Ledger) -> None:
    """Without a name the cluster is `default`."""
    if not any(row["status"] == "ACTIVE" for row in ecs.describe_clusters(clusters=["default"])["clusters"]):
        ledger.cluster("default")
    assert ecs.create_cluster()["cluster"]["clusterName"] == "default"
    assert [cluster["clusterName"] for cluster in ecs.describe_clusters()["clusters"]] == ["default"]


def test_settings_have_known_names(ecs: Any, cluster: str) -> None:
    """A cluster's setting has a known name."""
    with refused(INVALID):
        ecs.update_cluster_settings(cluster=cluster, settings=[{"name": "nope", "value": "enabled"}])
