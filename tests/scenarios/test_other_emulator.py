"""Another emulator: moto's own server, which starts no tasks and lacks much; what it can do works, the rest is told."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecsctl.aws.session import Aws
from ecsctl.aws.target import Target
from tests.support.clock import ManualClock
from tests.support.command import Ended, ecsctl
from tests.support.wire_proxy import LOST, wire_proxy

pytestmark = pytest.mark.slow

FILE = """
name: shop
cluster: shop
instances: {count: 1}
taskDefinitions:
  web:
    containerDefinitions:
      - {name: web, image: example/web, cpu: 1, memory: 32, portMappings: ["80:80"]}
loadBalancers:
  front: {type: classic}
services:
  svc: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:80"}
"""


# Its server takes seconds to start: one for all of these tests.


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("true", id="with-policies", marks=pytest.mark.slow),
        pytest.param("false", id="without-policies"),
    ],
)
def endpoint(request: pytest.FixtureRequest) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={"PATH": "/usr/bin:/bin", "MOTO_IAM_LOAD_MANAGED_POLICIES": request.param},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    for line in server.stderr:
        if "Running on" in line:
            break
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.communicate()


@pytest.fixture
def run(endpoint: str, tmp_path: Path):
    file = tmp_path / "ecsctl.yaml"
    file.write_text(FILE)

    def run(command: str, *arguments: str) -> Ended:
        target = Target(region="eu-west-1", endpoint_url=endpoint, credentials=("test", "test"))
        return ecsctl(Aws(target, clock=ManualClock()), command, "-f", str(file), *arguments)

    return run


def test_up_and_down_without_waiting(run) -> None:
    ended = run("up", "--yes", "--no-wait")
    assert ended.code == 0, ended.err
    assert "load balancer front" in ended.out
    assert run("plan", "--exit-code").code == 0, run("plan").out
    assert "Traceback" not in ended.err
    ended = run("down", "--yes")
    assert ended.code == 0, ended.err
    assert "Nothing to remove" in run("down", "--yes").err


def test_waiting_for_what_never_happens_says_what_is_missing(run) -> None:
    ended = run("up", "--yes", "--timeout", "1s")
    assert ended.code == 4
    assert "instances of shop: 0 of 1 have joined" in ended.err
    assert run("down", "--yes").code == 0


def test_a_balancer_whose_answer_is_lost_is_not_doubled(endpoint: str, tmp_path: Path) -> None:
    """It makes several of one name, which AWS does not."""
    file = tmp_path / "ecsctl.yaml"
    file.write_text(FILE.replace("type: classic", "type: application").replace("instances: {count: 1}", ""))
    with wire_proxy(endpoint) as wire:
        aws = Aws(Target(region="eu-west-1", endpoint_url=wire.url, credentials=("test", "test")), clock=ManualClock())
        lost = wire.fault("CreateLoadBalancer", LOST)
        ended = ecsctl(aws, "up", "-f", str(file), "--yes", "--no-wait")
        assert (ended.code, lost.hits) == (0, 1), ended.err
        assert ecsctl(aws, "plan", "-f", str(file), "--exit-code").code == 0
        assert ecsctl(aws, "down", "-f", str(file), "--yes").code == 0
