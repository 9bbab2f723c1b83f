from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta, timezone

import pytest

from tests.support.command import ecsctl
from tests.support.world import World, task_id

HTTP = {"bindIP": "0.0.0.0", "containerPort": 80, "hostPort": 32768, "protocol": "tcp"}


@pytest.fixture
def world() -> World:
    return World()


def interface(number: int, public: str | None = None) -> dict[str, object]:
    row: dict[str, object] = {"NetworkInterfaceId": f"eni-{number}", "PrivateIpAddress": f"10.1.0.{number}"}
    return {**row, "Association": {"PublicIp": public}} if public else row


def attached(number: int) -> list[dict[str, object]]:
    details = [
        {"name": "networkInterfaceId", "value": f"eni-{number}"},
        {"name": "privateIPv4Address", "value": f"10.1.0.{number}"},
    ]
    return [{"type": "ElasticNetworkInterface", "status": "ATTACHED", "details": details}]


def test_a_bridge_task_is_located_in_three_calls(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP])
    aws = world.aws()
    ended = ecsctl(aws, "locate", "-c", "web", task_id(1))
    assert (ended.code, ended.out, ended.err) == (0, "198.51.100.7:32768\n", "")
    assert aws.operations() == ["ecs:DescribeTasks", "ecs:DescribeContainerInstances", "ec2:DescribeInstances"]


def test_an_arn_brings_its_own_cluster(world: World) -> None:
    task = world.task(1, cluster="other", on=world.instance(7, cluster="other"), ports=[HTTP])
    ended = ecsctl(world.aws(), "locate", "-q", task["taskArn"])
    assert ended.out == "198.51.100.7:32768\n"


def test_an_arn_of_another_region_is_refused(world: World) -> None:
    ended = ecsctl(world.aws(), "locate", f"arn:aws:ecs:us-east-1:1:task/web/{task_id(1)}")
    assert ended.code == 2
    assert "--region us-east-1" in ended.err


def test_json_has_all_that_there_is_to_know(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP], group="service:svc", availabilityZone="eu-west-1b")
    assert ecsctl(world.aws(), "locate", "-c", "web", "-o", "json").json == [
        {
            "address": "198.51.100.7:32768",
            "task": task_id(1),
            "taskArn": f"arn:aws:ecs:eu-west-1:123456789012:task/web/{task_id(1)}",
            "taskDefinition": "nginx:1",
            "family": "nginx",
            "revision": 1,
            "service": "svc",
            "region": "eu-west-1",
            "cluster": "web",
            "container": "nginx",
            "containerPort": 80,
            "hostPort": 32768,
            "protocol": "tcp",
            "instanceId": "i-00000000000000007",
            "availabilityZone": "eu-west-1b",
            "publicAddress": "198.51.100.7",
            "privateAddress": "10.0.0.7",
            "url": "http://198.51.100.7:32768/",
        }
    ]


def test_private_addresses_when_asked_and_with_a_note_when_there_is_no_other(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP])
    world.task(2, on=world.instance(8, public=False), ports=[HTTP])
    asked = ecsctl(world.aws(), "locate", "-c", "web", "--private")
    assert (asked.lines, asked.err) == (["10.0.0.7:32768", "10.0.0.8:32768"], "")
    forced = ecsctl(world.aws(), "locate", "-c", "web")
    assert forced.lines == ["198.51.100.7:32768", "10.0.0.8:32768"]
    assert forced.code == 0
    assert "i-00000000000000008" in forced.err
    assert "no public address" in forced.err


@pytest.mark.parametrize(("public", "address"), [("203.0.113.9", "203.0.113.9"), (None, "10.1.0.9")])
def test_a_task_with_its_own_interface_answers_on_the_container_port(
    world: World, public: str | None, address: str
) -> None:
    world.definitions["nginx"] = {
        "containerDefinitions": [
            {"name": "nginx", "portMappings": [{"containerPort": 443}, {"containerPort": 53, "protocol": "udp"}]}
        ]
    }
    world.task(1, launchType="FARGATE", attachments=attached(9))
    world.interfaces.append(interface(9, public))
    aws = world.aws()
    ended = ecsctl(aws, "locate", "-c", "web", "-q", task_id(1))
    assert ended.lines == [f"{address}:443", f"{address}:53/udp"]
    assert "ec2:DescribeInstances" not in aws.operations()
    row = ecsctl(world.aws(), "locate", "-c", "web", "-o", "json").json
    assert [one["url"] for one in row] == [f"https://{address}:443/", None]


def test_external_instances_are_not_asked_of_ec2(world: World) -> None:
    world.task(1, on=world.instance(7, ec2_id="mi-0abc"), ports=[HTTP], launchType="EXTERNAL")
    aws = world.aws()
    ended = ecsctl(aws, "locate", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (1, "")
    assert "mi-0abc" in ended.err
    assert "32768" in ended.err
    assert "ec2:DescribeInstances" not in aws.operations()


def test_a_terminated_host_leaves_the_others_located(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP])
    world.task(2, on=world.instance(8), ports=[HTTP])
    del world.hosts[0]
    ended = ecsctl(world.aws(), "locate", "-c", "web")
    assert ended.lines == ["198.51.100.8:32768"]
    assert "EC2 does not know instance i-00000000000000007" in ended.err


def test_pending_says_so_and_exits_1(world: World) -> None:
    world.task(1, status="PENDING")
    ended = ecsctl(world.aws(), "locate", "-c", "web", task_id(1))
    assert (ended.code, ended.out) == (1, "")
    assert "is PENDING" in ended.err
    assert "--wait" in ended.err


def test_wait_looks_again_until_it_runs(world: World) -> None:
    host = world.instance(7)
    task = world.task(1, status="PENDING")
    aws = world.aws()
    describe = aws.answers["ecs:DescribeTasks"]

    def then_running(query: dict[str, object]) -> dict[str, object]:
        answer = describe(query)
        if aws.operations().count("ecs:DescribeTasks") > 1:
            task.update(lastStatus="RUNNING", containerInstanceArn=host)
            task["containers"][0]["networkBindings"] = [HTTP]
        return answer

    aws.answers["ecs:DescribeTasks"] = then_running
    ended = ecsctl(aws, "locate", "-c", "web", "--wait", "--timeout", "0.05s", task_id(1))
    assert (ended.code, ended.out) == (0, "198.51.100.7:32768\n")
    assert "is PENDING" in ended.err


def test_wait_runs_out_of_time_with_4(world: World) -> None:
    world.task(1, status="PENDING")
    ended = ecsctl(world.aws(), "locate", "-c", "web", "--wait", "--timeout", "0", task_id(1))
    assert ended.code == 4
    assert "is PENDING" in ended.err


def test_stopped_says_when_and_why(world: World) -> None:
    task = world.task(1, status="STOPPED", stoppedAt=datetime.now(timezone.utc) - timedelta(minutes=3))
    task["stoppedReason"] = "Essential container in task exited"
    task["containers"][0].update(exitCode=137, reason="OutOfMemoryError: Container killed due to memory usage")
    ended = ecsctl(world.aws(), "locate", "-c", "web", task_id(1))
    assert ended.code == 1
    assert "stopped 3m ago, at 2" in ended.err
    assert "Essential container in task exited" in ended.err
    assert "raise its `memory`" in ended.err


def test_unknown_is_6_and_says_where_it_looked(world: World) -> None:
    world.tasks["api"] = []
    ended = ecsctl(world.aws(), "locate", "-c", "web", task_id(9))
    assert (ended.code, ended.out) == (6, "")
    assert "cluster web" in ended.err
    assert "not in these clusters of eu-west-1 either: api" in ended.err


@pytest.mark.parametrize("text", [task_id(3), task_id(3)[:7]])
def test_a_task_of_another_cluster_is_pointed_to(world: World, text: str) -> None:
    world.task(3, cluster="api")
    ended = ecsctl(world.aws(), "locate", "-c", "web", text)
    assert ended.code == 6
    assert "it runs in cluster api" in ended.err
    assert "add -c api" in ended.err


def test_a_task_is_pointed_to_even_where_the_cluster_does_not_exist(world: World) -> None:
    world.task(3)
    ended = ecsctl(world.aws(), "locate", "-c", "nope", task_id(3))
    assert ended.code == 6
    assert "add -c web" in ended.err


def test_a_prefix_is_enough_and_an_ambiguous_one_lists_the_candidates(world: World) -> None:
    host = world.instance(7)
    world.task(0x111100, on=host, ports=[HTTP])
    world.task(0x111200, on=host, ports=[{**HTTP, "hostPort": 32769}])
    assert ecsctl(world.aws(), "locate", "-c", "web", "1112").lines == ["198.51.100.7:32769"]
    ended = ecsctl(world.aws(), "locate", "-c", "web", "111")
    assert ended.code == 2
    assert task_id(0x111100) in ended.err
    assert task_id(0x111200) in ended.err


def test_names_of_containers_and_hosts_find_their_tasks(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP])
    world.task(2, on=world.instance(8), ports=[HTTP], family="api")
    for name in ("nginx", "000000000001", "i-00000000000000007"):
        assert ecsctl(world.aws(), "locate", "-c", "web", name).lines == ["198.51.100.7:32768"], name


def test_services_and_families(world: World) -> None:
    world.task(1, on=world.instance(7), ports=[HTTP], group="service:svc")
    world.task(2, on=world.instance(8), ports=[HTTP], family="api")
    world.services["web"].append({"serviceArn": "arn:aws:ecs:eu-west-1:1:service/web/idle", "status": "ACTIVE"})
    world.definitions["nginx"] = {}
    assert ecsctl(world.aws(), "locate", "-c", "web", "--service", "svc").lines == ["198.51.100.7:32768"]
    assert ecsctl(world.aws(), "locate", "-c", "web", "--family", "api").lines == ["198.51.100.8:32768"]
    assert ecsctl(world.aws(), "locate", "-c", "web", "--service", "idle").code == 1
    unknown = ecsctl(world.aws(), "locate", "-c", "web", "--service", "nope")
    assert unknown.code == 6
    assert "idle" in unknown.err
    family = ecsctl(world.aws(), "locate", "-c", "web", "--family", "ngi")
    assert family.code == 6
    assert "did you mean nginx?" in family.err


def test_ports_that_are_none(world: World) -> None:
    host = world.instance(7)
    world.task(1, on=host)
    both = world.task(2, on=host, ports=[HTTP])
    both["containers"].append({"name": "sidecar", "lastStatus": "RUNNING"})
    none = ecsctl(world.aws(), "locate", "-c", "web", task_id(1))
    assert (none.code, none.out) == (1, "")
    assert "publishes no port" in none.err
    some = ecsctl(world.aws(), "locate", "-c", "web", task_id(2))
    assert (some.code, some.lines) == (0, ["198.51.100.7:32768"])
    assert "container sidecar publishes no port" in some.err


def test_an_idle_cluster_prints_nothing_and_an_unknown_one_is_6(world: World) -> None:
    idle = ecsctl(world.aws(), "locate", "-c", "web")
    assert (idle.code, idle.out) == (0, "")
    assert ecsctl(world.aws(), "locate", "-c", "nope").code == 6


def test_locating_imports_little() -> None:
    code = (
        "import sys; from tests.support.world import World, task_id; from tests.support.command import ecsctl;"
        "w = World(); p = [{'containerPort': 80, 'hostPort': 80, 'bindIP': '0.0.0.0'}];"
        "w.task(1, on=w.instance(7), ports=p); e = ecsctl(w.aws(), 'locate', '-c', 'web', task_id(1));"
        "print(e.out, *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith("198.51.100.7:80")
    loaded = {name.split(".")[0] for name in out.split()}
    assert loaded & {"rich", "yaml", "jsonschema", "boto3", "moto"} == set()
