"""``logs: awslogs``: ``up`` makes the log group, ``down`` removes it, and a group of another maker stays as it is."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running


def write(folder: Path, *families: str) -> str:
    file = folder / "ecsctl.yaml"
    definitions = {name: {"image": "example/web", "memory": 32, "logs": "awslogs"} for name in families}
    file.write_text(yaml.safe_dump({"name": "shop", "cluster": "shop", "taskDefinitions": definitions}))
    return str(file)


def run(sandbox: Running, command: str, file: str, *arguments: str) -> Ended:
    ended = ecsctl(sandbox.aws(), command, "-f", file, *arguments)
    assert ended.code == 0, ended.err
    return ended


def groups(sandbox: Running) -> dict[str, dict[str, str]]:
    logs = sandbox.client("logs")
    return {
        group["logGroupName"]: logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"]
        for group in logs.describe_log_groups()["logGroups"]
    }


def test_made_once_removed_with_its_family_and_never_another_maker_s(sandbox: Running, tmp_path: Path) -> None:
    logs = sandbox.client("logs")
    # The one begins like one of the file's, the other one is it.
    for foreign in ("/ecs/web-old", "/ecs/api"):
        logs.create_log_group(logGroupName=foreign, tags={"team": "other"})
    logs.put_retention_policy(logGroupName="/ecs/api", retentionInDays=3)
    up = run(sandbox, "up", write(tmp_path, "web", "worker", "api"), "--yes")
    assert "log-group /ecs/api exists, not made by ecsctl: it is used as it is" in up.err
    foreign_groups = {"/ecs/web-old": {"team": "other"}, "/ecs/api": {"team": "other"}}
    own = {"ecsctl:project": "shop"}
    assert groups(sandbox) == {**foreign_groups, "/ecs/web": own, "/ecs/worker": own}

    # Retention that somebody sets is theirs; nothing is left to plan.
    logs.put_retention_policy(logGroupName="/ecs/web", retentionInDays=7)
    assert json.loads(run(sandbox, "plan", write(tmp_path, "web", "worker", "api"), "-o", "json").out)["changes"] == []

    run(sandbox, "up", write(tmp_path, "web", "api"), "--yes")
    assert groups(sandbox) == {**foreign_groups, "/ecs/web": own}
    run(sandbox, "down", write(tmp_path, "web", "api"), "--yes")
    assert groups(sandbox) == foreign_groups
    (kept,) = logs.describe_log_groups(logGroupNamePrefix="/ecs/api")["logGroups"]
    assert kept["retentionInDays"] == 3
