"""What the examples of refused task definitions begin with, and short words for what they change."""

from __future__ import annotations

from typing import Any

from tests.refusals.patches import Example, patched

ROLE = "arn:aws:iam::123456789012:role/r"
LOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"},
}
PLAIN: dict[str, Any] = {"family": "t", "containerDefinitions": [{"name": "c", "image": "nginx:1", "memory": 64}]}
TASK = patched(PLAIN, {"memory": "512"})
TWO = patched(PLAIN, {"containerDefinitions.1": {"name": "d", "image": "nginx:1", "memory": 64, "essential": False}})
AWSVPC = patched(PLAIN, {"networkMode": "awsvpc"})
FARGATE = patched(
    PLAIN, {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
)
C = "containerDefinitions.0."
V = "volumes.0."
MOUNT = {C + "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}
EFS = patched(
    PLAIN, {"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-0123456789abcdef0"}}], **MOUNT}
)
PROXY = {
    "containerName": "c",
    "properties": [
        {"name": "ProxyIngressPort", "value": "15000"},
        {"name": "ProxyEgressPort", "value": "15001"},
        {"name": "AppPorts", "value": "80"},
        {"name": "EgressIgnoredIPs", "value": "169.254.170.2"},
    ],
}
FIRELENS = patched(
    TWO,
    {
        C + "logConfiguration": {"logDriver": "awsfirelens"},
        "containerDefinitions.1.firelensConfiguration": {"type": "fluentbit"},
    },
)


def one(refusal: str, base: dict[str, Any], bad: dict[str, Any], good: dict[str, Any]) -> Example:
    """An example: what to set in the base so that it is refused, and so that it is not."""
    return Example(refusal, patched(base, bad), patched(base, good))


def ports(*mappings: dict[str, Any]) -> dict[str, Any]:
    return {C + "portMappings": list(mappings)}


def files(count: int) -> dict[str, Any]:
    return {C + "environmentFiles": [{"type": "s3", "value": f"arn:aws:s3:::b/{n}.env"} for n in range(count)]}


def many(count: int) -> dict[str, Any]:
    return {"containerDefinitions": [{"name": f"c{n}", "image": "nginx:1", "memory": 64} for n in range(count)]}


def member_of(expression: str) -> dict[str, Any]:
    return {"placementConstraints": [{"type": "memberOf", "expression": expression}]}


LINUX = "attribute:ecs.os-type == linux"
