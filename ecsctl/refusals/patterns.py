"""The forms of names, images, ARNs and ids, each once: what does not fit was never given out by AWS."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
NAME_IS = "1 to 255 letters, digits, hyphens and underscores"
PORT_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,63}")
PORT_NAME_IS = "up to 64 small letters, digits, hyphens and underscores, no hyphen first"
PORT_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")
IMAGE = re.compile(r"[A-Za-z0-9_:./#@-]+")
DIGEST = re.compile(r"sha256:[0-9a-fA-F]{64}")
PARAMETER_NAME = re.compile(r"[A-Za-z0-9_./-]{1,2048}")
DNS_NAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,126}")
ECR = re.compile(r"\d{12}\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws|on)\.[a-z.]+/")
PARTITION = r"arn:aws[a-z-]*"


@dataclass(frozen=True)
class Form:
    """What a value must look like. ``noun`` names it; ``like`` is an example."""

    noun: str
    pattern: re.Pattern[str]
    like: str

    def fits(self, value: str) -> bool:
        """Whether the whole value has this form."""
        return self.pattern.fullmatch(value) is not None


ARN = Form(
    "an ARN",
    re.compile(PARTITION + r":[a-z0-9-]+:[a-z0-9-]*:(?:\d{12})?:\S+"),
    "arn:aws:s3:::bucket/key",
)
S3_OBJECT = Form("the ARN of an object of S3", re.compile(PARTITION + r":s3:::[^/\s]+/\S+"), "arn:aws:s3:::bucket/key")
ROLE = Form(
    "the name or ARN of an IAM role",
    re.compile(PARTITION + r":iam::\d{12}:role/[\w+=,.@/-]{1,576}|[\w+=,.@/-]{1,576}", re.ASCII),
    "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
)
SUBNET = Form("the id of a subnet", re.compile("subnet-[0-9a-f]+"), "subnet-0123456789abcdef0")
SECURITY_GROUP = Form("the id of a security group", re.compile("sg-[0-9a-f]+"), "sg-0123456789abcdef0")
TARGET_GROUP = Form(
    "the ARN of a target group",
    re.compile(PARTITION + r":elasticloadbalancing:[a-z0-9-]+:\d{12}:targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-z]+"),
    "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/web/0123456789abcdef",
)
FILE_SYSTEM = Form("the id of an EFS file system", re.compile("fs-[0-9a-f]+"), "fs-0123456789abcdef0")
ACCESS_POINT = Form("the id of an EFS access point", re.compile("fsap-[0-9a-f]+"), "fsap-0123456789abcdef0")

# What people leave where the real value belongs.
PLACEHOLDER = re.compile(
    r"<[^<>\s][^<>]*>|\{\{[^{}]*\}\}|\$\{?[A-Za-z_]\w*\}?|%[A-Z][A-Z_]+%|(?:^|[:/_-])[Xx]{4,}(?:$|[:/_.-])"
    r"|(?:^|[:/])(?:YOUR|your|REPLACE|replace)[-_ ].*"
)


def arn_problem(value: str) -> bool:
    """Whether a text begins as an ARN and is none, as with an account of XXXXXXXXXXXX."""
    return value.startswith("arn:") and not ARN.fits(value)
