"""Volumes of task definitions, and the mounts of them."""

from __future__ import annotations

from ecsctl.manifest.rules import Tell, Values, cites
from ecsctl.manifest.schema.suggestions import one_of
from ecsctl.refusals import patterns
from ecsctl.refusals import volumes as facts

ENCRYPTED = "transitEncryption: ENABLED"


def _declare(values: Values) -> str:
    name, names = values["name"], values["names"]
    return one_of(name, names) if names else f"declare it: volumes: {{{name}: }}"


cites(
    "ECS050",
    "A mounted volume is one of the task's.",
    Tell(facts.VOLUME_UNKNOWN, "unknown volume {name!r}", _declare),
    why="The task's volumes say what a mount's name stands for; `volumes: {data: }` declares one without more.",
    looks_at="mountPoints[].sourceVolume",
)
cites(
    "ECS051",
    "Volumes have names that ECS takes, each its own.",
    Tell(facts.VOLUME_NAME, "{name!r} is not a valid name of a volume", patterns.NAME_IS),
    Tell(facts.VOLUME_TWICE, "the volume {name} is there already"),
    why="A mount could not tell which one is meant.",
    looks_at="volumes[].name",
)
cites(
    "ECS052",
    "An EFS access point comes without a root directory.",
    Tell(facts.EFS_ACCESS_POINT_ROOT, "rootDirectory {root} beside an access point", "leave it out, or /"),
    why="The access point has a root of its own.",
    looks_at="efsVolumeConfiguration.rootDirectory",
)
cites(
    "ECS053",
    "EFS with IAM, an access point or a port of its own is encrypted in transit.",
    Tell(facts.EFS_IAM, "{member} without transit encryption", ENCRYPTED),
    Tell(facts.EFS_ACCESS_POINT_ENCRYPTION, "{member} without transit encryption", ENCRYPTED),
    Tell(facts.EFS_PORT, "{member} without transit encryption", ENCRYPTED),
    why="All of them are said by the client inside of the encrypted connection.",
    looks_at="efsVolumeConfiguration.transitEncryption",
)
cites(
    "ECS054",
    "One volume at most is configured at launch.",
    Tell(facts.LAUNCH_VOLUMES, "a second volume that is configured at launch", "one only"),
    why="A service or a run gives one EBS volume a task.",
    looks_at="volumes[].configuredAtLaunch",
)
cites(
    "ECS055",
    "A volume is of one kind.",
    Tell(
        facts.VOLUME_KINDS,
        lambda values: f"the volume {values['name']} is of several kinds: {', '.join(values['kinds'])}",
        "one of them",
    ),
    why="It is a folder of the instance, a Docker volume, a file system, or a disk given at launch.",
    looks_at="volumes[]",
)
cites(
    "ECS056",
    "A volume that is configured at launch is mounted.",
    Tell(facts.LAUNCH_VOLUME_UNUSED, "no container mounts the volume {name}", "mountPoints of a container"),
    why="A disk would be made for each task, and nothing would use it.",
    looks_at="volumes[].configuredAtLaunch and mountPoints",
)
cites(
    "ECS058",
    "A Docker volume of scope task is made with its task.",
    Tell(facts.DOCKER_SCOPE, "autoprovision false with the scope task", "leave it out, or scope: shared"),
    why="Such a volume is always made when the task starts, and removed when it stops.",
    looks_at="dockerVolumeConfiguration.scope and autoprovision",
)
cites(
    "ECS059",
    "A volume of S3 Files has a task role, and no root directory beside an access point.",
    Tell(facts.S3_FILES_ROLE, "a volume of S3 Files without a taskRoleArn", "taskRoleArn: arn:aws:iam::…:role/…"),
    Tell(facts.S3_FILES_ROOT, "rootDirectory {root} beside an access point", "leave it out, or /"),
    why="The file system is mounted with the task's own role; an access point has a root of its own.",
    looks_at="s3filesVolumeConfiguration",
)
