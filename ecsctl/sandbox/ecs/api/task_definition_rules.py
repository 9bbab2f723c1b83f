"""What RegisterTaskDefinition refuses, whatever the launch type. Every refusal is a ``ClientException``.

The rules of Fargate are in ``fargate_rules``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence

from ecsctl.sandbox.ecs.errors import client_error
from ecsctl.sandbox.ecs.scheduler import cluster_query
from ecsctl.sandbox.ecs.store.store import Document

NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
MAX_BYTES = 64 * 1024
MAX_CONTAINERS = 10
_NETWORK_NAME = re.compile(r"[a-z0-9_-]{1,64}")


def check_definition(request: Document) -> None:
    """Refuse what the service refuses of any task definition.

    Args:
        request: RegisterTaskDefinition's, its types checked.
    Raises:
        EcsApiError: ``ClientException`` with the service's sentence for the first fault found.
    """
    if not NAME.fullmatch(request["family"]):
        raise client_error(
            "Family contains invalid characters or is longer than 255 characters: "
            "up to 255 letters (uppercase and lowercase), numbers, underscores, and hyphens are allowed."
        )
    containers = request["containerDefinitions"]
    if not containers:
        raise client_error("Container list cannot be empty.")
    if len(containers) > MAX_CONTAINERS:
        raise client_error(f"Task definition cannot have more than {MAX_CONTAINERS} containers.")
    if len(json.dumps(request).encode()) > MAX_BYTES:
        raise client_error("Actual length of the task definition exceeds the maximum of 64 KiB.")
    _check_names(containers)
    for container in containers:
        _check_container(container, request)
    if not any(container.get("essential", True) for container in containers):
        raise client_error("Task definition doesn't have any essential container")
    _check_volumes(request)
    _check_dependencies(containers)
    _check_network(request)
    _check_placement(request)
    _check_ports(request)


def _setting(container: Document, sentence: str) -> Exception:
    return client_error(f"Invalid setting for container '{container.get('name')}'. {sentence}")


def _check_names(containers: Sequence[Document]) -> None:
    for container in containers:
        name = container.get("name")
        if not name:
            raise client_error("Container name should not be null or blank.")
        if not NAME.fullmatch(name):
            raise client_error(
                f"Invalid container name '{name}': up to 255 letters (uppercase and lowercase), numbers, "
                "underscores, and hyphens are allowed."
            )
        if not container.get("image"):
            raise client_error("Container.image should not be null or blank.")
        if re.search(r"\s", container["image"]):
            raise _setting(container, "The image must not contain white space.")
    if any(count > 1 for count in Counter(container["name"] for container in containers).values()):
        raise client_error("Container names must be unique within a task definition.")


def _check_container(container: Document, request: Document) -> None:
    memory, reservation = container.get("memory"), container.get("memoryReservation")
    if memory is None and reservation is None and not request.get("memory"):
        raise _setting(container, "At least one of 'memory' or 'memoryReservation' must be specified.")
    for name, value in (("memory", memory), ("memoryReservation", reservation)):
        if value is not None and value < 4:
            raise _setting(container, f"The '{name}' setting must be at least 4.")
    if memory is not None and reservation is not None and memory < reservation:
        raise _setting(container, "'memory' must be greater than or equal to 'memoryReservation'.")
    if container.get("cpu", 0) < 0:
        raise _setting(container, "'cpu' must not be negative.")
    for ulimit in container.get("ulimits", ()):
        if ulimit["softLimit"] > ulimit["hardLimit"] >= 0:
            raise _setting(container, f"The soft limit of ulimit '{ulimit['name']}' must not exceed its hard limit.")
    if container.get("secrets") and not request.get("executionRoleArn"):
        raise client_error(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    _check_environment(container)
    _check_logging(container)
    _check_health(container)
    if container.get("dependsOn") is not None:
        for dependency in container["dependsOn"]:
            if dependency["containerName"] == container["name"]:
                raise client_error(f"Container '{container['name']}' cannot depend on itself.")


def _check_environment(container: Document) -> None:
    names = [pair.get("name") for pair in container.get("environment", ())]
    if any(not name for name in names):
        raise _setting(container, "Environment variable names should not be null or blank.")
    secrets = [secret["name"] for secret in container.get("secrets", ())]
    twice = [name for name, count in Counter(secrets).items() if count > 1]
    shared = twice or [name for name in secrets if name in names]
    if shared:
        raise client_error(
            "The secret name must be unique and not shared with any new or existing environment variables"
            f" set on the container, such as '{shared[0]}'."
        )


def _check_logging(container: Document) -> None:
    logging = container.get("logConfiguration")
    if not logging:
        return
    if logging["logDriver"] == "awslogs" and not (logging.get("options") or {}).get("awslogs-group"):
        raise client_error("Log driver awslogs requires options: awslogs-group")
    if logging["logDriver"] == "splunk":
        options = logging.get("options") or {}
        if "splunk-url" not in options:
            raise client_error("Log driver splunk requires options: splunk-url")


_HEALTH_RANGES = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}


def _check_health(container: Document) -> None:
    check = container.get("healthCheck")
    if not check:
        return
    command = check["command"]
    if not command:
        raise _setting(container, "The health check command should not be empty.")
    for name, (low, high) in _HEALTH_RANGES.items():
        value = check.get(name)
        if value is not None and not low <= value <= high:
            raise _setting(container, f"The health check '{name}' must be between {low} and {high}.")


def _check_volumes(request: Document) -> None:
    volumes = request.get("volumes", ())
    names = [volume.get("name") for volume in volumes]
    for volume in volumes:
        name = volume.get("name")
        if not name:
            raise client_error("Volume name should not be null or blank.")
        if not NAME.fullmatch(name):
            raise client_error(f"Invalid volume name '{name}'.")
        _check_efs(volume)
    if len(set(names)) < len(names):
        raise client_error("Volume names must be unique within a task definition.")
    containers = {container["name"] for container in request["containerDefinitions"]}
    for container in request["containerDefinitions"]:
        for mount in container.get("mountPoints", ()):
            if mount.get("sourceVolume") and mount["sourceVolume"] not in names:
                raise client_error(f"Unknown volume '{mount['sourceVolume']}'.")
        for source in container.get("volumesFrom", ()):
            if source.get("sourceContainer") not in containers:
                raise client_error(f"Unknown container '{source.get('sourceContainer')}' in volumesFrom.")


def _check_efs(volume: Document) -> None:
    efs = volume.get("efsVolumeConfiguration")
    if not efs:
        return
    authorization = efs.get("authorizationConfig") or {}
    encrypted = efs.get("transitEncryption") == "ENABLED"
    if authorization.get("accessPointId"):
        if efs.get("rootDirectory", "/") != "/":
            raise client_error(
                "EFS volume: the root directory must be omitted or set to / when an access point is specified."
            )
        if not encrypted:
            raise client_error("EFS volume: transit encryption must be enabled when an access point is specified.")
    if authorization.get("iam") == "ENABLED" and not encrypted:
        raise client_error("EFS volume: transit encryption must be enabled when IAM authorization is used.")


def _check_dependencies(containers: Sequence[Document]) -> None:
    by_name = {container["name"]: container for container in containers}
    graph: dict[str, list[str]] = {name: [] for name in by_name}
    for container in containers:
        for dependency in container.get("dependsOn", ()):
            other = by_name.get(dependency["containerName"])
            if other is None:
                raise client_error(
                    f"The container '{container['name']}' depends on '{dependency['containerName']}', "
                    "which does not exist in the task definition."
                )
            condition = dependency["condition"]
            if condition in ("SUCCESS", "COMPLETE") and other.get("essential", True):
                raise client_error(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container."
                )
            if condition == "HEALTHY" and not other.get("healthCheck"):
                raise client_error(
                    f"The container '{other['name']}' needs a healthCheck, as '{container['name']}' "
                    "depends on it being HEALTHY."
                )
            graph[container["name"]].append(other["name"])
        for link in container.get("links", ()):
            target = link.partition(":")[0]
            if target not in by_name:
                raise client_error(f"Invalid link '{link}': the container '{target}' does not exist.")
            graph[container["name"]].append(target)
    if _has_cycle(graph):
        raise client_error("Container dependencies must not have a cycle.")


def _has_cycle(graph: dict[str, list[str]]) -> bool:
    left = {name: set(targets) for name, targets in graph.items()}
    while True:
        free = [name for name, targets in left.items() if not targets & left.keys()]
        if not free:
            return bool(left)
        for name in free:
            del left[name]


_AWSVPC_BARS = ("hostname", "extraHosts", "dnsServers", "dnsSearchDomains", "disableNetworking")


def _check_network(request: Document) -> None:
    mode = request.get("networkMode")
    for container in request["containerDefinitions"]:
        if mode == "awsvpc":
            if container.get("links"):
                raise client_error("Links are not supported when networkMode=awsvpc.")
            for member in _AWSVPC_BARS:
                if container.get(member):
                    raise client_error(f"The {member} parameter is not supported when networkMode=awsvpc.")
        if mode in ("host", "none") and container.get("links"):
            raise client_error(f"Links are not supported when networkMode={mode}.")
        if mode == "none" and container.get("portMappings"):
            raise client_error("Port mappings are not supported when networkMode=none.")
    if mode != "awsvpc" and request.get("proxyConfiguration"):
        raise client_error("The proxyConfiguration parameter is only supported when networkMode=awsvpc.")


def _check_placement(request: Document) -> None:
    constraints = request.get("placementConstraints", ())
    if len(constraints) > 10:
        raise client_error("Task definition cannot have more than 10 placement constraints.")
    for constraint in constraints:
        if not constraint.get("expression"):
            raise client_error("memberOf placement constraint must have an expression.")
        try:
            cluster_query.parse(constraint["expression"])
        except cluster_query.QueryError as error:
            raise client_error(f"Invalid expression: {constraint['expression']}. {error}.") from None


def _check_ports(request: Document) -> None:
    mode = request.get("networkMode")
    named: Counter[str] = Counter()
    taken: Counter[tuple[str, int]] = Counter()
    for container in request["containerDefinitions"]:
        for mapping in container.get("portMappings", ()):
            _check_mapping(container, mapping, mode)
            if mapping.get("name"):
                named[mapping["name"]] += 1
            if mapping.get("hostPort"):
                taken[mapping.get("protocol", "tcp"), mapping["hostPort"]] += 1
    if any(count > 1 for count in named.values()):
        raise client_error("Port mapping names must be unique within a task definition.")
    if any(count > 1 for count in taken.values()):
        raise client_error("Host ports must be unique within a task definition.")


def _check_mapping(container: Document, mapping: Document, mode: str | None) -> None:
    port, host, ports = mapping.get("containerPort"), mapping.get("hostPort"), mapping.get("containerPortRange")
    if ports:
        if port or host:
            raise _setting(container, "'containerPortRange' excludes 'containerPort' and 'hostPort'.")
        found = re.fullmatch(r"(\d{1,5})-(\d{1,5})", ports)
        if not found or not 1 <= int(found[1]) <= int(found[2]) <= 65535:
            raise _setting(container, f"Invalid containerPortRange '{ports}'.")
        return
    if port is None:
        raise _setting(container, "The 'containerPort' of a port mapping must be specified.")
    for name, value, least in (("containerPort", port, 1), ("hostPort", host, 0)):
        if value is not None and not least <= value <= 65535:
            raise _setting(container, f"Invalid '{name}' setting: {value} is not between {least} and 65535.")
    if mapping.get("protocol", "tcp") not in ("tcp", "udp"):
        raise _setting(container, f"Invalid 'protocol' setting: {mapping['protocol']}.")
    if mode in ("host", "awsvpc") and host not in (None, port) and not (mode == "host" and host == 0):
        raise client_error(f"When networkMode={mode}, the host ports and container ports in port mappings must match.")
    if mapping.get("name") and not _NETWORK_NAME.fullmatch(mapping["name"]):
        raise _setting(container, f"Invalid port mapping name '{mapping['name']}'.")


_SIZE = re.compile(r"\s*([\d.]+)\s*(vcpus?|gb)?\s*", re.IGNORECASE)


def task_size(text: str | None, unit: str, factor: int) -> int | None:
    """A task-level ``cpu`` or ``memory`` as a number: ``1024``, ``1 vCPU``, ``2GB``.

    Args:
        unit: ``cpu`` or ``memory``, for the message.
        factor: what one vCPU or one GB is (1024).
    Raises:
        EcsApiError: ``ClientException`` for text that is no size.
    """
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    try:
        number = float(found[1]) if found else 0.0
    except ValueError:
        number = 0.0
    if not found or number <= 0:
        raise client_error(f"Invalid '{unit}' setting for task: '{text}'.")
    return int(number * factor) if found[2] else int(number)


def check_task_size(request: Document, cpu: int | None, memory: int | None) -> None:
    """Refuse containers that do not fit the task's own size (CPU units, MiB).

    Raises:
        EcsApiError: ``ClientException``.
    """
    containers = request["containerDefinitions"]
    total: Callable[[str], int] = lambda member: sum(c.get(member) or 0 for c in containers)  # noqa: E731
    if cpu is not None and total("cpu") > cpu:
        raise client_error("The sum of all container 'cpu' values cannot be greater than the task-level 'cpu' value.")
    if memory is None:
        return
    for container in containers:
        for member in ("memory", "memoryReservation"):
            if (container.get(member) or 0) > memory:
                raise _setting(
                    container,
                    f"The '{member}' setting for container '{container['name']}' is greater than for the task.",
                )
    if total("memoryReservation") > memory:
        raise client_error(
            "The sum of all container 'memoryReservation' values cannot be greater than the task-level 'memory' value."
        )
