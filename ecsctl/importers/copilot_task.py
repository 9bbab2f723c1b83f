"""The parts of a Copilot manifest that make the task definition: image, variables, sidecars, storage, platform."""

from __future__ import annotations

import shlex
from typing import Any

from ecsctl.importers.document import Target
from ecsctl.importers.names import safe_name
from ecsctl.importers.report import Section
from ecsctl.importers.write import Commented, Flow
from ecsctl.manifest.yaml.nodes import MapNode, Scalar
from ecsctl.units import duration

CONDITIONS = {"start": "START", "healthy": "HEALTHY", "complete": "COMPLETE", "success": "SUCCESS"}
TIMES = (("interval", "interval", 5, 300), ("timeout", "timeout", 2, 60), ("start_period", "startPeriod", 0, 300))
ARCHITECTURES = {"x86_64": "X86_64", "amd64": "X86_64", "arm64": "ARM64"}
LEAST_GIB, MOST_GIB = 21, 200


def read_image(image: Section, box: dict[str, Any], name: str) -> None:
    """``image`` of the service or of a sidecar, as a mapping; also its health check, labels and what it waits for."""
    location = image.text("location")
    image.note("build", "ECS runs images and builds none: push what it builds" + (" as that" if location else ""))
    if location:
        box["image"] = location
    else:
        box["image"] = Commented(name.lower(), beside="the name of the image that you push")
    credentials = image.text("credentials")
    if credentials:
        box["repositoryCredentials"] = {"credentialsParameter": credentials}
    labels = {key: text or "" for key, (text, *_) in image.pairs("labels").items()}
    if labels:
        box["dockerLabels"] = labels
    read_waits(image, box)
    read_check(image, box)


def read_waits(section: Section, box: dict[str, Any]) -> None:
    """``depends_on``: container names with conditions."""
    waits: dict[str, str] = {}
    for name, (text, node, path) in section.pairs("depends_on").items():
        condition = CONDITIONS.get((text or "start").lower())
        if condition is None:
            section.report.note(node, path, "the condition is start, healthy, complete or success")
        else:
            waits[safe_name(name)] = condition
    if waits:
        box["dependsOn"] = Flow(waits)


def read_check(section: Section, box: dict[str, Any]) -> None:
    """``healthcheck`` of a container; Copilot's defaults where it says nothing."""
    if "healthcheck" not in section:
        section.meaningless("healthcheck")
        return
    check = section.section("healthcheck")
    node = check.get("command")
    command = check.texts("command")
    if isinstance(node, Scalar) and command:
        command = ["CMD-SHELL", *command]
    made: dict[str, Any] = {"command": command, "interval": 10, "timeout": 5, "retries": 2}
    for key, member, least, most in TIMES:
        value = check.parsed(key, duration, "a duration such as 10s")
        if value is not None:
            made[member] = min(max(round(value), least), most)
            if made[member] != value:
                check.note(key, f"ECS accepts {least} to {most} seconds; using {made[member]}")
    retries = check.integer("retries", least=1, most=10)
    if retries is not None:
        made["retries"] = retries
    if command:
        box["healthCheck"] = made
    else:
        check.note_here("a health check without a command; omitted")


def read_variables(section: Section, box: dict[str, Any], target: Target) -> None:
    """``variables`` and ``secrets``."""
    variables = section.section("variables")
    environment: dict[str, str] = {}
    for name in variables:
        if isinstance(variables.get(name), MapNode):
            variables.section(name).note("from_cfn", "an export of CloudFormation: write its value, or a template")
        elif (text := variables.text(name)) is not None:
            environment[name] = text
    if environment:
        box["environment"] = environment
    outer = section.section("secrets")
    secrets: dict[str, str] = {}
    for name in outer:
        if isinstance(outer.get(name), MapNode):
            inner = outer.section(name)
            inner.note("from_cfn", "an export of CloudFormation: write the name or ARN of the secret")
            secret = inner.text("secretsmanager")
            if secret is not None:
                region = target.region or "${AWS_REGION:-us-east-1}"
                secrets[name] = f"arn:aws:secretsmanager:{region}:${{AWS_ACCOUNT_ID:-000000000000}}:secret:{secret}"
                inner.note("secretsmanager", "ECS needs its ARN: put the region and the account into it")
        elif (text := outer.text(name)) is not None:
            secrets[name] = text
    if secrets:
        box["secrets"] = secrets


def read_sidecars(manifest: Section, definition: dict[str, Any], target: Target) -> None:
    """``sidecars``: further containers."""
    for name, sidecar in manifest.sections("sidecars"):
        box: dict[str, Any] = {"name": safe_name(name)}
        if isinstance(sidecar.get("image"), MapNode):
            read_image(sidecar.section("image"), box, name)
        else:
            image = sidecar.text("image")
            box["image"] = image or Commented(safe_name(name).lower(), beside="the name of the image that you push")
        credentials = sidecar.text("credentialsParameter")
        if credentials:
            box["repositoryCredentials"] = {"credentialsParameter": credentials}
        essential = sidecar.flag("essential")
        if essential is False:
            box["essential"] = False
        port = sidecar.plain("port")
        if port:
            number, _, protocol = port.partition("/")
            if number.isdecimal() and 0 < int(number[:6]) < 65536 and protocol.lower() in ("", "tcp", "udp"):
                box["portMappings"] = [number if protocol.lower() != "udp" else f"{number}/udp"]
            else:
                sidecar.note("port", "a port, as 80 or 53/udp, is expected")
        for key, member in (("entrypoint", "entryPoint"), ("command", "command")):
            texts = sidecar.texts(key)
            if isinstance(sidecar.get(key), Scalar) and texts:
                try:
                    texts = shlex.split(texts[0])
                except ValueError as error:
                    sidecar.note(key, f"it cannot be split into words: {error}")
            if texts:
                box[member] = texts
        read_variables(sidecar, box, target)
        if "depends_on" in sidecar:
            read_waits(sidecar, box)
        read_check(sidecar, box)
        labels = {key: text or "" for key, (text, *_) in sidecar.pairs("labels").items()}
        if labels:
            box["dockerLabels"] = labels
        sidecar.note("env_file", "write its variables under environment")
        _mounts(sidecar, box, definition)
        definition["containerDefinitions"].append(box)
    _settle_waits(definition)


def _settle_waits(definition: dict[str, Any]) -> None:
    # What must complete may end: Copilot makes it non-essential by itself.
    names = {box["name"]: box for box in definition["containerDefinitions"]}
    for box in definition["containerDefinitions"]:
        waits = box.get("dependsOn")
        for name, condition in waits.value.items() if isinstance(waits, Flow) else ():
            if name in names and condition in ("SUCCESS", "COMPLETE"):
                names[name]["essential"] = False


def _mounts(sidecar: Section, box: dict[str, Any], definition: dict[str, Any]) -> None:
    for node, path in sidecar.nodes("mount_points"):
        inner = Section(node, path, sidecar.report, sidecar.dialect)
        source, target = inner.text("source_volume"), inner.text("path")
        read_only = inner.flag("read_only") is not False
        inner.close()
        if not source or not target or ":" in source + target:
            sidecar.report.note(node, path, "a source_volume and a path are expected")
            continue
        name = safe_name(source)
        volumes = definition.setdefault("volumes", {})
        if name not in volumes:
            volumes[name] = {}
            sidecar.report.note(node, path, f"storage has no volume {source}: it is an empty one")
        box.setdefault("mountPoints", []).append(f"{name}:{target}{':ro' if read_only else ''}")


def read_storage(manifest: Section, box: dict[str, Any], definition: dict[str, Any]) -> None:
    """``storage``: the task's disk, and volumes (EFS or empty)."""
    storage = manifest.section("storage")
    size = storage.integer("ephemeral", least=1, most=100000)
    if size is not None:
        bounded = min(max(size, LEAST_GIB), MOST_GIB)
        if bounded != size and size != LEAST_GIB - 1:
            storage.note("ephemeral", f"Fargate has {LEAST_GIB} to {MOST_GIB} GiB; using {bounded}")
        if size != LEAST_GIB - 1:
            definition["ephemeralStorage"] = {"sizeInGiB": bounded}
    if storage.flag("readonly_fs"):
        box["readonlyRootFilesystem"] = True
    for name, volume in storage.sections("volumes"):
        target = volume.text("path")
        read_only = volume.flag("read_only") is not False
        made: Any = {}
        if isinstance(volume.get("efs"), MapNode):
            made = _efs(volume.section("efs"))
        elif volume.flag("efs"):
            volume.note("efs", "Copilot makes a file system: make one, and write efsVolumeConfiguration")
        definition.setdefault("volumes", {})[safe_name(name)] = made
        if target and ":" not in target:
            mount = f"{safe_name(name)}:{target}{':ro' if read_only else ''}"
            box.setdefault("mountPoints", []).append(mount)
        elif target:
            volume.note("path", "a path with a colon in it cannot be mounted")


def _efs(efs: Section) -> dict[str, Any]:
    for key in ("uid", "gid"):
        efs.note(key, "Copilot makes a file system: make one with an access point, and name them")
    identity = efs.text("id")
    root = efs.text("root_dir")
    auth = efs.section("auth")
    iam, point = auth.flag("iam"), auth.text("access_point_id")
    if not identity:
        efs.note_here("no file system is named: the volume is empty when its task starts")
        for key in ("root_dir", "auth"):
            efs.note(key, "no file system is named")
        return {}
    made: dict[str, Any] = {"fileSystemId": identity}
    if root:
        made["rootDirectory"] = root
    made["transitEncryption"] = "ENABLED"
    authorization: dict[str, Any] = {}
    if point:
        authorization["accessPointId"] = point
    if iam is not False:
        authorization["iam"] = "ENABLED"
    if authorization:
        made["authorizationConfig"] = authorization
    return {"efsVolumeConfiguration": made}


def read_platform(manifest: Section) -> dict[str, Any]:
    """``platform``: ``linux/arm64``, or a mapping of ``osfamily`` and ``architecture``."""
    node = manifest.get("platform")
    if node is None:
        return {}
    if isinstance(node, MapNode):
        inner = manifest.section("platform")
        system, machine = inner.plain("osfamily") or "linux", inner.plain("architecture") or "x86_64"
    else:
        system, _, machine = (manifest.plain("platform") or "").partition("/")
    architecture = ARCHITECTURES.get(machine.lower())
    family = "LINUX" if system.lower() == "linux" else system.upper()
    if architecture is None or (family != "LINUX" and not family.startswith("WINDOWS_SERVER_")):
        manifest.note("platform", "write runtimePlatform: cpuArchitecture and operatingSystemFamily")
        return {}
    return {"runtimePlatform": {"cpuArchitecture": architecture, "operatingSystemFamily": family}}
