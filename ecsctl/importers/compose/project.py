"""A Compose project as an ecsctl project."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ecsctl.errors import UsageError
from ecsctl.importers.capacity import Need, fargate_size
from ecsctl.importers.compose import service_connect
from ecsctl.importers.compose.container import read_service
from ecsctl.importers.compose.converted_service import Context, Part, Port
from ecsctl.importers.compose.interpolation import Interpolation
from ecsctl.importers.compose.load import load
from ecsctl.importers.compose.task_grouping import connect, groups, head
from ecsctl.importers.document import SSH, Draft, Target, finish, network, note_architectures
from ecsctl.importers.names import project_name, safe_name
from ecsctl.importers.report import Imported, Report, Section, settle
from ecsctl.importers.write import Commented, Flow
from ecsctl.importers.yaml_style import CONTAINER_ORDER, ordered
from ecsctl.manifest.yaml.nodes import Path

OVERRIDES = ("compose.override.yaml", "compose.override.yml", "docker-compose.override.yml")
EXECUTION_ROLE = "ecsTaskExecutionRole"


def from_compose(
    files: Sequence[str], target: Target, *, one_task: bool = False, profiles: Sequence[str] = ()
) -> Imported:
    """Make a project file of Compose files.

    Args:
        files: Compose files, later ones laid over earlier ones; ``-`` is the standard input.
        target: where it goes.
        one_task: services that wait for or link each other share a task.
        profiles: the Compose profiles whose services are taken too; ``*`` is all.

    Raises:
        UsageError: a file cannot be read, or has no services.
        SpecError: a file is no YAML.
    """
    report = Report()
    project = load(files, report)
    dialect = Interpolation(report, project.defaults)
    root = Section(project.root, (), report, dialect)
    root.meaningless("version", "include")
    named = settle(root.text("name") or "")
    folder = os.path.basename(os.path.abspath(project.folder))
    name = project_name(target.name or named or project.defaults.get("COMPOSE_PROJECT_NAME") or folder)
    context = Context(
        project=name,
        report=report,
        dialect=dialect,
        fargate=target.fargate,
        volumes=dict(root.sections("volumes")),
        secrets=dict(root.sections("secrets")),
        configs=dict(root.sections("configs")),
    )
    parts = _services(root, context, profiles)
    if not parts:
        raise UsageError(
            f"{files[0]} has no services",
            hint="a Compose file has them under `services:`; --compose-profile takes those of a profile",
        )
    _unused(context)
    _networks(root)
    root.note("models", "ECS has no models: run the model as a container of its own, or call a service")
    draft = Draft(name)
    together = groups(parts, report, one_task=one_task)
    for group in together:
        if len(group) > 1:
            who = " and ".join(part.key for part in group)
            how = ": they reach each other at localhost" if target.fargate else ", where links are their names"
            report.note(None, ("services",), f"{who} share a task{how}")
    services = [group for group in together if not _is_job(group, parts)]
    connected = len(services) > 1
    if connected:
        shared = target.cluster is not None and target.cluster != name
        service_connect.offer_ports(services, project=name, shared=shared)
        service_connect.tell(services, report)
        together = [list(group) for group in service_connect.in_order(together)]
    for group in together:
        _task(group, parts, draft, context, target, connected=connected and service_connect.connectable(group))
    _overall(parts, draft, report, files, project.folder)
    note_architectures(draft, target, report)
    root.close()
    for part in parts.values():
        part.section.close()
    source = ", ".join(files) if files != ["-"] else "the Compose file"
    header = [
        f"Made of {source} by `ecsctl init`. Next: `ecsctl validate`, `ecsctl plan`, `ecsctl up`.",
    ]
    return finish(draft.document(target), report, header, source)


def _services(root: Section, context: Context, profiles: Sequence[str]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    names: set[str] = set()
    for key, section in root.sections("services"):
        wanted = section.texts("profiles")
        if wanted and "*" not in profiles and not set(wanted) & set(profiles):
            section.note("profiles", f"of the profile {', '.join(wanted)}: not imported (--compose-profile imports it)")
            for other in section:
                if other != "profiles":
                    section.meaningless(other)
            continue
        part = read_service(key, section, context)
        while part.name in names:
            part.name += "-2"
            part.container["name"] = part.name
        names.add(part.name)
        parts[key] = part
    return parts


def _unused(context: Context) -> None:
    for kind, sections in (("volumes", context.volumes), ("secrets", context.secrets), ("configs", context.configs)):
        for name, section in sections.items():
            used = (kind, name) in context.used
            if kind == "volumes" and used:
                continue
            if not used:
                section.note_here("no imported service uses it; omitted")
            for key in section:
                if kind == "secrets":
                    section.note(key, "a secret's value is not read: put it into the SSM parameter")
                else:
                    section.note(key, "omitted" if kind == "volumes" else "ECS puts no files into containers")


def _networks(root: Section) -> None:
    for name, section in root.sections("networks"):
        for key in section:
            section.note(key, "ECS has the networks of the VPC: subnets and security groups")
        if not list(section) and name != "default":
            root.report.note(
                section.place,
                section.path,
                "tasks share the VPC's network: nothing keeps them apart but security groups",
            )


def _waiting(first: Part, group: Sequence[Part], parts: dict[str, Part]) -> list[str]:
    """The services of other tasks that wait for the success of this one."""
    return [
        other.key for other in parts.values() for key, dependency in other.depends.items()
        if key == first.key and dependency.condition == "SUCCESS" and other not in group
    ]  # fmt: skip


def _is_job(group: Sequence[Part], parts: dict[str, Part]) -> bool:
    """Whether a task is run to its end, and is no service."""
    first = head(list(group))
    return first.runs_once or bool(_waiting(first, group, parts))


def _task(
    group: list[Part], parts: dict[str, Part], draft: Draft, context: Context, target: Target, *, connected: bool
) -> None:
    first = head(group)
    report = context.report
    task: dict[str, Any] = {}
    for part in group:
        for key, value in part.task.items():
            if task.setdefault(key, value) != value:
                report.note(
                    part.section.place, part.section.path, f"{key} differs from that of {first.key}, of the same task"
                )
    mode = "awsvpc" if target.fargate else task.get("networkMode", "bridge")
    connected = connected and not _is_job(group, parts)
    connect(group, parts, report, bridge=mode == "bridge", connected=connected)
    if all(part.container.get("essential") is False for part in group):
        del first.container["essential"]
    for part in group:
        part.container = ordered(part.container, CONTAINER_ORDER)
    cpu, memory = sum(part.cpu for part in group), sum(part.memory for part in group)
    memory += service_connect.PROXY_MEMORY if connected else 0
    definition: dict[str, Any] = {}
    if target.fargate:
        units, size = fargate_size(cpu, memory)
        definition |= {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": str(units)}
        definition["memory"] = Commented(str(size), beside="MiB; the least that Fargate has for these containers")
        if units < cpu or size < memory:
            report.note(first.section.place, first.section.path, "no Fargate task is as large as its containers want")
    definition |= {key: value for key, value in task.items() if key != "networkMode"}
    if "networkMode" in task and not target.fargate:
        definition["networkMode"] = task["networkMode"]
    if any(part.needs_role for part in group):
        definition["executionRoleArn"] = Commented(
            EXECUTION_ROLE, above=("The role that reads the secrets and writes the logs: its name or ARN.",)
        )
    definition["containerDefinitions"] = [part.container for part in group]
    volumes = {name: volume for part in group for name, volume in part.volumes.items()}
    if volumes:
        definition["volumes"] = volumes
    family = safe_name(f"{draft.name}-{first.name}" if first.name != draft.name else draft.name)
    draft.task_definitions[family] = definition
    if "runtimePlatform" in task:
        draft.architectures.add(task["runtimePlatform"]["cpuArchitecture"])
    draft.gpu = draft.gpu or any(part.gpu for part in group)
    connection = service_connect.configuration(group) if connected else None
    _service(group, first, family, parts, draft, context, target, Need(cpu, memory), connection)


def _service(
    group: list[Part],
    first: Part,
    family: str,
    parts: dict[str, Part],
    draft: Draft,
    context: Context,
    target: Target,
    need: Need,
    connection: Any,
) -> None:
    report = context.report
    waited = _waiting(first, group, parts)
    if first.runs_once or waited:
        if waited:
            report.note(
                first.section.place,
                first.section.path,
                f"{', '.join(waited)} waits for its success: no service is made, `ecsctl run {family} --wait` runs it",
            )
        return
    for part in group:
        if part is not first and part.service.get("desiredCount") != first.service.get("desiredCount"):
            text = f"it shares a task with {first.key}: there are as many of it as of that one"
            report.note(part.section.place, part.section.path, text)
    settings = dict(first.service)
    service: dict[str, Any] = {"taskDefinition": family}
    count = settings.pop("desiredCount", None)
    if count is not None:
        service["desiredCount"] = count
    if target.fargate:
        service |= {"launchType": "FARGATE", "networkConfiguration": network(target)}
    ports = [port for part in group for port in part.ports]
    fixed = bool(ports) and not target.fargate
    if fixed and count and "deploymentConfiguration" not in settings:
        least = 0 if count == 1 else 50
        settings["deploymentConfiguration"] = Commented(
            Flow({"minimumHealthyPercent": least}),
            above=("Its host port is fixed: a task ends before the next takes its place.",),
        )
    service |= settings
    if connection is not None:
        service["serviceConnectConfiguration"] = connection
    name = first.name
    while name in draft.services:
        name += "-2"
    draft.services[name] = service
    daemon = settings.get("schedulingStrategy") == "DAEMON"
    apart = fixed or "placementConstraints" in settings
    draft.needs.append(Need(need.cpu, need.memory, count or 0, apart and count is not None, daemon))
    for port in ports:
        _admit(port, first, draft, report)


def _admit(port: Port, part: Part, draft: Draft, report: Report) -> None:
    if not port.public:
        return
    path: Path = part.section.at("ports")
    if port.protocol == "tcp" and port.first <= SSH <= port.last:
        report.note(part.section.place, path, "port 22 is not opened to the world: add 22@NETWORK to instances.ingress")
        return
    text = str(port.first) if port.first == port.last else f"{port.first}-{port.last}"
    text = text if port.protocol == "tcp" else f"{text}/{port.protocol}"
    if text not in draft.ports:
        draft.ports.append(text)


def _overall(parts: dict[str, Part], draft: Draft, report: Report, files: Sequence[str], folder: Any) -> None:
    """What is to be said of the project as a whole."""
    taken: dict[tuple[int, str], str] = {}
    for part in parts.values():
        for port in part.ports:
            key = (port.first, port.protocol)
            if key in taken and taken[key] != part.key:
                report.note(part.section.place, part.section.at("ports"), f"{taken[key]} publishes {port.first} too")
            taken.setdefault(key, part.key)
    if len(files) == 1 and files[0] != "-":
        for name in OVERRIDES:
            if (folder / name).is_file() and os.path.basename(files[0]) != name:
                report.note(None, (), f"{name} is there too, and was not read: add --from-compose {folder / name}")
