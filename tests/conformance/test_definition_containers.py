"""Validation: containers of a task definition.

Every refusal is a ``ClientException``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.asking import CLIENT, EITHER, Aws, refused

Register = Callable[..., dict[str, Any]]


def pair(image: str, first: dict[str, Any], second: dict[str, Any]) -> list[dict[str, Any]]:
    """Two containers, ``app`` and ``side``."""
    base = {"image": image, "memory": 32}
    return [{"name": "app", **base, **first}, {"name": "side", **base, **second}]


def test_memory_or_a_reservation(aws: Aws, register: Register) -> None:
    """ "Invalid setting for container 'x'. At least one of 'memory' or 'memoryReservation' must be specified."""
    containers = [{"name": "x", "image": aws.image}]
    phrase = "Invalid setting for container x. At least one of memory or memoryReservation must be specified"
    with refused(CLIENT, phrase):
        register(containerDefinitions=containers)


def test_a_reservation_is_enough(aws: Aws, register: Register) -> None:
    """A container with memoryReservation alone is taken."""
    definition = register(containerDefinitions=[{"name": "x", "image": aws.image, "memoryReservation": 64}])
    assert definition["containerDefinitions"][0]["memoryReservation"] == 64


def test_task_memory_is_enough(aws: Aws, register: Register) -> None:
    """A container needs no memory of its own where the task has one."""
    assert register(containerDefinitions=[{"name": "x", "image": aws.image}], memory="128")["memory"] == "128"


def test_memory_below_the_reservation(register: Register) -> None:
    """ "'memory' must be greater than or equal to 'memoryReservation'."""
    with refused(CLIENT, "memory must be greater than or equal to memoryReservation"):
        register(app={"memory": 64, "memoryReservation": 128})


def test_memory_above_the_task(register: Register) -> None:
    """ "The 'memory' setting for container 'app' is greater than for the task."""
    with refused(CLIENT, "The memory setting for container app is greater than for the task"):
        register(app={"memory": 512}, memory="256")


def test_cpu_above_the_task(aws: Aws, register: Register) -> None:
    """ "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."""
    with refused(CLIENT, "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'"):
        register(containerDefinitions=pair(aws.image, {"cpu": 200}, {"cpu": 100}), cpu="256", memory="512")


def test_cpu_up_to_the_task(aws: Aws, register: Register) -> None:
    """Containers may share out all of the task's cpu."""
    assert register(containerDefinitions=pair(aws.image, {"cpu": 128}, {"cpu": 128}), cpu="256", memory="512")


def test_an_essential_container(register: Register) -> None:
    """ "Task definition doesn't have any essential container."""
    with refused(CLIENT, "Task definition doesnt have any essential container"):
        register(app={"essential": False})


def test_unique_names(aws: Aws, register: Register) -> None:
    """ "Container names must be unique within a task definition."""
    with refused(CLIENT, "Container names must be unique within a task definition"):
        register(containerDefinitions=pair(aws.image, {}, {"name": "app"}))


@pytest.mark.parametrize("condition", ["SUCCESS", "COMPLETE"])
def test_waiting_for_the_end_of_an_essential_container(aws: Aws, register: Register, condition: str) -> None:
    """ "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container."""
    first = {"dependsOn": [{"containerName": "side", "condition": condition}]}
    with refused(CLIENT, "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container"):
        register(containerDefinitions=pair(aws.image, first, {"essential": True}))


@pytest.mark.parametrize("condition", ["SUCCESS", "COMPLETE"])
def test_waiting_for_the_end_of_another_container(aws: Aws, register: Register, condition: str) -> None:
    """A dependency container with SUCCESS or COMPLETE condition is taken where it is not essential."""
    first = {"dependsOn": [{"containerName": "side", "condition": condition}]}
    assert register(containerDefinitions=pair(aws.image, first, {"essential": False}))["status"] == "ACTIVE"


def test_healthy_needs_a_health_check(aws: Aws, register: Register) -> None:
    """A dependency with the condition HEALTHY needs a healthCheck of the container it is on."""
    first = {"dependsOn": [{"containerName": "side", "condition": "HEALTHY"}]}
    with refused(CLIENT):
        register(containerDefinitions=pair(aws.image, first, {}))
    check = {"healthCheck": {"command": ["CMD-SHELL", "true"]}}
    assert register(containerDefinitions=pair(aws.image, first, check))["status"] == "ACTIVE"


def test_a_dependency_exists(register: Register) -> None:
    """A container can only depend on a container of its definition."""
    with refused(CLIENT):
        register(app={"dependsOn": [{"containerName": "nope", "condition": "START"}]})


def test_no_cycles(aws: Aws, register: Register) -> None:
    """Dependencies of containers have no cycle."""

    def on(name: str) -> dict[str, Any]:
        return {"dependsOn": [{"containerName": name, "condition": "START"}]}

    with refused(CLIENT):
        register(containerDefinitions=pair(aws.image, on("side"), on("app")))
    with refused(CLIENT):
        register(app=on("app"))


def test_secrets_need_an_execution_role(register: Register) -> None:
    """ "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."""
    phrase = "When you are specifying container secrets, you must also specify a value for executionRoleArn"
    with refused(CLIENT, phrase):
        register(app={"secrets": [{"name": "PASSWORD", "valueFrom": "/prod/password"}]})


def test_secrets_with_an_execution_role(register: Register, execution_role: str) -> None:
    """Secrets are taken with an execution role, and bring requiresAttributes."""
    secrets = [{"name": "PASSWORD", "valueFrom": "/prod/password"}]
    definition = register(app={"secrets": secrets}, executionRoleArn=execution_role)
    assert definition["containerDefinitions"][0]["secrets"] == secrets
    names = {attribute["name"] for attribute in definition["requiresAttributes"]}
    assert "ecs.capability.secrets.ssm.environment-variables" in names


def test_awslogs_needs_a_group(register: Register) -> None:
    """ "Log driver awslogs requires options: awslogs-group."""
    with refused(CLIENT, "Log driver awslogs requires options: awslogs-group"):
        register(app={"logConfiguration": {"logDriver": "awslogs", "options": {"awslogs-region": "eu-west-1"}}})


CHECK_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
OUTSIDE = [(name, value) for name, (low, high) in CHECK_BOUNDS.items() for value in (low - 1, high + 1)]
INSIDE = [(name, value) for name, (low, high) in CHECK_BOUNDS.items() for value in (low, high)]


@pytest.mark.parametrize(("name", "value"), OUTSIDE)
def test_health_check_bounds(register: Register, name: str, value: int) -> None:
    """healthCheck: interval 5–300, timeout 2–60, retries 1–10, startPeriod 0–300."""
    with refused(CLIENT):
        register(app={"healthCheck": {"command": ["CMD-SHELL", "true"], name: value}})


@pytest.mark.parametrize(("name", "value"), INSIDE)
def test_health_check_within_bounds(register: Register, name: str, value: int) -> None:
    """A healthCheck at its bounds is taken."""
    definition = register(app={"healthCheck": {"command": ["CMD-SHELL", "true"], name: value}})
    assert definition["containerDefinitions"][0]["healthCheck"][name] == value


def test_health_check_defaults(register: Register) -> None:
    """healthCheck defaults: interval 30, timeout 5, retries 3."""
    check = register(app={"healthCheck": {"command": ["CMD-SHELL", "true"]}})["containerDefinitions"][0]["healthCheck"]
    assert (check.get("interval"), check.get("timeout"), check.get("retries")) == (30, 5, 3)


def test_unknown_volume(register: Register) -> None:
    """ "Unknown volume 'nope'."""
    with refused(CLIENT, "Unknown volume nope"):
        register(app={"mountPoints": [{"sourceVolume": "nope", "containerPath": "/data"}]})


def _efs(**configuration: Any) -> list[dict[str, Any]]:
    return [{"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-12345678", **configuration}}]


def test_an_access_point_has_no_other_root(register: Register) -> None:
    """An EFS access point goes with the root directory "/" or none."""
    point = {"transitEncryption": "ENABLED", "authorizationConfig": {"accessPointId": "fsap-1234567890abcdef0"}}
    with refused(CLIENT):
        register(volumes=_efs(rootDirectory="/sub", **point))
    assert register(volumes=_efs(rootDirectory="/", **point))["volumes"]
    assert register(volumes=_efs(**point))["volumes"]


def test_efs_iam_needs_encryption(register: Register) -> None:
    """EFS IAM authorisation needs transit encryption."""
    with refused(CLIENT):
        register(volumes=_efs(authorizationConfig={"iam": "ENABLED"}))


def test_soft_ulimit(register: Register) -> None:
    """A soft ulimit is at most its hard one."""
    with refused(CLIENT):
        register(app={"ulimits": [{"name": "nofile", "softLimit": 200, "hardLimit": 100}]})


def test_ephemeral_storage_is_fargates(register: Register) -> None:
    """ "Tasks using the EC2 launch type do not support EphemeralStorage."""
    with refused(CLIENT, "Tasks using the EC2 launch type do not support EphemeralStorage"):
        register(requiresCompatibilities=["EC2"], ephemeralStorage={"sizeInGiB": 30})


@pytest.mark.parametrize("cpu", ["64", "127", "196609"])
def test_ec2_cpu_bounds(register: Register, cpu: str) -> None:
    """Task cpu on EC2 is 128 to 196608 CPU units."""
    with refused(CLIENT):
        register(requiresCompatibilities=["EC2"], cpu=cpu, memory="512")


@pytest.mark.parametrize("cpu", ["128", "196608"])
def test_ec2_cpu(register: Register, cpu: str) -> None:
    """Task cpu on EC2 may be any number within its bounds."""
    assert register(requiresCompatibilities=["EC2"], cpu=cpu, memory="512")["cpu"] == cpu


WRONG_NAMES = ["a.b", "a b", "a/b", "é", "x" * 256]
RIGHT_NAMES = ["A-b_9", "x" * 255]


@pytest.mark.parametrize("name", WRONG_NAMES, ids=lambda name: name[:5])
def test_container_names(register: Register, name: str) -> None:
    """Container names have up to 255 letters, digits, hyphens and underscores."""
    with refused(CLIENT):
        register(app={"name": name})


@pytest.mark.parametrize("name", RIGHT_NAMES, ids=lambda name: name[:5])
def test_good_container_names(register: Register, name: str) -> None:
    """A container name of 255 letters is taken."""
    assert register(app={"name": name})["containerDefinitions"][0]["name"] == name


@pytest.mark.parametrize("name", WRONG_NAMES, ids=lambda name: name[:5])
def test_family_names(register: Register, name: str) -> None:
    """Family names have up to 255 letters, digits, hyphens and underscores."""
    with refused(EITHER):
        register(family=name)


def test_ten_containers(aws: Aws, register: Register) -> None:
    """A task definition has at most 10 containers."""

    def some(count: int) -> list[dict[str, Any]]:
        return [{"name": f"c{number}", "image": aws.image, "memory": 16} for number in range(count)]

    assert len(register(containerDefinitions=some(10))["containerDefinitions"]) == 10
    with refused(CLIENT):
        register(containerDefinitions=some(11))


def test_64_kib(register: Register) -> None:
    """A task definition has at most 64 KiB."""
    with refused(CLIENT):
        register(app={"environment": [{"name": f"V{number}", "value": "v" * 1000} for number in range(70)]})


def test_nearly_64_kib(register: Register) -> None:
    """A task definition of 60 KB is taken."""
    environment = [{"name": f"V{number}", "value": "v" * 1000} for number in range(58)]
    answered = register(app={"environment": environment})["containerDefinitions"][0]["environment"]
    assert {pair["name"] for pair in answered} == {pair["name"] for pair in environment}


def test_an_image_is_required(register: Register) -> None:
    """ "Container.image should not be null or empty."""
    with refused(EITHER, "should not be null or empty"):
        register(app={"image": ""})


def test_no_containers(register: Register) -> None:
    """A task definition has containers."""
    with refused(EITHER):
        register(containerDefinitions=[])


def test_least_memory(register: Register) -> None:
    """A container has at least 4 MiB of memory (Docker's own least is 6)."""
    with refused(CLIENT):
        register(app={"memory": 3})


def test_definitions_take_only_member_of(register: Register) -> None:
    """Task definitions take placement constraints of the type memberOf only: distinctInstance is not supported."""
    with refused(EITHER):
        register(placementConstraints=[{"type": "distinctInstance"}])
