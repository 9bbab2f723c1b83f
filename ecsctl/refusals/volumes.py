"""RegisterTaskDefinition: volumes and their mounts."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import patterns
from ecsctl.refusals.containers import REGISTER
from ecsctl.refusals.model import CLIENT, Data, Path, Violation, containers, fact, items, model, part, preflight

VOLUME_NAME = fact(
    "volume-name", REGISTER, CLIENT,
    "a volume without a name, or with one of other characters than letters, digits, - _",
    "Invalid volume name '{name}'.", basis=model("Volume.name"),
)  # fmt: skip
VOLUME_TWICE = fact(
    "volume-name-twice", REGISTER, CLIENT, "two volumes of one name",
    "Volume names must be unique within a task definition: {name}.", basis=model("MountPoint.sourceVolume"),
)  # fmt: skip
VOLUME_KINDS = fact(
    "volume-kinds", REGISTER, CLIENT, "a volume with two kinds of configuration, as host and EFS",
    "When the volume parameter is specified, only one volume configuration type should be used.",
    "cloudposse/terraform-aws-ecs-alb-service-task#185",
)  # fmt: skip
VOLUME_UNKNOWN = fact(
    "volume-unknown", REGISTER, CLIENT, "a mount point of a volume that the task definition does not have",
    "Unknown volume '{name}'.", f"{preflight('mountpoint-source-volume-missing')}; ansible/ansible#35751",
)  # fmt: skip
VOLUMES_FROM = fact(
    "volumes-from-unknown", REGISTER, CLIENT, "volumesFrom names no container of the task definition",
    "Invalid 'volumesFrom' setting. Unknown container: '{name}'.", preflight("volumesfrom-source-container-missing"),
)  # fmt: skip
LAUNCH_VOLUMES = fact(
    "launch-volumes-count", REGISTER, CLIENT, "a second volume that is configured at launch",
    "A task definition can have at most 1 volume that is configured at launch.",
    basis=model("Volume.configuredAtLaunch"),
)  # fmt: skip
LAUNCH_VOLUME_UNUSED = fact(
    "launch-volume-unused", REGISTER, CLIENT, "a volume configured at launch that no container mounts",
    "Volumes [{name}] are not referenced by any of the containers", preflight("volume-not-referenced"),
)  # fmt: skip
EFS_ACCESS_POINT_ROOT = fact(
    "efs-access-point-root", REGISTER, CLIENT, "an EFS access point and a rootDirectory other than /",
    'When using an EFS access point, the root directory must either be set to "/" or be omitted.',
    preflight("efs-access-point-with-root-directory"),
)  # fmt: skip
EFS_IAM = fact(
    "efs-iam-encryption", REGISTER, CLIENT, "EFS authorization by IAM without transit encryption",
    "EFS IAM authorization requires TransitEncryption to be enabled.", preflight("efs-iam-without-transit-encryption"),
)  # fmt: skip
EFS_ACCESS_POINT_ENCRYPTION = fact(
    "efs-access-point-encryption", REGISTER, CLIENT, "an EFS access point without transit encryption",
    "An EFS access point requires TransitEncryption to be enabled.",
    basis=model("EFSAuthorizationConfig.accessPointId"),
)  # fmt: skip
EFS_PORT = fact(
    "efs-port-encryption", REGISTER, CLIENT, "EFS transitEncryptionPort without transitEncryption",
    "TransitEncryptionPort requires that TransitEncryption is enabled.",
    preflight("efs-transit-encryption-port-without-encryption"),
)  # fmt: skip
DOCKER_SCOPE = fact(
    "docker-volume-autoprovision", REGISTER, CLIENT, "a Docker volume of scope task with autoprovision false",
    "When 'scope' parameter is 'task', 'autoprovision' must either not be specified or set to 'True'.",
    "aws/aws-cdk#26697",
)  # fmt: skip
S3_FILES_ROLE = fact(
    "s3-files-role", REGISTER, CLIENT, "a volume of S3 Files, and no taskRoleArn",
    "A task definition with an S3 Files volume must have a taskRoleArn.", basis=model("S3FilesVolumeConfiguration"),
)  # fmt: skip
S3_FILES_ROOT = fact(
    "s3-files-access-point-root", REGISTER, CLIENT, "an S3 Files access point and a rootDirectory other than /",
    "With an S3 Files access point the root directory must be omitted or set to /.",
    basis=model("S3FilesVolumeConfiguration.rootDirectory"),
)  # fmt: skip

KINDS = (
    "host",
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "s3filesVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
)


def check_volumes(definition: Data) -> Iterator[Violation]:
    """The volumes of a task definition, and what its containers mount of them."""
    names: list[str] = []
    at_launch: list[str] = []
    for place, volume in items(definition, "volumes"):
        name = volume.get("name")
        if not name or not patterns.NAME.fullmatch(name):
            yield VOLUME_NAME.at((*place, "name"), name=name or "", depends=((*place, "name"),))
        elif name in names:
            yield VOLUME_TWICE.at((*place, "name"), name=name)
        names.append(str(name))
        if volume.get("configuredAtLaunch"):
            at_launch.append(str(name))
            if len(at_launch) > 1:
                yield LAUNCH_VOLUMES.at((*place, "configuredAtLaunch"))
        # An empty mapping of host is what an answer has for every bind mount.
        kinds = [kind for kind in KINDS if volume.get(kind)]
        if len(kinds) + bool(volume.get("configuredAtLaunch")) > 1:
            yield VOLUME_KINDS.at(place, name=name, kinds=kinds)
        yield from _efs(place, part(volume, "efsVolumeConfiguration"))
        yield from _others(place, volume, definition)
    yield from _mounts(definition, names)
    mounted = {
        mount.get("sourceVolume")
        for path, box in containers(definition)
        for _, mount in items(box, "mountPoints", path)
    }
    unused = [name for name in at_launch if name not in mounted]
    if unused:
        place = ("volumes", next((i for i, v in enumerate(definition["volumes"]) if v.get("name") == unused[0]), 0))
        yield LAUNCH_VOLUME_UNUSED.at(
            (*place, "configuredAtLaunch"), name=", ".join(unused), depends=(("containerDefinitions",),)
        )


def _efs(place: Path, efs: Data) -> Iterator[Violation]:
    path = (*place, "efsVolumeConfiguration")
    access = part(efs, "authorizationConfig")
    encrypted = efs.get("transitEncryption") == "ENABLED"
    depends = ((*path, "transitEncryption"),)
    if access.get("accessPointId") and efs.get("rootDirectory") not in (None, "", "/"):
        yield EFS_ACCESS_POINT_ROOT.at((*path, "rootDirectory"), root=efs["rootDirectory"])
    if access.get("iam") == "ENABLED" and not encrypted:
        yield EFS_IAM.at((*path, "authorizationConfig", "iam"), member="iam", depends=depends)
    elif access.get("accessPointId") and not encrypted:
        inner = (*path, "authorizationConfig", "accessPointId")
        yield EFS_ACCESS_POINT_ENCRYPTION.at(inner, member="accessPointId", depends=depends)
    if efs.get("transitEncryptionPort") is not None and not encrypted:
        yield EFS_PORT.at((*path, "transitEncryptionPort"), member="transitEncryptionPort", depends=depends)


def _others(place: Path, volume: Data, definition: Data) -> Iterator[Violation]:
    docker = part(volume, "dockerVolumeConfiguration")
    if docker.get("scope") == "task" and docker.get("autoprovision") is False:
        yield DOCKER_SCOPE.at((*place, "dockerVolumeConfiguration", "autoprovision"))
    files = volume.get("s3filesVolumeConfiguration")
    if not isinstance(files, dict):
        return
    path = (*place, "s3filesVolumeConfiguration")
    if definition.get("taskRoleArn") is None:
        yield S3_FILES_ROLE.at(path, depends=(("taskRoleArn",),))
    if files.get("accessPointArn") and files.get("rootDirectory") not in (None, "/"):
        yield S3_FILES_ROOT.at((*path, "rootDirectory"), root=files["rootDirectory"])


def _mounts(definition: Data, names: list[str]) -> Iterator[Violation]:
    boxes = [str(box.get("name")) for _, box in containers(definition)]
    for path, box in containers(definition):
        for place, mount in items(box, "mountPoints", path):
            name = mount.get("sourceVolume")
            if name is not None and name not in names:
                yield VOLUME_UNKNOWN.at((*place, "sourceVolume"), name=name, names=names, depends=(("volumes",),))
        for place, source in items(box, "volumesFrom", path):
            name = source.get("sourceContainer")
            if name is not None and name not in boxes:
                depends = tuple((*other, "name") for other, _ in containers(definition))
                yield VOLUMES_FROM.at((*place, "sourceContainer"), name=name, names=boxes, depends=depends)
