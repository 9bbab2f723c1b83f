from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
import yaml

from ecsctl.query.services import new_events, show_service
from tests.support.command import ecsctl
from tests.support.world import ARN, World

NOW = datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
HTTP = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}


@pytest.fixture
def world() -> World:
    return World()


def service(name: str, **more: Any) -> dict[str, Any]:
    return {
        "serviceArn": f"{ARN}:service/web/{name}",
        "serviceName": name,
        "clusterArn": f"{ARN}:cluster/web",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 1,
        "pendingCount": 0,
        "taskDefinition": f"{ARN}:task-definition/nginx:1",
        "deployments": [{"id": "d", "status": "PRIMARY", "createdAt": NOW, "taskDefinition": "x/nginx:1"}],
        "events": [],
        "loadBalancers": [],
        **more,
    }


def test_clusters(world: World) -> None:
    world.tasks["api"] = []
    world.instance(1)
    world.task(1)
    aws = world.aws()
    describe = aws.answers["ecs:DescribeClusters"]
    gone = {"clusterName": "old", "clusterArn": f"{ARN}:cluster/old", "status": "INACTIVE"}
    aws.answers["ecs:DescribeClusters"] = lambda q: {"clusters": [*describe(q)["clusters"], gone]}
    ended = ecsctl(aws, "cluster", "list")
    assert [line.split() for line in ended.lines] == [
        ["CLUSTER", "STATUS", "INSTANCES", "RUNNING", "PENDING", "SERVICES"],
        ["api", "ACTIVE", "0", "0", "0", "0"],
        ["web", "ACTIVE", "1", "1", "0", "0"],
    ]
    assert ecsctl(aws, "cluster", "list", "-q").lines == ["api", "web"]


def test_one_cluster(world: World) -> None:
    world.instance(1)
    shown = ecsctl(world.aws(), "cluster", "show", "web", "-o", "json").json
    assert shown["registeredContainerInstancesCount"] == 1
    assert shown["status"] == "ACTIVE"
    assert ["INSTANCES", "1"] in [line.split() for line in ecsctl(world.aws(), "cluster", "show", "-c", "web").lines]
    assert ecsctl(world.aws(), "cluster", "show", "nope").code == 6


def test_instances(world: World) -> None:
    world.instance(1)
    world.instance(2, public=False, agentConnected=False, status="DRAINING")
    world.instance(3, ec2_id="mi-0abc")
    aws = world.aws()
    ended = ecsctl(aws, "instance", "list", "-c", "web")
    rows = [line.split() for line in ended.lines]
    assert rows[1] == [
        "i-00000000000000001", "t3.small", "eu-west-1a", "ACTIVE", "connected", "0", "2048/2048", "1900/1900",
        "198.51.100.1",
    ]  # fmt: skip
    assert rows[2][3:5] == ["DRAINING", "disconnected"]
    assert rows[2][-2:] == ["10.0.0.2", "(private)"]
    assert rows[3][0] == "mi-0abc"
    assert ecsctl(world.aws(), "instance", "list", "-c", "web", "-q").lines == [row[0] for row in rows[1:]]
    data = yaml.safe_load(ecsctl(world.aws(), "instance", "list", "-c", "web", "-o", "yaml").out)
    assert (data[0]["remainingMemory"], data[0]["publicAddress"]) == (1900, "198.51.100.1")


def test_an_empty_cluster_has_empty_lists(world: World) -> None:
    for command in ("instance", "service"):
        ended = ecsctl(world.aws(), command, "list", "-c", "web")
        assert (ended.code, ended.out) == (0, "")
        assert "in cluster web" in ended.err
        assert ecsctl(world.aws(), command, "list", "-c", "web", "-o", "json").json == []
        assert ecsctl(world.aws(), command, "list", "-c", "nope").code == 6


def test_services_with_their_balancers(world: World) -> None:
    before = {"containerName": "nginx", "containerPort": 80}
    world.services["web"] += [
        service("svc", loadBalancers=[{"loadBalancerName": "lb", **before}]),
        service("odd", loadBalancers=[{"loadBalancerName": "gone", **before}], runningCount=2),
        service("old", status="INACTIVE"),
    ]
    world.balancers["lb"] = {
        "LoadBalancerName": "lb",
        "DNSName": "lb-1.elb.example",
        "ListenerDescriptions": [{"Listener": {"LoadBalancerPort": 8080, "InstancePort": 80}}],
    }
    rows = [line.split() for line in ecsctl(world.aws(), "service", "list", "-c", "web").lines]
    assert rows[1:] == [
        ["odd", "ACTIVE", "2", "2", "0", "nginx:1", "COMPLETED", "?"],
        ["svc", "ACTIVE", "2", "1", "0", "nginx:1", "IN_PROGRESS", "lb-1.elb.example:8080"],
    ]
    shown = ecsctl(world.aws(), "service", "show", "svc", "-c", "web", "-o", "json").json
    assert shown["loadBalancers"][0]["address"] == "lb-1.elb.example:8080"
    assert shown["runningCount"] == 1
    assert ecsctl(world.aws(), "service", "show", "svc", "-c", "web", "-q").lines == ["lb-1.elb.example:8080"]


def test_one_service_with_its_tasks_events_and_causes(world: World) -> None:
    port = "(service svc) was unable to place a task because … is already using a port required by your task."
    events = [{"id": str(number), "createdAt": NOW, "message": f"event {number}"} for number in range(30)]
    world.services["web"].append(service("svc", events=[{"id": "p", "createdAt": NOW, "message": port}, *events]))
    world.task(1, on=world.instance(7), ports=[HTTP], group="service:svc")
    world.task(2, status="STOPPED", group="service:svc", stoppedReason="Task failed container health checks")
    ended = ecsctl(world.aws(), "service", "show", "svc", "-c", "web")
    assert "198.51.100.7:80" in ended.out
    assert "event 3" in ended.out
    assert "event 9" not in ended.out
    assert "a fixed host port is taken" in ended.err
    assert "Task failed container health checks" in ended.err
    data = ecsctl(world.aws(), "service", "show", "svc", "-c", "web", "-o", "json").json
    assert [task["addresses"] for task in data["tasks"]] == [["198.51.100.7:80"]]
    assert len(data["causes"]) == 2
    assert len(data["events"]) == 31
    assert ecsctl(world.aws(), "service", "show", "svc", "-c", "web", "-q").lines == ["198.51.100.7:80"]
    unknown = ecsctl(world.aws(), "service", "show", "nope", "-c", "web")
    assert unknown.code == 6
    assert "svc" in unknown.err


def test_events_come_newest_last(world: World) -> None:
    events = [{"id": str(number), "createdAt": NOW, "message": f"event {number}"} for number in range(30)]
    world.services["web"].append(service("svc", events=events))
    assert ecsctl(world.aws(), "service", "events", "svc", "-c", "web", "-q", "-n", "3").lines == [
        "event 2",
        "event 1",
        "event 0",
    ]
    assert len(ecsctl(world.aws(), "service", "events", "svc", "-c", "web").lines) == 21


def test_a_service_with_its_deployments_images_traffic_and_targets() -> None:
    group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
    world = World()
    world.definitions = {
        name: {"family": name, "containerDefinitions": [{"name": "web", "image": f"x/{name}:1"}]}
        for name in ("new", "old")
    }
    new, old = ({"taskDefinition": f"{ARN}:task-definition/{name}:1", "runningCount": 1} for name in ("new", "old"))
    world.services["web"].append(
        service(
            "svc",
            deployments=[
                {"id": "ecs-svc/2", "status": "PRIMARY", "rolloutState": "IN_PROGRESS", **new},
                {"id": "ecs-svc/1", "status": "ACTIVE", **old},
            ],
            loadBalancers=[{"targetGroupArn": group, "containerName": "web", "containerPort": 80}],
            deploymentConfiguration={
                "strategy": "CANARY",
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
            },
            currentServiceDeployment="dep",
            currentServiceRevisions=[
                {"arn": "rev-2", "requestedProductionTrafficWeight": 10.0},
                {"arn": "rev-1", "requestedProductionTrafficWeight": 90.0},
            ],
        )
    )
    aws = world.aws()
    sick = {"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": "with these codes: [404]"}
    aws.answers["elbv2:DescribeTargetHealth"] = lambda query: {"TargetHealthDescriptions": [{"TargetHealth": sick}]}
    aws.answers["ecs:DescribeServiceRevisions"] = lambda query: {
        "serviceRevisions": [
            {"serviceRevisionArn": "rev-2", **new},
            {"serviceRevisionArn": "rev-1", **old},
        ]
    }
    aws.answers["ecs:DescribeServiceDeployments"] = lambda query: {
        "serviceDeployments": [{"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT"}]
    }
    lines = ecsctl(aws, "service", "show", "svc", "-c", "web").lines
    assert "STRATEGY    CANARY, circuit breaker with rollback, PRODUCTION_TRAFFIC_SHIFT" in lines
    rows = [line.split() for line in lines if line.startswith("ecs-svc/")]
    assert [(row[0], row[2], row[8], row[9]) for row in rows] == [
        ("ecs-svc/2", "new:1", "10%", "x/new:1"),
        ("ecs-svc/1", "old:1", "90%", "x/old:1"),
    ]
    assert any("0 of 2 healthy in target group web: with these codes: [404]" in line for line in lines)
    data = ecsctl(aws, "service", "show", "svc", "-c", "web", "-o", "json").json
    assert [(row["images"], row["trafficPercent"]) for row in data["deployments"]] == [
        ({"web": "x/new:1"}, 10.0),
        ({"web": "x/old:1"}, 90.0),
    ]
    assert (data["lifecycleStage"], data["targets"][0]["healthy"]) == ("PRODUCTION_TRAFFIC_SHIFT", 0)


def test_events_are_followed_until_the_service_is_gone(world: World) -> None:
    row = service("svc", events=[{"id": "0", "createdAt": NOW, "message": "before"}])
    world.services["web"].append(row)
    looks = [["1", "0"], ["1", "0"], ["3", "2", "1"]]
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        seen.append(seconds)
        if looks:
            row["events"] = [{"id": id_, "createdAt": NOW, "message": f"event {id_}"} for id_ in looks.pop(0)]
        else:
            row["status"] = "INACTIVE"

    aws = world.aws()
    view = show_service(aws, "web", "svc")
    told = [event.message for event in new_events(aws, view, sleep=sleep)]
    assert told == ["event 1", "event 2", "event 3"]
    assert len(seen) == 4
