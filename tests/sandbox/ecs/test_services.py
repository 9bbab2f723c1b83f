# ruff: noqa: E501
"""Services: creation and its refusals, updates, deletion, balancers, what the scheduler says."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

PORT_80 = [{"containerPort": 80, "hostPort": 80}]
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef"
CLASSIC = [{"loadBalancerName": "lb", "containerName": "app", "containerPort": 80}]
TARGETS = [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 80}]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"]}}


@pytest.fixture
def world(world: World) -> World:
    world.elb.classics.add("lb")
    world.elb.groups[GROUP] = None
    world.elb.groups[GROUP + "0"] = "no-listener"
    world.family(portMappings=[{**PORT_80[0], "name": "web"}])
    world.family("plain")
    mounts = [{"sourceVolume": "data", "containerPath": "/data"}]
    container = {"name": "app", "image": "nginx", "memory": 10, "mountPoints": mounts}
    volumes = [{"name": "data", "configuredAtLaunch": True}]
    world.call("RegisterTaskDefinition", family="ebs", containerDefinitions=[container], volumes=volumes)
    world.family("net", networkMode="awsvpc", portMappings=[{"containerPort": 80}])
    return world


def create(world: World, **members: Any) -> dict[str, Any]:
    filled = {"serviceName": "svc", "taskDefinition": "web", "desiredCount": 2, **members}
    given = {name: value for name, value in filled.items() if value is not None}
    return world.call("CreateService", **given)["service"]


def configuration(**members: Any) -> dict[str, Any]:
    return {"deploymentConfiguration": members}


def connect(*services: dict[str, Any], namespace: str | None = "internal") -> dict[str, Any]:
    given = {"namespace": namespace} if namespace else {}
    return {"serviceConnectConfiguration": {"enabled": True, "services": list(services), **given}}


REGISTRY = {"registryArn": "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1"}
EBS = {"roleArn": "arn:aws:iam::123456789012:role/ecs", "sizeInGiB": 10}
DAEMON: dict[str, Any] = {"schedulingStrategy": "DAEMON", "desiredCount": None}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"serviceName": "a b"}, "ServiceName must match"),
    ({"taskDefinition": "nope"}, "TaskDefinition not found"),
    ({"taskDefinition": None}, "TaskDefinition can not be blank"),
    ({"desiredCount": None}, "DesiredCount is missing"),
    ({"clientToken": "x" * 37}, "36"),
    ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x"}]}, "both a launch type"),
    ({"taskDefinition": "net"}, "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
    ({"networkConfiguration": NETWORK}, "Network Configuration is not valid for the given networkMode"),
    (configuration(minimumHealthyPercent=101), "minimumHealthyPercent must be at most 100"),
    (configuration(maximumPercent=99), "maximumPercent"),
    (
        configuration(maximumPercent=100, minimumHealthyPercent=100),
        "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.",
    ),
    (
        configuration(maximumPercent=100, minimumHealthyPercent=0),
        "Availability Zone Rebalancing does not support maximumPercent <= 100 %",
    ),
    (DAEMON | {"desiredCount": 1}, "desired count"),
    (DAEMON | configuration(maximumPercent=200), "maximumPercent"),
    (
        DAEMON | {"placementStrategy": [{"type": "random"}]},
        "The daemon scheduling strategy does not support placement strategies. Remove the placement strategy and try again",
    ),
    (DAEMON | {"availabilityZoneRebalancing": "ENABLED"}, "Rebalancing"),
    ({"platformVersion": "1.4.0"}, "The platform version must be null when specifying an EC2 launch type."),
    ({"role": "r"}, "IAM roles are only valid for services configured to use load balancers."),
    (
        {"taskDefinition": "net", "networkConfiguration": NETWORK, "role": "r", "loadBalancers": TARGETS},
        "You cannot specify an IAM role for services that require a service linked role.",
    ),
    ({"loadBalancers": [{**CLASSIC[0], "containerName": "nope"}]}, "The container nope does not exist in the task def"),
    (
        {"loadBalancers": [{**CLASSIC[0], "containerPort": 8080}]},
        "The container app did not have a container port 8080 defined.",
    ),
    ({"loadBalancers": [{**CLASSIC[0], "targetGroupArn": GROUP}]}, "cannot both be specified"),
    ({"loadBalancers": [{"containerName": "app", "containerPort": 80}]}, "must be specified"),
    ({"loadBalancers": [{**CLASSIC[0], "loadBalancerName": "nope"}]}, "nope"),
    (
        {"loadBalancers": [{**TARGETS[0], "targetGroupArn": GROUP + "x"}]},
        "Unable to assume role and validate the specified targetGroupArn",
    ),
    ({"loadBalancers": [{**TARGETS[0], "targetGroupArn": GROUP + "0"}]}, "does not have an associated load balancer"),
    ({"loadBalancers": TARGETS * 6}, "at most 5"),
    ({"loadBalancers": CLASSIC * 2}, "at most 1"),
    (configuration(strategy="BLUE_GREEN"), "bakeTimeInMinutes"),
    ({"deploymentController": {"type": "EXTERNAL"}}, "TaskDefinition must be blank"),
    ({"cluster": "nope"}, "Cluster not found."),
    (connect(namespace=None), "Namespace is missing"),
    (
        connect({"portName": "api"}),
        "portName(api) does not refer to any named PortMapping in the container definitions",
    ),
    (connect(*[{"portName": "web", "clientAliases": [{"port": 80}]}] * 2), "must be unique"),
    (connect({"portName": "web", "clientAliases": [{"port": 80}] * 2}), "2 clientAliases exceeds the max limit of 1"),
    ({"serviceRegistries": [REGISTRY, REGISTRY]}, "at most 1"),
    ({"serviceRegistries": [REGISTRY]}, "values for 'containerName' and 'containerPort' must be specified"),
    ({"serviceRegistries": [{**REGISTRY, "containerName": "no", "containerPort": 80}]}, "does not exist"),
    ({"serviceRegistries": [{**REGISTRY, "containerName": "app", "containerPort": 81}]}, "container port 81"),
    (
        {"volumeConfigurations": [{"name": "data", "managedEBSVolume": EBS}]},
        "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.",
    ),
    ({"taskDefinition": "ebs"}, "The volume data of the task definition is not configured by volumeConfigurations."),
    (
        {"taskDefinition": "ebs", "volumeConfigurations": [{"name": "data", "managedEBSVolume": {"roleArn": "r"}}]},
        "sizeInGiB or snapshotId",
    ),
]


@pytest.mark.parametrize(("members", "part"), REFUSED)
def test_what_create_service_refuses(world: World, members: dict[str, Any], part: str) -> None:
    with pytest.raises(EcsApiError) as caught:
        create(world, **members)
    assert part in caught.value.message
    assert world.call("ListServices")["serviceArns"] == []


def test_a_new_service_fills_in_what_ecs_fills_in(world: World) -> None:
    made = create(world)
    assert (made["status"], made["runningCount"], made["launchType"]) == ("ACTIVE", 0, "EC2")
    assert made["deploymentConfiguration"]["maximumPercent"] == 200
    assert made["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert made["schedulingStrategy"] == "REPLICA"
    assert made["availabilityZoneRebalancing"] == "ENABLED"
    assert made["deploymentController"] == {"type": "ECS"}
    assert "roleArn" not in made
    assert made["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    world.step(8)
    steady = world.service()
    assert steady["runningCount"] == 2
    assert steady["deployments"][0]["rolloutState"] == "COMPLETED"
    started, completed, is_steady = world.messages()
    assert started.startswith("(service svc) has started 2 tasks: (task ")
    assert started.endswith(").")
    identifier = steady["deployments"][0]["id"]
    assert completed == f"(service svc) (deployment {identifier}) deployment completed."
    assert is_steady == "(service svc) has reached a steady state."
    tasks = world.tasks(serviceName="svc")
    assert {t["group"] for t in tasks} == {"service:svc"}
    assert {t["startedBy"] for t in tasks} == {identifier}
    assert len({t["containerInstanceArn"] for t in tasks}) == 2


def test_creation_is_idempotent_by_token_only(world: World) -> None:
    first = create(world, clientToken="t")
    assert create(world, clientToken="t")["createdAt"] == first["createdAt"]
    for token in (None, "other"):
        with pytest.raises(EcsApiError, match=r"Creation of service was not idempotent\."):
            create(world, clientToken=token)
    with pytest.raises(EcsApiError, match=r"Creation of service was not idempotent\."):
        create(world, clientToken="t", desiredCount=1)
    assert len(world.call("ListServices")["serviceArns"]) == 1


def test_deletion_drains(world: World) -> None:
    create(world)
    world.step(8)
    with pytest.raises(EcsApiError, match=r"The service cannot be stopped while it is scaled above 0\."):
        world.call("DeleteService", service="svc")
    world.call("DeleteService", service="svc", force=True)
    assert world.service()["status"] == "DRAINING"
    assert world.call("ListServices")["serviceArns"] == []
    with pytest.raises(EcsApiError, match=r"Unable to Start a service that is still Draining\."):
        create(world)
    with pytest.raises(EcsApiError, match="ServiceNotActiveException"):
        world.call("UpdateService", service="svc", desiredCount=1)
    world.step(8)
    assert world.service()["status"] == "INACTIVE"
    assert world.tasks() == []
    with pytest.raises(EcsApiError, match="ServiceNotActiveException"):
        world.call("DeleteService", service="svc")
    with pytest.raises(EcsApiError, match="ServiceNotFoundException"):
        world.call("DeleteService", service="nope")
    create(world)
    world.step(8)
    assert world.service()["runningCount"] == 2


def test_scaled_to_zero_it_is_deleted_without_force(world: World) -> None:
    create(world)
    world.step(8)
    world.call("UpdateService", service="svc", desiredCount=0)
    world.step(8)
    assert world.service()["runningCount"] == 0
    world.call("DeleteService", service="svc")
    world.step()
    assert world.service()["status"] == "INACTIVE"


def test_a_stopped_task_is_replaced(world: World) -> None:
    create(world, taskDefinition="plain")
    world.step(8)
    before = {t["taskArn"] for t in world.tasks()}
    world.call("StopTask", task=min(before))
    world.step(8)
    after = {t["taskArn"] for t in world.tasks()}
    assert len(after) == 2
    assert len(after & before) == 1


def test_scaling_down_stops_from_the_fullest_instance(world: World) -> None:
    create(world, taskDefinition="plain", desiredCount=5)
    world.step(8)
    world.call("UpdateService", service="svc", desiredCount=2)
    world.step(8)
    assert len({t["containerInstanceArn"] for t in world.tasks()}) == 2
    reasons = {t["stoppedReason"] for t in world.tasks(desiredStatus="STOPPED")}
    identifier = world.service()["deployments"][0]["id"]
    assert reasons == {f"Scaling activity initiated by (deployment {identifier})"}
    assert any("has stopped 3 running tasks: (task " in message for message in world.messages())


def test_a_protected_task_survives_scaling_down(world: World) -> None:
    create(world, taskDefinition="plain", desiredCount=3)
    world.step(8)
    kept = world.tasks()[0]["taskArn"]
    answer = world.call("UpdateTaskProtection", cluster="default", tasks=[kept], protectionEnabled=True)
    assert answer["protectedTasks"][0]["protectionEnabled"] is True
    world.call("UpdateService", service="svc", desiredCount=0)
    world.step(10)
    assert [t["taskArn"] for t in world.tasks()] == [kept]
    world.call("UpdateTaskProtection", cluster="default", tasks=[kept], protectionEnabled=False)
    world.step(10)
    assert world.tasks() == []


def test_without_room_the_events_say_why(world: World) -> None:
    create(world, desiredCount=3)
    world.step(20)
    assert world.service()["runningCount"] == 2
    complaint = [m for m in world.messages() if "was unable to place a task" in m]
    assert len(complaint) == 1
    assert "The closest matching (container-instance " in complaint[0]
    assert ") is already using a port required by your task." in complaint[0]
    world.host(zone="a")
    world.step(10)
    assert world.service()["runningCount"] == 3
    assert world.messages()[-1] == "(service svc) has reached a steady state."


def test_without_any_instance_the_events_say_so(empty: World) -> None:
    empty.call("CreateCluster")
    empty.family()
    create(empty)
    empty.step(3)
    assert "Reason: No Container Instances were found in your cluster." in empty.messages()[0]


def test_a_terminated_instance_is_made_good(world: World) -> None:
    create(world)
    world.step(8)
    world.engine.instance_terminated("i-00000000000000001")
    world.step(3)
    assert world.service()["runningCount"] == 1
    world.host(zone="b")
    world.step(8)
    assert world.service()["runningCount"] == 2


def test_a_draining_instance_is_emptied_when_there_is_another_place(world: World) -> None:
    create(world)
    world.step(8)
    arn = world.tasks()[0]["containerInstanceArn"]
    world.call("UpdateContainerInstancesState", containerInstances=[arn], status="DRAINING")
    world.step(8)
    assert len(world.tasks(containerInstance=arn)) == 1
    world.host(zone="a")
    world.step(20)
    assert world.tasks(containerInstance=arn) == []
    assert world.service()["runningCount"] == 2


def test_behind_a_classic_balancer(world: World) -> None:
    made = create(world, loadBalancers=CLASSIC, role="ecsServiceRole")
    assert made["roleArn"] == "arn:aws:iam::123456789012:role/ecsServiceRole"
    assert "rolloutState" not in made["deployments"][0]
    world.step(10)
    assert world.elb.targets == {("lb", f"i-{n:017d}", 80) for n in range(2)}
    assert "(service svc) registered 2 instances in (elb lb)" in world.messages()
    assert "rolloutState" not in world.service()["deployments"][0]
    world.elb.verdicts["i-00000000000000000", 80] = "unhealthy"
    world.step(8)
    stopped = world.tasks(desiredStatus="STOPPED")
    assert [t["stoppedReason"] for t in stopped] == ["Task failed ELB health checks in (elb lb)"]
    assert any("(instance i-00000000000000000) is unhealthy in (elb lb) due to" in m for m in world.messages())
    world.elb.verdicts.clear()
    world.step(12)
    assert world.service()["runningCount"] == 2
    world.call("DeleteService", service="svc", force=True)
    world.step(8)
    assert world.elb.targets == set()


def test_behind_a_target_group(world: World) -> None:
    create(world, taskDefinition="net", networkConfiguration=NETWORK, loadBalancers=TARGETS)
    world.step(10)
    addresses = {i.private_ip for i in world.ec2.interfaces.values()}
    assert world.elb.targets == {(GROUP, address, 80) for address in addresses}
    assert f"(service svc) registered 2 targets in (target-group {GROUP})" in world.messages()
    task = world.tasks()[0]
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    world.elb.draining.add((GROUP, address, 80))
    world.call("StopTask", task=task["taskArn"])
    world.step(5)
    waiting = world.call("DescribeTasks", tasks=[task["taskArn"]])["tasks"][0]
    assert waiting["lastStatus"] == "DEACTIVATING"
    world.elb.draining.clear()
    world.step(5)
    assert world.call("DescribeTasks", tasks=[task["taskArn"]])["tasks"][0]["lastStatus"] == "STOPPED"


def test_the_grace_period_keeps_slow_starters(world: World) -> None:
    world.elb.default = "unhealthy"
    create(world, loadBalancers=CLASSIC, healthCheckGracePeriodSeconds=30)
    world.step(10)
    before = {t["taskArn"] for t in world.tasks()}
    world.step(10, seconds=2)
    assert {t["taskArn"] for t in world.tasks()} == before
    assert "(service svc) has reached a steady state." not in world.messages()
    world.step(10, seconds=2)
    assert not {t["taskArn"] for t in world.tasks()} & before


def test_service_connect_registries_and_volumes_are_kept(world: World) -> None:
    given = connect({"portName": "web", "clientAliases": [{"port": 80, "dnsName": "web"}]})
    registries = [{**REGISTRY, "containerName": "app", "containerPort": 80}]
    create(world, **given, serviceRegistries=registries)
    service = world.service()
    assert service["serviceRegistries"] == registries
    assert service["deployments"][0]["serviceConnectConfiguration"] == given["serviceConnectConfiguration"]
    assert world.call("ListServicesByNamespace", namespace="internal")["serviceArns"] == [service["serviceArn"]]
    volumes = [{"name": "data", "managedEBSVolume": EBS}]
    create(world, serviceName="stored", taskDefinition="ebs", volumeConfigurations=volumes)
    assert world.service("stored")["deployments"][0]["volumeConfigurations"] == volumes


def test_in_the_grace_period_no_container_health_check_counts(world: World) -> None:
    world.family("checked", healthCheck={"command": ["CMD", "true"]}, portMappings=PORT_80)
    create(world, taskDefinition="checked", loadBalancers=CLASSIC, healthCheckGracePeriodSeconds=30)
    world.step(10)
    before = {task["taskArn"] for task in world.tasks()}
    for arn in before:
        world.runtime.tell(arn, "app", "health", health="UNHEALTHY")
    world.step(10, seconds=2)
    assert {task["taskArn"] for task in world.tasks()} == before
    world.step(10, seconds=2)
    assert not {task["taskArn"] for task in world.tasks()} & before


def test_a_container_health_check_that_fails_replaces_the_task(world: World) -> None:
    world.family("checked", healthCheck={"command": ["CMD", "true"]})
    create(world, taskDefinition="checked", desiredCount=1)
    world.step(6)
    task = world.tasks()[0]
    assert "(service svc) has reached a steady state." not in world.messages()
    world.runtime.tell(task["taskArn"], "app", "health", health="HEALTHY")
    world.step(2)
    assert world.messages()[-1] == "(service svc) has reached a steady state."
    world.runtime.tell(task["taskArn"], "app", "health", health="UNHEALTHY")
    world.step(8)
    # Its replacement comes first.
    (fresh,) = (t["taskArn"] for t in world.tasks() if t["taskArn"] != task["taskArn"])
    assert [t["lastStatus"] for t in world.tasks()] == ["RUNNING", "RUNNING"]
    world.runtime.tell(fresh, "app", "health", health="HEALTHY")
    world.step(8)
    stopped = world.tasks(desiredStatus="STOPPED")[0]
    assert stopped["stoppedReason"] == "Task failed container health checks"
    assert world.service()["runningCount"] == 1


def test_without_room_for_replacements_failing_tasks_stop_one_by_one(world: World) -> None:
    world.family("fixed", healthCheck={"command": ["CMD", "true"]}, portMappings=PORT_80)
    create(world, taskDefinition="fixed")
    world.step(6)
    before = [task["taskArn"] for task in world.tasks()]
    for arn in before:
        world.runtime.tell(arn, "app", "health", health="HEALTHY")
    world.step(4)
    for arn in before:
        world.runtime.tell(arn, "app", "health", health="UNHEALTHY")
    for _ in range(30):
        world.step()
        assert sum(task["lastStatus"] in ("RUNNING", "PENDING", "ACTIVATING") for task in world.tasks()) >= 1
        for task in world.tasks():
            if task["taskArn"] not in before:
                world.runtime.tell(task["taskArn"], "app", "health", health="HEALTHY")
    assert not {task["taskArn"] for task in world.tasks()} & set(before)
    assert len(world.tasks()) == 2
    reasons = {task["stoppedReason"] for task in world.tasks(desiredStatus="STOPPED")}
    assert reasons == {"Task failed container health checks"}


def test_describe_and_list(world: World) -> None:
    for n in range(12):
        create(world, serviceName=f"s{n}", taskDefinition="plain", desiredCount=0)
    first = world.call("ListServices")
    assert len(first["serviceArns"]) == 10
    assert len(world.call("ListServices", nextToken=first["nextToken"])["serviceArns"]) == 2
    with pytest.raises(EcsApiError, match="10"):
        world.call("DescribeServices", services=[f"s{n}" for n in range(11)])
    answer = world.call("DescribeServices", services=["s1", "nope"])
    assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
    assert world.call("ListServices", launchType="FARGATE")["serviceArns"] == []
    assert world.call("ListServices", schedulingStrategy="DAEMON")["serviceArns"] == []


def test_only_a_hundred_events_are_kept(world: World) -> None:
    create(world, taskDefinition="plain", desiredCount=1)
    world.step(8)
    for _ in range(60):
        world.call("StopTask", task=world.tasks()[0]["taskArn"])
        world.step(9)
    assert len(world.service()["events"]) == 100


def test_a_balancer_that_has_gone_is_complained_of(world: World) -> None:
    create(world, taskDefinition="net", networkConfiguration=NETWORK, loadBalancers=TARGETS)
    world.elb.gone = True
    world.step(8)
    assert world.service()["runningCount"] == 2
    complaints = [m for m in world.messages() if "failed to register targets" in m]
    assert len(complaints) == 1
    assert f"(target-group {GROUP}) with (error One or more target groups not found)" in complaints[0]
    world.call("DeleteService", service="svc", force=True)
    world.step(8)
    assert world.service()["status"] == "INACTIVE"
