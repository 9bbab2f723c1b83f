"""Refused of task definitions: volumes, and what containers depend on."""

from __future__ import annotations

from tests.refusals.bases import EFS, MOUNT, PLAIN, ROLE, TWO, C, V, one
from tests.refusals.patches import patched

EXAMPLES = (
    one("volume-name", PLAIN, {"volumes": [{"name": "a.b"}]}, {"volumes": [{"name": "a-b"}]}),
    one(
        "volume-name-twice",
        PLAIN,
        {"volumes": [{"name": "v"}, {"name": "v"}]},
        {"volumes": [{"name": "v"}, {"name": "w"}]},
    ),
    one("volume-kinds", EFS, {V + "host": {"sourcePath": "/x"}}, {V + "host": {}}),
    one("volume-unknown", PLAIN, MOUNT, {**MOUNT, "volumes": [{"name": "v"}]}),
    one(
        "volumes-from-unknown",
        TWO,
        {C + "volumesFrom": [{"sourceContainer": "nope"}]},
        {C + "volumesFrom": [{"sourceContainer": "d"}]},
    ),
    one(
        "launch-volumes-count",
        PLAIN,
        {
            "volumes": [{"name": "v", "configuredAtLaunch": True}, {"name": "w", "configuredAtLaunch": True}],
            C + "mountPoints": [
                {"sourceVolume": "v", "containerPath": "/v"},
                {"sourceVolume": "w", "containerPath": "/w"},
            ],
        },
        {"volumes": [{"name": "v", "configuredAtLaunch": True}], **MOUNT},
    ),
    one(
        "launch-volume-unused",
        PLAIN,
        {"volumes": [{"name": "v", "configuredAtLaunch": True}]},
        {"volumes": [{"name": "v"}]},
    ),
    one(
        "efs-access-point-root",
        EFS,
        {
            V + "efsVolumeConfiguration.rootDirectory": "/x",
            V + "efsVolumeConfiguration.transitEncryption": "ENABLED",
            V + "efsVolumeConfiguration.authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
        },
        {
            V + "efsVolumeConfiguration.rootDirectory": "/",
            V + "efsVolumeConfiguration.transitEncryption": "ENABLED",
            V + "efsVolumeConfiguration.authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
        },
    ),
    one(
        "efs-iam-encryption",
        EFS,
        {V + "efsVolumeConfiguration.authorizationConfig": {"iam": "ENABLED"}},
        {V + "efsVolumeConfiguration.authorizationConfig": {"iam": "DISABLED"}},
    ),
    one(
        "efs-access-point-encryption",
        EFS,
        {V + "efsVolumeConfiguration.authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"}},
        {
            V + "efsVolumeConfiguration.authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0"},
            V + "efsVolumeConfiguration.transitEncryption": "ENABLED",
        },
    ),
    one(
        "efs-port-encryption",
        EFS,
        {V + "efsVolumeConfiguration.transitEncryptionPort": 2999},
        {
            V + "efsVolumeConfiguration.transitEncryptionPort": 2999,
            V + "efsVolumeConfiguration.transitEncryption": "ENABLED",
        },
    ),
    one(
        "docker-volume-autoprovision",
        PLAIN,
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": False}}]},
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "autoprovision": True}}]},
    ),
    one(
        "s3-files-role",
        PLAIN,
        {
            "volumes": [
                {
                    "name": "v",
                    "s3filesVolumeConfiguration": {
                        "fileSystemArn": "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-1"
                    },
                }
            ]
        },
        {
            "volumes": [
                {
                    "name": "v",
                    "s3filesVolumeConfiguration": {
                        "fileSystemArn": "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-1"
                    },
                }
            ],
            "taskRoleArn": ROLE,
        },
    ),
    one(
        "s3-files-access-point-root",
        patched(PLAIN, {"taskRoleArn": ROLE}),
        {
            "volumes": [
                {
                    "name": "v",
                    "s3filesVolumeConfiguration": {
                        "fileSystemArn": "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-1",
                        "accessPointArn": "arn:aws:s3files:eu-west-1:123456789012:access-point/a",
                        "rootDirectory": "/x",
                    },
                }
            ]
        },
        {
            "volumes": [
                {
                    "name": "v",
                    "s3filesVolumeConfiguration": {
                        "fileSystemArn": "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-1",
                        "rootDirectory": "/x",
                    },
                }
            ]
        },
    ),
    one(
        "dependency-unknown",
        TWO,
        {C + "dependsOn": [{"containerName": "nope", "condition": "START"}]},
        {C + "dependsOn": [{"containerName": "d", "condition": "START"}]},
    ),
    one("link-unknown", TWO, {C + "links": ["nope:x"]}, {C + "links": ["d:x"]}),
    one(
        "dependency-essential",
        TWO,
        {C + "dependsOn": [{"containerName": "d", "condition": "SUCCESS"}], "containerDefinitions.1.essential": True},
        {C + "dependsOn": [{"containerName": "d", "condition": "SUCCESS"}]},
    ),
    one(
        "dependency-health-check",
        TWO,
        {C + "dependsOn": [{"containerName": "d", "condition": "HEALTHY"}]},
        {
            C + "dependsOn": [{"containerName": "d", "condition": "HEALTHY"}],
            "containerDefinitions.1.healthCheck": {"command": ["CMD", "x"]},
        },
    ),
    one(
        "dependency-self",
        TWO,
        {C + "dependsOn": [{"containerName": "c", "condition": "START"}]},
        {C + "dependsOn": [{"containerName": "d", "condition": "START"}]},
    ),
    one(
        "dependency-cycle",
        TWO,
        {
            C + "dependsOn": [{"containerName": "d", "condition": "START"}],
            "containerDefinitions.1.dependsOn": [{"containerName": "c", "condition": "START"}],
        },
        {C + "dependsOn": [{"containerName": "d", "condition": "START"}]},
    ),
)
