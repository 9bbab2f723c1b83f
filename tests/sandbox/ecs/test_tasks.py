"""Tasks: where they go, how they live and die, how they are found."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World

LOG_OPTIONS = {"awslogs-group": "g", "awslogs-region": "eu-west-1"}
PORT_80 = [{"containerPort": 80, "hostPort": 80}]
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-a"], "securityGroups": ["sg-1"]}}
MISSING_ARN = "arn:aws:ecs:eu-west-1:123456789012:task/default/nope"


def run(world: World, family: str = "web", **members: Any) -> dict[str, Any]:
    answer = world.call("RunTask", taskDefinition=family, **members)
    assert answer["failures"] == []
    return answer["tasks"][0]


def look(world: World, task: dict[str, Any]) -> dict[str, Any]:
    return world.call("DescribeTasks", tasks=[task["taskArn"]])["tasks"][0]


def lives(world: World, task: dict[str, Any], turns: int = 8) -> list[str]:
    """The statuses the task goes through."""
    seen = [look(world, task)["lastStatus"]]
    for _ in range(turns):
        world.step()
        seen.append(look(world, task)["lastStatus"])
    return list(dict.fromkeys(seen))


def test_the_life_of_a_task_with_an_interface(world: World) -> None:
    world.family(networkMode="awsvpc", portMappings=[{"containerPort": 80}])
    task = run(world, networkConfiguration=NETWORK)
    assert "networkInterfaceId" not in str(task["attachments"])
    assert lives(world, task) == ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
    running = look(world, task)
    details = {d["name"]: d["value"] for d in running["attachments"][0]["details"]}
    assert details["privateIPv4Address"] == running["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert running["containers"][0]["networkBindings"] == []
    assert list(world.ec2.interfaces) == [details["networkInterfaceId"]]
    world.call("StopTask", task=task["taskArn"], reason="enough")
    assert lives(world, task) == ["RUNNING", "DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"]
    stopped = look(world, task)
    assert (stopped["stopCode"], stopped["stoppedReason"]) == ("UserInitiated", "enough")
    assert stopped["containers"][0]["exitCode"] == 143
    times = [stopped[t] for t in ("createdAt", "pullStartedAt", "pullStoppedAt", "startedAt", "stoppingAt",
                                  "executionStoppedAt", "stoppedAt")]  # fmt: skip
    assert times == sorted(times)
    assert world.ec2.interfaces == {}


def test_a_bridge_task_is_pending_at_once_and_shows_its_ports_once_it_runs(world: World) -> None:
    world.family(portMappings=[*PORT_80, {"containerPort": 81}, {"containerPort": 53, "protocol": "udp"}])
    task = run(world)
    assert task["lastStatus"] == "PENDING"
    assert task["containerInstanceArn"]
    assert task["containers"][0]["networkBindings"] == []
    world.step(4)
    bindings = look(world, task)["containers"][0]["networkBindings"]
    assert bindings[0] == {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 80, "protocol": "tcp"}
    assert all(32768 <= b["hostPort"] <= 60999 for b in bindings[1:])
    assert [b["protocol"] for b in bindings] == ["tcp", "tcp", "udp"]
    assert [p.host_port for p in world.runtime.launched[0].ports] == [b["hostPort"] for b in bindings]


def test_what_the_runtime_is_told(world: World) -> None:
    world.family(environment=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}], command=["x"])
    overrides = {
        "containerOverrides": [{"name": "app", "command": ["y"], "environment": [{"name": "B", "value": "2"}]}]
    }
    task = run(world, overrides=overrides)
    world.step()
    request = world.runtime.launched[0]
    assert request.task_arn == task["taskArn"]
    assert request.definition["command"] == ["y"]
    assert (request.environment["A"], request.environment["B"]) == ("1", "2")
    assert request.address == world.ec2.address(request.instance_id or "")
    assert request.memory_mib == 100
    assert look(world, task)["overrides"]["containerOverrides"] == overrides["containerOverrides"]


def test_without_room_there_are_failures_under_200(world: World) -> None:
    world.family(portMappings=PORT_80)
    answer = world.call("RunTask", taskDefinition="web", count=3)
    assert len(answer["tasks"]) == 2
    assert {failure["reason"] for failure in answer["failures"]} == {"RESOURCE:PORTS"}
    assert all(":container-instance/default/" in failure["arn"] for failure in answer["failures"])
    world.family("fat", memory=4000)
    world.family("busy", cpu=4000)
    world.family("logs", logConfiguration={"logDriver": "awslogs", "options": LOG_OPTIONS})
    assert reasons(world, "fat") == {"RESOURCE:MEMORY"}
    assert reasons(world, "busy") == {"RESOURCE:CPU"}
    world.family("reserved", portMappings=[{"containerPort": 22, "hostPort": 22}])
    assert reasons(world, "reserved") == {"RESOURCE:PORTS"}
    for n in range(2):
        world.engine.agent_connected(f"i-{n:017d}", False)
    assert reasons(world, "logs") == {"AGENT"}


def reasons(world: World, family: str) -> set[str]:
    answer = world.call("RunTask", taskDefinition=family)
    assert answer["tasks"] == []
    return {failure["reason"] for failure in answer["failures"]}


def test_an_agent_that_cannot_log_to_cloudwatch_is_not_given_such_a_task(empty: World) -> None:
    empty.call("CreateCluster")
    empty.host(attributes={"com.amazonaws.ecs.capability.docker-remote-api.1.21": None})
    empty.family("logs", logConfiguration={"logDriver": "awslogs", "options": LOG_OPTIONS})
    assert reasons(empty, "logs") == {"ATTRIBUTE"}


def test_an_empty_cluster_throws(empty: World) -> None:
    empty.call("CreateCluster")
    empty.family()
    with pytest.raises(EcsApiError, match=r"No Container Instances were found in your cluster\."):
        empty.call("RunTask", taskDefinition="web")


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"count": 0}, "Count"),
        ({"count": 11}, "Count"),
        ({"taskDefinition": "nope"}, "TaskDefinition not found"),
        ({"networkConfiguration": NETWORK}, "Network Configuration is not valid"),
        ({"launchType": "EC2", "capacityProviderStrategy": [{"capacityProvider": "x", "weight": 1}]}, "not associated"),
        ({"overrides": {"containerOverrides": [{"name": "nope"}]}}, "nope"),
        ({"overrides": {"containerOverrides": [{"name": "app", "command": ["x" * 9000]}]}}, "8192"),
        ({"startedBy": "x" * 129}, "128"),
        ({"placementConstraints": [{"type": "distinctInstance"}] * 11}, "10"),
        ({"placementStrategy": [{"type": "random"}] * 6}, "5"),
        ({"placementConstraints": [{"type": "memberOf", "expression": "x" * 2001}]}, "2000"),
        ({"launchType": "FARGATE"}, "FARGATE"),
        ({"platformVersion": "1.4.0"}, "platform version"),
        ({"cluster": "nope"}, "Cluster not found"),
        ({"group": "service:x"}, "Group name"),
    ],
)
def test_refused_runs_change_nothing(world: World, members: dict[str, Any], part: str) -> None:
    world.family()
    with pytest.raises(EcsApiError) as caught:
        world.call("RunTask", **{"taskDefinition": "web", **members})
    assert part in caught.value.message
    assert world.tasks() == []


def test_an_awsvpc_task_needs_a_network(world: World) -> None:
    world.family(networkMode="awsvpc")
    with pytest.raises(EcsApiError, match="Network Configuration must be provided"):
        world.call("RunTask", taskDefinition="web")


def test_the_client_token_of_run_task(world: World) -> None:
    world.family()
    first = world.call("RunTask", taskDefinition="web", count=2, clientToken="t")
    world.step(5)
    again = world.call("RunTask", taskDefinition="web", count=2, clientToken="t")
    assert [t["taskArn"] for t in again["tasks"]] == [t["taskArn"] for t in first["tasks"]]
    assert len(world.tasks()) == 2
    with pytest.raises(EcsApiError, match="ConflictException"):
        world.call("RunTask", taskDefinition="web", count=1, clientToken="t")


def test_start_task_names_its_instances(world: World) -> None:
    world.family(portMappings=PORT_80)
    arns = world.call("ListContainerInstances")["containerInstanceArns"]
    answer = world.call("StartTask", taskDefinition="web", containerInstances=[arns[1], "nope"])
    assert [t["containerInstanceArn"] for t in answer["tasks"]] == [arns[1]]
    assert [f["reason"] for f in answer["failures"]] == ["MISSING"]
    again = world.call("StartTask", taskDefinition="web", containerInstances=[arns[1]])
    assert [f["reason"] for f in again["failures"]] == ["RESOURCE:PORTS"]


def test_a_pull_that_fails(world: World) -> None:
    world.runtime.behaviour["nginx"] = "cannot-pull"
    world.family()
    task = run(world)
    world.step(8)
    stopped = look(world, task)
    assert (stopped["lastStatus"], stopped["stopCode"]) == ("STOPPED", "TaskFailedToStart")
    assert stopped["containers"][0]["reason"].startswith("CannotPullContainerError")
    assert "startedAt" not in stopped


def test_an_essential_container_that_exits_takes_the_task_along(world: World) -> None:
    world.runtime.behaviour["once"] = "exits-3"
    world.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "main", "image": "once", "memory": 10},
            {"name": "side", "image": "nginx", "memory": 10},
        ],
    )
    task = run(world)
    world.step(8)
    stopped = look(world, task)
    assert stopped["stoppedReason"] == "Essential container in task exited"
    assert stopped["stopCode"] == "EssentialContainerExited"
    assert [c.get("exitCode") for c in stopped["containers"]] == [3, 143]


def test_a_side_container_may_exit(world: World) -> None:
    world.runtime.behaviour["once"] = "exits-0"
    world.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "init", "image": "once", "memory": 10, "essential": False},
            {
                "name": "main",
                "image": "nginx",
                "memory": 10,
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
            },
        ],
    )
    task = run(world)
    world.step(1)
    assert [r.name for r in world.runtime.launched] == ["init"]
    world.step(6)
    assert [r.name for r in world.runtime.launched] == ["init", "main"]
    running = look(world, task)
    assert running["lastStatus"] == "RUNNING"
    assert [c["lastStatus"] for c in running["containers"]] == ["STOPPED", "RUNNING"]


def test_a_dependency_that_fails_fails_the_task(world: World) -> None:
    world.runtime.behaviour["once"] = "exits-1"
    world.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "init", "image": "once", "memory": 10, "essential": False},
            {
                "name": "main",
                "image": "nginx",
                "memory": 10,
                "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
            },
        ],
    )
    task = run(world)
    world.step(10)
    stopped = look(world, task)
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert stopped["containers"][1]["reason"].startswith("TaskDependencyError")


def test_a_healthy_dependency_is_waited_for(world: World) -> None:
    check = {"command": ["CMD", "true"]}
    world.call(
        "RegisterTaskDefinition",
        family="web",
        containerDefinitions=[
            {"name": "db", "image": "db", "memory": 10, "healthCheck": check},
            {
                "name": "main",
                "image": "nginx",
                "memory": 10,
                "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}],
            },
        ],
    )
    task = run(world)
    world.step(6)
    assert [r.name for r in world.runtime.launched] == ["db"]
    world.runtime.tell(task["taskArn"], "db", "health", health="HEALTHY")
    world.step(4)
    assert look(world, task)["lastStatus"] == "RUNNING"
    assert look(world, task)["healthStatus"] == "HEALTHY"


def test_a_restart_policy_restarts_in_place(world: World) -> None:
    world.family(restartPolicy={"enabled": True, "ignoredExitCodes": [7], "restartAttemptPeriod": 60})
    task = run(world)
    world.step(5)
    world.step(1, seconds=100)
    world.runtime.tell(task["taskArn"], "app", "exited", exit_code=1)
    world.step(3)
    assert look(world, task)["lastStatus"] == "RUNNING"
    assert len(world.runtime.launched) == 2
    world.step(1, seconds=100)
    world.runtime.tell(task["taskArn"], "app", "exited", exit_code=7)
    world.step(6)
    assert look(world, task)["stopCode"] == "EssentialContainerExited"


def test_a_stopped_task_vanishes_after_an_hour(world: World) -> None:
    world.family()
    task = run(world)
    world.step(5)
    world.call("StopTask", task=task["taskArn"])
    world.step(6)
    world.step(1, seconds=3500)
    assert look(world, task)["lastStatus"] == "STOPPED"
    world.step(1, seconds=200)
    answer = world.call("DescribeTasks", tasks=[task["taskArn"]])
    assert answer["failures"] == [{"arn": task["taskArn"], "reason": "MISSING"}]
    with pytest.raises(EcsApiError, match="not found"):
        world.call("StopTask", task=task["taskArn"])


def test_tasks_are_found_in_their_own_cluster_only(world: World) -> None:
    world.call("CreateCluster", clusterName="other")
    world.family()
    task = run(world)
    short = task["taskArn"].rsplit("/", 1)[-1]
    for reference in (short, task["taskArn"], f"arn:aws:ecs:eu-west-1:123456789012:task/{short}"):
        assert world.call("DescribeTasks", tasks=[reference])["tasks"][0]["taskArn"] == task["taskArn"]
        elsewhere = world.call("DescribeTasks", cluster="other", tasks=[reference])
        assert elsewhere["tasks"] == []
        assert [f["reason"] for f in elsewhere["failures"]] == ["MISSING"]
    assert world.call("DescribeTasks", tasks=["nope"])["failures"] == [{"arn": MISSING_ARN, "reason": "MISSING"}]
    with pytest.raises(EcsApiError, match="100"):
        world.call("DescribeTasks", tasks=[str(n) for n in range(101)])


def test_the_filters_of_list_tasks(world: World) -> None:
    world.family("a")
    world.family("b")
    first = run(world, "a", startedBy="me")
    second = run(world, "b")
    world.call("CreateService", serviceName="svc", taskDefinition="a", desiredCount=1)
    world.step(5)

    def listed(**filters: Any) -> list[str]:
        return world.call("ListTasks", **filters)["taskArns"]

    assert len(listed()) == 3
    assert listed(startedBy="me") == [first["taskArn"]]
    assert listed(family="b") == [second["taskArn"]]
    assert len(listed(family="a")) == 2
    of_service = listed(serviceName="svc")
    assert len(of_service) == 1
    assert look(world, {"taskArn": of_service[0]})["startedBy"].startswith("ecs-svc/")
    on_host = listed(containerInstance=first["containerInstanceArn"])
    assert first["taskArn"] in on_host
    assert listed(launchType="FARGATE") == []
    world.call("StopTask", task=second["taskArn"])
    assert listed(desiredStatus="STOPPED") == [second["taskArn"]]
    assert len(listed(maxResults=1)) == 1
    with pytest.raises(EcsApiError, match="startedBy"):
        listed(startedBy="me", family="a")
    with pytest.raises(EcsApiError, match="ServiceNotFoundException"):
        listed(serviceName="nope")


def test_fargate_needs_no_instance(empty: World) -> None:
    empty.call("CreateCluster")
    empty.call(
        "RegisterTaskDefinition",
        family="web",
        cpu="256",
        memory="512",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        containerDefinitions=[{"name": "app", "image": "nginx", "portMappings": [{"containerPort": 80}]}],
    )
    network = {"awsvpcConfiguration": {"subnets": ["subnet-b"], "assignPublicIp": "ENABLED"}}
    task = run(empty, launchType="FARGATE", networkConfiguration=network)
    empty.step(5)
    running = look(empty, task)
    assert running["lastStatus"] == "RUNNING"
    assert "containerInstanceArn" not in running
    assert (running["platformVersion"], running["platformFamily"]) == ("1.4.0", "Linux")
    assert (running["availabilityZone"], running["cpu"], running["memory"]) == ("eu-west-1b", "256", "512")
    assert running["ephemeralStorage"] == {"sizeInGiB": 20}
    assert empty.runtime.launched[0].address == "127.0.2.1"


def test_execute_command_is_refused_where_it_is_not_enabled(world: World) -> None:
    world.family()
    task = run(world)
    world.step(5)
    with pytest.raises(EcsApiError, match="execute command was not enabled"):
        world.call("ExecuteCommand", task=task["taskArn"], command="sh", interactive=True)


def test_a_fixed_port_is_not_given_twice_to_dynamic_ones(world: World) -> None:
    world.family(portMappings=[{"containerPort": 80}])
    world.call("RunTask", taskDefinition="web", count=2)
    world.step(5)
    taken = world.tasks()[0]["containers"][0]["networkBindings"][0]["hostPort"]
    world.family("fixed", portMappings=[{"containerPort": 80, "hostPort": taken}])
    assert reasons(world, "fixed") == {"RESOURCE:PORTS"}
    world.family("next", portMappings=[{"containerPort": 80, "hostPort": taken + 1}])
    assert len(world.call("RunTask", taskDefinition="next", count=2)["tasks"]) == 2
    world.call("RunTask", taskDefinition="web", count=2)
    world.step(5)
    ports = sorted(t["containers"][0]["networkBindings"][0]["hostPort"] for t in world.tasks())
    assert ports == [taken, taken, taken + 1, taken + 1, taken + 2, taken + 2]
