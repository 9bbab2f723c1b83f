"""``requiresAttributes``: what of the agent a task definition needs, and what agents offer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ecsctl.sandbox.ecs.store import Document

_DOCKER = "com.amazonaws.ecs.capability.docker-remote-api."
_CLASSIC = "com.amazonaws.ecs.capability."
_NEW = "ecs.capability."

LOG_DRIVERS_OF_AMAZON_LINUX = ("awsfirelens", "awslogs", "fluentd", "gelf", "journald", "json-file", "splunk", "syslog")
"""The log drivers that the ECS-optimized AMIs enable. An agent that was not told has json-file and none."""


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
    if driver == "awsfirelens":
        kind = (container.get("firelensConfiguration") or {}).get("type")
        yield f"{_NEW}firelens.{kind}" if kind else f"{_NEW}logging-driver.awsfirelens"
    elif driver:
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
    if "swappiness" in linux or "maxSwap" in linux:
        yield f"{_NEW}aws-swap"
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
        Attribute name → None (capabilities have no value).
    """
    names = [f"{_DOCKER}1.{minor}" for minor in range(17, 45)]
    names += [f"{_CLASSIC}logging-driver.{driver}" for driver in log_drivers if driver != "awsfirelens"]
    names += [
        f"{_CLASSIC}ecr-auth",
        f"{_NEW}execution-role-ecr-pull",
        f"{_NEW}container-health-check",
        f"{_NEW}container-ordering",
        f"{_NEW}env-files.s3",
        f"{_NEW}secrets.asm.environment-variables",
        f"{_NEW}secrets.ssm.environment-variables",
        f"{_NEW}secrets.ssm.bootstrap.log-driver",
        f"{_NEW}secrets.asm.bootstrap.log-driver",
        f"{_NEW}private-registry-authentication.secretsmanager",
        f"{_NEW}pid-ipc-namespace-sharing",
        f"{_NEW}task-cpu-mem-limit",
        f"{_NEW}aws-swap",
        f"{_NEW}docker-plugin.local",
        f"{_NEW}efs",
        f"{_NEW}efsAuth",
    ]
    if "awsfirelens" in set(log_drivers):
        names += [f"{_NEW}logging-driver.awsfirelens", f"{_NEW}firelens.fluentd", f"{_NEW}firelens.fluentbit"]
    if execution_role_logs:
        names.append(f"{_NEW}execution-role-awslogs")
    if task_eni:
        names += [f"{_NEW}task-eni", f"{_NEW}cni-plugin-version"]
    if task_iam_role:
        names += [f"{_CLASSIC}task-iam-role", f"{_CLASSIC}task-iam-role-network-host"]
    if privileged:
        names.append(f"{_CLASSIC}privileged-container")
    if gpu:
        names.append(f"{_NEW}gpu")
    return dict.fromkeys(names)


def is_capability(name: str) -> bool:
    """Whether an attribute's name is one that only agents set."""
    return name.startswith((_CLASSIC, _NEW))
