"""Where a refusal begins: the last value that Amazon ECS takes, and the first that it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from ecsctl.refusals import all_refusals
from ecsctl.refusals.containers import check_settings
from ecsctl.refusals.launch_types import check_launch_types
from ecsctl.refusals.model import Violation
from ecsctl.refusals.networking import check_network
from ecsctl.refusals.placement import check_definition_constraints, check_placement
from ecsctl.refusals.service import check_compatible, check_service
from ecsctl.refusals.service_context import Context
from ecsctl.refusals.task_definition import check_task_definition
from ecsctl.refusals.volumes import check_volumes

Json = dict[str, Any]
SUBNETS = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}}
FARGATE: Json = {"launchType": "FARGATE", "networkConfiguration": SUBNETS}
BY_ZONE = "attribute:ecs.availability-zone"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:1"
BINPACK = [{"type": "binpack", "field": "memory"}]


def refuses(refusal: str, found: Iterable[Violation]) -> bool:
    assert refusal in all_refusals(), "there is no such refusal"
    return refusal in ids(found)


def ids(found: Iterable[Violation]) -> set[str]:
    return {item.refusal.id for item in found}


def percents(low: int | None, high: int | None, **more: Any) -> Json:
    said = {"minimumHealthyPercent": low, "maximumPercent": high}
    members = {name: value for name, value in said.items() if value is not None}
    return {"deploymentConfiguration": members, "availabilityZoneRebalancing": "DISABLED", **more}


def configured(**members: Any) -> Json:
    return {"deploymentConfiguration": members}


def breaker(kind: str, value: int) -> Json:
    threshold = {"type": kind, "value": value}
    return configured(deploymentCircuitBreaker={"enable": True, "rollback": True, "thresholdConfiguration": threshold})


def hook(stage: str, kind: str = "PAUSE") -> Json:
    return configured(lifecycleHooks=[{"targetType": kind, "hookTargetArn": "arn", "lifecycleStages": [stage]}])


def early(healthy: int, **more: Any) -> Json:
    criteria = {"enable": True, "healthyPercent": healthy, "sourceServiceRevisionCleanup": "BLOCKING"}
    return configured(earlySuccessCriteria=criteria, **more)


def strategy(*rows: tuple[str, int, int]) -> Json:
    return {
        "capacityProviderStrategy": [
            {"capacityProvider": name, "weight": weight, "base": base} for name, weight, base in rows
        ]
    }


def behind(*arns: str, port: int = 80, **more: Any) -> Json:
    group = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{}/0123456789abcdef"
    rows = [{"targetGroupArn": group.format(arn), "containerName": "c", "containerPort": port} for arn in arns]
    return {"loadBalancers": rows, **more}


@pytest.mark.parametrize(
    ("refusal", "service", "refused"),
    [
        ("minimum-percent-least", percents(0, 200), False),
        ("minimum-percent-least", percents(-1, 200), True),
        ("minimum-percent-most", percents(100, 200), False),
        ("minimum-percent-most", percents(101, 200), True),
        ("maximum-percent-least", percents(50, 100), False),
        ("maximum-percent-least", percents(50, 99), True),
        ("percents-both-100", percents(100, 100), True),
        ("percents-both-100", percents(None, 100), True),
        ("percents-both-100", percents(99, 100), False),
        ("percents-both-100", percents(100, 101), False),
        ("daemon-maximum-percent", percents(0, 100, schedulingStrategy="DAEMON"), False),
        ("daemon-maximum-percent", percents(0, 101, schedulingStrategy="DAEMON"), True),
        ("daemon-minimum-percent", percents(99, 100, schedulingStrategy="DAEMON"), False),
        ("daemon-minimum-percent", percents(100, 100, schedulingStrategy="DAEMON"), True),
        ("rebalancing-maximum-percent", {**percents(50, 100), "availabilityZoneRebalancing": "ENABLED"}, True),
        ("rebalancing-maximum-percent", {**percents(50, 101), "availabilityZoneRebalancing": "ENABLED"}, False),
        ("rebalancing-maximum-percent", {**percents(50, 100), "availabilityZoneRebalancing": None}, True),
        (
            "rebalancing-maximum-percent",
            {**percents(50, 100), "availabilityZoneRebalancing": None, "placementStrategy": BINPACK},
            False,
        ),
        (
            "rebalancing-maximum-percent",
            {**percents(50, 100), "availabilityZoneRebalancing": None, "deploymentController": {"type": "CODE_DEPLOY"}},
            False,
        ),
        ("rebalancing-incompatible", {"availabilityZoneRebalancing": "ENABLED", "placementStrategy": BINPACK}, True),
        (
            "rebalancing-incompatible",
            {"availabilityZoneRebalancing": "ENABLED", "placementStrategy": [{"type": "spread", "field": BY_ZONE}]},
            False,
        ),
        ("bake-time-bounds", configured(strategy="BLUE_GREEN", bakeTimeInMinutes=0), False),
        ("bake-time-bounds", configured(strategy="BLUE_GREEN", bakeTimeInMinutes=1440), False),
        ("bake-time-bounds", configured(strategy="BLUE_GREEN", bakeTimeInMinutes=1441), True),
        ("shift-percent", configured(strategy="LINEAR", linearConfiguration={"stepPercent": 3.0}), False),
        ("shift-percent", configured(strategy="LINEAR", linearConfiguration={"stepPercent": 2.9}), True),
        ("shift-percent", configured(strategy="LINEAR", linearConfiguration={"stepPercent": 33.3}), False),
        ("shift-percent", configured(strategy="LINEAR", linearConfiguration={"stepPercent": 33.33}), True),
        ("shift-percent", configured(strategy="CANARY", canaryConfiguration={"canaryPercent": 0.1}), False),
        ("shift-percent", configured(strategy="CANARY", canaryConfiguration={"canaryPercent": 100.1}), True),
        ("circuit-breaker-threshold", breaker("BOUNDED_PERCENT", 100), False),
        ("circuit-breaker-threshold", breaker("BOUNDED_PERCENT", 101), True),
        ("circuit-breaker-threshold", breaker("COUNT", 101), False),
        ("circuit-breaker-threshold", breaker("COUNT", 0), True),
        ("early-success", early(100), False),
        ("early-success", early(99), True),
        ("early-success", early(50, minimumHealthyPercent=50), False),
        ("early-success", early(49, minimumHealthyPercent=50), True),
        ("hook-pause-stage", hook("TEST_TRAFFIC_SHIFT"), True),
        ("hook-pause-stage", hook("PRODUCTION_TRAFFIC_SHIFT"), True),
        ("hook-pause-stage", hook("POST_TEST_TRAFFIC_SHIFT"), False),
        ("hook-pause-stage", hook("PRODUCTION_TRAFFIC_SHIFT", "AWS_LAMBDA"), False),
        ("strategy-bounds", strategy(("a", 1000, 100000)), False),
        ("strategy-bounds", strategy(("a", 1001, 0)), True),
        ("strategy-bounds", strategy(("a", 1, 100001)), True),
        ("strategy-bounds", strategy(("a", -1, 0)), True),
        ("strategy-bases", strategy(("a", 1, 1), ("b", 1, 0)), False),
        ("strategy-bases", strategy(("a", 1, 1), ("b", 1, 1)), True),
        ("strategy-weights", strategy(("a", 0, 1), ("b", 1, 0)), False),
        ("strategy-weights", strategy(("a", 0, 1), ("b", 0, 0)), True),
        ("daemon-desired-count", {"schedulingStrategy": "DAEMON", "desiredCount": 0}, True),
        ("daemon-desired-count", {"schedulingStrategy": "DAEMON"}, False),
        ("daemon-desired-count", {"schedulingStrategy": "REPLICA", "desiredCount": 0}, False),
        ("load-balancers-count", behind(*"abcde"), False),
        ("load-balancers-count", behind(*"abcdef"), True),
        ("target-group-twice", behind("a", "b"), False),
        ("target-group-twice", behind("a", "b", "a"), True),
        ("load-balancer-port-missing", behind("a", port=1), False),
        ("load-balancer-port-missing", behind("a", port=65535), False),
        ("load-balancer-port-missing", behind("a", port=0), True),
        ("load-balancer-port-missing", behind("a", port=65536), True),
        ("role-service-linked", behind("a", role="r", launchType="EC2"), False),
        ("role-service-linked", behind("a", "b", role="r"), True),
        ("role-service-linked", behind("a", role="r", **FARGATE), True),
        ("network-configuration-missing", FARGATE, False),
        ("network-configuration-missing", {"launchType": "FARGATE"}, True),
    ],
)
def test_a_service(refusal: str, service: Json, refused: bool) -> None:
    service = {name: value for name, value in service.items() if value is not None}
    assert refuses(refusal, check_service(service, None, Context())) is refused


def test_an_update_leaves_rebalancing_as_it_is() -> None:
    service = percents(50, 100)
    del service["availabilityZoneRebalancing"]
    assert "rebalancing-maximum-percent" not in ids(check_service(service, None, Context(update=True)))


def test_a_network_configuration_that_ecsctl_makes_is_not_missing() -> None:
    missing = "network-configuration-missing"
    assert missing in ids(check_service({}, None, Context(mode="awsvpc")))
    assert missing not in ids(check_service({}, None, Context(mode="awsvpc", own_network=True)))
    assert missing not in ids(check_service({}, None, Context(mode="bridge")))


@pytest.mark.parametrize(("kind", "refused"), [("EC2", True), ("EXTERNAL", True), ("FARGATE", False), (None, False)])
def test_a_public_address_is_for_fargate_only(kind: str | None, refused: bool) -> None:
    network = {"awsvpcConfiguration": {"subnets": ["subnet-0123456789abcdef0"], "assignPublicIp": "ENABLED"}}
    service = {"networkConfiguration": network, **({"launchType": kind} if kind else {})}
    found = [item for item in check_service(service, None, Context(mode="awsvpc")) if "assignPublicIp" in item.path]
    assert bool(found) is refused


@pytest.mark.parametrize(
    ("required", "kind", "refused"),
    [
        (["FARGATE"], "EC2", True),
        (["EC2"], "FARGATE", True),
        (["EC2"], "EC2", False),
        (["EC2"], "EXTERNAL", False),
        ([], "FARGATE", False),
        (["FARGATE"], None, False),
    ],
)
def test_a_definition_supports_the_launch_type(required: list[str], kind: str | None, refused: bool) -> None:
    assert bool(list(check_compatible({"launchType": kind}, {"requiresCompatibilities": required}, kind))) is refused


def task(mode: str | None = None, *boxes: Json, **members: Any) -> Json:
    made = [{"name": f"c{n}", "image": "nginx:1", "memory": 64, **box} for n, box in enumerate(boxes or ({},))]
    return {"containerDefinitions": made, **({"networkMode": mode} if mode else {}), **members}


def mapped(*mappings: Json) -> Json:
    return {"portMappings": list(mappings)}


def port(container: int, host: int | None = None, **more: Any) -> Json:
    return {"containerPort": container, **({} if host is None else {"hostPort": host}), **more}


@pytest.mark.parametrize(
    ("refusal", "mode", "boxes", "refused"),
    [
        ("host-ports-match", "awsvpc", [mapped(port(80, 80))], False),
        ("host-ports-match", "awsvpc", [mapped(port(80, 0))], True),
        ("host-ports-match", "host", [mapped(port(80, 81))], True),
        ("host-ports-match", "bridge", [mapped(port(80, 0))], False),
        ("port-range", "bridge", [mapped({"containerPortRange": "8000-8001"})], False),
        ("port-range", "bridge", [mapped({"containerPortRange": "8000-8000"})], True),
        ("port-range", "bridge", [mapped({"containerPortRange": "8000-65536"})], True),
        ("container-port-twice", "awsvpc", [mapped({"containerPortRange": "1-9"}), mapped(port(9))], True),
        ("container-port-twice", "awsvpc", [mapped({"containerPortRange": "1-9"}), mapped(port(10))], False),
        ("container-port-twice", "awsvpc", [mapped({"containerPortRange": "1-9"}), mapped(port(1))], True),
        ("host-port-twice", "bridge", [mapped(port(80, 8080)), mapped(port(81, 8080))], True),
        ("host-port-twice", "bridge", [mapped(port(80)), mapped(port(80))], False),
        ("host-port-twice", "awsvpc", [mapped(port(80)), mapped(port(80))], True),
        ("host-port-twice", "awsvpc", [mapped(port(80)), mapped(port(80, protocol="udp"))], False),
        ("links-mode", "host", [{"links": ["c1"]}, {}], True),
        ("links-mode", "none", [{"links": ["c1"]}, {}], True),
        ("links-mode", "bridge", [{"links": ["c1"]}, {}], False),
    ],
)
def test_networking_of_a_task(refusal: str, mode: str, boxes: list[Json], refused: bool) -> None:
    assert refuses(refusal, check_network(task(mode, *boxes), mode)) is refused


@pytest.mark.parametrize(
    ("refusal", "box", "members", "refused"),
    [
        ("ulimit-soft-above-hard", {"ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 2}]}, {}, False),
        ("ulimit-soft-above-hard", {"ulimits": [{"name": "nofile", "softLimit": 3, "hardLimit": 2}]}, {}, True),
        ("ulimit-soft-above-hard", {"ulimits": [{"name": "nofile", "softLimit": 3, "hardLimit": -1}]}, {}, False),
        ("container-memory-least", {"memory": 4}, {}, False),
        ("container-memory-least", {"memory": 3}, {}, True),
        ("container-memory-least", {"memory": 0}, {"memory": "512"}, True),
        ("container-memory-below-reservation", {"memory": 64, "memoryReservation": 64}, {}, False),
        ("container-memory-below-reservation", {"memory": 64, "memoryReservation": 65}, {}, True),
        ("health-check-below", {"healthCheck": {"command": ["CMD"], "interval": 5, "retries": 1}}, {}, False),
        ("health-check-below", {"healthCheck": {"command": ["CMD"], "interval": 4}}, {}, True),
        ("health-check-above", {"healthCheck": {"command": ["CMD"], "timeout": 60}}, {}, False),
        ("health-check-above", {"healthCheck": {"command": ["CMD"], "timeout": 61}}, {}, True),
        ("resource-requirement-value", {"resourceRequirements": [{"type": "GPU", "value": "1"}]}, {}, False),
        ("resource-requirement-value", {"resourceRequirements": [{"type": "GPU", "value": "0"}]}, {}, True),
        ("system-control-mode", {"systemControls": [{"namespace": "kernel.sem"}]}, {}, False),
        ("system-control-mode", {"systemControls": [{"namespace": "kernel.sem"}]}, {"ipcMode": "host"}, True),
        ("system-control-mode", {"systemControls": [{"namespace": "net.a"}]}, {"ipcMode": "host"}, False),
    ],
)
def test_settings_of_a_container(refusal: str, box: Json, members: Json, refused: bool) -> None:
    assert refuses(refusal, check_settings(task(None, box, **members))) is refused


@pytest.mark.parametrize(
    ("refusal", "members", "box", "refused"),
    [
        ("fargate-size", {"cpu": "1024", "memory": "2048"}, {}, False),
        ("fargate-size", {"cpu": "8192", "memory": "61440"}, {}, False),
        ("fargate-size", {"cpu": "8192", "memory": "62464"}, {}, True),
        ("fargate-size", {"cpu": "512", "memory": "4096"}, {}, False),
        ("fargate-size", {"cpu": "512", "memory": "5120"}, {}, True),
        (
            "fargate-size",
            {"cpu": "1024", "memory": "2048", "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
            {},
            False,
        ),
        (
            "fargate-size",
            {"cpu": "512", "memory": "2048", "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
            {},
            True,
        ),
        ("fargate-ecr-role", {"cpu": "256", "memory": "512"}, {"image": ECR}, True),
        ("fargate-ecr-role", {"cpu": "256", "memory": "512", "executionRoleArn": "r"}, {"image": ECR}, False),
    ],
)
def test_what_fargate_takes(refusal: str, members: Json, box: Json, refused: bool) -> None:
    found = check_launch_types(task("awsvpc", box, **members), fargate=True, ec2=False)
    assert refuses(refusal, found) is refused


@pytest.mark.parametrize(("cpu", "refused"), [("127", True), ("128", False), ("196608", False), ("196609", True)])
def test_the_cpu_of_a_task_on_ec2(cpu: str, refused: bool) -> None:
    assert bool(list(check_launch_types(task(cpu=cpu), fargate=False, ec2=True))) is refused


@pytest.mark.parametrize(
    ("refusal", "definition", "refused"),
    [
        ("cpu-sum", task(None, {"cpu": 128}, {"cpu": 128}, cpu="256"), False),
        ("cpu-sum", task(None, {"cpu": 128}, {"cpu": 129}, cpu="256"), True),
        ("essential-missing", task(None, {"essential": False}, {}), False),
        ("essential-missing", task(None, {"essential": False}, {"essential": False}), True),
        (
            "memory-reservation-sum",
            task(None, {"memoryReservation": 256}, {"memoryReservation": 256}, memory="512"),
            False,
        ),
        (
            "memory-reservation-sum",
            task(None, {"memoryReservation": 256}, {"memoryReservation": 257}, memory="512"),
            True,
        ),
        # What is above the task's by itself is said once.
        ("memory-reservation-sum", task(None, {"memoryReservation": 513}, memory="512"), False),
        ("container-memory-above-task", task(None, {"memory": 512}, memory="512"), False),
        ("container-memory-above-task", task(None, {"memory": 513}, memory="512"), True),
    ],
)
def test_a_task_as_a_whole(refusal: str, definition: Json, refused: bool) -> None:
    assert refuses(refusal, check_task_definition(definition, "t")) is refused


def test_a_definition_that_names_no_launch_type_must_fit_one_of_them() -> None:
    # Too small for instances, and for Fargate nothing is wrong with it; then neither.
    fits = task("awsvpc", cpu="256", memory="512", ephemeralStorage={"sizeInGiB": 30})
    assert ids(check_task_definition(fits, "t")) == set()
    neither = task("bridge", {"privileged": True}, cpu="256", memory="512", ephemeralStorage={"sizeInGiB": 30})
    assert ids(check_task_definition(neither, "t")) != set()


def constraint(kind: str | None, expression: str | None = None) -> Json:
    return {
        **({} if kind is None else {"type": kind}),
        **({} if expression is None else {"expression": expression}),
    }


LONGEST = "attribute:a == " + "b" * (2000 - len("attribute:a == "))


@pytest.mark.parametrize(
    ("refusal", "constraints", "inherited", "refused"),
    [
        ("constraints-count", [constraint("distinctInstance")], 9, False),
        ("constraints-count", [constraint("distinctInstance")], 10, True),
        ("constraints-count", [], 11, False),
        ("distinct-instance-expression", [constraint("distinctInstance")], 0, False),
        ("distinct-instance-expression", [constraint("distinctInstance", "")], 0, True),
        ("expression-length", [constraint("memberOf", LONGEST)], 0, False),
        ("expression-length", [constraint("memberOf", LONGEST + "b")], 0, True),
        ("constraint-expression", [constraint("memberOf", "")], 0, True),
        ("constraint-type-missing", [constraint(None, "a")], 0, True),
    ],
)
def test_placement_constraints(refusal: str, constraints: list[Json], inherited: int, refused: bool) -> None:
    assert refuses(refusal, check_placement({"placementConstraints": constraints}, inherited)) is refused


@pytest.mark.parametrize("count", [10, 11])
def test_placement_constraints_of_a_definition(count: int) -> None:
    found = check_definition_constraints({"placementConstraints": [constraint("memberOf", "attribute:a == b")] * count})
    assert ("definition-constraints-count" in ids(found)) is (count > 10)


@pytest.mark.parametrize(
    ("kind", "field", "refused"),
    [
        ("binpack", "cpu", False),
        ("binpack", "MEMORY", False),
        ("binpack", "disk", True),
        ("binpack", None, True),
        ("spread", "instanceid", False),
        ("spread", "host", False),
        ("spread", BY_ZONE, False),
        ("spread", "cpu", True),
        ("random", None, False),
        ("random", "cpu", True),
    ],
)
def test_placement_strategies(kind: str, field: str | None, refused: bool) -> None:
    row = {"type": kind, **({"field": field} if field else {})}
    assert bool(list(check_placement({"placementStrategy": [row]}, 0))) is refused


def volumes(*rows: Json, mounted: Iterable[str] = ()) -> Json:
    mounts = [{"sourceVolume": name, "containerPath": f"/{name}"} for name in mounted]
    return {"volumes": list(rows), "containerDefinitions": [{"name": "c", "mountPoints": mounts}]}


def efs(root: str | None, point: str | None = "fsap-1") -> Json:
    said = {"rootDirectory": root, "transitEncryption": "ENABLED"}
    access = {"authorizationConfig": {"accessPointId": point}} if point else {}
    return {"name": "v", "efsVolumeConfiguration": {k: v for k, v in said.items() if v is not None} | access}


LATE = {"name": "late", "configuredAtLaunch": True}


@pytest.mark.parametrize(
    ("refusal", "definition", "refused"),
    [
        ("efs-access-point-root", volumes(efs("/")), False),
        ("efs-access-point-root", volumes(efs(None)), False),
        ("efs-access-point-root", volumes(efs("/data")), True),
        ("efs-access-point-root", volumes(efs("/data", None)), False),
        ("volume-kinds", volumes({**LATE}, mounted=["late"]), False),
        ("volume-kinds", volumes({**LATE, "host": {"sourcePath": "/x"}}, mounted=["late"]), True),
        ("volume-kinds", volumes({"name": "v", "host": {}, "dockerVolumeConfiguration": {"scope": "task"}}), False),
        ("launch-volume-unused", volumes(LATE, mounted=["late"]), False),
        ("launch-volume-unused", volumes(LATE), True),
        ("launch-volume-unused", volumes(LATE, {**LATE, "name": "later"}, mounted=["late"]), True),
    ],
)
def test_volumes(refusal: str, definition: Json, refused: bool) -> None:
    assert refuses(refusal, check_volumes(definition)) is refused


@pytest.mark.parametrize(("length", "refused"), [(64 * 1024, False), (64 * 1024 + 1, True)])
def test_the_size_of_a_task_definition(length: int, refused: bool) -> None:
    def sized(padding: int) -> Json:
        return task(None, {"environment": [{"name": "A", "value": "x" * padding}]})

    empty = len(json.dumps(sized(0), separators=(",", ":")).encode())
    assert refuses("definition-size", check_task_definition(sized(length - empty), "t")) is refused
