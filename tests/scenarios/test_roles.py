"""Roles that a project makes for its tasks: used, changed, and gone with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.account import holdings
from tests.support.command import Ended, ecsctl
from tests.support.sandbox import Running

pytestmark = pytest.mark.slow


def test_roles_are_made_changed_and_removed(sandbox: Running, tmp_path: Path) -> None:
    file, aws, iam = tmp_path / "ecsctl.yaml", sandbox.aws(), sandbox.client("iam")
    before = holdings(sandbox)
    role: dict[str, Any] = {"policies": ["AmazonECS_FullAccess"]}
    web = {"image": "example/web:1", "memory": 512, "logs": "awslogs", "taskRole": role, "executionRole": {}}
    web |= {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": 256}
    services = {"web": {"taskDefinition": "web", "launchType": "FARGATE", "ingress": [80], "desiredCount": 1}}
    data = {"name": "shop", "taskDefinitions": {"web": web}, "services": services}

    def run(*arguments: str) -> Ended:
        file.write_text(yaml.safe_dump(data))
        return ecsctl(aws, *arguments, "-f", str(file))

    ended = run("up", "--yes")
    assert ended.code == 0, ended.err
    definition = sandbox.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    root = "arn:aws:iam::123456789012:role/ecsctl/shop/eu-west-1/ecsctl-shop-eu-west-1-web"
    assert definition["taskRoleArn"] == f"{root}-task"
    assert definition["executionRoleArn"] == f"{root}-execution"
    policy = iam.get_role_policy(RoleName="ecsctl-shop-eu-west-1-web-execution", PolicyName="ecsctl")["PolicyDocument"]
    [statement] = policy["Statement"]
    assert statement["Resource"] == ["arn:aws:logs:eu-west-1:*:log-group:/ecs/web:*"]
    assert run("plan", "--exit-code").code == 0, run("plan").out

    role["statements"] = [{"Action": "s3:GetObject", "Resource": "arn:aws:s3:::files/*"}]
    ended = run("up", "--yes")
    assert ended.code == 0, ended.err
    policy = iam.get_role_policy(RoleName="ecsctl-shop-eu-west-1-web-task", PolicyName="ecsctl")["PolicyDocument"]
    assert policy["Statement"] == [{"Effect": "Allow", **role["statements"][0]}]
    # The role is the same one, so nothing is deployed for it.
    assert sandbox.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == 1

    ended = run("down", "--yes")
    assert ended.code == 0, ended.err
    assert {name for name in holdings(sandbox) if name not in before and "task definition" not in name} == set()
