"""Task definitions as a whole: sizes, and what Fargate and EC2 take."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Definition, Project, amount, boxes
from ecsctl.manifest.yaml.nodes import Path

GIB = 1024
# CPU units → the memory that goes with it: least, most, step, in MiB.
FARGATE_SIZES: dict[int, tuple[int, int, int]] = {
    512: (1 * GIB, 4 * GIB, GIB),
    1024: (2 * GIB, 8 * GIB, GIB),
    2048: (4 * GIB, 16 * GIB, GIB),
    4096: (8 * GIB, 30 * GIB, GIB),
    8192: (16 * GIB, 60 * GIB, 4 * GIB),
    16384: (32 * GIB, 120 * GIB, 8 * GIB),
}
SMALLEST = (512, 1 * GIB, 2 * GIB)
WINDOWS_LEAST_CPU = 1024
EC2_CPU = (128, 196608)
EPHEMERAL = (21, 200)
FARGATE_DRIVERS = ("awslogs", "splunk", "awsfirelens")
LONGEST_STOP = 120
ECR = re.compile(r"\d{12}\.dkr\.ecr(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws|on)\.[a-z.]+/")


def _fargate(project: Project) -> Iterator[Definition]:
    return (definition for definition in project.task_definitions.values() if project.fargate(definition))


def _fargate_boxes(project: Project) -> Iterator[tuple[Definition, Path, Data]]:
    return (found for found in boxes(project) if project.fargate(found[0]))


def _windows(definition: Definition) -> bool:
    platform = definition.get("runtimePlatform") or {}
    return str(platform.get("operatingSystemFamily", "")).startswith("WINDOWS")


@rule(
    "ECS070",
    "Fargate needs cpu and memory of the task.",
    service="Fargate requires that 'cpu' be defined at the task level",
    why="The task's size is what Fargate provides and bills.",
)
def fargate_size_given(project: Project) -> Iterator[Finding]:
    """``cpu`` and ``memory``."""
    for definition in _fargate(project):
        for member, example in (("cpu", "0.25vCPU"), ("memory", "512MB")):
            if definition.get(member) is None:
                message = f"Fargate requires that {member} be defined at the task level"
                yield Finding((*definition.path, member), message, f"{member}: {example}")


@rule(
    "ECS071",
    "Fargate has certain sizes.",
    service="No Fargate configuration exists for given values",
    why="Memory goes with CPU: 256 has 512, 1024 or 2048 MiB; 512 1-4 GB; 1024 2-8 GB; 2048 4-16 GB; 4096 8-30 GB; "
    "8192 16-60 GB in steps of 4; 16384 32-120 GB in steps of 8. Windows begins with 1024.",
)
def fargate_sizes(project: Project) -> Iterator[Finding]:
    """Pairs of ``cpu`` and ``memory``."""
    for definition in _fargate(project):
        cpu, memory = amount(definition, "cpu"), amount(definition, "memory")
        if cpu is None:
            continue
        if cpu != 256 and cpu not in FARGATE_SIZES:
            allowed = ", ".join(str(size) for size in (256, *FARGATE_SIZES))
            yield Finding((*definition.path, "cpu"), f"Fargate has no size of {cpu} CPU units", f"one of {allowed}")
        elif _windows(definition) and cpu < WINDOWS_LEAST_CPU:
            message = f"Fargate has no Windows size of {cpu} CPU units"
            yield Finding((*definition.path, "cpu"), message, f"at least {WINDOWS_LEAST_CPU}")
        elif memory is not None and not _fits(cpu, memory):
            message = f"Fargate has no size of {cpu} CPU units with {memory} MiB"
            yield Finding((*definition.path, "memory"), message, _sizes(cpu), ((*definition.path, "cpu"),))


def _fits(cpu: int, memory: int) -> bool:
    if cpu == 256:
        return memory in SMALLEST
    least, most, step = FARGATE_SIZES[cpu]
    return least <= memory <= most and (memory - least) % step == 0


def _sizes(cpu: int) -> str:
    if cpu == 256:
        return "512, 1024 or 2048"
    least, most, step = FARGATE_SIZES[cpu]
    return f"{least} to {most} in steps of {step}"


@rule(
    "ECS072",
    "Fargate tasks have the network mode awsvpc.",
    service="Fargate only supports network mode ‘awsvpc’.",
    why="A Fargate task has no instance to share a network with; it has an interface of its own.",
)
def fargate_network(project: Project) -> Iterator[Finding]:
    """``networkMode``."""
    for definition in _fargate(project):
        mode = definition.get("networkMode")
        if mode != "awsvpc":
            what = f"not {mode}" if mode else "and bridge is what it is when left out"
            message = f"Fargate only supports network mode awsvpc, {what}"
            yield Finding((*definition.path, "networkMode"), message, "networkMode: awsvpc")


@rule(
    "ECS073",
    "Fargate tasks ask for nothing of an instance.",
    service="Fargate does not support placement constraints, privileged containers, host volumes, Docker volumes, "
    "GPUs, devices, ipcMode, or pidMode host.",
    why="There is no instance that the task could choose, change or reach into.",
)
def fargate_bars(project: Project) -> Iterator[Finding]:
    """What only instances have."""
    for definition in _fargate(project):
        bad: list[tuple[Path, str]] = []
        if definition.get("placementConstraints"):
            bad.append((("placementConstraints",), "placement constraints"))
        if definition.get("ipcMode"):
            bad.append((("ipcMode",), "ipcMode"))
        if definition.get("pidMode") == "host":
            bad.append((("pidMode",), "pidMode host"))
        for place, volume in definition.items("volumes"):
            inner = place[len(definition.path) :]
            if (volume.get("host") or {}).get("sourcePath"):
                bad.append(((*inner, "host", "sourcePath"), "a path of the host"))
            if volume.get("dockerVolumeConfiguration"):
                bad.append(((*inner, "dockerVolumeConfiguration"), "Docker volumes"))
        for place, box in definition.items("containerDefinitions"):
            inner = place[len(definition.path) :]
            bad += [((*inner, *end), what) for end, what in _barred(box)]
        for place, what in bad:
            yield Finding((*definition.path, *place), f"Fargate does not support {what}", "leave it out, or use EC2")


def _barred(box: Data) -> Iterator[tuple[Path, str]]:
    if box.get("privileged"):
        yield ("privileged",), "privileged containers"
    for index, item in enumerate(box.get("resourceRequirements") or ()):
        if isinstance(item, dict) and item.get("type") == "GPU":
            yield ("resourceRequirements", index), "GPUs"
    linux = box.get("linuxParameters") or {}
    for member, what in (
        ("devices", "devices"),
        ("sharedMemorySize", "sharedMemorySize"),
        ("maxSwap", "maxSwap"),
        ("swappiness", "swappiness"),
    ):
        if linux.get(member) is not None and linux.get(member) != []:
            yield ("linuxParameters", member), what
    added = (linux.get("capabilities") or {}).get("add") or ()
    for index, name in enumerate(added):
        if name != "SYS_PTRACE":
            yield ("linuxParameters", "capabilities", "add", index), f"the capability {name} (only SYS_PTRACE)"


@rule(
    "ECS074",
    "Fargate stops a container within two minutes.",
    service="The maximum stopTimeout for tasks using the Fargate launch type is 120 seconds.",
    why="After that the container is killed in any case.",
)
def fargate_stop(project: Project) -> Iterator[Finding]:
    """``stopTimeout``."""
    for _, path, box in _fargate_boxes(project):
        if (box.get("stopTimeout") or 0) > LONGEST_STOP:
            yield Finding((*path, "stopTimeout"), f"Fargate stops within {LONGEST_STOP} s", f"at most {LONGEST_STOP}")


@rule(
    "ECS075",
    "Fargate logs by awslogs, splunk or awsfirelens.",
    service="Fargate only supports the log drivers awslogs, splunk and awsfirelens.",
    why="The other drivers write to the host.",
)
def fargate_drivers(project: Project) -> Iterator[Finding]:
    """``logConfiguration.logDriver``."""
    for _, path, box in _fargate_boxes(project):
        driver = (box.get("logConfiguration") or {}).get("logDriver")
        if driver is not None and driver not in FARGATE_DRIVERS:
            place = (*path, "logConfiguration", "logDriver")
            yield Finding(
                place, f"Fargate does not support the log driver {driver}", f"one of {', '.join(FARGATE_DRIVERS)}"
            )


@rule(
    "ECS076",
    "On Fargate awslogs names the prefix of its streams.",
    service="Log driver awslogs requires options: awslogs-stream-prefix",
    why="A stream is named prefix/container/task; without a prefix it could not be found.",
)
def fargate_prefix(project: Project) -> Iterator[Finding]:
    """``logConfiguration.options.awslogs-stream-prefix``."""
    for _, path, box in _fargate_boxes(project):
        logs = box.get("logConfiguration") or {}
        if logs.get("logDriver") == "awslogs" and not (logs.get("options") or {}).get("awslogs-stream-prefix"):
            place = (*path, "logConfiguration", "options")
            yield Finding(place, "awslogs on Fargate has no awslogs-stream-prefix", "awslogs-stream-prefix: NAME")


@rule(
    "ECS077",
    "On Fargate, awslogs and images of ECR need an execution role.",
    service="Fargate requires task definition to have execution role ARN to support log driver awslogs. / … to support "
    "ECR images.",
    why="There is no instance role that could write the logs or pull the image.",
)
def fargate_role(project: Project) -> Iterator[Finding]:
    """``executionRoleArn``."""
    for definition, path, box in _fargate_boxes(project):
        if definition.get("executionRoleArn"):
            continue
        depends = ((*definition.path, "executionRoleArn"),)
        allowed = "executionRoleArn: arn:aws:iam::…:role/…"
        if (box.get("logConfiguration") or {}).get("logDriver") == "awslogs":
            message = "Fargate requires an executionRoleArn to support the log driver awslogs"
            yield Finding((*path, "logConfiguration", "logDriver"), message, allowed, depends)
        if ECR.match(str(box.get("image") or "")):
            yield Finding(
                (*path, "image"), "Fargate requires an executionRoleArn to support ECR images", allowed, depends
            )


@rule(
    "ECS078",
    "Ephemeral storage is of Fargate, 21 to 200 GiB.",
    service="Tasks using the EC2 launch type do not support EphemeralStorage.",
    why="On EC2 the disk is the instance's. Fargate gives 20 GiB without asking.",
)
def ephemeral_storage(project: Project) -> Iterator[Finding]:
    """``ephemeralStorage.sizeInGiB``."""
    least, most = EPHEMERAL
    for definition in project.task_definitions.values():
        storage = definition.get("ephemeralStorage")
        if not isinstance(storage, dict):
            continue
        size = storage.get("sizeInGiB")
        wanted = definition.get("requiresCompatibilities") or ()
        if (wanted and set(wanted) <= {"EC2", "EXTERNAL"}) or (not wanted and _runs_on_ec2(project, definition)):
            yield Finding(
                (*definition.path, "ephemeralStorage"), "EC2 tasks do not support ephemeralStorage", "FARGATE"
            )
        elif size is not None and not least <= size <= most:
            place = (*definition.path, "ephemeralStorage", "sizeInGiB")
            yield Finding(place, f"{size} GiB is out of bounds", f"{least} to {most}")


def _runs_on_ec2(project: Project, definition: Definition) -> bool:
    services = (one for one in project.services.values() if one.get("taskDefinition") == definition.name)
    return any(service.get("launchType") in ("EC2", "EXTERNAL") for service in services)


@rule(
    "ECS079",
    "ARM64 is not for Windows.",
    service="ARM64 is not supported for Windows.",
    why="There are no such instances.",
)
def no_windows_on_arm(project: Project) -> Iterator[Finding]:
    """``runtimePlatform``."""
    for definition in project.task_definitions.values():
        platform = definition.get("runtimePlatform") or {}
        if platform.get("cpuArchitecture") == "ARM64" and _windows(definition):
            place = (*definition.path, "runtimePlatform", "cpuArchitecture")
            yield Finding(place, "Windows does not run on ARM64", "X86_64")


@rule(
    "ECS081",
    "A task's size is a number above 0.",
    service="Invalid 'cpu' setting for task.",
    why="cpu is in units (1024 a core) or vCPU, memory in MiB or GB.",
)
def size_is_number(project: Project) -> Iterator[Finding]:
    """``cpu`` and ``memory`` of the task."""
    for definition in project.task_definitions.values():
        for member in ("cpu", "memory"):
            text = definition.get(member)
            if text is not None and not amount(definition, member):
                yield Finding((*definition.path, member), f"{text!r} is no size of a task", "a number above 0")


@rule(
    "ECS082",
    "Tasks on external instances have no network mode awsvpc.",
    service="The network mode awsvpc is not supported by the EXTERNAL launch type.",
    why="An interface of its own can only be given in a VPC.",
)
def external_network(project: Project) -> Iterator[Finding]:
    """``networkMode`` and ``requiresCompatibilities`` or a service's ``launchType``."""
    for definition in project.task_definitions.values():
        if definition.get("networkMode") != "awsvpc":
            continue
        users = (one for one in project.services.values() if one.get("taskDefinition") == definition.name)
        wanted = definition.get("requiresCompatibilities") or ()
        if "EXTERNAL" in wanted or any(one.get("launchType") == "EXTERNAL" for one in users):
            place = (*definition.path, "networkMode")
            yield Finding(place, "external instances have no awsvpc", "networkMode: bridge or host")


@rule(
    "ECS080",
    "On EC2 a task's cpu is 128 to 196608 units.",
    service="Invalid 'cpu' setting for task.",
    why="1024 units are one core. A container may have less; then leave the task's cpu out.",
)
def ec2_cpu(project: Project) -> Iterator[Finding]:
    """``cpu`` of the task."""
    least, most = EC2_CPU
    for definition in project.task_definitions.values():
        cpu = amount(definition, "cpu")
        if cpu is not None and not project.fargate(definition) and not least <= cpu <= most:
            message = f"{cpu} CPU units of a task are out of bounds"
            yield Finding((*definition.path, "cpu"), message, f"{least} to {most}, or cpu of the container alone")
