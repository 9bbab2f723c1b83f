"""Starting, stopping, killing and resetting sandboxes, from the outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest

from ecsctl.errors import EcsctlError, NotFoundError
from ecsctl.sandbox.control import Sandbox, SandboxInfo, environment
from tests.sandbox.support import Account, fetch, until
from tests.support.sandbox import start_sandbox

pytestmark = pytest.mark.slow

REGION = "eu-west-1"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ECSCTL_SANDBOX_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def sandbox(home: Path):
    made = Sandbox("one")
    yield made
    made.stop()


def account_of(info: SandboxInfo) -> Account:
    def client(service: str) -> Any:
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=info.endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    return Account(client)


def start(sandbox: Sandbox) -> SandboxInfo:
    return sandbox.start(port=0, docker="never", region=REGION)[0]


def a_service(account: Account) -> str:
    """A cluster with an instance and a service whose task answers; its address."""
    account.ecs.create_cluster(clusterName="kept")
    account.profile("kept")
    instance = account.instance("kept", "kept")
    account.member("kept", instance)
    account.register("kept", portMappings=[{"containerPort": 80, "hostPort": 8090}])
    account.ecs.create_service(cluster="kept", serviceName="kept", taskDefinition="kept", desiredCount=1)
    address = f"http://{account.public_address(instance)}:8090/"
    until(lambda: fetch(address)[0] == 200, "an answer of the task")
    return address


def held(account: Account) -> dict[str, Any]:
    """What a restart must not change."""
    return {
        "instances": sorted((key, row["containerInstanceArn"]) for key, row in account.members("kept").items()),
        "tasks": sorted(account.ecs.list_tasks(cluster="kept")["taskArns"]),
        "groups": sorted(row["GroupId"] for row in account.ec2.describe_security_groups()["SecurityGroups"]),
        "roles": [row["RoleName"] for row in account.iam.list_roles()["Roles"]],
        "addresses": [account.public_address(key) for key in account.members("kept")],
    }


def test_a_stop_keeps_everything_for_the_next_start(sandbox: Sandbox) -> None:
    account = account_of(start(sandbox))
    address = a_service(account)
    before = held(account)
    assert sandbox.stop()
    assert fetch(address)[0] == 0
    account = account_of(start(sandbox))
    assert held(account) == before
    until(lambda: fetch(address)[0] == 200, "the task to answer again")


def test_a_kill_loses_at_most_the_last_moment(sandbox: Sandbox) -> None:
    info = start(sandbox)
    account = account_of(info)
    a_service(account)
    before = held(account)
    saved = sandbox.folder / "state.pickle"
    account.ecs.create_cluster(clusterName="after")
    until(lambda: saved.exists() and b"cluster/after" in saved.read_bytes(), "the state to be saved")
    os.kill(info.pid, signal.SIGKILL)
    until(lambda: sandbox.running() is None, "the end")
    account = account_of(start(sandbox))
    assert held(account) == before
    assert len(account.ecs.list_clusters()["clusterArns"]) == 2


def test_a_damaged_state_is_no_end(sandbox: Sandbox) -> None:
    account = account_of(start(sandbox))
    account.ecs.create_cluster(clusterName="lost")
    sandbox.stop()
    (sandbox.folder / "state.pickle").write_bytes(b"damaged")
    account = account_of(start(sandbox))
    assert account.ecs.list_clusters()["clusterArns"] == []
    assert (sandbox.folder / "state.unreadable").read_bytes() == b"damaged"


def test_starting_twice_gives_the_same(sandbox: Sandbox) -> None:
    first = sandbox.start(port=0, docker="never")
    assert first[1] is True
    assert sandbox.start(port=0, docker="never") == (first[0], False)


def test_two_starts_at_the_same_time_give_one(sandbox: Sandbox) -> None:
    results: list[tuple[SandboxInfo, bool]] = []
    threads = [
        threading.Thread(target=lambda: results.append(Sandbox("one").start(port=0, docker="never"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({info.pid for info, _ in results}) == 1
    assert sorted(made for _, made in results) == [False, False, True]


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EcsctlError, match=f"port {port} .* taken") as caught:
            Sandbox("two").start(port=port, docker="never")
    assert "--port 0" in str(caught.value.hint)


def test_docker_is_demanded_and_there_is_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/no.sock")
    with pytest.raises(EcsctlError, match="no Docker engine answers") as caught:
        Sandbox("two").start(port=0, docker="always")
    assert "--docker never" in str(caught.value.hint)


def test_without_docker_containers_are_simulated_and_it_says_why(
    home: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/no.sock")
    info, _ = sandbox.start(port=0, docker="auto")
    assert info.containers["kind"] == "simulated"
    assert "no Docker engine answers" in info.containers["reason"]


def test_a_folder_that_cannot_be_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").write_text("")
    monkeypatch.setenv("ECSCTL_SANDBOX_HOME", str(home / "file"))
    with pytest.raises(EcsctlError, match="cannot be made"):
        Sandbox("two").start(port=0, docker="never")


@pytest.mark.parametrize("name", ["a/b", "..", "a b"])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(EcsctlError, match="no name"):
        Sandbox(name)


def test_what_does_not_run_has_no_status(home: Path) -> None:
    assert Sandbox("absent").stop() is False
    assert Sandbox("absent").reset() is False
    with pytest.raises(NotFoundError, match="does not run"):
        Sandbox("absent").status()


def test_the_folder_is_the_users_own(sandbox: Sandbox) -> None:
    start(sandbox)
    assert sandbox.folder.stat().st_mode & 0o777 == 0o700


def test_a_reset_forgets_everything(sandbox: Sandbox) -> None:
    account = account_of(start(sandbox))
    address = a_service(account)
    assert sandbox.reset()
    assert fetch(address)[0] == 0
    assert account.ecs.list_clusters()["clusterArns"] == []
    assert account.iam.list_roles()["Roles"] == []
    told = sandbox.status()
    assert (told["clusters"], told["containerInstances"], told["tasks"]) == (0, 0, 0)
    a_service(account)


def test_a_reset_of_what_is_stopped(sandbox: Sandbox) -> None:
    account_of(start(sandbox)).ecs.create_cluster(clusterName="gone")
    sandbox.stop()
    assert sandbox.reset() is True
    assert account_of(start(sandbox)).ecs.list_clusters()["clusterArns"] == []


def test_two_sandboxes_side_by_side_share_nothing(tmp_path: Path) -> None:
    with start_sandbox(tmp_path / "a") as one, start_sandbox(tmp_path / "b") as two:
        addresses = []
        for sandbox in (one, two):
            account = Account(sandbox.client)
            addresses.append(a_service(account))
            assert len(account.ecs.list_clusters()["clusterArns"]) == 1
        assert addresses[0] != addresses[1]
        one.sandbox.reset()
        assert fetch(addresses[1])[0] == 200


def test_status_tells_what_there_is(sandbox: Sandbox) -> None:
    info = start(sandbox)
    told = sandbox.status()
    assert (told["endpoint"], told["pid"], told["name"]) == (info.endpoint, info.pid, "one")
    assert told["containers"] == {"kind": "simulated", "reason": "--docker never"}
    assert told["problem"] is None


def test_the_environment_keeps_a_chosen_region(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    info = start(sandbox)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert environment(info)["AWS_REGION"] == REGION
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    made = environment(info)
    assert (made["AWS_REGION"], made["AWS_DEFAULT_REGION"]) == ("us-west-2", "us-west-2")
    assert made["AWS_ENDPOINT_URL"] == info.endpoint
    assert made["AWS_EC2_METADATA_DISABLED"] == "true"


def test_after_a_failed_start_none_is_started_elsewhere_on_the_way(sandbox: Sandbox) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(EcsctlError, match="taken"):
            sandbox.start(port=port, docker="never")
    with pytest.raises(EcsctlError, match=f"last `ecsctl sandbox start --port {port}` failed: port {port}") as refused:
        sandbox.start(implicit=True, docker="never")
    assert "`ecsctl sandbox start`" in str(refused.value.hint)
    assert sandbox.running() is None
    info, _ = sandbox.start(port=0, docker="never")
    assert sandbox.start(implicit=True) == (info, False)
    assert sandbox.stop()
    assert not (sandbox.folder / "start-failed").exists()


def test_a_sandbox_ends_with_the_process_that_it_was_started_for(sandbox: Sandbox) -> None:
    starter = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    info, _ = sandbox.start(port=0, docker="never", exit_with=starter.pid)
    account_of(info).ecs.create_cluster(clusterName="kept")
    # Killed and not yet collected by its own parent: it has ended all the same.
    starter.kill()
    until(lambda: not (sandbox.folder / "run.json").exists(), "the sandbox to save its state and end")
    starter.communicate()
    assert sandbox.running() is None
    info, _ = sandbox.start(port=0, docker="never")
    assert [arn.split("/")[1] for arn in account_of(info).ecs.list_clusters()["clusterArns"]] == ["kept"]
