"""The commands against the sandbox's ECS engine, through botocore's own serializer and parser; EC2's part is XML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.sandbox.ecs.errors import EcsApiError
from tests.sandbox.ecs.world import World
from tests.support.command import Ended, ecsctl
from tests.support.wire import Wire

pytestmark = pytest.mark.slow

PORT = [{"containerPort": 80, "hostPort": 80}]
DYNAMIC = [{"containerPort": 80, "hostPort": 0}]


class Everything(dict):  # type: ignore[type-arg]
    """Answers of every operation: ECS's by the engine, time passing with each; EC2's of the hosts and interfaces."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def __missing__(self, operation: str) -> Any:
        if operation in ("DescribeInstances", "DescribeNetworkInterfaces"):
            return getattr(self, operation)

        if operation == "DescribeScalableTargets":
            return lambda query: {"ScalableTargets": []}

        def answer(query: dict[str, Any]) -> Any:
            self.world.step(20)
            status, _, body = self.world.engine.handle(operation, json.dumps(query).encode())
            self.world.step(20)
            return status, json.loads(body)

        return answer

    def DescribeInstances(self, query: dict[str, Any]) -> str:
        items = "".join(
            f"<item><instancesSet><item><instanceId>{value}</instanceId>"
            f"<ipAddress>{self.world.ec2.address(value)}</ipAddress>"
            f"<privateIpAddress>10.9.0.1</privateIpAddress></item></instancesSet></item>"
            for key, value in query.items()
            if key.startswith("Filter.1.Value")
        )
        return f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet></DescribeInstancesResponse>"

    def DescribeNetworkInterfaces(self, query: dict[str, Any]) -> str:
        asked = [value for key, value in query.items() if key.startswith("Filter.1.Value")]
        items = ""
        for one in self.world.ec2.interfaces.values():
            if one.id in asked:
                public = f"<association><publicIp>{one.public_ip}</publicIp></association>" if one.public_ip else ""
                items += f"<item><networkInterfaceId>{one.id}</networkInterfaceId>{public}"
                items += f"<privateIpAddress>{one.private_ip}</privateIpAddress></item>"
        return (
            "<DescribeNetworkInterfacesResponse><networkInterfaceSet>"
            f"{items}</networkInterfaceSet></DescribeNetworkInterfacesResponse>"
        )


@pytest.fixture
def world() -> World:
    world = World()
    world.call("CreateCluster")
    world.call("CreateCluster", clusterName="other")
    world.host(zone="a")
    world.host(zone="b")
    return world


def do(world: World, *arguments: str) -> Ended:
    return ecsctl(Wire(Everything(world)).aws, *arguments)


def test_run_locate_stop(world: World) -> None:
    world.family("web", portMappings=PORT)
    ran = do(world, "run", "web")
    assert ran.code == 0, ran.err
    [task] = ran.lines
    address = do(world, "locate", "-q", task).out.strip()
    assert address in ("127.0.1.1:80", "127.0.1.2:80")
    row = do(world, "locate", task[:10], "-o", "json").json[0]
    assert (row["address"], row["availabilityZone"][:-1], row["containerPort"]) == (address, "eu-west-1", 80)
    assert do(world, "locate", row["instanceId"]).lines == [address]
    assert do(world, "locate", "app").lines == [address]
    assert do(world, "ps", "--instance", row["instanceId"], "-q").lines == [task]
    assert do(world, "locate", "-c", "other", task).code == 6
    assert "add -c default" in do(world, "locate", "-c", "other", task).err
    stopped = do(world, "stop", task, "--reason", "done with it")
    assert (stopped.code, stopped.lines) == (0, [task])
    assert do(world, "ps", "-q").lines == []
    told = do(world, "locate", task)
    assert told.code == 1
    assert "done with it" in told.err
    assert "done with it" in do(world, "ps", "--all").out


def test_dynamic_ports_share_an_instance(world: World) -> None:
    world.family("web", portMappings=DYNAMIC)
    assert do(world, "run", "web", "--count", "12").code == 0
    located = do(world, "locate").lines
    assert len(set(located)) == 12
    assert {line.split(":")[0] for line in located} == {"127.0.1.1", "127.0.1.2"}


def test_no_room_says_which_instance_has_how_much_left(world: World) -> None:
    world.family("big", memory=1500)
    ended = do(world, "run", "big", "--count", "3")
    assert ended.code == 1
    assert len(ended.lines) == 2
    assert "2 of 3 tasks" in ended.err
    assert "RESOURCE:MEMORY" in ended.err
    assert "has 400 of 1900 MiB left" in ended.err
    world.family("port", portMappings=PORT)
    ports = do(world, "run", "port", "--count", "3")
    assert "RESOURCE:PORTS" in ports.err
    assert "already uses 80" in ports.err


def test_a_disconnected_agent_and_an_empty_cluster(world: World) -> None:
    world.family("web")
    for number in range(2):
        world.engine.agent_connected(f"i-{number:017d}", False)
    assert "agent is disconnected" in do(world, "run", "web").err
    assert [line.split()[4] for line in do(world, "instance", "list").lines[1:]] == ["disconnected"] * 2
    empty = do(world, "run", "web", "-c", "other")
    assert "ecsctl instance bootstrap -c other" in empty.err
    nowhere = do(world, "run", "web", "-c", "nowhere")
    assert nowhere.code == 6
    unknown = do(world, "run", "nope")
    assert (unknown.code, "task register" in unknown.err) == (6, True)


def test_a_task_that_ends_passes_its_code_on(world: World) -> None:
    world.family("job", image="job")
    world.runtime.behaviour["job"] = "exits-7"
    ended = do(world, "run", "job", "--wait")
    assert ended.code == 7, ended.err
    assert do(world, "run", "job").code == 1
    world.family("broken", image="broken")
    world.runtime.behaviour["broken"] = "cannot-pull"
    broken = do(world, "run", "broken")
    assert broken.code == 1
    assert "CannotPullContainerError" in broken.err


def test_an_interface_of_its_own(world: World) -> None:
    definition = {"name": "app", "image": "nginx", "portMappings": [{"containerPort": 8080}]}
    world.call(
        "RegisterTaskDefinition",
        family="far",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[definition],
    )
    missing = do(world, "run", "far", "--launch-type", "FARGATE")
    assert (missing.code, "--subnet" in missing.err) == (2, True), missing.err
    ran = do(world, "run", "far", "--launch-type", "FARGATE", "--subnet", "subnet-a", "--public-ip")
    assert ran.code == 0, ran.err
    assert do(world, "locate", "-q").lines == ["127.0.2.1:8080"]
    assert do(world, "locate", "-q", "--private").lines == ["10.0.0.1:8080"]
    assert do(world, "ps").lines[1].split()[-3:-1] == ["FARGATE", "127.0.2.1:8080"]
    assert do(world, "locate", "-o", "json").json[0]["instanceId"] is None


def test_services_are_listed_shown_and_explained(world: World) -> None:
    world.family("web", portMappings=PORT)
    world.call("CreateService", serviceName="svc", taskDefinition="web", desiredCount=3)
    world.step(50)
    shown = do(world, "service", "show", "svc")
    assert shown.code == 0, shown.err
    assert "127.0.1.1:80" in shown.out
    assert "a fixed host port is taken" in shown.err
    row = do(world, "service", "list", "-o", "json").json[0]
    assert (row["desiredCount"], row["runningCount"]) == (3, 2)
    assert sorted(do(world, "locate", "--service", "svc", "-q").lines) == ["127.0.1.1:80", "127.0.1.2:80"]
    assert any("already using a port" in line for line in do(world, "service", "events", "svc", "-q").lines)
    victim = do(world, "ps", "--service", "svc", "-q").lines[0]
    assert do(world, "stop", victim).code == 0
    assert victim not in do(world, "ps", "--service", "svc", "-q").lines


def test_clusters_and_definitions(world: World, tmp_path: Path) -> None:
    assert do(world, "cluster", "list", "-q").lines == ["default", "other"]
    assert do(world, "cluster", "show", "default", "-o", "json").json["registeredContainerInstancesCount"] == 2
    world.call("DeleteCluster", cluster="other")
    assert do(world, "cluster", "list", "-q").lines == ["default"]
    assert do(world, "cluster", "show", "other").code == 6
    file = tmp_path / "nginx.json"
    containers: list[dict[str, Any]] = [{"name": "nginx", "image": "nginx", "memory": 300, "portMappings": PORT}]
    for memory, expected in ((300, "nginx:1"), (300, "nginx:1"), (400, "nginx:2")):
        containers[0]["memory"] = memory
        file.write_text(json.dumps(containers))
        done = do(world, "task", "register", str(file), "--family", "nginx")
        assert done.lines == [expected], done.err
    assert do(world, "task", "definitions", "nginx", "-q").lines == ["nginx:1", "nginx:2"]
    gone = do(world, "task", "deregister", "nginx", "--yes")
    assert (gone.code, gone.lines) == (0, ["nginx:1", "nginx:2"])
    assert do(world, "task", "definitions", "-q").lines == []
    with pytest.raises(EcsApiError):
        world.call("DescribeTaskDefinition", taskDefinition="nginx")
