"""RegisterTaskDefinition as a whole: all of its checks, in the order in which the service answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.containers import REGISTER, check_names, check_settings
from ecsctl.refusals.dependencies import check_dependencies
from ecsctl.refusals.launch_types import check_ec2, check_fargate, check_launch_types, check_sizes, task_size
from ecsctl.refusals.logging import check_logging
from ecsctl.refusals.model import CLIENT, Data, Violation, containers, fact, items, model, part, preflight
from ecsctl.refusals.networking import check_network, mode_of
from ecsctl.refusals.placement import check_definition_constraints
from ecsctl.refusals.volumes import check_volumes

FAMILY = fact(
    "family-characters", REGISTER, CLIENT, "a family that is not of 1 to 255 letters, digits, - and _",
    "Family contains invalid characters.", f"{preflight('taskdef-family')}; aws/aws-cli#6774",
)  # fmt: skip
NO_CONTAINERS = fact(
    "containers-missing", REGISTER, CLIENT, "no container definition",
    "Container list cannot be empty.", preflight("container-definitions-empty"),
)  # fmt: skip
CONTAINERS_COUNT = fact(
    "containers-count", REGISTER, CLIENT, "more than 10 containers",
    "A task definition can have at most {most} containers.",
    basis="Amazon ECS Developer Guide: service quotas, container definitions in a task definition",
)  # fmt: skip
DEFINITION_SIZE = fact(
    "definition-size", REGISTER, CLIENT, "a definition larger than 64 KiB",
    "Actual length: '{length}'. Max allowed length is '{most}' bytes.", "awsdocs/amazon-ecs-developer-guide#149",
)  # fmt: skip
NO_ESSENTIAL = fact(
    "essential-missing", REGISTER, CLIENT, "no container is essential",
    "Task definition doesn't have any essential container", preflight("essential-container"),
)  # fmt: skip
ROLE = fact(
    "role-not-valid", REGISTER, CLIENT,
    "a taskRoleArn or executionRoleArn that is neither a role's name nor the ARN of one, or is empty",
    "Role is not valid", "aws-samples/aws-modern-application-workshop#9; fabfuel/ecs-deploy#231",
)  # fmt: skip
CPU_SUM = fact(
    "cpu-sum", REGISTER, CLIENT, "the containers' cpu together above the task's",
    "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    f"{preflight('fargate-container-cpu-over-task')}; klothoplatform/klotho#892",
)  # fmt: skip
MEMORY_ABOVE_TASK = fact(
    "container-memory-above-task", REGISTER, CLIENT,
    "a container's memory or memoryReservation above the task's memory",
    "The '{member}' setting for container '{container}' is greater than for the task",
    preflight("container-memory-over-task"),
)  # fmt: skip
RESERVATION_SUM = fact(
    "memory-reservation-sum", REGISTER, CLIENT, "the containers' memoryReservation together above the task's memory",
    "The sum of all container 'memoryReservation' values cannot be greater than the task 'memory'.",
    basis=model("ContainerDefinition.memory"),
)  # fmt: skip
ATTESTATION = fact(
    "attestation-policy", REGISTER, CLIENT, "isolationMode CONFIDENTIAL_SANDBOX without attestationPolicy",
    "CONFIDENTIAL_SANDBOX requires an attestationPolicy.",
    basis=model("TrustedExecutionConfiguration.attestationPolicy"),
)  # fmt: skip


def check_task_definition(
    definition: Data, family: str | None, *, fargate: bool | None = None, ec2: bool | None = None
) -> Iterator[Violation]:
    """Everything that RegisterTaskDefinition refuses of a definition; lazily, so that the first is its answer.

    Args:
        definition: the request; where it has no ``family``, ``family`` is it.
        fargate, ec2: whether it must run there; None: as ``requiresCompatibilities`` says.
    """
    required = definition.get("requiresCompatibilities") or ()
    fargate = "FARGATE" in required if fargate is None else fargate
    ec2 = ("EC2" in required and "FARGATE" not in required) if ec2 is None else ec2
    if family is not None and not patterns.NAME.fullmatch(family):
        yield FAMILY.at(("family",), name=family)
    yield from _whole(definition)
    yield from check_names(definition)
    yield from check_settings(definition)
    found = list(containers(definition))
    if found and all(box.get("essential") is False for _, box in found):
        yield NO_ESSENTIAL.at(("containerDefinitions",))
    yield from check_logging(definition)
    yield from check_volumes(definition)
    yield from check_dependencies(definition)
    yield from check_network(definition, mode_of(definition, fargate=fargate))
    yield from check_definition_constraints(definition)
    yield from _roles(definition)
    yield from check_sizes(definition)
    yield from _sums(definition)
    yield from check_launch_types(definition, fargate=fargate, ec2=ec2)
    if not required and not fargate and not ec2:
        yield from _nowhere(definition)


def _whole(definition: Data) -> Iterator[Violation]:
    boxes = definition.get("containerDefinitions")
    if boxes == []:
        yield NO_CONTAINERS.at(("containerDefinitions",))
    if len(boxes or ()) > limits.MAX_CONTAINERS:
        yield CONTAINERS_COUNT.at(("containerDefinitions",), count=len(boxes or ()), most=limits.MAX_CONTAINERS)
    length = len(json.dumps(definition, separators=(",", ":"), ensure_ascii=False).encode())
    if length > limits.MAX_DEFINITION_BYTES:
        yield DEFINITION_SIZE.at((), length=length, most=limits.MAX_DEFINITION_BYTES)
    trusted = part(definition, "trustedExecutionConfiguration")
    if trusted.get("isolationMode") == "CONFIDENTIAL_SANDBOX" and not trusted.get("attestationPolicy"):
        yield ATTESTATION.at(("trustedExecutionConfiguration", "attestationPolicy"))


def _roles(definition: Data) -> Iterator[Violation]:
    for member in ("taskRoleArn", "executionRoleArn"):
        role = definition.get(member)
        if role is not None and (not patterns.ROLE.fits(role) or _arn_of_another(role)):
            yield ROLE.at((member,), member=member, value=role, noun=patterns.ROLE.noun, like=patterns.ROLE.like)


def _arn_of_another(role: str) -> bool:
    # The pattern of a name has no colon, so this is only a second look at what begins as an ARN.
    return role.startswith("arn:") and ":role/" not in role


def _sums(definition: Data) -> Iterator[Violation]:
    boxes = list(containers(definition))
    cpu, memory = task_size(definition.get("cpu")), task_size(definition.get("memory"))
    total = sum(box.get("cpu") or 0 for _, box in boxes)
    depends = (("containerDefinitions",),)
    if cpu and total > cpu:
        yield CPU_SUM.at(("cpu",), total=total, cpu=cpu, depends=depends)
    if not memory:
        return
    above = False
    for path, box in boxes:
        for member in ("memory", "memoryReservation"):
            own = box.get(member)
            if own is not None and own > memory:
                above = True
                yield MEMORY_ABOVE_TASK.at(
                    (*path, member), container=box.get("name"), member=member, own=own, whole=memory,
                    depends=(("memory",),),
                )  # fmt: skip
    reserved = sum(box.get("memoryReservation") or 0 for _, box in boxes)
    if reserved > memory and not above:
        yield RESERVATION_SUM.at(("memory",), total=reserved, memory=memory, depends=depends)


def _nowhere(definition: Data) -> Iterator[Violation]:
    """A definition that names no launch type must fit one of them."""
    if next(check_fargate(definition), None) is not None:
        yield from check_ec2(definition)


def compatibilities(definition: Data) -> list[str]:
    """The ``compatibilities`` that the service answers of a definition which it has taken."""
    required = definition.get("requiresCompatibilities") or ()
    fits: list[str] = []
    if not any(check_ec2(definition)):
        if definition.get("networkMode") != "awsvpc":
            fits.append("EXTERNAL")
        fits.append("EC2")
    if not any(check_fargate(definition)):
        fits.append("FARGATE")
    if "MANAGED_INSTANCES" in required or _managed_fits(definition):
        fits.append("MANAGED_INSTANCES")
    return fits


def _managed_fits(definition: Data) -> bool:
    drivers = [part(box, "logConfiguration").get("logDriver") for _, box in containers(definition)]
    return (
        definition.get("networkMode") in ("awsvpc", "host")
        and not definition.get("ephemeralStorage")
        and all(driver in (None, "awslogs", "splunk", "awsfirelens", "json-file") for driver in drivers)
        and not any(volume.get("dockerVolumeConfiguration") for _, volume in items(definition, "volumes"))
    )
