"""RegisterTaskDefinition: what one container definition may not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, guide, items, model, part, preflight

REGISTER = "RegisterTaskDefinition"

NAME_MISSING = fact(
    "container-name-missing", REGISTER, CLIENT,
    "a container without a name",
    "Container.name should not be null or empty.",
    "awsdocs/aws-cloudformation-user-guide#612",
)  # fmt: skip
NAME_CHARACTERS = fact(
    "container-name-characters", REGISTER, CLIENT,
    "a container's name with a character other than letters, digits, hyphens and underscores",
    "Container.name contains invalid characters.",
    "hashicorp/terraform-provider-aws#5950",
)  # fmt: skip
NAMES_UNIQUE = fact(
    "container-names-unique", REGISTER, CLIENT,
    "two containers of one name",
    "Container names must be unique within a task definition",
    preflight("duplicate-container-names"),
)  # fmt: skip
IMAGE_MISSING = fact(
    "container-image-missing", REGISTER, CLIENT,
    "a container without an image",
    "Container.image should not be null or empty.",
    "prefect-archive/prefect-aws#159",
)  # fmt: skip
IMAGE_CHARACTERS = fact(
    "container-image-characters", REGISTER, CLIENT,
    "an image with a character other than letters, digits and - _ : . / # @, as $NAME:$TAG or a blank at the end",
    "Container.image contains invalid characters.",
    "reports of image references whose variables were not filled in",
)  # fmt: skip
IMAGE_LENGTH = fact(
    "container-image-length", REGISTER, CLIENT,
    "an image of more than 255 characters before the @",
    "Container.image can have at most {most} characters.",
    basis=model("ContainerDefinition.image"),
)  # fmt: skip
IMAGE_DIGEST = fact(
    "container-image-digest", REGISTER, CLIENT,
    "a digest that is not sha256: and 64 hexadecimal digits",
    "Container.image has an invalid digest: {digest}.",
    basis=model("ContainerDefinition.image"),
)  # fmt: skip
MEMORY_MISSING = fact(
    "container-memory-missing", REGISTER, CLIENT,
    "no memory of the task, and a container without memory and memoryReservation",
    "Invalid setting for container '{container}'. At least one of 'memory' or 'memoryReservation' must be specified.",
    f"{preflight('container-memory-required')}; sil-org/ecs-deploy#59",
)  # fmt: skip
MEMORY_BELOW_RESERVATION = fact(
    "container-memory-below-reservation", REGISTER, CLIENT,
    "memory below memoryReservation",
    "'memory' must be greater than or equal to 'memoryReservation'",
    preflight("container-memory-reservation"),
)  # fmt: skip
MEMORY_LEAST = fact(
    "container-memory-least", REGISTER, CLIENT,
    "memory or memoryReservation below 4 MiB",
    "Invalid setting for container '{container}'. The '{member}' setting must be at least {least}.",
    basis=model("ContainerDefinition.memory"),
)  # fmt: skip
CPU_NEGATIVE = fact(
    "container-cpu-negative", REGISTER, CLIENT,
    "a container's cpu below 0",
    "Invalid setting for container '{container}'. The 'cpu' setting must not be negative.",
    basis=model("ContainerDefinition.cpu"),
)  # fmt: skip
ULIMIT_ORDER = fact(
    "ulimit-soft-above-hard", REGISTER, CLIENT,
    "a ulimit whose softLimit is above its hardLimit",
    "Soft limit exceeds hard limit for ulimit {name}",
    preflight("ulimit-soft-over-hard"),
)  # fmt: skip
VARIABLE_NAME = fact(
    "environment-name-missing", REGISTER, CLIENT,
    "a variable of environment without a name",
    "Invalid setting for container '{container}'. A variable of the environment has no name.",
    basis=model("KeyValuePair.name"),
)  # fmt: skip
ENVIRONMENT_FILES_COUNT = fact(
    "environment-files-count", REGISTER, CLIENT,
    "more than 10 environmentFiles of a container",
    "The maximum number of environment files was exceeded. Specify ten or less and try again.",
    preflight("environment-files-max"),
)  # fmt: skip
ARN_SYNTAX = fact(
    "arn-syntax", REGISTER, CLIENT,
    "environmentFiles[].value, or the config-file-value of FireLens with s3, that is not an ARN",
    "Invalid arn syntax.",
    f"{preflight('environment-files-type')}; aws/aws-sdk#311",
)  # fmt: skip
SECRETS_ROLE = fact(
    "secrets-execution-role", REGISTER, CLIENT,
    "secrets without executionRoleArn",
    "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    f"{preflight('secrets-without-execution-role')}; fabfuel/ecs-deploy#87",
)  # fmt: skip
SECRET_OPTIONS_ROLE = fact(
    "secret-options-execution-role", REGISTER, CLIENT,
    "secretOptions of a log driver without executionRoleArn",
    "Secrets of the log configuration of container '{container}' need a value for 'executionRoleArn'.",
    basis=guide("specifying sensitive data in a log configuration"),
)  # fmt: skip
SECRETS_DUPLICATE = fact(
    "secret-names-duplicate", REGISTER, CLIENT,
    "one secret's name twice in a container",
    "Duplicate secret names found: {name}. Each secret name must be unique.",
    "CircleCI-Public/aws-ecs-orb#190",
)  # fmt: skip
SECRET_SHARED = fact(
    "secret-name-shared", REGISTER, CLIENT,
    "a secret and a variable of one name",
    "The secret name must be unique and not shared with any new or existing environment variables set on the "
    "container, such as '{name}'.",
    "dagster-io/dagster#11622",
)  # fmt: skip
SECRET_PARAMETER = fact(
    "secret-parameter-name", REGISTER, CLIENT,
    "a secret's valueFrom that is neither an ARN nor the name of a parameter",
    "The Systems Manager parameter name specified for secret {name} is invalid. The parameter name can be up to 2048 "
    "characters and include the following letters and symbols: a-zA-Z0-9_.-",
    "aws/copilot-cli#3446",
    cut=True,
)  # fmt: skip
HEALTH_ABOVE = fact(
    "health-check-above", REGISTER, CLIENT,
    "a health check's interval above 300, timeout above 60, retries above 10, startPeriod above 300",
    "Health check {member} must be less than or equal to the maximum allowed value {most} for container '{container}'",
    preflight("healthcheck-interval-range", "healthcheck-timeout-range", "healthcheck-retries-range",
              "healthcheck-start-period-range"),
)  # fmt: skip
HEALTH_BELOW = fact(
    "health-check-below", REGISTER, CLIENT,
    "a health check's interval below 5, timeout below 2, retries below 1, startPeriod below 0",
    "Health check {member} must be at least {least} for container '{container}'.",
    basis=f"{model('HealthCheck')}; {preflight('healthcheck-interval-range')}",
)  # fmt: skip
HEALTH_COMMAND = fact(
    "health-check-command-empty", REGISTER, CLIENT,
    "a health check with an empty command",
    "The health check of container '{container}' has no command.",
    basis=model("HealthCheck.command is required"),
)  # fmt: skip
RESTART_PERIOD = fact(
    "restart-attempt-period", REGISTER, CLIENT,
    "a restartAttemptPeriod outside of 60 to 1800 seconds",
    "The 'restartAttemptPeriod' setting for container '{container}' must be between 60 and 1800.",
    preflight("restart-policy-attempt-period-range"),
)  # fmt: skip
RESTART_CODES = fact(
    "restart-ignored-exit-codes", REGISTER, CLIENT,
    "more than 50 ignoredExitCodes",
    "The restart policy of container '{container}' can have at most {most} ignoredExitCodes.",
    basis=model("ContainerRestartPolicy.ignoredExitCodes"),
)  # fmt: skip
CREDENTIAL_SPECS = fact(
    "credential-specs-count", REGISTER, CLIENT,
    "more than one of credentialSpecs",
    "Container '{container}' can have at most 1 credential spec.",
    basis=model("ContainerDefinition.credentialSpecs"),
)  # fmt: skip
SYSTEM_CONTROL = fact(
    "system-control-namespace", REGISTER, CLIENT,
    "a systemControls namespace other than net.*, fs.mqueue.* and those of System V IPC",
    "Container '{container}' has a system control that is not namespaced: {namespace}.",
    basis=model("SystemControl.value"),
)  # fmt: skip
SYSTEM_CONTROL_MODE = fact(
    "system-control-mode", REGISTER, CLIENT,
    "a net.* system control in network mode host, or one of IPC with ipcMode host",
    "Container '{container}' cannot set {namespace} in the namespace of its instance.",
    basis=model("SystemControl"),
)  # fmt: skip
SWAPPINESS = fact(
    "swappiness-bounds", REGISTER, CLIENT,
    "swappiness outside of 0 to 100, or maxSwap below 0",
    "Container '{container}' has a value of {member} that is out of bounds.",
    basis=model("LinuxParameters"),
)  # fmt: skip
RESOURCE_VALUE = fact(
    "resource-requirement-value", REGISTER, CLIENT,
    "a GPU without a value or with none of a number above 0 and ALL, a NeuronDevice other than ALL",
    "Container '{container}' requires {kind} without a valid value.",
    basis=model("ResourceRequirement.value"),
)  # fmt: skip
GPU_SHARING = fact(
    "gpu-sharing-and-value", REGISTER, CLIENT,
    "a GPU with both value and sharingStrategy",
    "Container '{container}' requires a GPU by both value and sharingStrategy.",
    basis=model("ResourceRequirement.sharingStrategy"),
)  # fmt: skip

IPC_CONTROLS = frozenset(
    {
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
        "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
    }
)  # fmt: skip


def check_names(definition: Data) -> Iterator[Violation]:
    """Names and images."""
    seen: set[str] = set()
    for path, box in containers(definition):
        name = box.get("name")
        if not name:
            yield NAME_MISSING.at((*path, "name"))
        elif not patterns.NAME.fullmatch(name):
            yield NAME_CHARACTERS.at((*path, "name"), name=name)
        elif name in seen:
            yield NAMES_UNIQUE.at((*path, "name"), name=name)
        else:
            seen.add(name)
        yield from _image(path, box)


def _image(path: Path, box: Data) -> Iterator[Violation]:
    image, place = box.get("image"), (*path, "image")
    if not image:
        yield IMAGE_MISSING.at(place, container=box.get("name") or "")
        return
    name, at, digest = image.partition("@")
    if not patterns.IMAGE.fullmatch(image):
        yield IMAGE_CHARACTERS.at(place, image=image)
    elif len(name) > limits.MAX_IMAGE_LENGTH:
        yield IMAGE_LENGTH.at(place, length=len(name), most=limits.MAX_IMAGE_LENGTH)
    elif at and not patterns.DIGEST.fullmatch(digest):
        yield IMAGE_DIGEST.at(place, digest=digest)


def check_settings(definition: Data) -> Iterator[Violation]:
    """Everything that one container says of itself."""
    for path, box in containers(definition):
        yield from _memory(path, box, definition)
        for place, item in items(box, "ulimits", path):
            soft, hard = item.get("softLimit"), item.get("hardLimit")
            if soft is not None and hard is not None and soft > hard != -1:
                yield ULIMIT_ORDER.at((*place, "softLimit"), name=item.get("name"), soft=soft, hard=hard)
        yield from _environment(path, box)
        yield from _secrets(path, box, definition)
        yield from _health(path, box)
        yield from _restarts(path, box)
        yield from _linux(path, box, definition)
        yield from _resources(path, box)


def _memory(path: Path, box: Data, definition: Data) -> Iterator[Violation]:
    name, limit, reserved = box.get("name"), box.get("memory"), box.get("memoryReservation")
    if definition.get("memory") is None and not limit and not reserved:
        depends = (("memory",), (*path, "memory"), (*path, "memoryReservation"))
        yield MEMORY_MISSING.at(path, container=name, depends=depends)
    for member, value in (("memory", limit), ("memoryReservation", reserved)):
        if value is not None and value < limits.LEAST_MEMORY_MIB and (value or definition.get("memory") is not None):
            yield MEMORY_LEAST.at(
                (*path, member), container=name, member=member, value=value, least=limits.LEAST_MEMORY_MIB
            )
    if limit is not None and reserved is not None and limit < reserved:
        yield MEMORY_BELOW_RESERVATION.at((*path, "memory"), container=name, limit=limit, reserved=reserved)
    if (box.get("cpu") or 0) < 0:
        yield CPU_NEGATIVE.at((*path, "cpu"), container=name, cpu=box["cpu"])


def _environment(path: Path, box: Data) -> Iterator[Violation]:
    for place, item in items(box, "environment", path):
        if not item.get("name"):
            depends = ((*place, "name"), (*place, "value"))
            yield VARIABLE_NAME.at((*place, "name"), container=box.get("name"), depends=depends)
    files = list(items(box, "environmentFiles", path))
    if len(files) > limits.MAX_ENVIRONMENT_FILES:
        yield ENVIRONMENT_FILES_COUNT.at(
            (*path, "environmentFiles"), count=len(files), most=limits.MAX_ENVIRONMENT_FILES
        )
    for place, item in files:
        value = item.get("value")
        if value is not None and not patterns.ARN.fits(value):
            yield ARN_SYNTAX.at((*place, "value"), value=value, noun=patterns.S3_OBJECT.noun)


def _secrets(path: Path, box: Data, definition: Data) -> Iterator[Violation]:
    role = definition.get("executionRoleArn")
    depends = (("executionRoleArn",),)
    if box.get("secrets") and role is None:
        yield SECRETS_ROLE.at((*path, "secrets"), depends=depends)
    if part(box, "logConfiguration").get("secretOptions") and role is None:
        place = (*path, "logConfiguration", "secretOptions")
        yield SECRET_OPTIONS_ROLE.at(place, container=box.get("name"), depends=depends)
    variables = {item.get("name") for _, item in items(box, "environment", path)}
    times = Counter(item.get("name") for _, item in items(box, "secrets", path))
    seen: set[Any] = set()
    for place, item in items(box, "secrets", path):
        name, value = item.get("name"), item.get("valueFrom")
        if name in seen and times[name] > 1:
            yield SECRETS_DUPLICATE.at((*place, "name"), name=name)
        elif name and name in variables:
            yield SECRET_SHARED.at((*place, "name"), name=name)
        seen.add(name)
        if value is not None and not (patterns.ARN.fits(value) or patterns.PARAMETER_NAME.fullmatch(value)):
            yield SECRET_PARAMETER.at((*place, "valueFrom"), name=name, value=value)


def _health(path: Path, box: Data) -> Iterator[Violation]:
    check, name = box.get("healthCheck"), box.get("name")
    if not isinstance(check, dict):
        return
    place = (*path, "healthCheck")
    if check.get("command") == []:
        yield HEALTH_COMMAND.at((*place, "command"), container=name)
    for member, (least, most) in limits.HEALTH_CHECK.items():
        value = check.get(member)
        if value is None or least <= value <= most:
            continue
        broken = HEALTH_ABOVE if value > most else HEALTH_BELOW
        unit = "" if member == "retries" else " s"
        yield broken.at((*place, member), container=name, member=member, value=value, least=least, most=most, unit=unit)


def _restarts(path: Path, box: Data) -> Iterator[Violation]:
    policy, place = part(box, "restartPolicy"), (*path, "restartPolicy")
    period, codes = policy.get("restartAttemptPeriod"), policy.get("ignoredExitCodes") or ()
    least, most = limits.RESTART_ATTEMPT_SECONDS
    if period is not None and not least <= period <= most:
        yield RESTART_PERIOD.at((*place, "restartAttemptPeriod"), container=box.get("name"), value=period)
    if len(codes) > limits.MAX_IGNORED_EXIT_CODES:
        yield RESTART_CODES.at(
            (*place, "ignoredExitCodes"),
            container=box.get("name"),
            count=len(codes),
            most=limits.MAX_IGNORED_EXIT_CODES,
        )
    if len(box.get("credentialSpecs") or ()) > 1:
        yield CREDENTIAL_SPECS.at((*path, "credentialSpecs"), container=box.get("name"))


def _linux(path: Path, box: Data, definition: Data) -> Iterator[Violation]:
    name, linux = box.get("name"), part(box, "linuxParameters")
    for member, most in (("swappiness", 100), ("maxSwap", None)):
        value = linux.get(member)
        if value is not None and (value < 0 or (most is not None and value > most)):
            yield SWAPPINESS.at((*path, "linuxParameters", member), container=name, member=member, value=value)
    for place, item in items(box, "systemControls", path):
        namespace = item.get("namespace") or ""
        ipc = namespace in IPC_CONTROLS or namespace.startswith("fs.mqueue.")
        network = namespace.startswith("net.")
        if not ipc and not network:
            yield SYSTEM_CONTROL.at((*place, "namespace"), container=name, namespace=namespace)
        elif (network and definition.get("networkMode") == "host") or (ipc and definition.get("ipcMode") == "host"):
            yield SYSTEM_CONTROL_MODE.at((*place, "namespace"), container=name, namespace=namespace)


def _resources(path: Path, box: Data) -> Iterator[Violation]:
    for place, item in items(box, "resourceRequirements", path):
        kind, value, sharing = item.get("type"), item.get("value"), item.get("sharingStrategy")
        if value is not None and sharing is not None:
            yield GPU_SHARING.at((*place, "sharingStrategy"), container=box.get("name"))
        elif sharing is None and not _resource_fits(kind, value):
            yield RESOURCE_VALUE.at((*place, "value"), container=box.get("name"), kind=kind, value=value)


def _resource_fits(kind: str | None, value: str | None) -> bool:
    if kind == "NeuronDevice":
        return value == "ALL"
    if kind == "GPU":
        return value == "ALL" or (value is not None and value.isdecimal() and int(value) > 0)
    return bool(value) or kind is None
