"""The sandbox's clock: faster than the real one, or standing still but for steps."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ecsctl.errors import EcsctlError
from ecsctl.sandbox.account.clock import Clock
from tests.sandbox.support import Account, until
from tests.support.sandbox import Running, start_sandbox

pytestmark = pytest.mark.slow


class Real:
    """A real clock that the test turns."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_clock_runs_at_its_speed() -> None:
    real = Real()
    clock = Clock(60, real)
    real.now += 2
    assert clock() == 1120
    clock.run(1)
    real.now += 5
    assert clock() == 1125
    clock.run(0)
    real.now += 5
    clock.advance(0.5)
    assert clock() == 1125.5


def test_a_clock_never_goes_back() -> None:
    real = Real()
    clock = Clock(1, real)
    real.now -= 100
    assert clock() == 1000
    clock.catch_up(1500.0)
    assert clock() == 1500
    clock.catch_up(1200.0)
    assert clock() == 1500
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(-1)


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf"), 1e6])
def test_a_clock_refuses_what_is_no_speed(speed: float) -> None:
    with pytest.raises(ValueError, match="is no speed"):
        Clock(speed)


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A sandbox whose clock stands still."""
    with start_sandbox(tmp_path_factory.mktemp("still"), speed=0) as running:
        yield running


@pytest.fixture(scope="module")
def account(still: Running) -> Account:
    """Its account, with a cluster ``c`` of one instance."""
    account = Account(still.client)
    account.ecs.create_cluster(clusterName="c")
    account.instance("c", account.profile("c"))
    assert account.members("c") == {}
    still.sandbox.advance(60)
    assert len(account.members("c")) == 1
    account.register("web")
    return account


def ages(task: dict[str, Any]) -> dict[str, float]:
    """The times of a task, in seconds since it was made."""
    return {
        name: (value - task["createdAt"]).total_seconds() for name, value in task.items() if hasattr(value, "tzinfo")
    }


def test_nothing_moves_but_by_a_step(still: Running, account: Account) -> None:
    arn = account.run("c", "web")
    assert account.task(arn)["lastStatus"] in ("PROVISIONING", "PENDING")
    made = account.task(arn)
    assert account.task(arn) == made
    still.sandbox.advance(0)
    task = account.task(arn)
    assert task["lastStatus"] == "RUNNING"
    assert set(ages(task).values()) == {0.0}


def test_a_stopped_task_vanishes_after_an_hour_of_its_time(still: Running, account: Account) -> None:
    arn = account.run("c", "web")
    still.sandbox.advance(10)
    account.ecs.stop_task(cluster="c", task=arn)
    still.sandbox.advance(10)
    assert account.task(arn)["lastStatus"] == "STOPPED"
    assert ages(account.task(arn))["stoppedAt"] == 10
    still.sandbox.advance(3500)
    assert account.task(arn)["lastStatus"] == "STOPPED"
    still.sandbox.advance(120)
    assert account.ecs.describe_tasks(cluster="c", tasks=[arn])["failures"][0]["reason"] == "MISSING"


def test_steps_are_the_same_every_time(still: Running, account: Account) -> None:
    seen = []
    for _ in range(2):
        account.register("ends", command=["sh", "-c", "sleep 7; exit 3"])
        arn = account.run("c", "ends")
        still.sandbox.advance(100)
        task = account.task(arn)
        assert task["containers"][0]["exitCode"] == 3
        seen.append(ages(task))
    assert seen[0] == seen[1]
    assert seen[0]["stoppedAt"] == 7


def test_all_of_aws_goes_by_the_same_clock(still: Running, account: Account) -> None:
    before = still.sandbox.status()["clock"]["now"]
    still.sandbox.advance(7200)
    made = account.ecs.create_cluster(clusterName="later")["cluster"]["clusterArn"]
    definition = account.ecs.describe_task_definition(taskDefinition=account.register("later"))["taskDefinition"]
    instance = account.instance("later", account.profile("later"))
    launched = account.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]["LaunchTime"]
    for moment in (definition["registeredAt"], launched):
        assert abs(moment.timestamp() - before - 7200) < 2
    account.ecs.delete_cluster(cluster=made)


def test_the_command_steps(still: Running) -> None:
    def step(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "ecsctl", "sandbox", *words]
        return subprocess.run(command, env=still.environment, capture_output=True, text=True, timeout=60)

    before = still.sandbox.status()["clock"]["now"]
    told = json.loads(step("step", "90s", "-o", "json").stdout)
    assert (told["now"], told["speed"]) == (pytest.approx(before + 90, abs=0.01), 0.0)
    assert "offset" in told
    shown = step("step", "0s").stdout.strip()
    assert shown == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(told["now"]))
    assert f"clock       stands still at {shown}" in step("status").stdout
    assert step("step", "soon").returncode == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"advance": -1}, "advance must be 0 to"),
        ({"advance": "1h"}, "must be numbers"),
        ({"speed": -1}, "no speed"),
        ({"backwards": 1}, "no backwards"),
    ],
)
def test_the_clock_refuses_nonsense(still: Running, content: dict[str, Any], words: str) -> None:
    before = still.sandbox.status()["clock"]["now"]
    request = urllib.request.Request(
        f"{still.endpoint}/_ecsctl/clock", json.dumps(content).encode(), {"X-Ecsctl-Sandbox": "1"}
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 400
    assert words in json.loads(refused.value.read())["message"]
    assert still.sandbox.status()["clock"]["now"] == before


def test_speed_is_changed_in_one_that_runs_and_time_survives_a_restart(tmp_path: Any) -> None:
    with start_sandbox(tmp_path, speed=0) as running:
        account = Account(running.client)
        account.ecs.create_cluster(clusterName="c")
        ahead = running.sandbox.advance(86400)["now"]
        running.sandbox.start(speed=3600)
        until(lambda: running.sandbox.status()["clock"]["now"] > ahead + 60, "a minute of its time")
        running.sandbox.stop()
        port = int(running.endpoint.rsplit(":", 1)[1])
        running.sandbox.start(port=port, docker="never")
        clock = running.sandbox.status()["clock"]
        assert clock["speed"] == 1
        assert clock["now"] > ahead + 60
        with pytest.raises(EcsctlError, match="no speed"):
            running.sandbox.start(speed=-1)
