"""Two stages of one file side by side in one account and region, changed and removed one by one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.account import Holdings, holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow

FILE = """
name: shop
instances: {count: 1}
taskDefinitions:
  web: {image: "example/web:1", memory: 32, portMappings: [8080], logs: awslogs}
  old: {image: "example/old:1", memory: 32, portMappings: ["80:80"]}
loadBalancers:
  front: {type: application, healthCheck: fast}
  classic: {type: classic, healthCheck: fast}
services:
  web: {taskDefinition: web, desiredCount: 1, loadBalancer: "front:8080"}
  old: {taskDefinition: old, desiredCount: 1, loadBalancer: "classic:80"}
stages:
  dev:
  prod:
    services: {web: {desiredCount: 2}}
"""


def without_ids(name: str) -> str:
    return re.sub(r" sg-\w+$|-[0-9a-f]{8}$", "", name)


def test_two_stages_side_by_side_and_removed_one_by_one(sandbox: Running, tmp_path: Path) -> None:
    file = tmp_path / "ecsctl.yaml"
    file.write_text(FILE)
    aws = sandbox.aws()

    def run(stage: str, *arguments: str) -> Ended:
        return ecsctl(aws, "--stage", stage, arguments[0], "-f", str(file), *arguments[1:])

    def kept(before: Holdings) -> bool:
        now = holdings(sandbox)
        return all(now.get(name) == held for name, held in before.items())

    before = holdings(sandbox)
    ended = run("dev", "up", "--yes")
    assert ended.code == 0, ended.err
    dev = {name: held for name, held in holdings(sandbox).items() if name not in before}
    ended = run("prod", "up", "--yes")
    assert ended.code == 0, ended.err
    assert kept(dev)
    prod = {name: held for name, held in holdings(sandbox).items() if name not in before and name not in dev}
    # Whatever the one has by a name of its own, the other has by the other's name.
    named = {name.replace("dev", "prod") for name in map(without_ids, dev) if "dev" in name}
    assert len(named) > 15
    assert named <= {without_ids(name) for name in prod}
    counts = [
        sandbox.client("ecs").describe_services(cluster=f"shop-{stage}", services=[f"web-{stage}"])["services"][0][
            "runningCount"
        ]
        for stage in ("dev", "prod")
    ]
    assert counts == [1, 2]
    for stage in ("dev", "prod"):
        ended = run(stage, "plan", "--exit-code")
        assert ended.code == 0, ended.out

    # A change of the one is no change of the other; what it no longer has goes, and only that.
    file.write_text(FILE.replace("  dev:\n", "  dev: {services: {old: ~}, loadBalancers: {classic: ~}}\n"))
    assert run("prod", "plan", "--exit-code").code == 0
    ended = run("dev", "up", "--yes")
    assert ended.code == 0, ended.err
    assert kept(prod)
    assert "balancer classic-dev" not in holdings(sandbox)

    ended = run("dev", "down", "--yes")
    assert ended.code == 0, ended.err
    assert "Nothing is left of shop-dev." in ended.err
    assert kept(prod)
    after = holdings(sandbox)
    left = {name for name in after if name not in before and name not in prod and "task definition" not in name}
    assert not left
    assert run("dev", "down", "--yes").err.strip() == "Nothing to remove: AWS has nothing of project shop-dev."
    ended = run("prod", "down", "--yes")
    assert ended.code == 0, ended.err
    assert {name for name in holdings(sandbox) if name not in before and "task definition" not in name} == set()


def test_commands_take_a_service_and_a_family_by_their_keys(
    sandbox: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ecsctl.yaml").write_text(
        "name: shop\ninstances: {count: 1}\ntaskDefinitions: {web: {image: 'w:1', memory: 8}}\n"
        "services: {web: {taskDefinition: web, desiredCount: 1}}\nstages: {dev: , prod: }\n"
    )
    monkeypatch.chdir(tmp_path)
    aws = sandbox.aws()
    assert ecsctl(aws, "--stage", "dev", "up", "--yes").code == 0
    assert len(ecsctl(aws, "ps", "--service", "web", "-q", "--stage", "dev").lines) == 1
    ended = ecsctl(aws, "service", "deploy", "web", "--stage", "dev", "-e", "LOG=debug")
    assert ended.code == 0, ended.err
    assert ecsctl(aws, "--stage", "dev", "task", "show", "web:2", "-o", "json").json["family"] == "web-dev"
    assert ecsctl(aws, "--stage", "dev", "run", "web", "--detach").code == 0
    ended = ecsctl(aws, "ps")
    assert (ended.code, "ecsctl.yaml has stages, and none is chosen" in ended.err) == (2, True)
    ended = ecsctl(aws, "--stage", "test", "ps")
    assert ended.err.splitlines() == ["error: ecsctl.yaml has no stage 'test'", "hint: it has: dev, prod"]
    ended = ecsctl(aws, "validate")
    assert [line.split(":")[0] for line in ended.err.splitlines()] == ["shop-dev", "shop-prod"]
