"""Volumes: named ones, folders of the instance, and those in memory."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from ecsctl.importers.compose.converted_service import Context, Part
from ecsctl.importers.names import safe_name
from ecsctl.importers.report import Section, escape, settle
from ecsctl.importers.write import Commented, strip
from ecsctl.manifest.yaml.nodes import MapNode, Node, Path
from ecsctl.units import docker_memory_mib

OPTIONS = {"ro", "rw", "z", "Z", "cached", "delegated", "consistent", "nocopy", "rslave", "rshared", "rprivate",
           "slave", "shared", "private"}  # fmt: skip
# What every Linux machine has: to mount it needs no file of one's own on the instances.
EVERYWHERE = re.compile(
    r"/(?:var/run|run)/docker\.sock|/(?:proc|sys|dev|etc/(?:localtime|timezone|hostname))(?:/.*)?|/"
)
WINDOWS = re.compile(r"[A-Za-z]:[\\/]")
TMPFS_MIB = 64


def read_volumes(section: Section, part: Part, context: Context) -> None:
    """``volumes``, ``tmpfs`` and ``volumes_from`` of a service."""
    for node, path in section.nodes("volumes"):
        if isinstance(node, MapNode):
            _long(Section(node, path, section.report, section.dialect), part, context)
        elif (text := section.scalar(node, path)) is not None:
            _short(section, node, path, text, part, context)
    for node, path in section.nodes("tmpfs"):
        text = section.scalar(node, path)
        if text is not None:
            target, _, options = text.partition(":")
            _tmpfs(section, node, path, part, context, target, options.split(",") if options else [])
    if context.fargate:
        section.note("volume_driver", "Fargate does not support volume drivers")
    section.note("volume_driver", "name the driver at the volume: dockerVolumeConfiguration.driver")


def _short(section: Section, node: Node, path: Path, text: str, part: Part, context: Context) -> None:
    settled = settle(text)
    if settled is None:
        section.report.note(node, path, "a variable without a default in a volume; omitted")
        return
    windows = WINDOWS.match(settled)
    pieces = (settled[2:] if windows else settled).split(":")
    if windows:
        pieces[0] = settled[:2] + pieces[0]
    options: list[str] = []
    if len(pieces) > 1 and set(pieces[-1].split(",")) <= OPTIONS:
        options = pieces.pop().split(",")
    if len(pieces) > 2 or not pieces[-1].startswith("/"):
        section.report.note(node, path, "not a valid Compose volume; omitted")
        return
    unknown = [option for option in options if option not in ("ro", "rw")]
    if unknown:
        section.report.note(
            node, path, f"the option {', '.join(unknown)} has no equivalent; the volume is mounted without it"
        )
    if len(pieces) == 2 and not pieces[0]:
        # Compose refuses it too; without a source it would be an empty volume.
        section.report.note(node, path, "the variable of its source is not set; omitted")
        part.lost_mounts.append(pieces[-1])
        return
    source = pieces[0] if len(pieces) == 2 else ""
    _mount(section, node, path, part, context, source, pieces[-1], "ro" in options)


def _long(section: Section, part: Part, context: Context) -> None:
    node = section.place
    assert node is not None
    kind = section.plain("type") or "volume"
    source, target = section.parsed("source", str, "a text"), section.parsed("target", str, "a path")
    read_only = section.flag("read_only") is True
    size = section.section("tmpfs")
    if kind == "tmpfs" and target:
        amount = size.parsed("size", docker_memory_mib, "a size")
        size.note("mode", "ECS gives a tmpfs no mode of its own; mountOptions can")
        _tmpfs(section, node, section.path, part, context, target, [f"size={amount}m"] if amount else [])
    for key in ("bind", "volume"):
        inner = section.section(key)
        inner.meaningless("create_host_path")
        for name in inner:
            inner.note(name, "it has no equivalent; the volume is mounted without it")
    section.note("consistency", "it has no equivalent; the volume is mounted without it")
    if kind not in ("volume", "bind", "tmpfs"):
        section.note("type", f"ECS does not mount a {kind}; omitted")
    elif not target or not target.startswith("/"):
        section.note_here("a volume without an absolute target; omitted")
    elif kind == "bind" and not source:
        section.note_here("the variable of its source is not set; omitted")
        part.lost_mounts.append(target)
    elif kind != "tmpfs":
        _mount(section, node, section.path, part, context, source or "", target, read_only)
    section.close()


def _mount(
    section: Section, node: Node, path: Path, part: Part, context: Context, source: str, target: str, read_only: bool
) -> None:
    is_folder = source.startswith((".", "/", "~")) or WINDOWS.match(source) is not None
    if is_folder:
        name = _folder(section, node, path, part, context, source)
    elif source:
        name = _named(section, node, path, part, context, source)
    else:
        name = f"{part.name}-{safe_name(target, 100)}".lower()
        part.volumes[name] = {}
    if name is None:
        part.lost_mounts.append(target)
        return
    mounts: list[str] = part.container.setdefault("mountPoints", [])
    mounts[:] = [mount for mount in mounts if mount.split(":")[1] != target]
    if ":" in target:
        section.report.note(node, path, "a path with a colon in it cannot be mounted; omitted")
        return
    mounts.append(f"{name}:{escape(target)}{':ro' if read_only else ''}")


def _folder(section: Section, node: Node, path: Path, part: Part, context: Context, source: str) -> str | None:
    if context.fargate:
        section.report.note(
            node, path, "Fargate has no folders of a machine to mount: put the files into the image, or on EFS"
        )
        return None
    if not source.startswith("/"):
        section.report.note(
            node,
            path,
            "the instances have no such folder of yours: put the files into the image, or on EFS; omitted",
        )
        return None
    clean = str(PurePosixPath(source))
    if not EVERYWHERE.fullmatch(clean):
        section.report.note(node, path, f"{clean} must be there on every instance")
    name = safe_name(clean.strip("/").replace("/", "-"), 100).lower() if clean != "/" else "root"
    while name in part.volumes and strip(part.volumes[name]) != escape(clean):
        name += "-2"
    part.volumes[name] = escape(clean)
    return name


def _named(section: Section, node: Node, path: Path, part: Part, context: Context, source: str) -> str:
    context.used.add(("volumes", source))
    definition = context.volumes.get(source)
    name = safe_name(f"{context.project}_{source}", 255)
    if context.fargate:
        if definition is not None:
            for key in definition:
                definition.note(key, "Fargate has no volume drivers: the volume is empty when its task starts")
        part.volumes[name] = Commented({}, above=("Empty when a task starts; efsVolumeConfiguration keeps files.",))
        return name
    docker: dict[str, Any] = {"scope": "shared", "autoprovision": True}
    if definition is not None:
        driver = definition.text("driver")
        docker["driver"] = driver or "local"
        options = definition.assignments("driver_opts")
        labels = {key: text or "" for key, (text, *_) in definition.pairs("labels").items()}
        if options:
            docker["driverOpts"] = options
        if labels:
            docker["labels"] = labels
        own = definition.parsed("name", str, "a name")
        external = _external(definition)
        if own or external:
            name = safe_name(own or (external if isinstance(external, str) else source), 255)
        if external:
            docker.pop("autoprovision")
            definition.report.note(node, path, f"the Docker volume {name} must be there on every instance")
    docker.setdefault("driver", "local")
    part.volumes[name] = Commented(
        {"dockerVolumeConfiguration": docker},
        above=("Stays on its instance: a task that moves finds another one.",),
    )
    return name


def _external(definition: Section) -> str | bool:
    node = definition.get("external")
    if isinstance(node, MapNode):
        inner = definition.section("external")
        return inner.plain("name") or True
    return definition.flag("external") is True


def _tmpfs(
    section: Section, node: Node, path: Path, part: Part, context: Context, target: str, options: list[str]
) -> None:
    if not target.startswith("/"):
        section.report.note(node, path, "not an absolute path; omitted")
        return
    size, kept = TMPFS_MIB, []
    for option in options:
        if option.startswith("size="):
            try:
                size = max(1, docker_memory_mib(option[len("size=") :]))
            except ValueError:
                section.report.note(node, path, "its size cannot be read")
        else:
            kept.append(option)
    if context.fargate:
        section.report.note(node, path, "tmpfs is not for Fargate; omitted")
        return
    given = any(option.startswith("size=") for option in options)
    mount: dict[str, Any] = {"containerPath": target}
    mount["size"] = size if given else Commented(size, beside="MiB; Compose sets no limit, ECS needs one")
    if kept:
        mount["mountOptions"] = kept
    part.linux().setdefault("tmpfs", []).append(mount)
