"""What RegisterTaskDefinition refuses by launch type: FARGATE in ``requiresCompatibilities``, EC2 sizes, storage."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.sandbox.ecs.errors import EcsApiError, client_error
from ecsctl.sandbox.ecs.store.store import Document

# CPU units → the MiB it goes with.
FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4097, 1024)),
    1024: tuple(range(2048, 8193, 1024)),
    2048: tuple(range(4096, 16385, 1024)),
    4096: tuple(range(8192, 30721, 1024)),
    8192: tuple(range(16384, 61441, 4096)),
    16384: tuple(range(32768, 122881, 8192)),
}
_DRIVERS = ("awslogs", "splunk", "awsfirelens")
_EC2_CPU = (128, 196608)


def faults(request: Document, cpu: int | None, memory: int | None) -> Iterator[EcsApiError]:
    """Why Fargate would not run this definition; nothing where it would. Lazy: the first one is the answer."""
    if cpu is None:
        yield client_error("Fargate requires that 'cpu' be defined at the task level.")
    if memory is None:
        yield client_error("Fargate requires that 'memory' be defined at the task level.")
    if request.get("networkMode") != "awsvpc":
        yield client_error("Fargate only supports network mode ‘awsvpc’.")
    platform = request.get("runtimePlatform") or {}
    windows = str(platform.get("operatingSystemFamily", "LINUX")).startswith("WINDOWS")
    if memory not in FARGATE_SIZES.get(cpu or 0, ()) or (windows and (cpu or 0) < 1024):
        yield client_error(
            "No Fargate configuration exists for given values: "
            f"{cpu} CPU, {memory} memory. See the Amazon ECS documentation for the valid values."
        )
    if request.get("placementConstraints"):
        yield client_error("Placement constraints are not supported for Fargate tasks.")
    if request.get("ipcMode"):
        yield client_error("IPC mode is not supported on Fargate.")
    if request.get("pidMode") == "host":
        yield client_error("PID mode 'host' is not supported on Fargate.")
    if request.get("inferenceAccelerators"):
        yield client_error("Inference accelerators are not supported on Fargate.")
    storage = (request.get("ephemeralStorage") or {}).get("sizeInGiB")
    if storage is not None and not 21 <= storage <= 200:
        yield client_error("Ephemeral storage size must be between 21 and 200 GiB.")
    for volume in request.get("volumes", ()):
        if (volume.get("host") or {}).get("sourcePath"):
            yield client_error("host.sourcePath should not be set for volumes in Fargate.")
        if volume.get("dockerVolumeConfiguration"):
            yield client_error("Docker volume configuration is not supported on Fargate.")
    for container in request["containerDefinitions"]:
        yield from _container_faults(container, request)


def _container_faults(container: Document, request: Document) -> Iterator[EcsApiError]:
    role = request.get("executionRoleArn")
    logging = container.get("logConfiguration") or {}
    driver = logging.get("logDriver")
    if driver and driver not in _DRIVERS:
        yield client_error(f"Fargate only supports the log drivers {', '.join(_DRIVERS)}; '{driver}' was given.")
    if driver == "awslogs":
        if not role:
            yield client_error(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs."
            )
        if "awslogs-stream-prefix" not in (logging.get("options") or {}):
            yield client_error("Log driver awslogs requires options: awslogs-stream-prefix for Fargate tasks.")
    if ".dkr.ecr." in container["image"] and not role:
        yield client_error("Fargate requires task definition to have execution role ARN to support ECR images.")
    if container.get("privileged"):
        yield client_error("Fargate tasks do not support privileged containers.")
    if any(r.get("type") == "GPU" for r in container.get("resourceRequirements", ())):
        yield client_error("GPU resource requirements are not supported on Fargate.")
    linux = container.get("linuxParameters") or {}
    if linux.get("devices"):
        yield client_error("Fargate tasks do not support linuxParameters.devices.")
    if linux.get("sharedMemorySize"):
        yield client_error("Fargate tasks do not support linuxParameters.sharedMemorySize.")
    added = (linux.get("capabilities") or {}).get("add") or ()
    if any(capability != "SYS_PTRACE" for capability in added):
        yield client_error("The only Linux capability that can be added to a Fargate task is SYS_PTRACE.")
    if container.get("stopTimeout", 0) > 120:
        yield client_error("The stopTimeout of a Fargate container cannot be greater than 120 seconds.")


def check_launch_types(request: Document, cpu: int | None, memory: int | None) -> list[str]:
    """Refuse what the required launch types refuse; the ``compatibilities`` of the definition otherwise.

    Args:
        cpu, memory: the task's size in CPU units and MiB.
    Raises:
        EcsApiError: ``ClientException``.
    """
    required = request.get("requiresCompatibilities", ())
    fargate = next(faults(request, cpu, memory), None)
    if "FARGATE" in required and fargate is not None:
        raise fargate
    platform = request.get("runtimePlatform") or {}
    windows = str(platform.get("operatingSystemFamily", "LINUX")).startswith("WINDOWS")
    if windows and platform.get("cpuArchitecture") == "ARM64":
        raise client_error("The ARM64 CPU architecture is not supported on Windows.")
    ec2 = _ec2_fault(request, cpu)
    if "EC2" in required and ec2 is not None:
        raise ec2
    if not required and ec2 is not None and fargate is not None:
        raise ec2
    compatible = []
    if "EXTERNAL" in required and request.get("networkMode") == "awsvpc":
        raise client_error("The network mode awsvpc is not supported by the EXTERNAL launch type.")
    if ec2 is None:
        if request.get("networkMode") != "awsvpc":
            compatible.append("EXTERNAL")
        compatible.append("EC2")
    if fargate is None:
        compatible.append("FARGATE")
    if "MANAGED_INSTANCES" in required:
        compatible.append("MANAGED_INSTANCES")
    return compatible


def _ec2_fault(request: Document, cpu: int | None) -> EcsApiError | None:
    if request.get("ephemeralStorage"):
        return client_error("Tasks using the EC2 launch type do not support EphemeralStorage.")
    if cpu is not None and not _EC2_CPU[0] <= cpu <= _EC2_CPU[1]:
        return client_error(
            "Invalid 'cpu' setting for task. The value must be between 128 and 196608 CPU units for the "
            "EC2 launch type."
        )
    return None
