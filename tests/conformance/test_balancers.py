"""Load balancers: bounds and defaults, targets of services, their states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.conformance.asking import Aws, Ledger, refused
from tests.conformance.balancing import make_alb, make_classic, make_listener, make_target_group, name
from tests.conformance.made import Fleet, Network
from tests.conformance.serving import Services

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]


@pytest.fixture
def services(aws: Aws, fleet: Fleet) -> Iterator[Services]:
    made = Services(aws, fleet.cluster)
    yield made
    made.drop()


@pytest.fixture(scope="module")
def alb(aws: Aws, ledger: Ledger, network: Network) -> str:
    return make_alb(aws, ledger, network)


def states(aws: Aws, group: str) -> list[tuple[str, int, str, str | None]]:
    """(target, port, state, reason) of every target of a group."""
    rows = aws.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return [
        (
            row["Target"]["Id"],
            row["Target"]["Port"],
            row["TargetHealth"]["State"],
            row["TargetHealth"].get("Reason"),
        )
        for row in rows
    ]


def test_defaults_of_a_target_group(aws: Aws, ledger: Ledger, network: Network) -> None:
    """Health checks of a target group: interval 30, timeout 5, healthy 5, unhealthy 2, path /, traffic-port, 200."""
    elb, named = aws.client("elbv2"), name()
    group = elb.create_target_group(Name=named, Protocol="HTTP", Port=80, VpcId=network.vpc)["TargetGroups"][0]
    ledger.note(elb.delete_target_group, TargetGroupArn=group["TargetGroupArn"])
    assert group["TargetType"] == "instance"
    assert (group["HealthCheckIntervalSeconds"], group["HealthCheckTimeoutSeconds"]) == (30, 5)
    assert (group["HealthyThresholdCount"], group["UnhealthyThresholdCount"]) == (5, 2)
    assert (group["HealthCheckPath"], group["HealthCheckPort"], group["HealthCheckProtocol"]) == (
        "/",
        "traffic-port",
        "HTTP",
    )
    assert group["Matcher"] == {"HttpCode": "200"}
    rows = elb.describe_target_group_attributes(TargetGroupArn=group["TargetGroupArn"])["Attributes"]
    attributes = {row["Key"]: row["Value"] for row in rows}
    assert attributes["deregistration_delay.timeout_seconds"] == "300"


OUTSIDE: dict[str, dict[str, int]] = {
    "interval 4": {"HealthCheckIntervalSeconds": 4},
    "interval 301": {"HealthCheckIntervalSeconds": 301},
    "timeout 1": {"HealthCheckTimeoutSeconds": 1},
    "timeout 121": {"HealthCheckIntervalSeconds": 300, "HealthCheckTimeoutSeconds": 121},
    "timeout at the interval": {"HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 10},
    "healthy 1": {"HealthyThresholdCount": 1},
    "healthy 11": {"HealthyThresholdCount": 11},
    "unhealthy 1": {"UnhealthyThresholdCount": 1},
    "unhealthy 11": {"UnhealthyThresholdCount": 11},
}


@pytest.mark.parametrize("fault", OUTSIDE)
def test_bounds_of_a_target_group(aws: Aws, network: Network, fault: str) -> None:
    """ALB: interval 5–300, timeout 2–120 below interval, healthy and unhealthy 2–10."""
    with refused(("ValidationError", "InvalidConfigurationRequest")):
        aws.client("elbv2").create_target_group(
            Name=name(), Protocol="HTTP", Port=80, VpcId=network.vpc, **OUTSIDE[fault]
        )


@pytest.mark.parametrize("wrong", ["x" * 33, "a_b", "-edge", "edge-", "a.b"])
def test_names_of_target_groups(aws: Aws, network: Network, wrong: str) -> None:
    """Target group names: up to 32 letters, digits, hyphens, none at an edge."""
    with refused("ValidationError"):
        aws.client("elbv2").create_target_group(Name=wrong, Protocol="HTTP", Port=80, VpcId=network.vpc)


@pytest.mark.parametrize("delay", ["-1", "3601"])
def test_bounds_of_the_delay(aws: Aws, ledger: Ledger, network: Network, delay: str) -> None:
    """The deregistration delay is 0–3600."""
    group = make_target_group(aws, ledger, network)
    attribute = {"Key": "deregistration_delay.timeout_seconds", "Value": delay}
    with refused(("ValidationError", "InvalidConfigurationRequest")):
        aws.client("elbv2").modify_target_group_attributes(TargetGroupArn=group, Attributes=[attribute])


def test_two_subnets(aws: Aws, network: Network) -> None:
    """An application load balancer needs two subnets of different zones."""
    with refused(("ValidationError", "InvalidConfigurationRequest")):
        aws.client("elbv2").create_load_balancer(Name=name(), Subnets=[network.subnets[0]], Scheme="internal")


@pytest.mark.parametrize("priority", [0, 50001])
def test_priorities_of_rules(aws: Aws, ledger: Ledger, network: Network, alb: str, priority: int) -> None:
    """A rule's priority is 1–50000."""
    group = make_target_group(aws, ledger, network)
    listener = make_listener(aws, ledger, alb, group, 8100 + priority % 10)
    with refused("ValidationError"):
        aws.client("elbv2").create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": group}],
        )


CLASSIC: dict[str, dict[str, int]] = {
    "interval 4": {"Interval": 4},
    "interval 301": {"Interval": 301},
    "timeout 1": {"Timeout": 1},
    "timeout 61": {"Interval": 300, "Timeout": 61},
    "timeout at the interval": {"Interval": 5, "Timeout": 5},
    "healthy 1": {"HealthyThreshold": 1},
    "healthy 11": {"HealthyThreshold": 11},
    "unhealthy 1": {"UnhealthyThreshold": 1},
    "unhealthy 11": {"UnhealthyThreshold": 11},
}


@pytest.mark.parametrize("fault", CLASSIC)
def test_bounds_of_a_classic_balancer(aws: Aws, ledger: Ledger, network: Network, fault: str) -> None:
    """Classic: interval 5–300, timeout 2–60 below interval, thresholds 2–10."""
    balancer = make_classic(aws, ledger, network)
    check = {"Target": "TCP:80", "Interval": 10, "Timeout": 2, "HealthyThreshold": 2, "UnhealthyThreshold": 2}
    with refused("ValidationError"):
        aws.client("elb").configure_health_check(LoadBalancerName=balancer, HealthCheck={**check, **CLASSIC[fault]})


def test_unregistered_targets(aws: Aws, ledger: Ledger, network: Network, fleet: Fleet) -> None:
    """A target that is not registered is unused: Target.NotRegistered."""
    group = make_target_group(aws, ledger, network)
    asked = aws.client("elbv2").describe_target_health(
        TargetGroupArn=group, Targets=[{"Id": fleet.ec2_ids[0], "Port": 80}]
    )
    health = asked["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")


def test_targets_without_a_listener(aws: Aws, ledger: Ledger, network: Network, fleet: Fleet) -> None:
    """A target of a group that no listener forwards to is unused: Target.NotInUse."""
    group = make_target_group(aws, ledger, network)
    aws.client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": fleet.ec2_ids[0], "Port": 80}])
    assert states(aws, group) == [(fleet.ec2_ids[0], 80, "unused", "Target.NotInUse")]


def test_targets_where_nothing_listens(aws: Aws, ledger: Ledger, network: Network, fleet: Fleet, alb: str) -> None:
    """Where nothing listens a target is unhealthy: Target.FailedHealthChecks or Target.Timeout."""
    group = make_target_group(aws, ledger, network)
    make_listener(aws, ledger, alb, group, 8110)
    aws.client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": fleet.ec2_ids[0], "Port": 18300}])
    assert states(aws, group)[0][2] in ("initial", "unhealthy")
    found = aws.until(
        lambda: next((row for row in states(aws, group) if row[2] == "unhealthy"), None), "it is unhealthy", 30.0
    )
    assert found[3] in ("Target.FailedHealthChecks", "Target.Timeout")


def test_the_targets_of_a_service(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, alb: str, ecs: Any
) -> None:
    """Behind a target group stand the instances of the tasks, by their host ports; initial, then healthy."""
    group = make_target_group(aws, ledger, network)
    make_listener(aws, ledger, alb, group, 8111)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    serve = services.create(definition, 2, loadBalancers=[balancer], healthCheckGracePeriodSeconds=600)
    services.until(serve, lambda row: row["runningCount"] == 2, "two run")
    services.told(serve, "targets in (target-group", 30.0)
    expected = set()
    for task in services.tasks(serve):
        host = ecs.describe_container_instances(
            cluster=services.cluster, containerInstances=[task["containerInstanceArn"]]
        )["containerInstances"][0]["ec2InstanceId"]
        expected.add((host, task["containers"][0]["networkBindings"][0]["hostPort"]))
    assert {row[:2] for row in states(aws, group)} == expected


def test_targets_by_address(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, alb: str
) -> None:
    """An awsvpc task stands behind a group of the type ip by its own address and the container's port."""
    group = make_target_group(aws, ledger, network, TargetType="ip")
    make_listener(aws, ledger, alb, group, 8112)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="awsvpc")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    serve = services.create(
        definition,
        1,
        loadBalancers=[balancer],
        networkConfiguration=network.awsvpc(),
        healthCheckGracePeriodSeconds=600,
    )
    services.until(serve, lambda row: row["runningCount"] == 1, "it runs")
    rows = aws.until(lambda: states(aws, group), "the target is there")
    (task,) = services.tasks(serve)
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert [row[:2] for row in rows] == [(address, 80)]


def test_targets_drain(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, alb: str
) -> None:
    """A task that goes is draining first: Target.DeregistrationInProgress, "has begun draining connections"."""
    group = make_target_group(aws, ledger, network)
    make_listener(aws, ledger, alb, group, 8113)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    serve = services.create(definition, 1, loadBalancers=[balancer], healthCheckGracePeriodSeconds=600)
    aws.until(lambda: states(aws, group), "the target is there", 30.0)
    services.update(serve, desiredCount=0)

    def drains() -> bool:
        return any(row[2:] == ("draining", "Target.DeregistrationInProgress") for row in states(aws, group))

    assert aws.until(drains, "the target is draining", 20.0)
    services.told(serve, "has begun draining connections on 1 tasks")
    assert aws.until(lambda: not states(aws, group), "the target has gone", 30.0)


def test_unhealthy_targets_are_replaced(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, alb: str
) -> None:
    """A task that fails the balancer's health checks: "Task failed ELB health checks in (target-group …)"."""
    group = make_target_group(aws, ledger, network, HealthCheckPort="18301")
    make_listener(aws, ledger, alb, group, 8114)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    serve = services.create(definition, 1, loadBalancers=[balancer])
    gone = aws.until(lambda: services.tasks(serve, "STOPPED"), "a task is stopped", 40.0)[-1]
    assert gone["stopCode"] == "ServiceSchedulerInitiated"
    assert gone["stoppedReason"].startswith(f"Task failed ELB health checks in (target-group {group})")
    told = services.told(serve, "is unhealthy in (target-group")
    assert "due to (reason Health checks failed" in told


def test_a_grace_period_keeps_them(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, alb: str
) -> None:
    """Within the health check grace period an unhealthy target's task stays."""
    group = make_target_group(aws, ledger, network, HealthCheckPort="18302")
    make_listener(aws, ledger, alb, group, 8115)
    definition = register(app={"portMappings": [{"containerPort": 80}]}, networkMode="bridge")["taskDefinitionArn"]
    balancer = {"targetGroupArn": group, "containerName": "app", "containerPort": 80}
    serve = services.create(definition, 1, loadBalancers=[balancer], healthCheckGracePeriodSeconds=3600)
    aws.until(lambda: any(row[2] == "unhealthy" for row in states(aws, group)), "the target is unhealthy", 40.0)
    assert services.tasks(serve, "STOPPED") == []
    assert services.look(serve)["runningCount"] == 1


def test_instances_of_a_classic_balancer(
    aws: Aws, ledger: Ledger, network: Network, services: Services, register: Register, ecs: Any
) -> None:
    """Behind a classic balancer stand whole instances, on a fixed port; deployments have no rolloutState."""
    balancer = make_classic(aws, ledger, network, 18310)
    ports = [{"containerPort": 80, "hostPort": 18310}]
    definition = register(app={"portMappings": ports}, networkMode="bridge")["taskDefinitionArn"]
    serve = services.create(
        definition,
        2,
        loadBalancers=[{"loadBalancerName": balancer, "containerName": "app", "containerPort": 80}],
        healthCheckGracePeriodSeconds=3600,
    )
    services.until(serve, lambda row: row["runningCount"] == 2, "two run", 30.0)
    elb = aws.client("elb")

    def registered() -> list[str]:
        rows = elb.describe_instance_health(LoadBalancerName=balancer)["InstanceStates"]
        return sorted(row["InstanceId"] for row in rows)

    hosts = {task["containerInstanceArn"] for task in services.tasks(serve)}
    rows = ecs.describe_container_instances(cluster=services.cluster, containerInstances=list(hosts))
    expected = sorted(row["ec2InstanceId"] for row in rows["containerInstances"])
    assert aws.until(lambda: registered() == expected, "the instances stand behind the balancer")
    assert "rolloutState" not in services.look(serve)["deployments"][0]
