"""``requiresAttributes``: what of the agent a task definition needs, and what agents offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ecsctl.sandbox.ecs.store.store import Document

_DOCKER = "com.amazonaws.ecs.capability.docker-remote-api."
_CLASSIC = "com.amazonaws.ecs.capability."
_NEW = "ecs.capability."

LOG_DRIVERS_OF_AMAZON_LINUX = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")
"""The log drivers that the ECS-optimized AMIs enable. An agent that was not told has json-file and none."""

CNI_PLUGINS = "2024.09.0"

_OF_EVERY_AGENT = (
    "execution-role-ecr-pull",
    "container-health-check",
    "container-ordering",
    "container-restart-policy",
    "env-files.s3",
    "secrets.asm.environment-variables",
    "secrets.ssm.environment-variables",
    "secrets.ssm.bootstrap.log-driver",
    "secrets.asm.bootstrap.log-driver",
    "private-registry-authentication.secretsmanager",
    "pid-ipc-namespace-sharing",
    "task-cpu-mem-limit",
    "increased-task-cpu-limit",
    "docker-plugin.local",
    "ecr-endpoint",
    "efs",
    "efsAuth",
    "execute-command",
    "fault-injection",
    "full-sync",
    "ipv6-only",
    "network.container-port-range",
    "service-connect-v1",
    "storage.ebs-task-volume-attach",
)
_OF_FIRELENS = (
    "firelens.fluentd",
    "firelens.fluentbit",
    "firelens.options.config.file",
    "firelens.options.config.s3",
    "logging-driver.awsfirelens.log-driver-buffer-limit",
)


def required_attributes(request: Document) -> list[Document]:
    """The attributes that an instance must have to run this definition, sorted, as ``[{"name": …}]``."""
    names: set[str] = set()
    for container in request["containerDefinitions"]:
        names.update(_of_container(container, request))
    names.update(_of_task(request))
    platform = request.get("runtimePlatform") or {}
    found: list[Document] = [{"name": name} for name in sorted(names)]
    family = platform.get("operatingSystemFamily")
    if family and family != "LINUX":
        found.append({"name": "ecs.os-family", "value": family})
    if platform.get("cpuArchitecture"):
        found.append({"name": "ecs.cpu-architecture", "value": platform["cpuArchitecture"].lower()})
    return found


def _of_container(container: Document, request: Document) -> Iterator[str]:
    role = request.get("executionRoleArn")
    driver = (container.get("logConfiguration") or {}).get("logDriver")
    if driver:
        yield f"{_CLASSIC}logging-driver.{driver}"
        yield f"{_DOCKER}1.19"
    if driver == "awslogs" and role:
        yield f"{_NEW}execution-role-awslogs"
    if container.get("logConfiguration", {}).get("secretOptions"):
        yield f"{_NEW}secrets.ssm.bootstrap.log-driver"
    if ".dkr.ecr." in container["image"]:
        yield f"{_CLASSIC}ecr-auth"
        yield f"{_DOCKER}1.19"
        if role:
            yield f"{_NEW}execution-role-ecr-pull"
    firelens = container.get("firelensConfiguration") or {}
    if firelens:
        yield f"{_NEW}firelens.{firelens.get('type')}"
        file_type = (firelens.get("options") or {}).get("config-file-type")
        if file_type:
            yield f"{_NEW}firelens.options.config.{file_type}"
    if (container.get("restartPolicy") or {}).get("enabled"):
        yield f"{_NEW}container-restart-policy"
    if any(mapping.get("containerPortRange") for mapping in container.get("portMappings", ())):
        yield f"{_NEW}network.container-port-range"
    if container.get("repositoryCredentials"):
        yield f"{_NEW}private-registry-authentication.secretsmanager"
    if container.get("privileged"):
        yield f"{_CLASSIC}privileged-container"
    if container.get("memoryReservation") is not None:
        yield f"{_DOCKER}1.21"
    if container.get("healthCheck"):
        yield f"{_NEW}container-health-check"
        yield f"{_DOCKER}1.29"
    if container.get("dependsOn"):
        yield f"{_NEW}container-ordering"
    for secret in container.get("secrets", ()):
        store = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
        yield f"{_NEW}secrets.{store}.environment-variables"
    if container.get("environmentFiles"):
        yield f"{_NEW}env-files.s3"
    linux = container.get("linuxParameters") or {}
    if linux.get("initProcessEnabled"):
        yield f"{_DOCKER}1.25"
    if linux.get("tmpfs") or linux.get("sharedMemorySize"):
        yield f"{_DOCKER}1.22"
    if container.get("portMappings") and request.get("networkMode") != "awsvpc":
        yield f"{_DOCKER}1.18"
    for requirement in container.get("resourceRequirements", ()):
        if requirement.get("type") == "GPU":
            yield f"{_NEW}gpu"


def _of_task(request: Document) -> Iterator[str]:
    if request.get("networkMode") == "awsvpc":
        yield f"{_NEW}task-eni"
        yield f"{_DOCKER}1.18"
    if request.get("taskRoleArn"):
        yield f"{_CLASSIC}task-iam-role"
        if request.get("networkMode") == "host":
            yield f"{_CLASSIC}task-iam-role-network-host"
    if request.get("cpu") or request.get("memory"):
        yield f"{_NEW}task-cpu-mem-limit"
    if request.get("enableFaultInjection"):
        yield f"{_NEW}fault-injection"
    if request.get("pidMode") or request.get("ipcMode"):
        yield f"{_NEW}pid-ipc-namespace-sharing"
    for volume in request.get("volumes", ()):
        if volume.get("efsVolumeConfiguration"):
            yield f"{_NEW}efs"
            yield f"{_DOCKER}1.25"
            if volume["efsVolumeConfiguration"].get("authorizationConfig"):
                yield f"{_NEW}efsAuth"
        docker = volume.get("dockerVolumeConfiguration")
        if docker:
            yield f"{_NEW}docker-plugin.{docker.get('driver') or 'local'}"
            yield f"{_DOCKER}1.25"


def agent_capabilities(
    *,
    log_drivers: Iterable[str] = LOG_DRIVERS_OF_AMAZON_LINUX,
    task_eni: bool = True,
    task_iam_role: bool = True,
    execution_role_logs: bool = True,
    privileged: bool = True,
    gpu: bool = False,
) -> dict[str, str | None]:
    """The capabilities an agent registers, by how it was started.

    Args:
        log_drivers: ``ECS_AVAILABLE_LOGGING_DRIVERS``; an agent that was not told has json-file and none.
        task_eni: ``ECS_ENABLE_TASK_ENI``, with what awsvpc tasks need of the host.
        task_iam_role: ``ECS_ENABLE_TASK_IAM_ROLE`` and its host-network twin.
        execution_role_logs: ``ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE``.
        privileged: not ``ECS_DISABLE_PRIVILEGED``.
        gpu: ``ECS_ENABLE_GPU_SUPPORT``.
    Returns:
        Attribute name → its value; most capabilities have none.
    """
    names = [f"{_DOCKER}1.{minor}" for minor in range(17, 45)]
    drivers = dict.fromkeys((*log_drivers, "none"))
    names += [f"{_CLASSIC}logging-driver.{driver}" for driver in drivers]
    names.append(f"{_CLASSIC}ecr-auth")
    names += [f"{_NEW}{name}" for name in _OF_EVERY_AGENT]
    if "awsfirelens" in drivers:
        names += [f"{_NEW}{name}" for name in _OF_FIRELENS]
    if execution_role_logs:
        names.append(f"{_NEW}execution-role-awslogs")
    if task_eni:
        names += [f"{_NEW}task-eni", f"{_NEW}task-eni.ipv6", f"{_NEW}aws-appmesh"]
    if task_iam_role:
        names += [f"{_CLASSIC}task-iam-role", f"{_CLASSIC}task-iam-role-network-host"]
    if privileged:
        names.append(f"{_CLASSIC}privileged-container")
    if gpu:
        names.append(f"{_NEW}gpu")
    found: dict[str, str | None] = dict.fromkeys(names)
    if task_eni:
        found[f"{_NEW}cni-plugin-version"] = CNI_PLUGINS
    return found


def is_capability(name: str) -> bool:
    """Whether an attribute's name is one that only agents set."""
    return name.startswith((_CLASSIC, _NEW))
