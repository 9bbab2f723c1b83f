"""Refused of task definitions: Fargate and the other launch types."""

from __future__ import annotations

from tests.refusals.bases import AWSVPC, FARGATE, FIRELENS, LINUX, LOGS, PLAIN, ROLE, C, member_of, one
from tests.refusals.patches import patched

EXAMPLES = (
    one("fargate-cpu", FARGATE, {"cpu": None}, {}),
    one("fargate-memory", FARGATE, {"memory": None}, {}),
    one("fargate-network-mode", FARGATE, {"networkMode": None}, {}),
    one("fargate-network-mode", FARGATE, {"networkMode": "bridge"}, {}),
    one("fargate-size", FARGATE, {"memory": "4096"}, {"memory": "2048"}),
    one("fargate-size", FARGATE, {"cpu": "300"}, {"cpu": "32 vCPU", "memory": "244 GB"}),
    one(
        "fargate-size",
        FARGATE,
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}},
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}, "cpu": "1024", "memory": "2048"},
    ),
    one(
        "fargate-size",
        FARGATE,
        {
            "runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64"},
            "cpu": "1024",
            "memory": "2048",
        },
        {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
    ),
    one(
        "ephemeral-storage-least",
        FARGATE,
        {"ephemeralStorage": {"sizeInGiB": 20}},
        {"ephemeralStorage": {"sizeInGiB": 21}},
    ),
    one(
        "ephemeral-storage-most",
        FARGATE,
        {"ephemeralStorage": {"sizeInGiB": 201}},
        {"ephemeralStorage": {"sizeInGiB": 200}},
    ),
    one("fargate-privileged", FARGATE, {C + "privileged": True}, {C + "privileged": False}),
    one(
        "fargate-not-supported",
        FARGATE,
        {C + "linuxParameters": {"devices": [{"hostPath": "/dev/x"}]}},
        {C + "linuxParameters": {"initProcessEnabled": True}},
    ),
    one(
        "fargate-not-supported",
        FARGATE,
        {C + "linuxParameters": {"maxSwap": 0}},
        {C + "linuxParameters": {"capabilities": {"drop": ["ALL"]}}},
    ),
    one(
        "fargate-not-supported",
        FARGATE,
        {C + "linuxParameters": {"sharedMemorySize": 64}},
        {C + "linuxParameters": {"tmpfs": [{"containerPath": "/t", "size": 1}]}},
    ),
    one(
        "fargate-not-supported",
        FARGATE,
        {C + "dockerSecurityOptions": ["no-new-privileges"]},
        {C + "dockerSecurityOptions": []},
    ),
    one("fargate-not-supported", FARGATE, {"ipcMode": "task"}, {"pidMode": "task"}),
    one("fargate-not-supported", FARGATE, member_of(LINUX), {}),
    one(
        "fargate-not-supported",
        FARGATE,
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]},
        {"volumes": [{"name": "v"}]},
    ),
    one(
        "fargate-not-supported",
        FARGATE,
        {"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]},
        {"volumes": [{"name": "v", "host": {}}]},
    ),
    one("fargate-swappiness", FARGATE, {C + "linuxParameters": {"swappiness": 1}}, {}),
    one("fargate-pid-mode", FARGATE, {"pidMode": "host"}, {"pidMode": "task"}),
    one("fargate-gpu", FARGATE, {C + "resourceRequirements": [{"type": "GPU", "value": "1"}]}, {}),
    one(
        "fargate-capability",
        FARGATE,
        {C + "linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}},
        {C + "linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"]}}},
    ),
    one("fargate-timeout", FARGATE, {C + "stopTimeout": 1}, {C + "stopTimeout": 2}),
    one("fargate-timeout", FARGATE, {C + "startTimeout": 121}, {C + "startTimeout": 120}),
    one(
        "fargate-log-driver",
        FARGATE,
        {C + "logConfiguration": {"logDriver": "json-file"}},
        {C + "logConfiguration": LOGS, "executionRoleArn": ROLE},
    ),
    one(
        "fargate-stream-prefix",
        patched(FARGATE, {C + "logConfiguration": LOGS, "executionRoleArn": ROLE}),
        {C + "logConfiguration.options.awslogs-stream-prefix": None},
        {},
    ),
    one(
        "fargate-awslogs-role",
        FARGATE,
        {C + "logConfiguration": LOGS},
        {C + "logConfiguration": LOGS, "executionRoleArn": "ecsTaskExecutionRole"},
    ),
    one(
        "fargate-ecr-role",
        FARGATE,
        {C + "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/x:1"},
        {C + "image": "public.ecr.aws/x/y:1"},
    ),
    one(
        "fargate-firelens-s3",
        patched(
            FIRELENS, {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512"}
        ),
        {
            "containerDefinitions.1.firelensConfiguration.options": {
                "config-file-type": "s3",
                "config-file-value": "arn:aws:s3:::b/f.conf",
            }
        },
        {
            "containerDefinitions.1.firelensConfiguration.options": {
                "config-file-type": "file",
                "config-file-value": "/f.conf",
            }
        },
    ),
    one(
        "ec2-ephemeral-storage",
        PLAIN,
        {"requiresCompatibilities": ["EC2"], "ephemeralStorage": {"sizeInGiB": 30}},
        {"requiresCompatibilities": ["EC2"]},
    ),
    one("task-cpu", PLAIN, {"cpu": "0"}, {"cpu": "1 vCPU"}),
    one("task-memory", PLAIN, {"memory": "0"}, {"memory": "1 GB"}),
    one("ec2-cpu", PLAIN, {"cpu": "127"}, {"cpu": "128"}),
    one(
        "windows-arm64",
        PLAIN,
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "ARM64"}},
        {"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}},
    ),
    one(
        "external-awsvpc",
        AWSVPC,
        {"requiresCompatibilities": ["EXTERNAL"]},
        {"requiresCompatibilities": ["EXTERNAL"], "networkMode": "host"},
    ),
    one(
        "external-gpu-sharing",
        PLAIN,
        {
            "requiresCompatibilities": ["EXTERNAL"],
            C + "resourceRequirements": [{"type": "GPU", "sharingStrategy": {"nvidiaMps": {"memory": 1}}}],
        },
        {"requiresCompatibilities": ["EXTERNAL"], C + "resourceRequirements": [{"type": "GPU", "value": "1"}]},
    ),
    one(
        "managed-instances-only",
        AWSVPC,
        {C + "resourceRequirements": [{"type": "NeuronDevice", "value": "ALL"}]},
        {
            C + "resourceRequirements": [{"type": "NeuronDevice", "value": "ALL"}],
            "requiresCompatibilities": ["MANAGED_INSTANCES"],
        },
    ),
    one(
        "managed-instances-log-driver",
        patched(AWSVPC, {"requiresCompatibilities": ["MANAGED_INSTANCES"]}),
        {C + "logConfiguration": {"logDriver": "syslog"}},
        {C + "logConfiguration": {"logDriver": "json-file"}},
    ),
    one(
        "inference-accelerators",
        PLAIN,
        {"inferenceAccelerators": [{"deviceName": "d", "deviceType": "eia1.medium"}]},
        {},
    ),
)
