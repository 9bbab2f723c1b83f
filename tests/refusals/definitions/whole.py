"""Refused of task definitions: definitions as a whole."""

from __future__ import annotations

from tests.refusals.bases import AWSVPC, LINUX, PLAIN, ROLE, TASK, TWO, C, many, member_of, one
from tests.refusals.patches import patched

EXAMPLES = (
    one("family-characters", PLAIN, {"family": "a.b"}, {"family": "a-b"}),
    one("containers-missing", PLAIN, {"containerDefinitions": []}, {}),
    one("containers-count", PLAIN, many(11), many(10)),
    one("definition-size", PLAIN, {C + "command": ["x" * 65536]}, {C + "command": ["x" * 60000]}),
    one("essential-missing", PLAIN, {C + "essential": False}, {C + "essential": True}),
    one("role-not-valid", PLAIN, {"taskRoleArn": "arn:aws:iam::XXXXXXXXXXXX:role/x"}, {"taskRoleArn": ROLE}),
    one(
        "role-not-valid",
        PLAIN,
        {"executionRoleArn": "<EXECUTION_ROLE_ARN>"},
        {"executionRoleArn": "ecsTaskExecutionRole"},
    ),
    one("role-not-valid", PLAIN, {"taskRoleArn": ""}, {"taskRoleArn": "arn:aws-cn:iam::123456789012:role/path/r"}),
    one("role-not-valid", PLAIN, {"taskRoleArn": f"{ROLE} "}, {"taskRoleArn": "r"}),
    one("role-not-valid", PLAIN, {"taskRoleArn": "arn:aws:iam::123456789012:instance-profile/r"}, {}),
    one("cpu-sum", TASK, {"cpu": "256", C + "cpu": 257}, {"cpu": "256", C + "cpu": 256}),
    one("container-memory-above-task", TASK, {C + "memory": 513}, {C + "memory": 512}),
    one(
        "memory-reservation-sum",
        patched(TWO, {"memory": "512"}),
        {
            C + "memoryReservation": 300,
            C + "memory": 300,
            "containerDefinitions.1.memoryReservation": 300,
            "containerDefinitions.1.memory": 300,
        },
        {C + "memoryReservation": 60},
    ),
    one(
        "attestation-policy",
        patched(AWSVPC, {"requiresCompatibilities": ["MANAGED_INSTANCES"]}),
        {"trustedExecutionConfiguration": {"isolationMode": "CONFIDENTIAL_SANDBOX"}},
        {"trustedExecutionConfiguration": {"isolationMode": "CONFIDENTIAL_SANDBOX", "attestationPolicy": "e30="}},
    ),
    one(
        "definition-constraint-type", PLAIN, {"placementConstraints": [{"type": "distinctInstance"}]}, member_of(LINUX)
    ),
    one(
        "definition-constraints-count",
        PLAIN,
        {"placementConstraints": [{"type": "memberOf", "expression": LINUX}] * 11},
        {"placementConstraints": [{"type": "memberOf", "expression": LINUX}] * 10},
    ),
    one("definition-constraint-expression", PLAIN, member_of("os is linux"), member_of("attribute:os exists")),
)
