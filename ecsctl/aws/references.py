"""Answers the references of a definition file that only AWS knows: parameters, secrets' ARNs, outputs of stacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ecsctl.errors import AwsError, NotFoundError, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

AWS_OPERATIONS = (
    "cloudformation:DescribeStacks",
    "secretsmanager:DescribeSecret",
    "ssm:GetParameters",
)


def lookup(connect: Callable[[str | None], Aws]) -> Callable[[str, str, str | None], str]:
    """A function of (kind, name, region) for ``ecsctl.manifest.interpolation.templates.Values``.

    Args:
        connect: gives the door to AWS in the file's region, when it is first needed.

    The function raises NotFoundError where there is no such thing, UsageError where it is not to be read, and AwsError.
    """
    kinds = {"ssm": _parameter, "secret": _secret, "cfn": _output}

    def answer(kind: str, name: str, region: str | None) -> str:
        return kinds[kind](connect(region), name)

    return answer


def _parameter(aws: Aws, name: str) -> str:
    """The value of a parameter (ssm:GetParameters), never that of a SecureString."""
    found = aws.call("ssm", "GetParameters", {"Names": [name]}, about=name)["Parameters"]
    if not found:
        raise NotFoundError(f"there is no parameter {name} in {aws.region}")
    if found[0]["Type"] == "SecureString":
        raise UsageError(f"the parameter {name} is a SecureString", hint="name it under the container's secrets")
    value: str = found[0]["Value"]
    return value


def _secret(aws: Aws, name: str) -> str:
    """The ARN of a secret (secretsmanager:DescribeSecret), with the key after ``#``; never its value."""
    name, _, key = name.partition("#")
    try:
        arn: str = aws.call("secretsmanager", "DescribeSecret", {"SecretId": name}, about=name)["ARN"]
    except AwsError as error:
        if error.aws_code != "ResourceNotFoundException":
            raise
        raise NotFoundError(f"there is no secret {name} in {aws.region}") from error
    return f"{arn}:{key}::" if key else arn


def _output(aws: Aws, name: str) -> str:
    """An output of a stack (cloudformation:DescribeStacks), named ``STACK.OUTPUT``."""
    stack, _, output = name.partition(".")
    try:
        stacks = aws.call("cloudformation", "DescribeStacks", {"StackName": stack}, about=stack)["Stacks"]
    except AwsError as error:
        # CloudFormation has no code of its own for it.
        if error.aws_code != "ValidationError" or "does not exist" not in str(error):
            raise
        raise NotFoundError(f"there is no stack {stack} in {aws.region}") from error
    outputs = stacks[0].get("Outputs", [])
    values = {item["OutputKey"]: item["OutputValue"] for item in outputs}
    if output not in values:
        known = ", ".join(sorted(values)) or "none"
        raise NotFoundError(f"the stack {stack} has no output {output}", hint=f"it has: {known}")
    value: str = values[output]
    return value
