"""Register, describe, register what was described: no new revision, whatever field of a definition is used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecsctl.manifest.schema.api import definitions
from tests.cli.test_on_engine import do
from tests.sandbox.ecs.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

Json = dict[str, Any]
ROLE = "arn:aws:iam::123456789012:role/r"
SECRET = "arn:aws:ssm:eu-west-1:123456789012:parameter/x"

names = st.sampled_from(["a", "b2", "C-c", "d_d"])
texts = st.sampled_from(["x", " spaced ", "ünïcode", "a=b,c", "0", "false", ""])
words = st.lists(st.sampled_from(["sh", "-c", "echo $X", "--flag=1", ""]), min_size=1, max_size=3)


def unique(member: str, item: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    return st.lists(item, max_size=3, unique_by=lambda one: one[member])


def pairs(values: st.SearchStrategy[Any] = texts) -> st.SearchStrategy[Json]:
    return st.dictionaries(names, values, max_size=3)


def record(needed: Mapping[str, Any], **others: Any) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(dict(needed), optional=others)


def numbers(least: int, most: int) -> st.SearchStrategy[int]:
    return st.integers(least, most)


environment = unique("name", record({"name": names, "value": texts}))
secrets = unique("name", record({"name": st.sampled_from(["S1", "S2"]), "valueFrom": st.just(SECRET)}))
health = record(
    {"command": st.sampled_from([["CMD-SHELL", "true"], ["CMD", "/check", "-v"]])},
    interval=numbers(6, 300),
    timeout=numbers(2, 5),
    retries=numbers(1, 10),
    startPeriod=numbers(0, 300),
)
logging = st.one_of(
    record(
        {"logDriver": st.just("awslogs"), "options": st.just({"awslogs-group": "g", "awslogs-region": "eu-west-1"})}
    ),
    record(
        {"logDriver": st.sampled_from(["json-file", "syslog", "gelf"])},
        options=pairs(),
        secretOptions=unique("name", record({"name": names, "valueFrom": st.just(SECRET)})),
    ),
)
linux = record(
    {},
    capabilities=record({}, add=st.just(["SYS_PTRACE"]), drop=st.lists(st.just("MKNOD"), max_size=1)),
    devices=st.just([{"hostPath": "/dev/fuse", "containerPath": "/dev/fuse", "permissions": ["read", "write"]}]),
    initProcessEnabled=st.booleans(),
    sharedMemorySize=numbers(1, 64),
    tmpfs=st.just([{"containerPath": "/t", "size": 8, "mountOptions": ["rw", "noexec"]}]),
    maxSwap=numbers(0, 64),
    swappiness=numbers(0, 100),
)
ports = unique(
    "containerPort",
    record(
        {"containerPort": numbers(1000, 1005)},
        protocol=st.sampled_from(["tcp", "udp"]),
        hostPort=st.sampled_from([0]),
    ),
)
plain: Json = {
    "cpu": numbers(0, 64),
    "memoryReservation": numbers(6, 32),
    "entryPoint": words,
    "command": words,
    "environment": environment,
    "environmentFiles": st.just([{"value": "arn:aws:s3:::bucket/x.env", "type": "s3"}]),
    "secrets": secrets,
    "repositoryCredentials": st.just(
        {"credentialsParameter": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:x"}
    ),
    "restartPolicy": record(
        {"enabled": st.booleans()}, ignoredExitCodes=st.just([0, 3]), restartAttemptPeriod=numbers(60, 1800)
    ),
    "mountPoints": unique(
        "containerPath",
        record({"sourceVolume": names, "containerPath": st.sampled_from(["/m", "/n"])}, readOnly=st.booleans()),
    ),
    "volumesFrom": st.just([{"sourceContainer": "side", "readOnly": True}]),
    "linuxParameters": linux,
    "dependsOn": st.sampled_from([[], [{"containerName": "side", "condition": "START"}]]),
    "startTimeout": numbers(2, 120),
    "stopTimeout": numbers(2, 120),
    "versionConsistency": st.sampled_from(["enabled", "disabled"]),
    "user": st.sampled_from(["1000", "www:www", "1:2"]),
    "workingDirectory": st.just("/w"),
    "privileged": st.booleans(),
    "readonlyRootFilesystem": st.booleans(),
    "interactive": st.booleans(),
    "pseudoTerminal": st.booleans(),
    "dockerLabels": pairs(),
    "dockerSecurityOptions": st.just(["no-new-privileges"]),
    "ulimits": unique(
        "name",
        record({"name": st.sampled_from(["nofile", "core"]), "softLimit": numbers(0, 9), "hardLimit": numbers(9, 20)}),
    ),
    "logConfiguration": logging,
    "healthCheck": health,
    "systemControls": unique("namespace", record({"namespace": st.just("net.core.somaxconn"), "value": st.just("9")})),
    "resourceRequirements": st.just([{"type": "GPU", "value": "1"}]),
}
bridged: Json = {
    "links": st.sampled_from([["side"], ["side:other"]]),
    "portMappings": ports,
    "hostname": st.just("h"),
    "disableNetworking": st.just(False),
    "dnsServers": st.just(["10.0.0.2"]),
    "dnsSearchDomains": st.just(["b.example", "a.example"]),
    "extraHosts": unique("hostname", record({"hostname": names, "ipAddress": st.just("10.0.0.1")})),
    "credentialSpecs": st.just(["credentialspec:arn:aws:s3:::bucket/spec.json"]),
}
connected: Json = {
    "portMappings": st.sampled_from(
        [
            [{"containerPort": 80, "name": "web", "appProtocol": "http"}],
            [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}, {"containerPort": 81, "protocol": "udp"}],
            [{"containerPortRange": "9000-9002"}],
        ]
    ),
}
volumes = st.sampled_from(
    [
        {},
        {"host": {}},
        {"host": {"sourcePath": "/srv"}},
        {"dockerVolumeConfiguration": {"scope": "task"}},
        {
            "dockerVolumeConfiguration": {
                "scope": "shared",
                "autoprovision": True,
                "driver": "local",
                "driverOpts": {"type": "nfs"},
                "labels": {"a": "b"},
            }
        },
        {"efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}},
        {
            "efsVolumeConfiguration": {
                "fileSystemId": "fs-12345678",
                "rootDirectory": "/",
                "transitEncryption": "ENABLED",
                "transitEncryptionPort": 2999,
                "authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0", "iam": "ENABLED"},
            }
        },
    ]
)
task: Json = {
    "taskRoleArn": st.just(ROLE),
    "tags": unique("key", record({"key": names, "value": st.sampled_from(["x", "a b", "1", ""])})),
}
on_instances: Json = {
    "cpu": st.sampled_from(["256", "1024"]),
    "memory": st.sampled_from(["512", "2048"]),
    "pidMode": st.sampled_from(["host", "task"]),
    "ipcMode": st.sampled_from(["host", "task", "none"]),
    "placementConstraints": st.just([{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}]),
    "requiresCompatibilities": st.just(["EC2"]),
    "runtimePlatform": st.just({"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}),
}
mesh = st.just(
    {
        "type": "APPMESH",
        "containerName": "app",
        "properties": [
            {"name": "AppPorts", "value": "80"},
            {"name": "ProxyIngressPort", "value": "15000"},
            {"name": "ProxyEgressPort", "value": "15001"},
            {"name": "IgnoredUID", "value": "1337"},
            {"name": "EgressIgnoredIPs", "value": "169.254.170.2"},
        ],
    }
)
firelens = record({"type": st.sampled_from(["fluentd", "fluentbit"])}, options=st.just({"config-file-type": "file"}))


def whole(containers: Json, members: Json, **fixed: Any) -> st.SearchStrategy[Json]:
    """Definitions of an essential container ``app`` and one beside it, with the volumes ``a`` to ``d_d``."""
    made = record(
        {"image": st.sampled_from(["nginx", "nginx:1.27", "x@sha256:" + "0" * 64]), "memory": st.just(64)},
        **containers,
    )

    def assemble(app: Json, side: Json, drawn: Json, found: list[Json]) -> Json:
        if "firelensConfiguration" in side:
            app = {**app, "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "stdout"}}}
        named = [{"name": name, **volume} for name, volume in zip(["a", "b2", "C-c", "d_d"], found, strict=True)]
        return {
            "family": "web",
            "executionRoleArn": ROLE,
            "containerDefinitions": [{"name": "app", **app}, {"name": "side", "essential": False, **side}],
            "volumes": named,
            **fixed,
            **drawn,
        }

    side = record({"image": st.just("side"), "memory": st.just(64)}, firelensConfiguration=firelens)
    found = st.lists(volumes, min_size=4, max_size=4)
    return st.builds(assemble, made, side, record({}, **{**task, **members}), found)


FARGATE_LACKS = {"privileged", "dockerSecurityOptions", "resourceRequirements", "linuxParameters", "logConfiguration"}
fargate = whole(
    {
        **{name: one for name, one in plain.items() if name not in FARGATE_LACKS},
        **connected,
        "linuxParameters": record({}, initProcessEnabled=st.booleans()),
    },
    {
        "ephemeralStorage": record({"sizeInGiB": numbers(21, 200)}),
        "runtimePlatform": st.just({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}),
        "enableFaultInjection": st.booleans(),
        "pidMode": st.just("task"),
    },
    networkMode="awsvpc",
    requiresCompatibilities=["FARGATE"],
    cpu="512",
    memory="1024",
    volumes=[{"name": name} for name in ("a", "b2", "C-c")]
    + [{"name": "d_d", "efsVolumeConfiguration": {"fileSystemId": "fs-12345678"}}],
)
bridge = whole({**plain, **bridged}, on_instances)
awsvpc = whole({**plain, **connected}, {**on_instances, "proxyConfiguration": mesh}, networkMode="awsvpc")
# Network settings of the kernel would be the instance's, and there are no ranges of ports.
host = whole(
    {
        **{name: one for name, one in plain.items() if name != "systemControls"},
        "portMappings": st.just([{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "protocol": "udp"}]),
    },
    on_instances,
    networkMode="host",
)


def used(value: Any, path: str = "") -> Iterator[str]:
    """The members of a definition as paths, without the keys of maps and the places in lists."""
    if isinstance(value, list):
        for item in value:
            yield from used(item, path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}{key}"
            yield from used(item, f"{path}{key}.")


def known(schema: Json, path: str = "") -> Iterator[str]:
    if "$ref" in schema:
        schema = definitions()[schema["$ref"].removeprefix("#/$defs/")]
    if schema.get("type") == "array":
        yield from known(schema["items"], path)
    for name, one in schema.get("properties", {}).items():
        yield f"{path}{name}"
        yield from known(one, f"{path}{name}.")


# Not asked: other platforms than Linux, and what no emulator or AWS region offers to everyone.
LEFT_OUT = (
    "inferenceAccelerators",
    "trustedExecutionConfiguration",
    "volumes.fsxWindowsFileServerVolumeConfiguration",
    "volumes.s3filesVolumeConfiguration",
    "volumes.configuredAtLaunch",
    "containerDefinitions.resourceRequirements.sharingStrategy",
)
KINDS = {"bridge": bridge, "awsvpc": awsvpc, "host": host, "fargate": fargate}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_what_is_described_is_what_was_registered(
    kind: st.SearchStrategy[Json], data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    definition = data.draw(kind)
    folder = tmp_path_factory.mktemp("definition")
    world = World()
    assert registered(world, folder / "first.json", definition) == "web:1"
    described = world.call("DescribeTaskDefinition", taskDefinition="web", include=["TAGS"])
    assert registered(world, folder / "described.json", described) == "web:1"
    assert registered(world, folder / "again.json", definition) == "web:1"


def registered(world: World, file: Path, definition: Json) -> str:
    file.write_text(json.dumps(definition, default=str))
    ended = do(world, "task", "register", str(file))
    assert ended.code == 0, ended.err
    return ended.out.strip()


def test_every_field_is_used() -> None:
    seen: set[str] = set()

    @settings(max_examples=800, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(*KINDS.values()))
    def draw(definition: Json) -> None:
        seen.update(used(definition))

    draw()
    fields = set(known({"$ref": "#/$defs/RegisterTaskDefinitionRequest"}))
    assert {path for path in fields - seen if not path.startswith(LEFT_OUT)} == set()
