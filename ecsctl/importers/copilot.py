"""AWS Copilot's manifests (``copilot/NAME/manifest.yml``): a service, a worker or a job on Fargate."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from ecsctl.errors import UsageError
from ecsctl.importers.capacity import fargate_size
from ecsctl.importers.copilot_http import read_balancers
from ecsctl.importers.copilot_task import read_image, read_platform, read_sidecars, read_storage, read_variables
from ecsctl.importers.document import NO_SUBNET, Draft, Target, finish, network
from ecsctl.importers.names import project_name, safe_name
from ecsctl.importers.report import Imported, Report, Section, escape
from ecsctl.importers.sources import read_mapping, reason
from ecsctl.importers.write import Commented, strip
from ecsctl.importers.yaml_style import short_pairs
from ecsctl.manifest.interpolation.dotenv import load as load_dotenv
from ecsctl.manifest.secrets import looks_secret
from ecsctl.manifest.yaml.nodes import MapNode, Path, Scalar

KINDS = {
    "load balanced web service": "web",
    "backend service": "backend",
    "worker service": "worker",
    "scheduled job": "job",
    "request-driven web service": "web",
}
APP_RUNNER = "request-driven web service"
NOT_CARRIED = {
    "environments": "each environment is a file of its own here, laid over this one: -f ecsctl.yaml -f prod.yaml",
    "observability": "tracing is a sidecar of your own here",
    "publish": "its topics are SNS's; ecsctl makes none",
    "subscribe": "its queues are SQS's; ecsctl makes none",
    "taskdef_overrides": "write the fields themselves: every one of the API can be said here",
    "retries": "`ecsctl run` runs a task once",
    "timeout": "a task runs until it ends; `ecsctl run --wait --timeout` gives up the waiting only",
    "on": "ecsctl has no schedules: `ecsctl run` from cron, or an EventBridge rule on the task definition",
}
VARIABLE = re.compile(r"(\\?)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def from_copilot(file: str, target: Target) -> Imported:
    """Make a project file of a manifest.

    Raises:
        UsageError: it cannot be read, or is of a kind that is not about ECS.
        SpecError: it is not YAML, or not a mapping.
    """
    report = Report()
    root = _read(file, report)
    name_node = root.entries.get("name")
    name = project_name(target.name or (name_node.text if isinstance(name_node, Scalar) else "") or "app")
    manifest = Section(root, (), report, Variables(report, name))
    manifest.meaningless("name")
    service = safe_name(manifest.plain("name") or name)
    written = manifest.plain("type") or ""
    kind = written.strip().lower()
    if not kind:
        template = "Resources" in root.entries or "AWSTemplateFormatVersion" in root.entries
        what = "is a CloudFormation template, not a manifest of Copilot" if template else "has no type"
        raise UsageError(
            f"{file} {what}", hint="a manifest of Copilot says `type: Load Balanced Web Service` or its like"
        )
    if kind not in KINDS:
        raise UsageError(
            f"{file} is a manifest of the type {written!r}, which ecsctl cannot import",
            hint="it takes " + ", ".join(key.title() for key in KINDS),
        )
    draft = Draft(name)
    definition = _definition(manifest, service, target)
    # Copilot gives every task such a role, and sends every container's output to CloudWatch.
    definition["executionRoleArn"] = Commented(
        "ecsTaskExecutionRole",
        above=("The role that pulls images, writes logs and reads secrets: its name or ARN.",),
    )
    for container in definition["containerDefinitions"]:
        container["logs"] = "awslogs"
        for key, member in (("environment", "value"), ("secrets", "valueFrom")):
            if key in container:
                container[key] = short_pairs(container[key], "name", member)
    if kind == APP_RUNNER:
        manifest.note("type", "App Runner's scaling and HTTPS address have no equivalent: it becomes a service here")
    family = service
    draft.task_definitions[family] = definition
    made = _service(manifest, family, definition, target, report)
    balancer = read_balancers(manifest, service, definition, made, internal=KINDS[kind] == "backend")
    if KINDS[kind] == "job":
        run = " ".join(["ecsctl run", family, *_network_flags(made["networkConfiguration"]), "--wait"])
        report.note(None, ("services",), f"a job has no service; run it with `{run}`")
    else:
        if balancer:
            draft.load_balancers.update(balancer)
        draft.services[service] = made
    for key, why in NOT_CARRIED.items():
        manifest.note(key, why)
    manifest.close()
    header = [f"Made of {file} by `ecsctl init`. Next: `ecsctl validate`, `ecsctl plan`, `ecsctl up`."]
    return finish(draft.document(replace(target, launch_type="FARGATE")), report, header, file)


class Variables:
    """Copilot's variables as templates: ``${NAME}``; a backslash keeps one from being filled in."""

    def __init__(self, report: Report, application: str) -> None:
        self.report = report
        self.known = {"COPILOT_APPLICATION_NAME": application, "COPILOT_ENVIRONMENT_NAME": "test"}

    def __call__(self, node: Scalar, path: Path) -> str:
        out, index = "", 0
        for match in VARIABLE.finditer(node.text):
            before = node.text[index : match.start()]
            out += before.replace("$", "$$") if before.endswith("$") else escape(before)
            index = match.end()
            backslash, name = match.groups()
            if backslash:
                out += f"$${{{name}}}"
                continue
            default = self.known.get(name, "")
            out += f"${{{name}:-{default}}}"
            says = f"its default here is {default!r}" if default else "without it the text is empty here"
            self.report.note(node, path, f"Copilot fills in {name}; {says}")
        return out + escape(node.text[index:])


def _read(file: str, report: Report) -> MapNode:
    root, faults = read_mapping(file, "a manifest", hint="name the manifest, as copilot/web/manifest.yml")
    for fault in faults:
        position = fault.position
        at = Scalar(position.file, position.line, position.column, None) if position else None
        report.note(at, (), fault.message)
    return root


def _size(manifest: Section) -> dict[str, Any]:
    """``cpu`` and ``memory``, as Copilot has them where the manifest leaves them out, and as Fargate has them."""
    made: dict[str, Any] = {}
    wanted: dict[str, int] = {}
    for key, usual in (("cpu", 256), ("memory", 512)):
        value = manifest.integer(key, least=1)
        wanted[key] = value or usual
        made[key] = str(value) if value else Commented(str(usual), beside="Copilot's own default")
    fitting = dict(zip(wanted, fargate_size(wanted["cpu"], wanted["memory"]), strict=True))
    for key, value in fitting.items():
        if value != wanted[key]:
            made[key] = Commented(str(value), beside=f"Fargate has no size with a {key} of {wanted[key]}")
            manifest.report.note(manifest.get(key), manifest.at(key), f"Fargate has no such size; using {value}")
    return made


def _definition(manifest: Section, service: str, target: Target) -> dict[str, Any]:
    definition: dict[str, Any] = {"requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc"}
    definition |= _size(manifest)
    box: dict[str, Any] = {"name": service}
    image = manifest.section("image")
    read_image(image, box, service)
    port = image.integer("port", least=1, most=65535)
    if port:
        box["portMappings"] = [str(port)]
    for key, member in (("entrypoint", "entryPoint"), ("command", "command")):
        node = manifest.get(key)
        if node is None:
            continue
        texts = manifest.texts(key)
        if isinstance(node, Scalar):
            try:
                texts = shlex.split(texts[0]) if texts else []
            except ValueError as error:
                manifest.note(key, f"it cannot be split into words: {error}")
        box[member] = texts
    read_variables(manifest, box, target)
    _env_file(manifest, box)
    definition |= read_platform(manifest)
    definition["containerDefinitions"] = [box]
    read_storage(manifest, box, definition)
    read_sidecars(manifest, definition, target)
    logging = manifest.section("logging")
    for key in logging:
        logging.note(key, "write logConfiguration: Copilot's log router is a sidecar of your own here")
    return definition


def _env_file(manifest: Section, box: dict[str, Any]) -> None:
    name = manifest.plain("env_file")
    if not name:
        return
    node = manifest.get("env_file")
    assert node is not None
    # Paths of a manifest are relative to the workspace: the folder that has the folder copilot/.
    here = FilePath(node.file)
    folders = [parent.parent for parent in here.parents if parent.name == "copilot"] + [here.parent]
    file = next((folder / name for folder in folders if (folder / name).is_file()), folders[0] / name)
    try:
        values, problems = load_dotenv(file)
    except (OSError, ValueError) as error:
        manifest.note("env_file", f"it was not read: {reason(error)}: its variables are missing")
        return
    for problem in problems:
        manifest.report.note(node, manifest.at("env_file"), problem)
    kept = sorted(key for key, value in values.items() if looks_secret(key, value))
    environment = {key: escape((value or "").replace("$$", "$")) for key, value in values.items() if key not in kept}
    if kept:
        manifest.note("env_file", f"what looks like a secret stays there: {', '.join(kept)}; it belongs under secrets:")
    if environment:
        box["environment"] = {**environment, **box.get("environment", {})}


def _service(
    manifest: Section, family: str, definition: dict[str, Any], target: Target, report: Report
) -> dict[str, Any]:
    made: dict[str, Any] = {"taskDefinition": family}
    count = manifest.get("count")
    if isinstance(count, MapNode):
        inner = manifest.section("count")
        spot = inner.integer("spot")
        made["desiredCount"] = spot if spot is not None else _least(inner)
        for key in inner:
            if key not in ("spot", "range"):
                inner.note(key, "ecsctl does not scale services by itself: put Application Auto Scaling on it")
        if spot is not None:
            made["capacityProviderStrategy"] = [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]
    else:
        number = manifest.integer("count")
        made["desiredCount"] = 1 if number is None else number
    if "capacityProviderStrategy" not in made:
        made["launchType"] = "FARGATE"
    made["networkConfiguration"] = _network(manifest, target)
    if manifest.flag("exec"):
        made["enableExecuteCommand"] = True
        definition["taskRoleArn"] = Commented(
            "ecsTaskRole", above=("The containers' own role: its name or ARN. ECS Exec needs the ssmmessages rights.",)
        )
    deployment = manifest.section("deployment")
    rolling = deployment.plain("rolling")
    if rolling == "recreate":
        made["deploymentConfiguration"] = {"minimumHealthyPercent": 0, "maximumPercent": 100}
        made["availabilityZoneRebalancing"] = "DISABLED"
    elif rolling not in (None, "default"):
        deployment.note("rolling", "Copilot has default and recreate")
    for key in deployment:
        if key != "rolling":
            deployment.note(key, "write deploymentConfiguration, with alarms and the rest")
    return made


def _network_flags(configuration: dict[str, Any]) -> list[str]:
    """The options of `ecsctl run` for a network: without a service no file says it."""
    network = strip(configuration)["awsvpcConfiguration"]
    flags = [f"--subnet {'SUBNET' if subnet == NO_SUBNET else subnet}" for subnet in network["subnets"]]
    flags += [f"--security-group {group}" for group in network.get("securityGroups", ())]
    return [*flags, *(["--public-ip"] if network["assignPublicIp"] == "ENABLED" else [])]


def _least(count: Section) -> int:
    node = count.get("range")
    least = 1
    if isinstance(node, MapNode):
        bounds = count.section("range")
        least = bounds.integer("min") or 0
        bounds.note("max", "ecsctl does not scale services by itself; using the minimum")
        bounds.note("spot_from", "write capacityProviderStrategy with FARGATE and FARGATE_SPOT")
    elif node is not None:
        match = re.fullmatch(r"(\d{1,6})\s*-\s*(\d{1,6})", count.plain("range") or "")
        least = int(match.group(1)) if match else 1
        count.note("range", f"ecsctl does not scale services by itself; using {least}")
    return least


def _network(manifest: Section, target: Target) -> dict[str, Any]:
    outer = manifest.section("network")
    outer.note("connect", "write serviceConnectConfiguration, with its namespace")
    vpc = outer.section("vpc")
    placement = vpc.get("placement")
    subnets: list[str] = []
    public = True
    if isinstance(placement, MapNode):
        inner = vpc.section("placement")
        subnets = [text for text in inner.texts("subnets") if re.fullmatch("subnet-[0-9a-f]+", text)]
        if not subnets:
            inner.note("subnets", "the ids of subnets are wanted here")
    elif placement is not None:
        public = vpc.plain("placement") != "private"
        if not target.subnets:
            vpc.note("placement", "Copilot's environment knows its subnets: put their ids into the file")
    groups_node = vpc.get("security_groups")
    groups: list[str] = []
    if isinstance(groups_node, MapNode):
        inner = vpc.section("security_groups")
        groups = inner.texts("groups")
        inner.note("deny_default", "there is no group of an environment here")
    else:
        groups = vpc.texts("security_groups")
    chosen = Target(subnets=target.subnets or tuple(subnets), security_groups=target.security_groups or tuple(groups))
    return network(chosen, public=public)
