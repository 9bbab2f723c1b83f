"""Tasks: their life, from RunTask to the hour after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import ABSENT_IMAGE, EITHER, INVALID, Aws, refused
from tests.conformance.made import Fleet, Network, Tasks

pytestmark = pytest.mark.costs
Register = Callable[..., dict[str, Any]]

ORDER = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)


def in_order(seen: list[str]) -> bool:
    """Whether these statuses go forward only."""
    places = [ORDER.index(status) for status in seen]
    return places == sorted(places)


def watch(aws: Aws, tasks: Tasks, cluster: str, arn: str, last: str) -> list[str]:
    """Every lastStatus that is seen until the last one."""
    seen: list[str] = []

    def probe() -> list[str] | None:
        status = tasks.describe(cluster, [arn])[0]["lastStatus"]
        if not seen or seen[-1] != status:
            seen.append(status)
        return seen if status == last else None

    return aws.until(probe, f"the task is {last}", 20.0)


def ended(aws: Aws, tasks: Tasks, cluster: str, arn: str) -> dict[str, Any]:
    """The task once it is STOPPED."""
    return aws.until(
        lambda: next((t for t in tasks.describe(cluster, [arn]) if t["lastStatus"] == "STOPPED"), None),
        "the task is STOPPED",
        20.0,
    )


def run_one(tasks: Tasks, register: Register, cluster: str, app: dict[str, Any], **params: Any) -> str:
    """A task of one container that is given so."""
    return str(tasks.run(cluster, register(app=app, **params)["taskDefinitionArn"])[0]["taskArn"])


def test_statuses_go_forward(aws: Aws, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """PENDING → ACTIVATING → RUNNING → DEACTIVATING → STOPPING → DEPROVISIONING → STOPPED, never back."""
    arn = tasks.run(fleet.cluster, definition)[0]["taskArn"]
    up = watch(aws, tasks, fleet.cluster, arn, "RUNNING")
    assert in_order(up), up
    assert tasks.describe(fleet.cluster, [arn])[0]["desiredStatus"] == "RUNNING"
    stopping = aws.client("ecs").stop_task(cluster=fleet.cluster, task=arn)["task"]
    assert stopping["desiredStatus"] == "STOPPED"
    down = watch(aws, tasks, fleet.cluster, arn, "STOPPED")
    assert in_order(["RUNNING", *down]), down


def test_awsvpc_is_provisioned_first(
    aws: Aws, fleet: Fleet, register: Register, network: Network, tasks: Tasks
) -> None:
    """An awsvpc task starts with PROVISIONING: its network interface comes first."""
    arn = register(networkMode="awsvpc")["taskDefinitionArn"]
    (task,) = tasks.run(fleet.cluster, arn, networkConfiguration=network.awsvpc())
    assert task["lastStatus"] == "PROVISIONING"
    assert in_order(watch(aws, tasks, fleet.cluster, task["taskArn"], "RUNNING"))


def test_times_are_in_order(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """createdAt ≤ pullStartedAt ≤ pullStoppedAt ≤ startedAt ≤ stoppingAt ≤ executionStoppedAt ≤ stoppedAt."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    ecs.stop_task(cluster=fleet.cluster, task=arn)
    task = ended(aws, tasks, fleet.cluster, arn)
    names = (
        "createdAt",
        "pullStartedAt",
        "pullStoppedAt",
        "startedAt",
        "stoppingAt",
        "executionStoppedAt",
        "stoppedAt",
    )
    times = [task[name] for name in names]
    assert times == sorted(times), dict(zip(names, times, strict=True))


def test_versions_rise(aws: Aws, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """A task's version rises with every change of its state."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    before = tasks.describe(fleet.cluster, [arn])[0]["version"]
    aws.client("ecs").stop_task(cluster=fleet.cluster, task=arn)
    assert ended(aws, tasks, fleet.cluster, arn)["version"] > before


def test_stopped_by_a_user(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """StopTask: stopCode UserInitiated, stoppedReason the one that was given."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    ecs.stop_task(cluster=fleet.cluster, task=arn, reason="maintenance of the conformance suite")
    task = ended(aws, tasks, fleet.cluster, arn)
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "maintenance of the conformance suite")
    assert task["desiredStatus"] == "STOPPED"


def test_stopped_without_a_reason(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """StopTask without a reason: "Task stopped by user"."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    ecs.stop_task(cluster=fleet.cluster, task=arn)
    assert ended(aws, tasks, fleet.cluster, arn)["stoppedReason"] == "Task stopped by user"


def test_stopping_twice(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """Stopping a stopped task changes nothing and is no error."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    ecs.stop_task(cluster=fleet.cluster, task=arn, reason="first")
    before = ended(aws, tasks, fleet.cluster, arn)
    again = ecs.stop_task(cluster=fleet.cluster, task=arn, reason="second")["task"]
    assert (again["stoppedReason"], again["stoppedAt"]) == ("first", before["stoppedAt"])


def test_stopping_an_unknown_task(ecs: Any, fleet: Fleet) -> None:
    """ "The referenced task was not found." """
    with refused(INVALID, "The referenced task was not found"):
        ecs.stop_task(cluster=fleet.cluster, task="0" * 32)


def test_an_essential_container_ends(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """EssentialContainerExited, "Essential container in task exited", and the container's exit code."""
    arn = run_one(tasks, register, fleet.cluster, {"command": ["sh", "-c", "sleep 1; exit 3"]})
    task = ended(aws, tasks, fleet.cluster, arn)
    assert task["stopCode"] == "EssentialContainerExited"
    assert task["stoppedReason"].rstrip(".") == "Essential container in task exited"
    (container,) = task["containers"]
    assert (container["lastStatus"], container["exitCode"]) == ("STOPPED", 3)


def test_a_task_that_ends_well(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """Exit code 0 of an essential container ends the task too."""
    arn = run_one(tasks, register, fleet.cluster, {"command": ["true"]})
    task = ended(aws, tasks, fleet.cluster, arn)
    assert (task["stopCode"], task["containers"][0]["exitCode"]) == ("EssentialContainerExited", 0)


def test_a_container_that_is_not_essential(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """A container that is not essential ends, and the task goes on."""
    base = {"image": aws.image, "memory": 32}
    arn = register(
        containerDefinitions=[
            {"name": "app", **base, "command": ["sleep", "3600"]},
            {"name": "side", **base, "essential": False, "command": ["sh", "-c", "exit 4"]},
        ]
    )["taskDefinitionArn"]
    task = tasks.run(fleet.cluster, arn)[0]["taskArn"]

    def side() -> dict[str, Any] | None:
        row = tasks.describe(fleet.cluster, [task])[0]
        found = next(each for each in row["containers"] if each["name"] == "side")
        return row if found["lastStatus"] == "STOPPED" and row["lastStatus"] == "RUNNING" else None

    row = aws.until(side, "the side container has ended and the task runs")
    by_name = {each["name"]: each for each in row["containers"]}
    assert (by_name["side"]["exitCode"], by_name["app"]["lastStatus"]) == (4, "RUNNING")
    assert "exitCode" not in by_name["app"]


def test_an_image_that_cannot_be_pulled(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """TaskFailedToStart; the container's reason begins with CannotPull; it never started."""
    arn = run_one(tasks, register, fleet.cluster, {"image": ABSENT_IMAGE})
    task = ended(aws, tasks, fleet.cluster, arn)
    assert task["stopCode"] == "TaskFailedToStart"
    assert "startedAt" not in task
    (container,) = task["containers"]
    assert container["reason"].startswith(("CannotPullContainerError", "CannotPullImageManifestError"))
    assert "exitCode" not in container


def test_a_health_check_that_passes(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """healthStatus is UNKNOWN without a health check, HEALTHY where it passes: the container's and the task's."""
    check = {"command": ["CMD-SHELL", "exit 0"], "interval": 5, "timeout": 2}
    arn = run_one(tasks, register, fleet.cluster, {"healthCheck": check})
    task = aws.until(
        lambda: next((t for t in tasks.describe(fleet.cluster, [arn]) if t["healthStatus"] == "HEALTHY"), None),
        "the task is HEALTHY",
        15.0,
    )
    assert task["containers"][0]["healthStatus"] == "HEALTHY"


def test_no_health_check(fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """Without a health check healthStatus stays UNKNOWN."""
    (task,) = tasks.running(fleet.cluster, definition)
    assert (task["healthStatus"], task["containers"][0]["healthStatus"]) == ("UNKNOWN", "UNKNOWN")


def test_run_by_itself_an_unhealthy_task_goes_on(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """An UNHEALTHY task that no service runs is not stopped."""
    check = {"command": ["CMD-SHELL", "exit 1"], "interval": 5, "timeout": 2, "retries": 1}
    arn = run_one(tasks, register, fleet.cluster, {"healthCheck": check})
    aws.until(
        lambda: any(t["healthStatus"] == "UNHEALTHY" for t in tasks.describe(fleet.cluster, [arn])),
        "the task is UNHEALTHY",
        15.0,
    )
    assert tasks.describe(fleet.cluster, [arn])[0]["lastStatus"] == "RUNNING"


def test_a_dependency_that_fails(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """A container waits for a SUCCESS that does not come: it never starts, and the task stops."""
    base = {"image": aws.image, "memory": 32}
    arn = register(
        containerDefinitions=[
            {
                "name": "app",
                **base,
                "command": ["sleep", "3600"],
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
            },
            {"name": "init", **base, "essential": False, "command": ["sh", "-c", "exit 5"]},
        ]
    )["taskDefinitionArn"]
    task = ended(aws, tasks, fleet.cluster, tasks.run(fleet.cluster, arn)[0]["taskArn"])
    by_name = {each["name"]: each for each in task["containers"]}
    assert by_name["init"]["exitCode"] == 5
    assert "exitCode" not in by_name["app"]


def test_a_dependency_that_succeeds(aws: Aws, fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """A container whose dependency has ended with SUCCESS starts, and the task runs."""
    base = {"image": aws.image, "memory": 32}
    arn = register(
        containerDefinitions=[
            {
                "name": "app",
                **base,
                "command": ["sleep", "3600"],
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
            },
            {"name": "init", **base, "essential": False, "command": ["sh", "-c", "sleep 1"]},
        ]
    )["taskDefinitionArn"]
    (task,) = tasks.running(fleet.cluster, arn)
    by_name = {each["name"]: each for each in task["containers"]}
    assert (by_name["init"]["lastStatus"], by_name["app"]["lastStatus"]) == ("STOPPED", "RUNNING")


def test_stopped_tasks_are_listed_as_stopped(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """Stopped tasks stay describable; ListTasks finds them by desiredStatus STOPPED only (RUNNING is its default)."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    assert arn in ecs.list_tasks(cluster=fleet.cluster)["taskArns"]
    ecs.stop_task(cluster=fleet.cluster, task=arn)
    ended(aws, tasks, fleet.cluster, arn)
    assert arn not in ecs.list_tasks(cluster=fleet.cluster)["taskArns"]
    stopped = ecs.get_paginator("list_tasks").paginate(cluster=fleet.cluster, desiredStatus="STOPPED")
    assert arn in {found for page in stopped for found in page["taskArns"]}
    assert tasks.describe(fleet.cluster, [arn])[0]["lastStatus"] == "STOPPED"


def test_pending_tasks_are_listed_as_running(ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """ListTasks knows desired statuses: PENDING finds nothing, since ECS never wants a task PENDING."""
    arn = tasks.run(fleet.cluster, definition)[0]["taskArn"]
    assert arn in ecs.list_tasks(cluster=fleet.cluster, desiredStatus="RUNNING")["taskArns"]
    assert ecs.list_tasks(cluster=fleet.cluster, desiredStatus="PENDING")["taskArns"] == []


def test_the_hour_after(aws: Aws, ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """Stopped tasks stay describable about an hour; then they are MISSING."""
    arn = tasks.running(fleet.cluster, definition)[0]["taskArn"]
    ecs.stop_task(cluster=fleet.cluster, task=arn)
    ended(aws, tasks, fleet.cluster, arn)
    aws.advance(50 * 60)
    assert tasks.describe(fleet.cluster, [arn])
    aws.advance(20 * 60)
    answer = aws.until(
        lambda: (a := ecs.describe_tasks(cluster=fleet.cluster, tasks=[arn]))["failures"] and a, "the task is gone"
    )
    assert answer["failures"] == [{"arn": arn, "reason": "MISSING"}]


def test_bound_ports_once_running(fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """bridge: networkBindings are filled once RUNNING: bindIP 0.0.0.0, a host port of the ephemeral range, tcp."""
    app = {"portMappings": [{"containerPort": 80}, {"containerPort": 53, "protocol": "udp"}]}
    arn = register(app=app, networkMode="bridge")["taskDefinitionArn"]
    (task,) = tasks.run(fleet.cluster, arn)
    assert task["containers"][0].get("networkBindings", []) == []
    (task,) = tasks.wait(fleet.cluster, [task["taskArn"]], "RUNNING")
    rows = {row["containerPort"]: row for row in task["containers"][0]["networkBindings"]}
    assert (rows[80]["bindIP"], rows[80]["protocol"], rows[53]["protocol"]) == ("0.0.0.0", "tcp", "udp")
    assert 32768 <= rows[80]["hostPort"] <= 65535


def test_a_fixed_port_is_bound(fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """bridge: a fixed host port is bound as asked."""
    app = {"portMappings": [{"containerPort": 80, "hostPort": 18080}]}
    arn = register(app=app, networkMode="bridge")["taskDefinitionArn"]
    (task,) = tasks.running(fleet.cluster, arn)
    assert [row["hostPort"] for row in task["containers"][0]["networkBindings"]] == [18080]


def test_host_ports_of_the_host(fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """host: the container's port is the instance's."""
    arn = register(app={"portMappings": [{"containerPort": 18081}]}, networkMode="host")["taskDefinitionArn"]
    (task,) = tasks.running(fleet.cluster, arn)
    assert [row["hostPort"] for row in task["containers"][0]["networkBindings"]] == [18081]


def test_a_range_of_ports(fleet: Fleet, register: Register, tasks: Tasks) -> None:
    """A containerPortRange is bound as a range: containerPortRange and hostPortRange of one binding."""
    app = {"portMappings": [{"containerPortRange": "18090-18092"}]}
    arn = register(app=app, networkMode="bridge")["taskDefinitionArn"]
    (task,) = tasks.running(fleet.cluster, arn)
    (row,) = task["containers"][0]["networkBindings"]
    assert row["containerPortRange"] == "18090-18092"
    first, last = (int(port) for port in row["hostPortRange"].split("-"))
    assert last - first == 2


def test_an_interface_of_its_own(fleet: Fleet, register: Register, network: Network, tasks: Tasks, aws: Aws) -> None:
    """awsvpc: an ElasticNetworkInterface attachment with subnetId, networkInterfaceId, macAddress, privateDnsName,
    privateIPv4Address; EC2 knows the interface; no public IP on EC2."""
    ports = [{"containerPort": 80}]
    arn = register(app={"portMappings": ports}, networkMode="awsvpc")["taskDefinitionArn"]
    started = tasks.run(fleet.cluster, arn, networkConfiguration=network.awsvpc())[0]["taskArn"]
    (task,) = tasks.wait(fleet.cluster, [started], "RUNNING")
    (attachment,) = (row for row in task["attachments"] if row["type"] == "ElasticNetworkInterface")
    assert attachment["status"] == "ATTACHED"
    details = {row["name"]: row["value"] for row in attachment["details"]}
    assert {"subnetId", "networkInterfaceId", "macAddress", "privateDnsName", "privateIPv4Address"} <= set(details)
    assert details["subnetId"] == network.subnets[0]
    (interface,) = task["containers"][0]["networkInterfaces"]
    assert interface["privateIpv4Address"] == details["privateIPv4Address"]
    assert interface["attachmentId"] == attachment["id"]
    assert task["containers"][0].get("networkBindings", []) == []
    found = aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    assert found["NetworkInterfaces"][0]["PrivateIpAddress"] == details["privateIPv4Address"]
    assert "PublicIp" not in found["NetworkInterfaces"][0].get("Association", {})


def test_the_interface_goes_with_the_task(
    fleet: Fleet, register: Register, network: Network, tasks: Tasks, aws: Aws, ecs: Any
) -> None:
    """awsvpc: with the task its attachment is DELETED, and EC2 no longer has the interface."""
    arn = register(networkMode="awsvpc")["taskDefinitionArn"]
    started = tasks.run(fleet.cluster, arn, networkConfiguration=network.awsvpc())[0]["taskArn"]
    (task,) = tasks.wait(fleet.cluster, [started], "RUNNING")
    details = {row["name"]: row["value"] for row in task["attachments"][0]["details"]}
    ecs.stop_task(cluster=fleet.cluster, task=started)
    assert ended(aws, tasks, fleet.cluster, started)["attachments"][0]["status"] == "DELETED"
    with refused("InvalidNetworkInterfaceID.NotFound"):
        aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])


def test_a_public_address_on_fargate(
    cluster: str, fargate_definition: str, network: Network, tasks: Tasks, aws: Aws
) -> None:
    """Fargate with assignPublicIp: DescribeNetworkInterfaces has Association.PublicIp."""
    started = tasks.run(
        cluster, fargate_definition, launchType="FARGATE", networkConfiguration=network.awsvpc(public=True)
    )
    (task,) = tasks.wait(cluster, [started[0]["taskArn"]], "RUNNING", 20.0)
    details = {row["name"]: row["value"] for row in task["attachments"][0]["details"]}
    found = aws.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])
    assert found["NetworkInterfaces"][0]["Association"]["PublicIp"]


def test_no_public_address_on_ec2(fleet: Fleet, register: Register, network: Network, ecs: Any) -> None:
    """ "Assign public IP is not supported for this launch type." """
    arn = register(networkMode="awsvpc")["taskDefinitionArn"]
    with refused(INVALID, "Assign public IP is not supported for this launch type"):
        ecs.run_task(
            cluster=fleet.cluster,
            taskDefinition=arn,
            launchType="EC2",
            networkConfiguration=network.awsvpc(public=True),
        )


def test_not_placed_yet(cluster: str, fargate_definition: str, network: Network, tasks: Tasks) -> None:
    """A task that is PROVISIONING has no containerInstanceArn, on Fargate it never has."""
    started = tasks.run(
        cluster, fargate_definition, launchType="FARGATE", networkConfiguration=network.awsvpc(public=True)
    )
    assert (started[0]["lastStatus"], "containerInstanceArn" in started[0]) == ("PROVISIONING", False)
    (task,) = tasks.wait(cluster, [started[0]["taskArn"]], "RUNNING", 20.0)
    assert "containerInstanceArn" not in task


def test_group_names(ecs: Any, fleet: Fleet, definition: str, tasks: Tasks) -> None:
    """A task's group is family:FAMILY unless one is given; service: is kept for services."""
    (task,) = tasks.run(fleet.cluster, definition)
    family = definition.rsplit("/", 1)[-1].split(":")[0]
    assert task["group"] == f"family:{family}"
    (task,) = tasks.run(fleet.cluster, definition, group="nightly")
    assert task["group"] == "nightly"
    with refused(EITHER):
        ecs.run_task(cluster=fleet.cluster, taskDefinition=definition, group="service:web")
