"""Roles of task definitions, from the file to resources: what each may do, and nothing besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.deploy.data_sources import DataSources, Subnet
from ecsctl.deploy.desired import desired
from ecsctl.deploy.kinds import TABLE
from ecsctl.deploy.kinds.service_role import ServiceRole, role_name
from ecsctl.deploy.kinds.task_definition import TaskDefinition
from ecsctl.deploy.resources import Actual, Key, Ref, Scope
from ecsctl.errors import AwsError, UsageError
from ecsctl.manifest import load_spec, load_task_definition
from tests.support.fake_aws import FakeAws, refused

SOURCES = DataSources("eu-west-1", subnets=(Subnet("subnet-a", "vpc-1", "eu-west-1a"),))
FILE = """
name: shop
region: eu-west-1
taskDefinitions:
  web:
    requiresCompatibilities: FARGATE
    networkMode: awsvpc
    cpu: 256
    memory: 512MB
    containerDefinitions:
      - name: web
        image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1
        logs: awslogs
        secrets:
          TOKEN: /app/token
          KEY: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf:password::"
        environmentFiles: [{type: s3, value: "arn:aws:s3:::files/web.env"}]
      - {name: side, image: "busybox:1", repositoryCredentials: {credentialsParameter: hub}}
    taskRole:
      policies: [AmazonS3ReadOnlyAccess, "arn:aws:iam::123456789012:policy/own"]
      statements: [{Action: "sqs:SendMessage", Resource: "arn:aws:sqs:::q"}]
    executionRole: {statements: [{Effect: Deny, Action: "kms:*", Resource: "*"}]}
  plain: {image: "busybox:1", memory: 8, logs: awslogs}
services:
  web: {taskDefinition: web, launchType: FARGATE, ingress: [80], enableExecuteCommand: true}
"""
ROOT = "ecsctl-shop-eu-west-1-web"


def made(folder: Path) -> dict[Key, Any]:
    file = folder / "ecsctl.yaml"
    file.write_text(FILE)
    return dict(desired(load_spec([str(file)]), SOURCES))


def allowed(role: ServiceRole) -> dict[str, Any]:
    """What each action is allowed on."""
    return {
        action: statement["Resource"]
        for statement in role.statements
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }


def test_an_execution_role_may_do_what_the_definition_needs(tmp_path: Path) -> None:
    role = made(tmp_path)[Key("service-role", f"{ROOT}-execution")]
    repository = ["arn:aws:ecr:eu-west-1:123456789012:repository/shop/web"]
    logs = ["arn:aws:logs:eu-west-1:*:log-group:/ecs/web:*"]
    hub = "arn:aws:secretsmanager:eu-west-1:*:secret:hub-??????"
    assert allowed(role) == {
        "ecr:GetAuthorizationToken": "*",
        "ecr:BatchCheckLayerAvailability": repository,
        "ecr:BatchGetImage": repository,
        "ecr:GetDownloadUrlForLayer": repository,
        "logs:CreateLogStream": logs,
        "logs:PutLogEvents": logs,
        "secretsmanager:GetSecretValue": [hub, "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"],
        "ssm:GetParameters": ["arn:aws:ssm:eu-west-1:*:parameter/app/token"],
        "s3:GetObject": ["arn:aws:s3:::files/web.env"],
        "s3:GetBucketLocation": ["arn:aws:s3:::files"],
        "kms:*": "*",
    }
    assert [item["Effect"] for item in role.statements] == ["Allow"] * 7 + ["Deny"]
    assert json.loads(role.document())["Version"] == "2012-10-17"
    assert role.trust["Statement"][0]["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}


def test_a_task_role_has_what_is_said_and_what_exec_needs(tmp_path: Path) -> None:
    role = made(tmp_path)[Key("service-role", f"{ROOT}-task")]
    assert role.policies == (
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "arn:aws:iam::123456789012:policy/own",
    )
    granted = allowed(role)
    assert granted.pop("sqs:SendMessage") == "arn:aws:sqs:::q"
    assert sorted(granted) == [
        f"ssmmessages:{verb}"
        for verb in ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
    ]


def test_the_definition_refers_to_its_roles_and_others_have_none(tmp_path: Path) -> None:
    resources = made(tmp_path)
    web = resources[Key("task-definition", "web")]
    roles = [Key("service-role", f"{ROOT}-{what}") for what in ("task", "execution")]
    assert [web.definition[member] for member in ("taskRoleArn", "executionRoleArn")] == [
        Ref(key, "arn") for key in roles
    ]
    assert set(roles) <= web.dependencies()
    plain = resources[Key("task-definition", "plain")]
    assert not {"taskRoleArn", "executionRoleArn", "taskRole", "executionRole"} & plain.definition.keys()
    assert [key for key in resources if key.kind == "service-role"] == roles


def test_a_role_that_is_made_is_a_difference_until_it_is_there() -> None:
    role = Key("service-role", "r")
    box = {"name": "c", "image": "i:1", "memory": 8}
    wanted = TaskDefinition(
        "f", definition={"family": "f", "taskRoleArn": Ref(role, "arn"), "containerDefinitions": [box]}
    )
    there = {**wanted.definition, "taskRoleArn": "arn:aws:iam::123456789012:role/r"}
    actual = Actual(wanted.key, "arn", "p", fields={"definition": there})
    kind = TABLE["task-definition"]
    assert not list(kind.differences(wanted, actual, {role: {"arn": there["taskRoleArn"]}}))
    [change] = kind.differences(wanted, actual, {})
    assert (change.path, change.after) == ("taskRoleArn", "(arn of service-role r)")
    assert kind.forms(wanted, actual, {})[1]["taskRoleArn"] == "(arn of service-role r)"


def test_roles_are_a_part_of_a_project(tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("family: web\nexecutionRole: {}\ncontainerDefinitions: [{name: c, image: 'i:1', memory: 8}]\n")
    with pytest.raises(UsageError, match="web: its roles are a part of a project"):
        load_task_definition(str(file))


def test_names_of_roles_fit_into_iam() -> None:
    assert role_name("shop", "eu-west-1", "web-task") == f"{ROOT}-task"
    one, two = (role_name("p" * 60, "ap-southeast-1", f"a-long-family-{number}-execution") for number in (1, 2))
    assert max(len(one), len(two)) <= 64
    assert one != two


LISTS = {"service-role": "iam:ListRoles", "scalable-target": "application-autoscaling:DescribeScalableTargets"}


@pytest.mark.parametrize("kind", LISTS)
def test_who_may_not_list_them_needs_none_of_them(kind: str) -> None:
    """Projects without roles or scaling of their own go on with the rights that they had."""

    def found(code: str, *names: str) -> list[Any]:
        aws = FakeAws({LISTS[kind]: refused(LISTS[kind], code)})
        return list(TABLE[kind].find(aws, Scope("shop", "shop", "eu-west-1"), names))

    assert found("AccessDenied") == found("AccessDeniedException") == []
    for code, names in (("AccessDenied", ["wanted"]), ("InternalFailure", [])):
        with pytest.raises(AwsError):
            found(code, *names)
