"""Volumes of task definitions, and the mounts of them."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.manifest.rules import Finding, rule
from ecsctl.manifest.rules.document import Data, Project, boxes, listed
from ecsctl.manifest.rules.names import ECS_NAME, ECS_NAME_IS
from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.manifest.yaml.nodes import Path


@rule(
    "ECS050",
    "A mounted volume is one of the task's.",
    service="Unknown volume 'nope'.",
    why="The task's volumes say what a mount's name stands for; `volumes: {data: }` declares one without more.",
)
def volume_exists(project: Project) -> Iterator[Finding]:
    """``mountPoints[].sourceVolume``."""
    for definition, path, box in boxes(project):
        names = [str(volume.get("name")) for _, volume in definition.items("volumes")]
        for place, mount in listed(box, "mountPoints", path):
            name = mount.get("sourceVolume")
            if name is not None and name not in names:
                known = one_of(name, names) if names else f"declare it: volumes: {{{name}: }}"
                yield Finding(
                    (*place, "sourceVolume"), f"unknown volume {name!r}", known, ((*definition.path, "volumes"),)
                )


@rule(
    "ECS051",
    "Volumes have names that ECS takes, each its own.",
    service="Volume names must be unique within a task definition. / Volume name contains invalid characters.",
    why="A mount could not tell which one is meant.",
)
def volumes_unique(project: Project) -> Iterator[Finding]:
    """``volumes[].name``."""
    for definition in project.task_definitions.values():
        seen: set[str] = set()
        for place, volume in definition.items("volumes"):
            name = volume.get("name")
            if name is not None and not ECS_NAME.fullmatch(name):
                yield Finding((*place, "name"), f"{name!r} is no name of a volume", ECS_NAME_IS)
            elif name in seen:
                yield Finding((*place, "name"), f"the volume {name} is there already")
            elif name:
                seen.add(name)


def _efs(project: Project) -> Iterator[tuple[Path, Data, Data]]:
    for definition in project.task_definitions.values():
        for place, volume in definition.items("volumes"):
            efs = volume.get("efsVolumeConfiguration")
            if isinstance(efs, dict):
                yield (*place, "efsVolumeConfiguration"), efs, efs.get("authorizationConfig") or {}


@rule(
    "ECS052",
    "An EFS access point comes without a root directory.",
    service="The root directory must be omitted or set to / when an access point is specified.",
    why="The access point has a root of its own.",
)
def access_point_root(project: Project) -> Iterator[Finding]:
    """``efsVolumeConfiguration.rootDirectory``."""
    for path, efs, access in _efs(project):
        if access.get("accessPointId") and efs.get("rootDirectory") not in (None, "/"):
            message = f"rootDirectory {efs['rootDirectory']} beside an access point"
            yield Finding((*path, "rootDirectory"), message, "leave it out, or /")


@rule(
    "ECS053",
    "EFS with IAM or an access point is encrypted in transit.",
    service="Transit encryption must be enabled when IAM authorization or an access point is used.",
    why="Both are said by the client inside of the encrypted connection.",
)
def efs_encryption(project: Project) -> Iterator[Finding]:
    """``efsVolumeConfiguration.transitEncryption``."""
    for path, efs, access in _efs(project):
        reasons = [("iam", access.get("iam") == "ENABLED"), ("accessPointId", bool(access.get("accessPointId")))]
        for member, needed in reasons:
            if needed and efs.get("transitEncryption") != "ENABLED":
                place = (*path, "authorizationConfig", member)
                depends = ((*path, "transitEncryption"),)
                yield Finding(place, f"{member} without transit encryption", "transitEncryption: ENABLED", depends)
                break


@rule(
    "ECS054",
    "One volume at most is configured at launch.",
    service="Each task definition revision may only have one volume configured at launch.",
    why="A service or a run gives one EBS volume a task.",
)
def one_at_launch(project: Project) -> Iterator[Finding]:
    """``volumes[].configuredAtLaunch``."""
    for definition in project.task_definitions.values():
        places = [place for place, volume in definition.items("volumes") if volume.get("configuredAtLaunch")]
        for place in places[1:]:
            yield Finding((*place, "configuredAtLaunch"), "a second volume that is configured at launch", "one only")
