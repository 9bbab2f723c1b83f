"""Of what a user says of a run to RunTask's input: where it runs, what of the definition it overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ecsctl.aws import ecs
from ecsctl.aws.session import Aws
from ecsctl.errors import EcsctlError, UsageError

Json = Mapping[str, Any]
# What a service has of where its tasks run.
OF_SERVICE = ("launchType", "capacityProviderStrategy", "platformVersion", "networkConfiguration")


@dataclass(frozen=True)
class Where:
    """Where to run, as far as it is said. ``service`` is one whose network, launch type and provider are taken."""

    launch_type: str | None = None
    capacity_provider: str | None = None
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    public_ip: bool = False
    service: Json | None = None


@dataclass(frozen=True)
class Overrides:
    """What differs from the definition. CPU in units, memory in MiB, ephemeral storage in GiB."""

    environment: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    container: str | None = None
    cpu: int | None = None
    memory: int | None = None
    task_role: str | None = None
    execution_role: str | None = None
    ephemeral_storage: int | None = None


def service_of(aws: Aws, cluster: str, name: str) -> Json:
    """The service whose place a run takes (ecs:DescribeServices).

    Raises:
        NotFoundError: there is none.
    """
    for row in ecs.describe_services(aws, cluster, [name]).found:
        if row.get("status") != "INACTIVE":
            return row
    raise ecs.no_service(aws, cluster, name)


def placed(
    aws: Aws, cluster: str, definition: Json, where: Where, note: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """RunTask's members that say where: launchType or capacityProviderStrategy, networkConfiguration, platformVersion.

    What is said comes first, then the service's. A definition for Fargate alone runs as Fargate; one of network mode
    awsvpc without subnets runs in those of the default VPC, and ``note`` is told.

    Raises:
        UsageError: there is neither.
    """
    members: dict[str, Any] = {}
    if where.service is not None:
        members = {key: where.service[key] for key in OF_SERVICE if where.service.get(key)}
        if members.get("capacityProviderStrategy"):
            members.pop("launchType", None)
    if where.launch_type or where.capacity_provider:
        for key in ("launchType", "capacityProviderStrategy", "platformVersion"):
            members.pop(key, None)
    if where.launch_type:
        members["launchType"] = where.launch_type
    elif where.capacity_provider:
        members["capacityProviderStrategy"] = [{"capacityProvider": where.capacity_provider, "weight": 1}]
    elif not members.get("launchType") and not members.get("capacityProviderStrategy") and _fargate_only(definition):
        members["launchType"] = "FARGATE"
    network = _network(aws, definition, where, members, note)
    if network is not None:
        members["networkConfiguration"] = {"awsvpcConfiguration": network}
    return members


def _fargate_only(definition: Json) -> bool:
    wanted = definition.get("requiresCompatibilities") or definition.get("compatibilities") or ()
    return "FARGATE" in wanted and "EC2" not in (definition.get("requiresCompatibilities") or ("EC2",))


def _network(
    aws: Aws, definition: Json, where: Where, members: Json, note: Callable[[str], None]
) -> dict[str, Any] | None:
    if definition and definition.get("networkMode") != "awsvpc":
        if where.subnets:
            raise UsageError(
                f"its network mode is {definition.get('networkMode') or 'bridge'}: it takes no --subnet",
                hint="only tasks of network mode awsvpc take subnets",
            )
        return None
    own = (members.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    subnets = list(where.subnets) or list(own.get("subnets", ()))
    network: dict[str, Any] = {**own, "subnets": subnets}
    if where.security_groups:
        network["securityGroups"] = list(where.security_groups)
    if where.public_ip:
        network["assignPublicIp"] = "ENABLED"
    if subnets or not definition:
        return network if subnets else None
    from ecsctl.deploy.data_sources import default_subnets

    try:
        found = default_subnets(aws)
    except EcsctlError as error:
        raise UsageError(
            "its network mode is awsvpc, and no subnets are named",
            details=[error.message],
            hint="add --subnet subnet-… (and --security-group sg-…), or --service NAME to take a service's",
        ) from None
    network["subnets"] = [subnet.id for subnet in found]
    fargate = members.get("launchType") == "FARGATE" or any(
        str(row.get("capacityProvider", "")).startswith("FARGATE")
        for row in members.get("capacityProviderStrategy", ())
    )
    if fargate:
        # Without an address of its own it could not pull its image there.
        network["assignPublicIp"] = "ENABLED"
    note(
        f"it runs in the default VPC's subnets{', with a public address' if fargate else ''} (--subnet chooses others)"
    )
    return network


def container_names(definition: Json) -> list[str]:
    """The names of a definition's containers, in order."""
    return [row["name"] for row in definition.get("containerDefinitions", ())]


def overrides(definition: Json, wanted: Overrides) -> dict[str, Any]:
    """RunTask's ``overrides``; empty where nothing differs.

    CPU and memory are the task's where its definition gives the task some, else the container's.

    Raises:
        UsageError: the task has several containers, and none is chosen; or it has none of that name.
    """
    task: dict[str, Any] = {}
    container: dict[str, Any] = {}
    if wanted.environment:
        container["environment"] = [{"name": name, "value": value} for name, value in wanted.environment]
    if wanted.command:
        container["command"] = list(wanted.command)
    for key, value in (("cpu", wanted.cpu), ("memory", wanted.memory)):
        if value is None:
            continue
        if definition.get(key):
            task[key] = str(value)
        else:
            container[key] = value
    if wanted.task_role:
        task["taskRoleArn"] = wanted.task_role
    if wanted.execution_role:
        task["executionRoleArn"] = wanted.execution_role
    if wanted.ephemeral_storage is not None:
        task["ephemeralStorage"] = {"sizeInGiB": wanted.ephemeral_storage}
    names = container_names(definition)
    if wanted.container and wanted.container not in names:
        raise UsageError(f"there is no container {wanted.container} in it", hint=f"it has {', '.join(names)}")
    if container:
        if wanted.container is None and len(names) > 1:
            raise UsageError(
                "the task has several containers: which one are --env, --command, --cpu and --memory for?",
                hint=f"add --container, one of {', '.join(names)}",
            )
        task["containerOverrides"] = [{"name": wanted.container or names[0], **container}]
    return task


def role_arn(aws: Aws, text: str | None) -> str | None:
    """A role's ARN: as it is, or of a name in this account."""
    if text is None or text.startswith("arn:"):
        return text
    return f"arn:{aws.partition()}:iam::{aws.account_id()}:role/{text}"
