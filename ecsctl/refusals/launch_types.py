"""RegisterTaskDefinition: what the launch types of ``requiresCompatibilities`` do not take."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits, patterns
from ecsctl.refusals.containers import REGISTER
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, items, model, part, preflight

FARGATE_CPU = fact(
    "fargate-cpu", REGISTER, CLIENT, "FARGATE without cpu of the task",
    "Fargate requires that 'cpu' be defined at the task level.",
    f"{preflight('fargate-task-cpu-memory')}; klothoplatform/klotho#892",
)  # fmt: skip
FARGATE_MEMORY = fact(
    "fargate-memory", REGISTER, CLIENT, "FARGATE without memory of the task",
    "Fargate requires that 'memory' be defined at the task level.", preflight("fargate-task-cpu-memory"),
)  # fmt: skip
FARGATE_NETWORK = fact(
    "fargate-network-mode", REGISTER, CLIENT, "FARGATE with another networkMode than awsvpc, or with none",
    "Fargate only supports network mode ‘awsvpc’.", preflight("fargate-network-mode"),
)  # fmt: skip
FARGATE_SIZE = fact(
    "fargate-size", REGISTER, CLIENT,
    "FARGATE with a pair of cpu and memory that it does not have; Windows below 1 vCPU or on ARM64",
    "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS documentation "
    "for the valid values.",
    preflight("fargate-windows-cpu-under-1vcpu", "windows-arm64"),
)  # fmt: skip
STORAGE_LEAST = fact(
    "ephemeral-storage-least", REGISTER, CLIENT, "FARGATE with ephemeralStorage below 21 GiB",
    "EphemeralStorage size should be at least 21", preflight("ephemeral-storage-range"),
)  # fmt: skip
STORAGE_MOST = fact(
    "ephemeral-storage-most", REGISTER, CLIENT, "FARGATE with ephemeralStorage above 200 GiB",
    "EphemeralStorage size should be at most 200", preflight("ephemeral-storage-range"),
)  # fmt: skip
FARGATE_PRIVILEGED = fact(
    "fargate-privileged", REGISTER, CLIENT, "FARGATE with a privileged container",
    "Fargate requires that the ‘privileged’ setting be ‘false’ at the container level.",
    preflight("fargate-privileged"),
)  # fmt: skip
FARGATE_BARS = fact(
    "fargate-not-supported", REGISTER, CLIENT,
    "FARGATE with linuxParameters.devices, maxSwap or sharedMemorySize, dockerSecurityOptions, ipcMode, "
    "placementConstraints, a dockerVolumeConfiguration or a host's sourcePath",
    "Fargate compatible task definitions do not support {name}",
    preflight("fargate-devices", "fargate-max-swap", "fargate-shared-memory-size", "fargate-docker-security-options",
              "fargate-ipc-mode", "fargate-placement-constraints", "fargate-docker-volume", "fargate-host-source-path"),
)  # fmt: skip
FARGATE_SWAPPINESS = fact(
    "fargate-swappiness", REGISTER, CLIENT, "FARGATE with linuxParameters.swappiness",
    "Fargate tasks do not support {name}.", basis=model("LinuxParameters.swappiness"),
)  # fmt: skip
FARGATE_PID = fact(
    "fargate-pid-mode", REGISTER, CLIENT, "FARGATE with pidMode host",
    "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
    preflight("fargate-pid-mode-host"),
)  # fmt: skip
FARGATE_GPU = fact(
    "fargate-gpu", REGISTER, CLIENT, "FARGATE with a GPU",
    "Tasks using the Fargate launch type do not support GPU resource requirements.", preflight("fargate-gpu-resource"),
)  # fmt: skip
FARGATE_CAPABILITY = fact(
    "fargate-capability", REGISTER, CLIENT, "FARGATE with an added capability other than SYS_PTRACE",
    "{name} is not allowed on Fargate.", preflight("fargate-capabilities-add"),
)  # fmt: skip
FARGATE_TIMEOUT = fact(
    "fargate-timeout", REGISTER, CLIENT, "FARGATE with a stopTimeout or startTimeout outside of 2 to 120 seconds",
    "The {member} of container '{container}' must be between {least} and {most} seconds on Fargate.",
    basis=model("ContainerDefinition.stopTimeout"),
)  # fmt: skip
FARGATE_DRIVER = fact(
    "fargate-log-driver", REGISTER, CLIENT, "FARGATE with another log driver than awslogs, splunk and awsfirelens",
    "{driver} is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]",
    preflight("fargate-log-driver-unsupported"),
)  # fmt: skip
FARGATE_PREFIX = fact(
    "fargate-stream-prefix", REGISTER, CLIENT, "FARGATE with awslogs and no awslogs-stream-prefix",
    "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
    preflight("awslogs-fargate-missing-stream-prefix"),
)  # fmt: skip
FARGATE_LOGS_ROLE = fact(
    "fargate-awslogs-role", REGISTER, CLIENT, "FARGATE with awslogs and no executionRoleArn",
    "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    preflight("fargate-execution-role-missing-awslogs"),
)  # fmt: skip
FARGATE_ECR_ROLE = fact(
    "fargate-ecr-role", REGISTER, CLIENT, "FARGATE with an image of ECR and no executionRoleArn",
    "Fargate requires task definition to have execution role ARN to support ECR images.",
    "jenkinsci/amazon-ecs-plugin#53",
)  # fmt: skip
FARGATE_FIRELENS = fact(
    "fargate-firelens-s3", REGISTER, CLIENT, "FARGATE with a FireLens configuration of S3",
    "Fargate launch type does not support FirelensConfiguration config file from 's3'",
    "floci-io/floci, notes on FireLens",
)  # fmt: skip
EC2_STORAGE = fact(
    "ec2-ephemeral-storage", REGISTER, CLIENT, "ephemeralStorage without FARGATE in requiresCompatibilities",
    "Tasks using the EC2 launch type do not support EphemeralStorage.", preflight("fargate-ephemeral-storage-ec2"),
)  # fmt: skip
CPU_SETTING = fact(
    "task-cpu", REGISTER, CLIENT, "a task's cpu that is no number above 0",
    "Invalid 'cpu' setting for task.", "hashicorp/waypoint#574",
    cut=True,
)  # fmt: skip
EC2_CPU = fact(
    "ec2-cpu", REGISTER, CLIENT, "a task's cpu outside of 128 to 196608 units, and no Fargate",
    "Invalid 'cpu' setting for task.", "hashicorp/waypoint#574", cut=True,
)  # fmt: skip
MEMORY_SETTING = fact(
    "task-memory", REGISTER, CLIENT, "a task's memory that is no number above 0",
    "Invalid 'memory' setting for task: '{value}'.", basis=model("RegisterTaskDefinition.memory"),
)  # fmt: skip
WINDOWS_ARM = fact(
    "windows-arm64", REGISTER, CLIENT, "ARM64 with an operatingSystemFamily of Windows",
    "The CPU architecture ARM64 is not supported on Windows.", basis=model("RuntimePlatform.cpuArchitecture"),
)  # fmt: skip
EXTERNAL_NETWORK = fact(
    "external-awsvpc", REGISTER, CLIENT, "EXTERNAL with network mode awsvpc",
    "The network mode awsvpc is not supported by the EXTERNAL launch type.",
    basis="Amazon ECS Developer Guide: Amazon ECS Anywhere, limitations",
)  # fmt: skip
EXTERNAL_GPU_SHARING = fact(
    "external-gpu-sharing", REGISTER, CLIENT, "EXTERNAL with a GPU that is shared",
    "The EXTERNAL launch type does not support GPU sharing.", basis=model("ResourceRequirement.sharingStrategy"),
)  # fmt: skip
MANAGED_ONLY = fact(
    "managed-instances-only", REGISTER, CLIENT,
    "a NeuronDevice or trustedExecutionConfiguration without MANAGED_INSTANCES in requiresCompatibilities",
    "{name} is only supported on Amazon ECS Managed Instances.",
    basis=f"{model('ResourceRequirement.value')}; RegisterTaskDefinition.trustedExecutionConfiguration",
)  # fmt: skip
MANAGED_DRIVER = fact(
    "managed-instances-log-driver", REGISTER, CLIENT,
    "MANAGED_INSTANCES with another log driver than awslogs, splunk, awsfirelens and json-file",
    "{driver} is not a log driver of Amazon ECS Managed Instances.", basis=model("LogConfiguration.logDriver"),
)  # fmt: skip
INFERENCE = fact(
    "inference-accelerators", REGISTER, CLIENT, "inferenceAccelerators, which AWS has given up",
    "Unsupported field 'inferenceAccelerators'.", preflight("fargate-inference-accelerator"),
)  # fmt: skip

MANAGED_LOG_DRIVERS = (*limits.FARGATE_LOG_DRIVERS, "json-file")


def windows(definition: Data) -> bool:
    """Whether a definition is for Windows."""
    return str(part(definition, "runtimePlatform").get("operatingSystemFamily") or "").startswith("WINDOWS")


def task_size(text: str | None) -> int | None:
    """A task's ``cpu`` or ``memory`` as a number: ``1024``, ``1 vCPU``, ``2GB``; None where it is none."""
    value = str(text or "").strip().lower()
    for unit in ("vcpu", "gb"):
        if value.endswith(unit):
            try:
                return int(float(value.removesuffix(unit).strip()) * 1024)
            except (ValueError, OverflowError):
                return None
    return int(value) if value.isascii() and value.isdecimal() else None


def check_fargate(definition: Data) -> Iterator[Violation]:
    """Why Fargate would not run a definition; nothing where it would."""
    cpu, memory = task_size(definition.get("cpu")), task_size(definition.get("memory"))
    for member, broken in (("cpu", FARGATE_CPU), ("memory", FARGATE_MEMORY)):
        if definition.get(member) is None:
            yield broken.at((member,), member=member)
    if definition.get("networkMode") != "awsvpc":
        yield FARGATE_NETWORK.at(("networkMode",), mode=definition.get("networkMode"))
    if cpu and memory:
        yield from _fargate_size(definition, cpu, memory)
    least, most = limits.EPHEMERAL_GIB
    storage = part(definition, "ephemeralStorage").get("sizeInGiB")
    if storage is not None and storage < least:
        yield STORAGE_LEAST.at(("ephemeralStorage", "sizeInGiB"), value=storage)
    if storage is not None and storage > most:
        yield STORAGE_MOST.at(("ephemeralStorage", "sizeInGiB"), value=storage)
    if definition.get("placementConstraints"):
        yield FARGATE_BARS.at(("placementConstraints",), name="constraints")
    if definition.get("ipcMode"):
        yield FARGATE_BARS.at(("ipcMode",), name="ipcMode")
    if definition.get("pidMode") == "host":
        yield FARGATE_PID.at(("pidMode",))
    for place, volume in items(definition, "volumes"):
        if part(volume, "host").get("sourcePath"):
            yield FARGATE_BARS.at((*place, "host", "sourcePath"), name="sourcePath")
        if volume.get("dockerVolumeConfiguration"):
            yield FARGATE_BARS.at((*place, "dockerVolumeConfiguration"), name="dockerVolumeConfiguration")
    for path, box in containers(definition):
        yield from _fargate_container(path, box)
        yield from _fargate_logs(path, box, definition)


def _fargate_size(definition: Data, cpu: int, memory: int) -> Iterator[Violation]:
    architecture = part(definition, "runtimePlatform").get("cpuArchitecture")
    if cpu not in limits.FARGATE_SIZES:
        sizes = ", ".join(str(size) for size in limits.FARGATE_SIZES)
        yield FARGATE_SIZE.at(("cpu",), cpu=cpu, memory=memory, what=f"{cpu} CPU units", allowed=f"one of {sizes}")
    elif windows(definition) and cpu < limits.WINDOWS_LEAST_CPU:
        allowed = f"at least {limits.WINDOWS_LEAST_CPU}"
        yield FARGATE_SIZE.at(("cpu",), cpu=cpu, memory=memory, what=f"{cpu} CPU units for Windows", allowed=allowed)
    elif memory not in limits.FARGATE_SIZES[cpu]:
        yield FARGATE_SIZE.at(
            ("memory",), cpu=cpu, memory=memory, what=f"{cpu} CPU units with {memory} MiB",
            allowed=limits.fargate_memory(cpu), depends=(("cpu",),),
        )  # fmt: skip
    elif windows(definition) and architecture == "ARM64":
        place = ("runtimePlatform", "cpuArchitecture")
        yield FARGATE_SIZE.at(place, cpu=cpu, memory=memory, what="ARM64 for Windows", allowed="X86_64")


def _fargate_container(path: Path, box: Data) -> Iterator[Violation]:
    if box.get("privileged"):
        yield FARGATE_PRIVILEGED.at((*path, "privileged"))
    for place, item in items(box, "resourceRequirements", path):
        if item.get("type") == "GPU":
            yield FARGATE_GPU.at(place)
    linux, place = part(box, "linuxParameters"), (*path, "linuxParameters")
    if linux.get("devices"):
        yield FARGATE_BARS.at((*place, "devices"), name="devices")
    for member in ("maxSwap", "sharedMemorySize"):
        if linux.get(member) is not None:
            yield FARGATE_BARS.at((*place, member), name=member)
    if linux.get("swappiness") is not None:
        yield FARGATE_SWAPPINESS.at((*place, "swappiness"), name="swappiness")
    if box.get("dockerSecurityOptions"):
        yield FARGATE_BARS.at((*path, "dockerSecurityOptions"), name="dockerSecurityOptions")
    for index, name in enumerate(part(linux, "capabilities").get("add") or ()):
        if name != "SYS_PTRACE":
            yield FARGATE_CAPABILITY.at((*place, "capabilities", "add", index), name=name)
    least, most = limits.FARGATE_TIMEOUT_SECONDS
    for member in ("startTimeout", "stopTimeout"):
        value = box.get(member)
        if value is not None and not least <= value <= most:
            yield FARGATE_TIMEOUT.at(
                (*path, member), container=box.get("name"), member=member, value=value, least=least, most=most
            )


def _fargate_logs(path: Path, box: Data, definition: Data) -> Iterator[Violation]:
    logs, place = part(box, "logConfiguration"), (*path, "logConfiguration")
    driver, role = logs.get("logDriver"), definition.get("executionRoleArn")
    depends = (("executionRoleArn",),)
    if driver and driver not in limits.FARGATE_LOG_DRIVERS:
        yield FARGATE_DRIVER.at((*place, "logDriver"), driver=driver)
    if driver == "awslogs" and role is None:
        yield FARGATE_LOGS_ROLE.at((*place, "logDriver"), what="the log driver awslogs", depends=depends)
    if driver == "awslogs" and not part(logs, "options").get("awslogs-stream-prefix"):
        yield FARGATE_PREFIX.at((*place, "options"))
    if patterns.ECR.match(str(box.get("image") or "")) and role is None:
        yield FARGATE_ECR_ROLE.at((*path, "image"), what="ECR images", depends=depends)
    if part(box, "firelensConfiguration", "options").get("config-file-type") == "s3":
        yield FARGATE_FIRELENS.at((*path, "firelensConfiguration", "options", "config-file-type"))


def check_ec2(definition: Data) -> Iterator[Violation]:
    """Why instances would not run a definition; nothing where they would."""
    if definition.get("ephemeralStorage"):
        yield EC2_STORAGE.at(("ephemeralStorage",))
    cpu, (least, most) = task_size(definition.get("cpu")), limits.EC2_CPU
    if cpu and not least <= cpu <= most:
        yield EC2_CPU.at(("cpu",), value=cpu, allowed=f"{least} to {most}, or cpu of the container alone")


def check_sizes(definition: Data) -> Iterator[Violation]:
    """Whether the task's own size can be read at all."""
    for member, broken in (("cpu", CPU_SETTING), ("memory", MEMORY_SETTING)):
        text = definition.get(member)
        if text is not None and not task_size(text):
            yield broken.at((member,), value=text, allowed="a number above 0")


def check_launch_types(definition: Data, *, fargate: bool, ec2: bool) -> Iterator[Violation]:
    """What the launch types refuse that a definition is for.

    Args:
        fargate, ec2: whether it must run there.
    """
    required = definition.get("requiresCompatibilities") or ()
    if definition.get("inferenceAccelerators"):
        yield INFERENCE.at(("inferenceAccelerators",))
    if fargate:
        yield from check_fargate(definition)
    platform = part(definition, "runtimePlatform")
    if windows(definition) and platform.get("cpuArchitecture") == "ARM64" and not fargate:
        yield WINDOWS_ARM.at(("runtimePlatform", "cpuArchitecture"))
    if ec2:
        yield from check_ec2(definition)
    if "EXTERNAL" in required:
        yield from check_external(definition)
    yield from _managed(definition, required)


def check_external(definition: Data) -> Iterator[Violation]:
    """Why external instances would not run a definition."""
    if definition.get("networkMode") == "awsvpc":
        yield EXTERNAL_NETWORK.at(("networkMode",))
    for path, box in containers(definition):
        for place, item in items(box, "resourceRequirements", path):
            if item.get("sharingStrategy"):
                yield EXTERNAL_GPU_SHARING.at((*place, "sharingStrategy"))


def _managed(definition: Data, required: object) -> Iterator[Violation]:
    managed = "MANAGED_INSTANCES" in (required if isinstance(required, (list, tuple)) else ())
    if definition.get("trustedExecutionConfiguration") and not managed:
        yield MANAGED_ONLY.at(("trustedExecutionConfiguration",), name="trustedExecutionConfiguration")
    for path, box in containers(definition):
        for place, item in items(box, "resourceRequirements", path):
            if item.get("type") == "NeuronDevice" and not managed:
                yield MANAGED_ONLY.at((*place, "type"), name="NeuronDevice")
        driver = part(box, "logConfiguration").get("logDriver")
        if managed and driver and driver not in MANAGED_LOG_DRIVERS:
            yield MANAGED_DRIVER.at((*path, "logConfiguration", "logDriver"), driver=driver)
