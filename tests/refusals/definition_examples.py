"""For every refusal of RegisterTaskDefinition a request that has just that fault, and its good twin."""

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
    one("awsvpc-hostname", AWSVPC, {C + "hostname": "h"}, {"networkMode": "bridge", C + "hostname": "h"}),
    one(
        "awsvpc-extra-hosts",
        AWSVPC,
        {C + "extraHosts": [{"hostname": "h", "ipAddress": "10.0.0.1"}]},
        {C + "extraHosts": []},
    ),
    one("awsvpc-disable-networking", AWSVPC, {C + "disableNetworking": True}, {C + "disableNetworking": False}),
    one(
        "awsvpc-dns-servers",
        AWSVPC,
        {C + "dnsServers": ["10.0.0.2"]},
        {"networkMode": "host", C + "dnsServers": ["10.0.0.2"]},
    ),
    one(
        "awsvpc-dns-search-domains",
        AWSVPC,
        {C + "dnsSearchDomains": ["x"]},
        {"networkMode": "bridge", C + "dnsSearchDomains": ["x"]},
    ),
    one(
        "awsvpc-links",
        patched(TWO, {"networkMode": "awsvpc"}),
        {C + "links": ["d"]},
        {"networkMode": "bridge", C + "links": ["d:e"]},
    ),
    one("links-mode", patched(TWO, {"networkMode": "host"}), {C + "links": ["d"]}, {C + "links": []}),
    one(
        "none-port-mappings",
        PLAIN,
        {"networkMode": "none", **ports({"containerPort": 80})},
        ports({"containerPort": 80}),
    ),
    one(
        "host-ports-match",
        PLAIN,
        {"networkMode": "host", **ports({"containerPort": 80, "hostPort": 0})},
        {"networkMode": "host", **ports({"containerPort": 80, "hostPort": 80})},
    ),
    one("host-ports-match", AWSVPC, ports({"containerPort": 80, "hostPort": 81}), ports({"containerPort": 80})),
    one("port-missing", PLAIN, ports({"protocol": "tcp"}), ports({"containerPort": 80, "protocol": "tcp"})),
    one("port-bounds", PLAIN, ports({"containerPort": 0}), ports({"containerPort": 1})),
    one(
        "port-bounds",
        PLAIN,
        ports({"containerPort": 1, "hostPort": 65536}),
        ports({"containerPort": 1, "hostPort": 65535}),
    ),
    one(
        "port-and-range",
        PLAIN,
        ports({"containerPort": 80, "containerPortRange": "1-2"}),
        ports({"containerPortRange": "1-2"}),
    ),
    one("port-range", PLAIN, ports({"containerPortRange": "2-2"}), ports({"containerPortRange": "2-3"})),
    one(
        "port-range-mode",
        PLAIN,
        {"networkMode": "host", **ports({"containerPortRange": "80-81"})},
        {"networkMode": "host", **ports({"containerPort": 80})},
    ),
    one(
        "port-ranges-count",
        PLAIN,
        ports(*({"containerPortRange": f"{n * 10}-{n * 10 + 1}"} for n in range(1, 102))),
        ports(*({"containerPortRange": f"{n * 10}-{n * 10 + 1}"} for n in range(1, 101))),
    ),
    one(
        "container-port-twice",
        AWSVPC,
        ports({"containerPortRange": "8080-8085"}, {"containerPortRange": "8085-8090"}),
        ports({"containerPortRange": "8080-8085"}, {"containerPortRange": "8085-8090", "protocol": "udp"}),
    ),
    one(
        "port-ranges-overlap",
        PLAIN,
        ports({"containerPortRange": "8080-8085"}, {"containerPort": 8085}),
        ports({"containerPortRange": "8080-8085"}, {"containerPort": 8086}),
    ),
    one(
        "host-port-twice",
        PLAIN,
        ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}),
        ports({"containerPort": 53, "hostPort": 53}, {"containerPort": 53, "hostPort": 53, "protocol": "udp"}),
    ),
    one(
        "host-port-twice",
        patched(TWO, {"networkMode": "awsvpc"}),
        {**ports({"containerPort": 80}), "containerDefinitions.1.portMappings": [{"containerPort": 80}]},
        {**ports({"containerPort": 80}), "containerDefinitions.1.portMappings": [{"containerPort": 81}]},
    ),
    one(
        "port-name-twice",
        AWSVPC,
        ports({"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}),
        ports({"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "b"}),
    ),
    one("port-name", PLAIN, ports({"containerPort": 80, "name": "A.b"}), ports({"containerPort": 80, "name": "a_b-1"})),
    one("proxy-mode", PLAIN, {"proxyConfiguration": PROXY}, {"networkMode": "awsvpc", "proxyConfiguration": PROXY}),
    one(
        "proxy-container",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.containerName": "envoy"},
        {},
    ),
    one(
        "proxy-ingress-port",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.properties.0": None},
        {},
    ),
    one(
        "proxy-properties",
        patched(AWSVPC, {"proxyConfiguration": PROXY}),
        {"proxyConfiguration.properties.1": None},
        {},
    ),
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
