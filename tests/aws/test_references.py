"""What a definition file refers to in AWS: values of parameters, ARNs of secrets, outputs of stacks."""

from __future__ import annotations

from typing import Any

import pytest

from ecsctl.aws.references import lookup
from ecsctl.errors import AwsError, NotFoundError, UsageError
from tests.support.fake_aws import FakeAws, refused


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
    gone = FakeAws(
        {"secretsmanager:DescribeSecret": refused("secretsmanager:DescribeSecret", "ResourceNotFoundException")}
    )
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        lookup(lambda region: gone)("secret", "app", None)


def test_an_output_of_a_stack() -> None:
    outputs = [{"OutputKey": "Role", "OutputValue": "arn:role"}]
    ask, _, _ = asking(cfn={"Stacks": [{"StackName": "s", "Outputs": outputs}]})
    assert ask("cfn", "s.Role", None) == "arn:role"
    with pytest.raises(NotFoundError, match="has no output Other") as caught:
        ask("cfn", "s.Other", None)
    assert caught.value.hint == "it has: Role"
