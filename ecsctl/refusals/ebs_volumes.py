"""CreateService and RunTask: EBS volumes that are configured at launch."""

from __future__ import annotations

from collections.abc import Iterator

from ecsctl.refusals import limits
from ecsctl.refusals.model import INVALID, Data, Path, Violation, fact, items, model, part, preflight

OPERATIONS = "CreateService, UpdateService, RunTask"

NONE_LEFT = fact(
    "launch-volume-none", OPERATIONS, INVALID,
    "volumeConfigurations, and no volume of the task definition is configured at launch",
    "Volume configuration provided but no matching configuredAtLaunch volume found in task definition.",
    preflight("svc-ebs-throughput-non-gp3", "svc-ebs-volume-without-size-or-snapshot"),
)  # fmt: skip
OTHER_NAME = fact(
    "launch-volume-name", OPERATIONS, INVALID,
    "volumeConfigurations name another volume than the one configured at launch",
    "The volume name '{name}' in your request does not have a matching volume in your Task Definition that is "
    "configurable at launch.",
    preflight("svc-ebs-name-not-in-taskdef"),
)  # fmt: skip
COUNT = fact(
    "volume-configurations-count", OPERATIONS, INVALID, "more than one of volumeConfigurations",
    "volumeConfigurations can have at most 1 items.", basis=model("Volume.configuredAtLaunch"),
)  # fmt: skip
NOT_CONFIGURED = fact(
    "launch-volume-not-configured", OPERATIONS, INVALID, "a volume configured at launch, and no volumeConfigurations",
    "The volume {name} of the task definition is not configured by volumeConfigurations.",
    basis=model("Volume.configuredAtLaunch"),
)  # fmt: skip
EBS_MISSING = fact(
    "ebs-volume-missing", OPERATIONS, INVALID, "an entry of volumeConfigurations without managedEBSVolume",
    "The volume {name} has no managedEBSVolume.", basis=model("ServiceVolumeConfiguration"),
)  # fmt: skip
EBS_NO_SIZE = fact(
    "ebs-volume-size-missing", OPERATIONS, INVALID, "a managedEBSVolume without sizeInGiB and snapshotId",
    "A managed EBS volume needs sizeInGiB or snapshotId.",
    basis=f"{model('ServiceManagedEBSVolumeConfiguration.sizeInGiB')}; "
    f"{preflight('svc-ebs-volume-without-size-or-snapshot')}",
)  # fmt: skip
EBS_SIZE = fact(
    "ebs-volume-size", OPERATIONS, INVALID, "a size that the type of the volume does not have",
    "sizeInGiB of a volume of {kind} must be between {least} and {most}.",
    basis=model("ServiceManagedEBSVolumeConfiguration.sizeInGiB"),
)  # fmt: skip
EBS_TYPE = fact(
    "ebs-volume-type", OPERATIONS, INVALID, "a volumeType that does not exist, or standard on Fargate",
    "The volume type {kind} is not supported.", basis=model("ServiceManagedEBSVolumeConfiguration.volumeType"),
)  # fmt: skip
EBS_IOPS = fact(
    "ebs-volume-iops", OPERATIONS, INVALID, "iops of st1, sc1 or standard, or out of the bounds of the type",
    "iops are not valid for a volume of {kind}: {allowed}.",
    basis=f"{model('ServiceManagedEBSVolumeConfiguration.iops')}; {preflight('svc-ebs-iops-unsupported-type')}",
)  # fmt: skip
EBS_IOPS_MISSING = fact(
    "ebs-volume-iops-missing", OPERATIONS, INVALID, "io1 or io2 without iops",
    "A volume of {kind} needs iops.", basis=model("ServiceManagedEBSVolumeConfiguration.iops"),
)  # fmt: skip
EBS_THROUGHPUT = fact(
    "ebs-volume-throughput", OPERATIONS, INVALID, "throughput of another type than gp3, or above 1000 MiB/s",
    "throughput is only supported for gp3 volumes, up to 1000 MiB/s.",
    basis=f"{model('ServiceManagedEBSVolumeConfiguration.throughput')}; {preflight('svc-ebs-throughput-non-gp3')}",
)  # fmt: skip
EBS_RATE = fact(
    "ebs-volume-initialization-rate", OPERATIONS, INVALID, "volumeInitializationRate without snapshotId",
    "volumeInitializationRate needs a snapshotId.",
    basis=model("ServiceManagedEBSVolumeConfiguration.volumeInitializationRate"),
)  # fmt: skip


def check_volumes(request: Data, definition: Data | None, kind: str | None) -> Iterator[Violation]:
    """``volumeConfigurations``."""
    given = list(items(request, "volumeConfigurations"))
    if definition is not None:
        left = [str(item.get("name")) for _, item in items(definition, "volumes") if item.get("configuredAtLaunch")]
        depends: tuple[Path, ...] = (("$definition", "volumes"),)
        if given and not left:
            yield NONE_LEFT.at((*given[0][0], "name"), name=given[0][1].get("name"), depends=depends)
        for path, item in given if left else ():
            if item.get("name") is not None and item["name"] not in left:
                yield OTHER_NAME.at((*path, "name"), name=item["name"], names=left, depends=depends)
        if left and not given:
            yield NOT_CONFIGURED.at((), name=left[0], depends=(*depends, ("volumeConfigurations",)))
    if len(given) > 1:
        yield COUNT.at(given[1][0])
    for path, item in given:
        if item.get("managedEBSVolume") is None:
            place = (*path, "managedEBSVolume")
            yield EBS_MISSING.at(path, name=item.get("name"), depends=(place,))
        else:
            yield from _ebs((*path, "managedEBSVolume"), part(item, "managedEBSVolume"), kind)


def _ebs(path: Path, volume: Data, launch_type: str | None) -> Iterator[Violation]:
    size, snapshot = volume.get("sizeInGiB"), volume.get("snapshotId")
    kind, iops = volume.get("volumeType") or "gp3", volume.get("iops")
    if kind not in limits.EBS_SIZES or (kind == "standard" and launch_type == "FARGATE"):
        yield EBS_TYPE.at((*path, "volumeType"), kind=kind)
        return
    least, most = limits.EBS_SIZES[kind]
    if size is None and not snapshot:
        yield EBS_NO_SIZE.at(path, depends=((*path, "sizeInGiB"), (*path, "snapshotId")))
    elif size is not None and not least <= size <= most:
        yield EBS_SIZE.at((*path, "sizeInGiB"), kind=kind, value=size, least=least, most=most)
    if iops is None and kind in ("io1", "io2"):
        yield EBS_IOPS_MISSING.at((*path, "iops"), kind=kind)
    elif iops is not None and kind in limits.EBS_IOPS:
        low, high = limits.EBS_IOPS[kind]
        if not low <= iops <= high:
            yield EBS_IOPS.at((*path, "iops"), kind=kind, value=iops, allowed=f"{low} to {high}")
    elif iops is not None and kind != "gp2":
        yield EBS_IOPS.at((*path, "iops"), kind=kind, value=iops, allowed="leave them out")
    throughput = volume.get("throughput")
    if throughput is not None and (kind != "gp3" or throughput > limits.MAX_EBS_THROUGHPUT):
        yield EBS_THROUGHPUT.at((*path, "throughput"), kind=kind, value=throughput)
    if volume.get("volumeInitializationRate") is not None and not snapshot:
        yield EBS_RATE.at((*path, "volumeInitializationRate"))
