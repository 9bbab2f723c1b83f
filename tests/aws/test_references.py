"""What a definition file refers to in AWS: values of parameters, ARNs of secrets, outputs of stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ecsctl.aws.references import lookup
from ecsctl.errors import AwsError, NotFoundError, UsageError
from tests.support.command import ecsctl
from tests.support.fake_aws import FakeAws, refused
from tests.support.sandbox import Running


def asking(**answers: Any) -> tuple[Any, FakeAws, list[str | None]]:
    """The lookup, its AWS, and the regions that it was connected to."""
    names = {
        "ssm": "ssm:GetParameters",
        "secret": "secretsmanager:DescribeSecret",
        "cfn": "cloudformation:DescribeStacks",
    }
    aws = FakeAws({names[kind]: (lambda query, answer=answer: answer) for kind, answer in answers.items()})
    regions: list[str | None] = []

    def connect(region: str | None) -> FakeAws:
        regions.append(region)
        return aws

    return lookup(connect), aws, regions


def test_a_parameter_is_its_value() -> None:
    ask, aws, regions = asking(ssm={"Parameters": [{"Name": "/a", "Type": "String", "Value": "v"}]})
    assert ask("ssm", "/a", "eu-west-1") == "v"
    assert aws.calls == [("ssm:GetParameters", {"Names": ["/a"]})]
    assert regions == ["eu-west-1"]


def test_a_secure_parameter_is_never_read_into_a_definition() -> None:
    ask, _, _ = asking(ssm={"Parameters": [{"Name": "/a", "Type": "SecureString", "Value": "encrypted"}]})
    with pytest.raises(UsageError, match="is a SecureString"):
        ask("ssm", "/a", None)


def test_a_parameter_that_is_not_there() -> None:
    ask, _, _ = asking(ssm={"Parameters": [], "InvalidParameters": ["/a"]})
    with pytest.raises(NotFoundError, match="there is no parameter /a in eu-west-1"):
        ask("ssm", "/a", None)


def test_a_secret_is_its_arn() -> None:
    ask, aws, _ = asking(secret={"ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:app-x1y2z3"})
    assert ask("secret", "app", None) == "arn:aws:secretsmanager:eu-west-1:1:secret:app-x1y2z3"
    assert ask("secret", "app#password", None) == "arn:aws:secretsmanager:eu-west-1:1:secret:app-x1y2z3:password::"
    assert aws.calls[1] == ("secretsmanager:DescribeSecret", {"SecretId": "app"})
    for code, kind in (("ResourceNotFoundException", NotFoundError), ("AccessDeniedException", AwsError)):
        gone = FakeAws({"secretsmanager:DescribeSecret": refused("secretsmanager:DescribeSecret", code)})
        with pytest.raises(kind):
            lookup(lambda region, gone=gone: gone)("secret", "app", None)


def test_an_output_of_a_stack() -> None:
    outputs = [{"OutputKey": "Role", "OutputValue": "arn:role"}]
    ask, _, _ = asking(cfn={"Stacks": [{"StackName": "s", "Outputs": outputs}]})
    assert ask("cfn", "s.Role", None) == "arn:role"
    with pytest.raises(NotFoundError, match="has no output Other") as caught:
        ask("cfn", "s.Other", None)
    assert caught.value.hint == "it has: Role"


FILE = """\
image: ${ssm:/app/image}
memory: 64
executionRoleArn: ${cfn:base.Role}
secrets: {PASSWORD: "${secret:app}", KEY: "${secret:app#key}"}
"""


def test_references_are_filled_in_over_http_and_no_secret_is_read(sandbox: Running, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(FILE)
    aws = sandbox.aws()
    ended = ecsctl(aws, "task", "register", str(file))
    assert ended.code == 2
    assert "web.yaml:1:8: image: ${ssm:/app/image}: there is no parameter /app/image in eu-west-1" in ended.err
    assert "web.yaml:3:19: executionRoleArn: ${cfn:base.Role}: there is no stack base in eu-west-1" in ended.err
    assert "web.yaml:4:22: secrets.PASSWORD: ${secret:app}: there is no secret app in eu-west-1" in ended.err

    sandbox.client("ssm").put_parameter(Name="/app/image", Value="nginx:1", Type="SecureString")
    secret = sandbox.client("secretsmanager").create_secret(Name="app", SecretString="hush")["ARN"]
    template = {
        "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"Role": {"Value": "arn:aws:iam::123456789012:role/r"}},
    }
    sandbox.client("cloudformation").create_stack(StackName="base", TemplateBody=json.dumps(template))
    ended = ecsctl(aws, "task", "register", str(file))
    assert ended.code == 2
    assert ended.err.startswith(f"error: {file}:1:8: image: ${{ssm:/app/image}}: the parameter /app/image is a Secure")

    sandbox.client("ssm").put_parameter(Name="/app/image", Value="nginx:1", Type="String", Overwrite=True)
    ended = ecsctl(aws, "task", "register", str(file))
    assert (ended.code, ended.out) == (0, "web:1\n"), ended.err
    made = sandbox.client("ecs").describe_task_definition(taskDefinition="web")["taskDefinition"]
    [box] = made["containerDefinitions"]
    assert (box["image"], made["executionRoleArn"]) == ("nginx:1", "arn:aws:iam::123456789012:role/r")
    assert box["secrets"] == [
        {"name": "PASSWORD", "valueFrom": secret},
        {"name": "KEY", "valueFrom": f"{secret}:key::"},
    ]
    assert "hush" not in json.dumps(made, default=str)
