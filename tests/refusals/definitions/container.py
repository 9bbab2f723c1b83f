"""Refused of task definitions: containers: what they say of themselves, and where they log."""

from __future__ import annotations

from tests.refusals.bases import FIRELENS, LOGS, PLAIN, ROLE, TWO, C, files, one
from tests.refusals.patches import patched

EXAMPLES = (
    one("container-name-missing", PLAIN, {C + "name": ""}, {}),
    one("container-name-characters", PLAIN, {C + "name": "a b"}, {C + "name": "a_b-1"}),
    one("container-names-unique", TWO, {"containerDefinitions.1.name": "c"}, {}),
    one("container-image-missing", PLAIN, {C + "image": None}, {}),
    one("container-image-characters", PLAIN, {C + "image": "$NAME:$TAG"}, {C + "image": "registry:5000/a/b_c:1.2"}),
    one("container-image-characters", PLAIN, {C + "image": "nginx:1 "}, {C + "image": f"nginx@sha256:{'0' * 64}"}),
    one("container-image-length", PLAIN, {C + "image": "i" * 256}, {C + "image": "i" * 255}),
    one("container-image-digest", PLAIN, {C + "image": "nginx@sha256:00"}, {C + "image": f"nginx@sha256:{'aB' * 32}"}),
    one("container-memory-missing", PLAIN, {C + "memory": None}, {C + "memory": None, "memory": "512"}),
    one(
        "container-memory-missing",
        patched(PLAIN, {"requiresCompatibilities": ["FARGATE"]}),
        {C + "memory": None},
        {"cpu": "256", "memory": "512", "networkMode": "awsvpc"},
    ),
    one("container-memory-below-reservation", PLAIN, {C + "memoryReservation": 65}, {C + "memoryReservation": 64}),
    one("container-memory-least", PLAIN, {C + "memory": 3}, {C + "memory": 4}),
    one("container-cpu-negative", PLAIN, {C + "cpu": -1}, {C + "cpu": 0}),
    one(
        "ulimit-soft-above-hard",
        PLAIN,
        {C + "ulimits": [{"name": "nofile", "softLimit": 3, "hardLimit": 2}]},
        {C + "ulimits": [{"name": "nofile", "softLimit": 3, "hardLimit": -1}]},
    ),
    one(
        "environment-name-missing",
        PLAIN,
        {C + "environment": [{"name": "", "value": "x"}]},
        {C + "environment": [{"name": "A", "value": ""}]},
    ),
    one("environment-files-count", PLAIN, files(11), files(10)),
    one("arn-syntax", PLAIN, {C + "environmentFiles": [{"type": "s3", "value": "s3://bucket/a.env"}]}, files(1)),
    one(
        "arn-syntax",
        FIRELENS,
        {
            "containerDefinitions.1.firelensConfiguration.options": {
                "config-file-type": "s3",
                "config-file-value": "/fluent.conf",
            }
        },
        {
            "containerDefinitions.1.firelensConfiguration.options": {
                "config-file-type": "file",
                "config-file-value": "/fluent.conf",
            }
        },
    ),
    one(
        "secrets-execution-role",
        PLAIN,
        {C + "secrets": [{"name": "A", "valueFrom": "/a"}]},
        {C + "secrets": [{"name": "A", "valueFrom": "/a"}], "executionRoleArn": ROLE},
    ),
    one(
        "secret-options-execution-role",
        PLAIN,
        {C + "logConfiguration": {"logDriver": "syslog", "secretOptions": [{"name": "a", "valueFrom": "/a"}]}},
        {
            C + "logConfiguration": {"logDriver": "syslog", "secretOptions": [{"name": "a", "valueFrom": "/a"}]},
            "executionRoleArn": ROLE,
        },
    ),
    one(
        "secret-names-duplicate",
        patched(PLAIN, {"executionRoleArn": ROLE}),
        {C + "secrets": [{"name": "A", "valueFrom": "/a"}, {"name": "A", "valueFrom": "/b"}]},
        {C + "secrets": [{"name": "A", "valueFrom": "/a"}, {"name": "B", "valueFrom": "/a"}]},
    ),
    one(
        "secret-name-shared",
        patched(PLAIN, {"executionRoleArn": ROLE, C + "secrets": [{"name": "A", "valueFrom": "/a"}]}),
        {C + "environment": [{"name": "A", "value": "x"}]},
        {C + "environment": [{"name": "B", "value": "x"}]},
    ),
    one(
        "secret-parameter-name",
        patched(PLAIN, {"executionRoleArn": ROLE}),
        {C + "secrets": [{"name": "A", "valueFrom": "name:key::"}]},
        {
            C + "secrets": [
                {"name": "A", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-AbCdEf:key::"}
            ]
        },
    ),
    *(
        one(
            "health-check-above",
            PLAIN,
            {C + "healthCheck": {"command": ["CMD", "x"], member: most + 1}},
            {C + "healthCheck": {"command": ["CMD", "x"], member: most}},
        )
        for member, most in (("interval", 300), ("timeout", 60), ("retries", 10), ("startPeriod", 300))
    ),
    *(
        one(
            "health-check-below",
            PLAIN,
            {C + "healthCheck": {"command": ["/healthcheck"], member: least - 1}},
            {C + "healthCheck": {"command": ["/healthcheck"], member: least}},
        )
        for member, least in (("interval", 5), ("timeout", 2), ("retries", 1), ("startPeriod", 0))
    ),
    one(
        "health-check-command-empty",
        PLAIN,
        {C + "healthCheck": {"command": []}},
        {C + "healthCheck": {"command": ["CMD-SHELL", "true"]}},
    ),
    one(
        "restart-attempt-period",
        PLAIN,
        {C + "restartPolicy": {"enabled": True, "restartAttemptPeriod": 59}},
        {C + "restartPolicy": {"enabled": True, "restartAttemptPeriod": 60}},
    ),
    one(
        "restart-ignored-exit-codes",
        PLAIN,
        {C + "restartPolicy": {"enabled": True, "ignoredExitCodes": list(range(51))}},
        {C + "restartPolicy": {"enabled": True, "ignoredExitCodes": list(range(50))}},
    ),
    one(
        "credential-specs-count",
        PLAIN,
        {C + "credentialSpecs": ["credentialspec:arn:aws:s3:::b/a", "credentialspec:arn:aws:s3:::b/b"]},
        {C + "credentialSpecs": ["credentialspec:arn:aws:s3:::b/a"]},
    ),
    one(
        "system-control-namespace",
        PLAIN,
        {C + "systemControls": [{"namespace": "vm.max_map_count", "value": "1"}]},
        {C + "systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]},
    ),
    one(
        "system-control-mode",
        PLAIN,
        {"networkMode": "host", C + "systemControls": [{"namespace": "net.core.somaxconn", "value": "1"}]},
        {"networkMode": "host", C + "systemControls": [{"namespace": "kernel.sem", "value": "1"}]},
    ),
    one(
        "swappiness-bounds",
        PLAIN,
        {C + "linuxParameters": {"swappiness": 101}},
        {C + "linuxParameters": {"swappiness": 100}},
    ),
    one(
        "resource-requirement-value",
        PLAIN,
        {C + "resourceRequirements": [{"type": "GPU", "value": "0"}]},
        {C + "resourceRequirements": [{"type": "GPU", "value": "1"}]},
    ),
    one(
        "gpu-sharing-and-value",
        PLAIN,
        {C + "resourceRequirements": [{"type": "GPU", "value": "1", "sharingStrategy": {"nvidiaMps": {"memory": 1}}}]},
        {C + "resourceRequirements": [{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": 1}}}]},
    ),
    one(
        "awslogs-options-missing",
        PLAIN,
        {C + "logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "eu-west-1"}}},
        {C + "logConfiguration": LOGS},
    ),
    one(
        "awslogs-options-missing",
        PLAIN,
        {C + "logConfiguration": {"logDriver": "awslogs"}},
        {C + "logConfiguration": LOGS},
    ),
    one(
        "awslogs-options-unknown",
        PLAIN,
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.log_key": "x"},
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.max-buffer-size": "25m"},
    ),
    one(
        "awslogs-create-group",
        PLAIN,
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.awslogs-create-group": "false"},
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.awslogs-create-group": "true"},
    ),
    one(
        "log-mode",
        PLAIN,
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.mode": "async"},
        {C + "logConfiguration": LOGS, C + "logConfiguration.options.mode": "non-blocking"},
    ),
    one(
        "splunk-options-missing",
        patched(PLAIN, {"executionRoleArn": ROLE}),
        {C + "logConfiguration": {"logDriver": "splunk", "options": {"splunk-url": "https://s:8088"}}},
        {
            C + "logConfiguration": {
                "logDriver": "splunk",
                "options": {"splunk-url": "https://s:8088"},
                "secretOptions": [{"name": "splunk-token", "valueFrom": "/t"}],
            }
        },
    ),
    one(
        "firelens-router-missing",
        PLAIN,
        {C + "logConfiguration": {"logDriver": "awsfirelens"}},
        {C + "logConfiguration": {"logDriver": "json-file"}},
    ),
    one("firelens-unused", FIRELENS, {C + "logConfiguration": None}, {}),
)
