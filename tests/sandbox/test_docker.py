"""Containers that really run: their ends in ECS's words, their networks and volumes, and what outlives what."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.support import Account, fetch, until
from tests.support.engine import IMAGE, build_images, docker_engine
from tests.support.sandbox import Running, start_sandbox

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def image() -> str:
    build_images(IMAGE)
    return IMAGE


@pytest.fixture(scope="module")
def sandbox(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandbox(tmp_path_factory.mktemp("docker"), docker="always") as running:
        yield running
    assert containers(running) == []


@pytest.fixture(scope="module")
def account(sandbox: Running) -> Account:
    made = Account(sandbox.client)
    made.ecs.create_cluster(clusterName="real")
    made.profile("real")
    made.member("real", made.instance("real", "real"))
    return made


def containers(sandbox: Running) -> list[Any]:
    label = f"ecsctl.sandbox.folder={sandbox.sandbox.folder.resolve()}"
    return list(docker_engine().containers.list(all=True, filters={"label": label}, ignore_removed=True))


def shell(account: Account, family: str, command: str, **more: Any) -> str:
    account.register(family, IMAGE, **{"command": ["/bin/sh", "-c", command], **more})
    return account.run("real", family)


def ended(account: Account, arn: str) -> tuple[str, int | None, str]:
    """Stop code, exit code and reason of a task of one container."""
    task = account.reached(arn, "STOPPED")
    container = task["containers"][0]
    return task["stopCode"], container.get("exitCode"), container.get("reason", "")


def test_the_exit_code_of_an_essential_container(account: Account, name: str) -> None:
    assert ended(account, shell(account, name, "exit 7")) == ("EssentialContainerExited", 7, "")


def test_an_image_that_cannot_be_pulled(account: Account, name: str) -> None:
    account.register(name, "127.0.0.1:1/nosuch/image:1")
    code, exit_code, reason = ended(account, account.run("real", name))
    assert (code, exit_code) == ("TaskFailedToStart", None)
    assert reason.startswith("CannotPullContainerError: ")


def test_a_program_that_is_not_in_the_image(account: Account, name: str) -> None:
    account.register(name, IMAGE, entryPoint=["/nosuch"])
    code, _, reason = ended(account, account.run("real", name))
    assert code == "TaskFailedToStart"
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")


def test_out_of_memory(account: Account, name: str) -> None:
    arn = shell(account, name, "x=aaaaaaaa; while true; do x=$x$x; done", memory=16)
    assert ended(account, arn) == (
        "EssentialContainerExited",
        137,
        "OutOfMemoryError: Container killed due to memory usage",
    )


def test_a_container_answers_at_its_instances_address(account: Account, name: str) -> None:
    account.register(name, IMAGE, portMappings=[{"containerPort": 80, "hostPort": 8070}])
    arn = account.run("real", name)
    task = account.reached(arn, "RUNNING")
    address = account.public_address(next(iter(account.members("real"))))
    status, text = until(lambda: (found := fetch(f"http://{address}:8070/"))[0] and found, "an answer")  # type: ignore[misc]
    assert status == 200
    assert task["containers"][0]["runtimeId"][:12] in text
    account.ecs.stop_task(cluster="real", task=arn)
    account.reached(arn, "STOPPED")
    assert fetch(f"http://{address}:8070/")[0] == 0


def test_environment_user_and_folder_reach_the_container(account: Account, name: str) -> None:
    check = 'test "$COLOUR" = blue && test "$(id -u)" = 99 && test "$(pwd)" = /tmp/here && exit 5'
    arn = shell(
        account,
        name,
        check,
        environment=[{"name": "COLOUR", "value": "blue"}],
        user="99",
        workingDirectory="/tmp/here",
    )
    assert ended(account, arn)[1] == 5


def test_health_checks(account: Account, name: str) -> None:
    health = {"command": ["CMD-SHELL", "test -f /ok"], "interval": 5, "timeout": 2, "retries": 1}
    arn = shell(account, name, "touch /ok; sleep 1000", healthCheck=health)
    until(lambda: account.task(arn)["healthStatus"] == "HEALTHY", "a healthy container")
    account.ecs.stop_task(cluster="real", task=arn)


def test_containers_of_a_task_share_its_volumes_and_no_other_does(account: Account, name: str) -> None:
    mount = [{"sourceVolume": "shared", "containerPath": "/data"}]
    plain = {"image": IMAGE, "memory": 32, "mountPoints": mount}
    writer = {
        **plain,
        "name": "writer",
        "command": ["/bin/sh", "-c", "test -e /data/x && exit 9; touch /data/x; sleep 99"],
    }
    reader = {
        **plain,
        "name": "reader",
        "command": ["/bin/sh", "-c", "until test -f /data/x; do sleep 0.1; done; exit 3"],
    }
    account.ecs.register_task_definition(
        family=name, containerDefinitions=[writer, reader], volumes=[{"name": "shared", "host": {}}]
    )
    for _ in range(2):
        task = account.reached(account.run("real", name), "STOPPED")
        assert {row["name"]: row["exitCode"] for row in task["containers"]}["reader"] == 3


def volumes(sandbox: Running) -> list[Any]:
    label = f"ecsctl.sandbox.folder={sandbox.sandbox.folder.resolve()}"
    return list(docker_engine().volumes.list(filters={"label": label}))


def test_what_a_stopped_task_leaves_is_removed(sandbox: Running, account: Account, name: str) -> None:
    until(lambda: not volumes(sandbox), "no volume of an earlier task")
    mount = [{"sourceVolume": "own", "containerPath": "/data"}]
    first = {"name": "first", "image": IMAGE, "memory": 32, "mountPoints": mount, "essential": False}
    last = {
        **first,
        "name": "last",
        "essential": True,
        "dependsOn": [{"containerName": "first", "condition": "SUCCESS"}],
    }
    account.ecs.register_task_definition(
        family=name,
        containerDefinitions=[
            {**first, "command": ["/bin/sh", "-c", "echo kept > /data/x"]},
            {**last, "command": ["/bin/sh", "-c", "grep -q kept /data/x && exit 4"]},
        ],
        volumes=[{"name": "own"}],
    )
    task = account.reached(account.run("real", name), "STOPPED")
    assert {row["name"]: row["exitCode"] for row in task["containers"]} == {"first": 0, "last": 4}
    until(lambda: not volumes(sandbox), "the task's volume removed")
    until(
        lambda: not [c for c in containers(sandbox) if task["taskArn"] in c.labels.values()], "its containers removed"
    )


def test_an_ended_container_lends_its_volumes(account: Account, name: str) -> None:
    mount = [{"sourceVolume": "own", "containerPath": "/data"}]
    lender = {"name": "lender", "image": IMAGE, "memory": 32, "mountPoints": mount, "essential": False}
    reader = {
        "name": "reader",
        "image": IMAGE,
        "memory": 32,
        "volumesFrom": [{"sourceContainer": "lender", "readOnly": True}],
        "dependsOn": [{"containerName": "lender", "condition": "COMPLETE"}],
    }
    account.ecs.register_task_definition(
        family=name,
        containerDefinitions=[
            {**reader, "command": ["/bin/sh", "-c", "test -f /data/x && ! touch /data/y && exit 6"]},
            {**lender, "command": ["/bin/sh", "-c", "touch /data/x"]},
        ],
        volumes=[{"name": "own"}],
    )
    task = account.reached(account.run("real", name), "STOPPED")
    assert {row["name"]: row["exitCode"] for row in task["containers"]} == {"lender": 0, "reader": 6}


def test_privileged_gives_no_rights_over_this_machine(account: Account, name: str) -> None:
    # A privileged container may mount; what /dev/kmsg says is the kernel's of this machine.
    arn = shell(
        account,
        name,
        "mount -t tmpfs none /mnt 2>/dev/null && exit 1; test -e /dev/kmsg && exit 2; exit 5",
        privileged=True,
    )
    assert ended(account, arn)[1] == 5


def test_a_host_path_is_the_instances_and_never_this_machines(account: Account, name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    mount = [{"sourceVolume": "host", "containerPath": "/data"}]
    for command, expected in (("test -e /data/secret || touch /data/mark; ls /data | wc -l | grep -qx 1", 0),
                              ("test -e /data/mark && ! test -e /data/secret", 0)):  # fmt: skip
        account.ecs.register_task_definition(
            family=name,
            volumes=[{"name": "host", "host": {"sourcePath": str(tmp_path)}}],
            containerDefinitions=[
                {
                    "name": "web",
                    "image": IMAGE,
                    "memory": 32,
                    "mountPoints": mount,
                    "command": ["/bin/sh", "-c", command],
                }
            ],
        )
        assert ended(account, account.run("real", name))[1] == expected
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_the_containers_of_an_awsvpc_task_meet_on_localhost(account: Account, name: str) -> None:
    ask = "until wget -q -O - http://127.0.0.1:80/ | grep -q Hello; do sleep 0.1; done; exit 4"
    account.ecs.register_task_definition(
        family=name,
        networkMode="awsvpc",
        containerDefinitions=[
            {"name": "web", "image": IMAGE, "memory": 32, "portMappings": [{"containerPort": 80}]},
            {"name": "side", "image": IMAGE, "memory": 32, "command": ["/bin/sh", "-c", ask]},
        ],
    )
    subnet = account.ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    arn = account.run("real", name, networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}})
    task = account.reached(arn, "STOPPED")
    assert {row["name"]: row["exitCode"] for row in task["containers"]}["side"] == 4


def test_containers_outlive_a_kill_and_a_stop_but_no_reset(image: str, tmp_path: Path) -> None:
    with start_sandbox(tmp_path, docker="always") as sandbox:
        account = Account(sandbox.client)
        account.ecs.create_cluster(clusterName="real")
        account.profile("real")
        instance = account.instance("real", "real")
        account.member("real", instance)
        account.register("kept", IMAGE, portMappings=[{"containerPort": 80, "hostPort": 8071}])
        arn = account.run("real", "kept")
        url = f"http://{account.public_address(instance)}:8071/"
        first = until(lambda: fetch(url)[1], "an answer")
        saved = sandbox.sandbox.folder / "state.pickle"
        account.reached(arn, "RUNNING")
        # The first of two saves may have begun before the task ran.
        for mark in ("first", "second"):
            before = saved.stat().st_mtime_ns
            account.ecs.create_cluster(clusterName=mark)
            until(lambda: saved.stat().st_mtime_ns > before, "the state to be saved")  # noqa: B023
        os.kill(sandbox.info.pid, signal.SIGKILL)
        until(lambda: sandbox.sandbox.running() is None, "the end")
        port = int(sandbox.endpoint.rsplit(":", 1)[1])
        for _ in range(2):
            sandbox.sandbox.start(port=port, docker="always")
            assert account.task(arn)["lastStatus"] == "RUNNING"
            assert until(lambda: fetch(url)[1], "an answer again") == first
            sandbox.sandbox.stop()
            until(lambda: [item.status for item in containers(sandbox)] == ["exited"], "the container to stand still")
        assert sandbox.sandbox.reset()
        assert containers(sandbox) == []


def test_a_container_that_was_removed_meanwhile_is_told(image: str, tmp_path: Path) -> None:
    with start_sandbox(tmp_path, docker="always") as sandbox:
        account = Account(sandbox.client)
        account.ecs.create_cluster(clusterName="real")
        account.profile("real")
        account.member("real", account.instance("real", "real"))
        arn = shell(account, "kept", "sleep 1000")
        account.reached(arn, "RUNNING")
        for container in containers(sandbox):
            container.remove(force=True)
        assert account.reached(arn, "STOPPED")["stopCode"] == "EssentialContainerExited"


@pytest.fixture
def inject(sandbox: Running) -> Iterator[Any]:
    """Injects faults, which are cleared when the test ends."""
    yield lambda kind, **fields: sandbox.sandbox.add_fault({"kind": kind, **fields})
    sandbox.sandbox.clear_faults()


def alive(sandbox: Running, family: str) -> list[Any]:
    return [item for item in containers(sandbox) if f"-{family}-" in item.name and item.status == "running"]


@pytest.mark.parametrize(
    ("kind", "fields", "ends"),
    [
        ("container-crash", {"exitCode": 42}, ("EssentialContainerExited", 42, "")),
        (
            "out-of-memory",
            {},
            ("EssentialContainerExited", 137, "OutOfMemoryError: Container killed due to memory usage"),
        ),
    ],
)
def test_a_fault_ends_a_real_container(
    sandbox: Running, account: Account, name: str, inject: Any, kind: str, fields: Any, ends: Any
) -> None:
    task = shell(account, name, "sleep 300")
    account.reached(task, "RUNNING")
    until(lambda: alive(sandbox, name), "the container runs")
    inject(kind, family=name, times=1, **fields)
    assert ended(account, task) == ends
    until(lambda: not alive(sandbox, name), "the container is dead")
    again = account.run("real", name)
    account.reached(again, "RUNNING")
    account.ecs.stop_task(cluster="real", task=again)
    account.reached(again, "STOPPED")


def test_a_fault_keeps_a_real_image_from_being_pulled(
    sandbox: Running, account: Account, name: str, inject: Any
) -> None:
    inject("image-pull-failure", image="ecsctl-test/*", family=name, cause="denied")
    code, _, reason = ended(account, shell(account, name, "sleep 300"))
    assert (code, reason.split(":")[0]) == ("TaskFailedToStart", "CannotPullContainerError")
    assert not [item for item in containers(sandbox) if f"-{name}-" in item.name]


def test_an_agent_that_was_cut_off_tells_later_what_a_container_did(
    sandbox: Running, account: Account, name: str, inject: Any
) -> None:
    task = shell(account, name, "sleep 300")
    account.reached(task, "RUNNING")
    (container,) = until(lambda: alive(sandbox, name), "the container runs")
    (host,) = account.members("real")
    inject("agent-disconnect", instance=host)
    until(lambda: not account.member("real", host)["agentConnected"], "the agent is cut off")
    container.kill()
    until(lambda: not alive(sandbox, name), "the container is dead")
    assert account.task(task)["lastStatus"] == "RUNNING"
    sandbox.sandbox.clear_faults()
    assert ended(account, task)[:2] == ("EssentialContainerExited", 137)
