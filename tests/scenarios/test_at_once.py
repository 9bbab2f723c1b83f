"""Several runs at the same time, and answers lost on the way: all end well, and nothing is doubled or left."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.account import holdings
from tests.support.sandbox import Running, start_sandbox
from tests.support.wire_proxy import LOST, wire_proxy

pytestmark = pytest.mark.slow

FILE = """
name: {name}
cluster: home
instances: {{count: 1}}
taskDefinitions:
  {name}-web: {{containerDefinitions: [{{name: web, image: example/web, memory: 32}}]}}
services:
  {name}-svc: {{taskDefinition: {name}-web, desiredCount: 1}}
"""
ONE = FILE.replace("instances: {{count: 1}}\n", "").replace("desiredCount: 1", "desiredCount: 0")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with start_sandbox(tmp_path_factory.mktemp("sandbox"), docker="never", speed=20) as running:
        yield running


def at_once(sandbox: Running, *commands: tuple[str, Path], endpoint: str | None = None) -> list[str]:
    """Start commands together, each with its file; what each printed. All have to succeed."""
    environment = {**sandbox.environment, **({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})}
    started = [
        subprocess.Popen(
            ["ecsctl", command, "-f", str(file), "--yes", "--timeout", "5m"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command, file in commands
    ]
    ended = [process.communicate(timeout=200)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(started), "\n====\n".join(ended)
    return ended


def written(folder: Path, name: str, text: str = FILE) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text.format(name=name))
    return path


def test_three_up_and_two_down(sandbox: Running, tmp_path: Path) -> None:
    before = {name for name in holdings(sandbox) if not name.startswith("task definition")}
    file = written(tmp_path, "shop")
    at_once(sandbox, *[("up", file)] * 3)
    found = holdings(sandbox)
    for kind in ("cluster", "service", "group", "template", "instance"):
        assert sum(name.startswith(f"{kind} ") for name in found) == 1, (kind, sorted(found))
    at_once(sandbox, *[("down", file)] * 2)
    assert {name for name in holdings(sandbox) if not name.startswith("task definition")} == before


def test_two_projects_make_one_cluster(sandbox: Running, tmp_path: Path) -> None:
    files = [written(tmp_path, name, ONE) for name in ("one", "two")]
    at_once(sandbox, *[("up", file) for file in files])
    found = holdings(sandbox)
    assert {"service one-svc", "service two-svc", "cluster home"} <= found.keys()


def test_the_lost_answer_of_a_group_s_deletion(sandbox: Running, tmp_path: Path) -> None:
    file = written(tmp_path, "lost")
    with wire_proxy(sandbox.endpoint) as wire:
        at_once(sandbox, ("up", file), endpoint=wire.url)
        fault = wire.fault("DeleteAutoScalingGroup", LOST, count=1)
        [said] = at_once(sandbox, ("down", file), endpoint=wire.url)
        assert fault.hits == 1
    assert "Nothing is left of lost." in said
    assert "group ecsctl-lost" not in holdings(sandbox)
