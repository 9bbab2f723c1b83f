"""Validation: task definitions for Fargate.

Every refusal is a ``ClientException``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, refused

Register = Callable[..., dict[str, Any]]

# CPU units → MiB: first, last, step.
SIZES = {
    1024: (2048, 8192, 1024),
    2048: (4096, 16384, 1024),
    4096: (8192, 30720, 1024),
    8192: (16384, 61440, 4096),
    16384: (32768, 122880, 8192),
}
PAIRS = [(256, 512), (256, 1024), (256, 2048), (512, 1024), (512, 2048), (512, 3072), (512, 4096)] + [
    (cpu, memory) for cpu, (first, last, step) in SIZES.items() for memory in range(first, last + 1, step)
]
WRONG_PAIRS = [
    (256, 256),
    (256, 1536),
    (256, 3072),
    (256, 4096),
    (512, 512),
    (512, 1536),
    (512, 5120),
    (1024, 1024),
    (1024, 2560),
    (1024, 9216),
    (2048, 3072),
    (2048, 17408),
    (4096, 7168),
    (4096, 31744),
    (8192, 12288),
    (8192, 17408),
    (8192, 65536),
    (16384, 24576),
    (16384, 36864),
    (16384, 126976),
    (128, 512),
    (300, 512),
    (768, 2048),
    (3072, 8192),
]
WINDOWS = {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE", "cpuArchitecture": "X86_64"}


@pytest.mark.parametrize(("cpu", "memory"), PAIRS)
def test_fargate_takes_its_sizes(register_fargate: Register, cpu: int, memory: int) -> None:
    """Fargate takes 256 CPU units with 512, 1024, 2048 MiB … up to 16384 with 32 to 120 GB by 8 GB."""
    definition = register_fargate(cpu=str(cpu), memory=str(memory))
    assert (definition["cpu"], definition["memory"]) == (str(cpu), str(memory))
    assert "FARGATE" in definition["compatibilities"]


@pytest.mark.parametrize(("cpu", "memory"), WRONG_PAIRS)
def test_fargate_refuses_other_sizes(register_fargate: Register, cpu: int, memory: int) -> None:
    """ "No Fargate configuration exists for given values" for every other pair of cpu and memory."""
    with refused(CLIENT, "No Fargate configuration exists for given values"):
        register_fargate(cpu=str(cpu), memory=str(memory))


@pytest.mark.parametrize(
    ("cpu", "memory", "units", "mebibytes"),
    [(".25 vCPU", "0.5 GB", 256, 512), ("1 vCPU", "2 GB", 1024, 2048), ("2vcpu", "5GB", 2048, 5120)],
)
def test_sizes_may_have_units(register_fargate: Register, cpu: str, memory: str, units: int, mebibytes: int) -> None:
    """Task cpu and memory are taken as "1 vCPU" and "2 GB" too, and answered as CPU units and MiB."""
    definition = register_fargate(cpu=cpu, memory=memory)
    assert (definition["cpu"], definition["memory"]) == (str(units), str(mebibytes))


def test_fargate_requires_cpu(register_fargate: Register) -> None:
    """ "Fargate requires that 'cpu' be defined at the task level."""
    with refused(CLIENT, "Fargate requires that cpu be defined at the task level"):
        register_fargate(cpu=None)


def test_fargate_requires_memory(register_fargate: Register) -> None:
    """ "Fargate requires that 'memory' be defined at the task level."""
    with refused(CLIENT, "Fargate requires that memory be defined at the task level"):
        register_fargate(memory=None, app={"memory": 512})


@pytest.mark.parametrize("mode", ["bridge", "host", "none", None])
def test_fargate_requires_awsvpc(register_fargate: Register, mode: str | None) -> None:
    """ "Fargate only supports network mode ‘awsvpc’."""
    with refused(CLIENT, "Fargate only supports network mode awsvpc"):
        register_fargate(networkMode=mode)


@pytest.mark.parametrize(("cpu", "memory"), [(256, 512), (512, 1024)])
def test_windows_needs_a_whole_cpu(register_fargate: Register, cpu: int, memory: int) -> None:
    """Windows on Fargate starts at 1024 CPU units."""
    with refused(CLIENT):
        register_fargate(cpu=str(cpu), memory=str(memory), runtimePlatform=WINDOWS)


def test_windows_on_fargate(register_fargate: Register) -> None:
    """Windows on Fargate is taken from 1024 CPU units on."""
    definition = register_fargate(cpu="1024", memory="2048", runtimePlatform=WINDOWS)
    assert definition["runtimePlatform"] == WINDOWS


def test_no_arm_on_windows(register_fargate: Register) -> None:
    """The ARM64 architecture is not taken for Windows."""
    with refused(CLIENT):
        register_fargate(cpu="1024", memory="2048", runtimePlatform={**WINDOWS, "cpuArchitecture": "ARM64"})


def test_arm_on_linux(register_fargate: Register) -> None:
    """ARM64 is taken for Linux on Fargate."""
    platform = {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert register_fargate(runtimePlatform=platform)["runtimePlatform"] == platform


def test_awslogs_needs_an_execution_role(register_fargate: Register) -> None:
    """ "Fargate requires task definition to have execution role ARN to support log driver awslogs."""
    options = {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}
    with refused(CLIENT, "Fargate requires task definition to have execution role ARN to support log driver awslogs"):
        register_fargate(app={"logConfiguration": {"logDriver": "awslogs", "options": options}})


def test_ecr_needs_an_execution_role(register_fargate: Register, account: str) -> None:
    """ "Fargate requires task definition to have execution role ARN to support ECR images."""
    with refused(CLIENT, "Fargate requires task definition to have execution role ARN to support ECR images"):
        register_fargate(app={"image": f"{account}.dkr.ecr.eu-west-1.amazonaws.com/web:1"})


def test_awslogs_needs_a_stream_prefix(register_fargate: Register, execution_role: str) -> None:
    """On Fargate the log driver awslogs requires awslogs-stream-prefix."""
    options = {"awslogs-group": "g", "awslogs-region": "eu-west-1"}
    with refused(CLIENT, "awslogs-stream-prefix"):
        register_fargate(
            app={"logConfiguration": {"logDriver": "awslogs", "options": options}}, executionRoleArn=execution_role
        )


def test_awslogs_on_fargate(register_fargate: Register, execution_role: str) -> None:
    """The log driver awslogs is taken with group, region, stream prefix and an execution role."""
    options = {"awslogs-group": "g", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}
    definition = register_fargate(
        app={"logConfiguration": {"logDriver": "awslogs", "options": options}}, executionRoleArn=execution_role
    )
    assert definition["containerDefinitions"][0]["logConfiguration"]["options"] == options


@pytest.mark.parametrize("driver", ["json-file", "syslog", "journald", "gelf", "fluentd"])
def test_fargate_log_drivers(register_fargate: Register, driver: str) -> None:
    """Fargate has the log drivers awslogs, splunk and awsfirelens, no other."""
    with refused(CLIENT):
        register_fargate(app={"logConfiguration": {"logDriver": driver}})


@pytest.mark.parametrize("size", [0, 20, 201])
def test_ephemeral_storage_bounds(register_fargate: Register, size: int) -> None:
    """Fargate ephemeral storage is 21 to 200 GiB."""
    with refused((CLIENT, "InvalidParameterException")):
        register_fargate(ephemeralStorage={"sizeInGiB": size})


@pytest.mark.parametrize("size", [21, 200])
def test_ephemeral_storage(register_fargate: Register, size: int) -> None:
    """Fargate ephemeral storage of 21 and of 200 GiB is taken."""
    assert register_fargate(ephemeralStorage={"sizeInGiB": size})["ephemeralStorage"] == {"sizeInGiB": size}


BARRED: dict[str, dict[str, Any]] = {
    "placement constraints": {
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.instance-type =~ t3.*"}]
    },
    "privileged": {"app": {"privileged": True}},
    "host sourcePath": {"volumes": [{"name": "v", "host": {"sourcePath": "/srv"}}]},
    "docker volumes": {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task", "driver": "local"}}]},
    "GPU": {"app": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}},
    "devices": {"app": {"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}]}}},
    "ipcMode task": {"ipcMode": "task"},
    "ipcMode host": {"ipcMode": "host"},
    "pidMode host": {"pidMode": "host"},
    "capability NET_ADMIN": {"app": {"linuxParameters": {"capabilities": {"add": ["NET_ADMIN"]}}}},
    "capability SYS_ADMIN": {"app": {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE", "SYS_ADMIN"]}}}},
    "stopTimeout 121": {"app": {"stopTimeout": 121}},
    "links": {
        "containerDefinitions": [
            {"name": "app", "image": "busybox", "links": ["db"]},
            {"name": "db", "image": "busybox"},
        ]
    },
}


@pytest.mark.parametrize("barred", BARRED)
def test_fargate_bars(register_fargate: Register, barred: str) -> None:
    """Fargate bars placement constraints, privileged, host paths, docker volumes, GPU, devices, ipcMode, pidMode host,
    every added capability but SYS_PTRACE, a stopTimeout above 120, and links."""
    with refused(CLIENT):
        register_fargate(**BARRED[barred])


@pytest.mark.parametrize(
    "allowed",
    [
        {"app": {"linuxParameters": {"capabilities": {"add": ["SYS_PTRACE"], "drop": ["NET_RAW"]}}}},
        {"app": {"stopTimeout": 120}},
        {"app": {"linuxParameters": {"initProcessEnabled": True}}},
        {"pidMode": "task"},
        {
            "volumes": [{"name": "scratch"}],
            "app": {"mountPoints": [{"sourceVolume": "scratch", "containerPath": "/s"}]},
        },
        {"app": {"ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 4096}]}},
    ],
    ids=["SYS_PTRACE", "stopTimeout 120", "init", "pidMode task", "bind mount", "nofile"],
)
def test_fargate_allows(register_fargate: Register, allowed: dict[str, Any]) -> None:
    """Fargate takes SYS_PTRACE, a stopTimeout of 120, an init process, pidMode task, bind mounts, nofile."""
    assert register_fargate(**allowed)["status"] == "ACTIVE"


def test_what_fits_both_is_compatible_with_both(register_fargate: Register) -> None:
    """An awsvpc definition with a Fargate size, registered for FARGATE, is compatible with EC2 and FARGATE."""
    definition = register_fargate()
    assert {"EC2", "FARGATE"} <= set(definition["compatibilities"])
    assert definition["requiresCompatibilities"] == ["FARGATE"]
