"""Task definitions: register, describe, list, deregister, delete."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy

from ecsctl.refusals import state
from ecsctl.refusals.launch_types import task_size
from ecsctl.refusals.task_definition import check_task_definition, compatibilities
from ecsctl.sandbox.ecs.api.paging import listing, page
from ecsctl.sandbox.ecs.api.references import find_definition
from ecsctl.sandbox.ecs.api.tags import checked_tags, tag_list
from ecsctl.sandbox.ecs.errors import client_error, refuse_first, refused
from ecsctl.sandbox.ecs.region import Region, Request, Response, operation
from ecsctl.sandbox.ecs.scheduler.requirements import required_attributes
from ecsctl.sandbox.ecs.store.store import Document, Store, TaskDefinition

_REVISION = re.compile(r"[A-Za-z0-9_-]{1,255}:\d+")
_KEPT = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "requiresCompatibilities",
    "runtimePlatform",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "inferenceAccelerators",
    "ephemeralStorage",
    "enableFaultInjection",
)


def definition_view(definition: TaskDefinition) -> Document:
    """A task definition as every operation answers it."""
    return {**definition.document, "status": definition.status}


@operation("RegisterTaskDefinition")
def register_task_definition(region: Region, request: Request) -> Response:
    """RegisterTaskDefinition: checks everything, fills in defaults, makes the family's next revision."""
    store = region.store
    refuse_first(check_task_definition(request, request["family"]))
    cpu, memory = task_size(request.get("cpu")), task_size(request.get("memory"))
    tags = checked_tags(request.get("tags"))
    family = request["family"]
    revision = store.revisions.get(family, 0) + 1
    arn = store.arn("task-definition", f"{family}:{revision}")
    document: Document = {"taskDefinitionArn": arn}
    document |= {name: deepcopy(request[name]) for name in _KEPT if name in request}
    document |= {
        "containerDefinitions": [_filled(container, request) for container in request["containerDefinitions"]],
        "revision": revision,
        "volumes": [_filled_volume(volume) for volume in request.get("volumes", ())],
        "requiresAttributes": required_attributes(request),
        "placementConstraints": deepcopy(request.get("placementConstraints", [])),
        "compatibilities": compatibilities(request),
        "registeredAt": region.now,
        "registeredBy": f"arn:{store.partition}:iam::{store.account}:root",
    }
    if cpu is not None:
        document["cpu"] = str(cpu)
    if memory is not None:
        document["memory"] = str(memory)
    definition = TaskDefinition(family, revision, arn, document, tags)
    store.revisions[family] = store.latest[family] = revision
    store.definitions[family, revision] = definition
    return {"taskDefinition": definition_view(definition), "tags": tag_list(tags)}


def _filled(container: Document, request: Document) -> Document:
    """A container definition with the members that the service adds."""
    filled = deepcopy(container)
    filled.setdefault("cpu", 0)
    filled.setdefault("essential", True)
    for member in ("portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"):
        filled.setdefault(member, [])
    mode = request.get("networkMode")
    for mapping in filled["portMappings"]:
        mapping.setdefault("protocol", "tcp")
        if "containerPortRange" not in mapping:
            port = mapping["containerPort"] if mode in ("awsvpc", "host") else 0
            mapping["hostPort"] = mapping.get("hostPort") or port
    check = filled.get("healthCheck")
    if check:
        for member, value in (("interval", 30), ("timeout", 5), ("retries", 3)):
            check.setdefault(member, value)
    return filled


def _filled_volume(volume: Document) -> Document:
    filled = deepcopy(volume)
    kinds = (
        "dockerVolumeConfiguration",
        "efsVolumeConfiguration",
        "fsxWindowsFileServerVolumeConfiguration",
        "s3filesVolumeConfiguration",
        "configuredAtLaunch",
    )
    if not any(kind in filled for kind in kinds):
        filled.setdefault("host", {})
    docker = filled.get("dockerVolumeConfiguration")
    if docker is not None:
        docker.setdefault("scope", "task")
        docker.setdefault("driver", "local")
    efs = filled.get("efsVolumeConfiguration")
    if efs is not None:
        efs.setdefault("rootDirectory", "/")
    return filled


@operation("DescribeTaskDefinition")
def describe_task_definition(region: Region, request: Request) -> Response:
    """DescribeTaskDefinition: by family (its latest ACTIVE revision), family:revision or ARN."""
    definition = find_definition(region, request["taskDefinition"])
    if definition is None or definition.status == "DELETED":
        raise refused(state.DESCRIBE_DEFINITION)
    response: Response = {"taskDefinition": definition_view(definition)}
    if "TAGS" in request.get("include", ()):
        response["tags"] = tag_list(definition.tags)
    return response


@operation("ListTaskDefinitions")
def list_task_definitions(region: Region, request: Request) -> Response:
    """ListTaskDefinitions: of one family (the whole name) or all, by status, sorted by family and revision."""
    status = request.get("status", "ACTIVE")
    family = request.get("familyPrefix")
    found = [
        definition
        for definition in region.store.definitions.values()
        if definition.status == status and family in (None, definition.family)
    ]
    found.sort(key=lambda d: (d.family, d.revision), reverse=request.get("sort") == "DESC")
    return listing("taskDefinitionArns", *page(request, [definition.arn for definition in found]))


@operation("ListTaskDefinitionFamilies")
def list_task_definition_families(region: Region, request: Request) -> Response:
    """ListTaskDefinitionFamilies: by prefix; ACTIVE ones have an ACTIVE revision, INACTIVE ones only others."""
    prefix, status = request.get("familyPrefix", ""), request.get("status", "ALL")
    families = sorted(
        family
        for family in region.store.revisions
        if family.startswith(prefix) and (status == "ALL" or (family in region.store.latest) is (status == "ACTIVE"))
    )
    return listing("families", *page(request, families))


def _with_revision(region: Region, reference: str, doing: str) -> TaskDefinition:
    if ":" not in reference.rsplit("/", 1)[-1]:
        raise client_error(f"Revision is missing; specify family:revision to {doing} a task definition.")
    definition = find_definition(region, reference)
    if definition is None or definition.status == "DELETED":
        raise client_error(f"The specified task definition does not exist. Specify a valid one to {doing} it.")
    return definition


def _newest_active(store: Store, family: str) -> None:
    newest = max(
        (r for f, r in store.definitions if f == family and store.definitions[f, r].status == "ACTIVE"),
        default=None,
    )
    if newest is None:
        store.latest.pop(family, None)
    else:
        store.latest[family] = newest


@operation("DeregisterTaskDefinition")
def deregister_task_definition(region: Region, request: Request) -> Response:
    """DeregisterTaskDefinition: INACTIVE from now on; what runs on it goes on running."""
    definition = _with_revision(region, request["taskDefinition"], "deregister")
    if definition.status == "ACTIVE":
        definition.status = "INACTIVE"
        definition.document["deregisteredAt"] = region.now
        _newest_active(region.store, definition.family)
    return {"taskDefinition": definition_view(definition)}


@operation("DeleteTaskDefinitions")
def delete_task_definitions(region: Region, request: Request) -> Response:
    """DeleteTaskDefinitions: at most 10, deregistered before; the loop forgets them once nothing uses them."""
    references = request["taskDefinitions"]
    if not 1 <= len(references) <= 10:
        raise client_error("Between 1 and 10 task definitions can be deleted in one call.")
    deleted, failures = [], []
    for reference in dict.fromkeys(references):
        # What is wrong with one of them is told of that one, in the words that moto's tests have of AWS.
        if not _REVISION.fullmatch(reference.rsplit("/", 1)[-1]):
            reason = "The specified task definition identifier is invalid. Specify a valid name or ARN and try again."
            failures.append({"arn": reference, "reason": reason})
            continue
        definition = find_definition(region, reference)
        if definition is None:
            reason = "The specified task definition does not exist. "
            reason += "Specify a valid account, family, revision and try again."
            failures.append({"arn": reference, "reason": reason})
        elif definition.status == "ACTIVE":
            failures.append(
                {
                    "arn": definition.arn,
                    "reason": "The specified task definition is still in ACTIVE status. "
                    "Please deregister the target and try again.",
                }
            )
        else:
            definition.status = "DELETE_IN_PROGRESS"
            definition.document["deleteRequestedAt"] = region.now
            deleted.append(definition_view(definition))
    return {"taskDefinitions": deleted, "failures": failures}


def _used(store: Store) -> Iterator[str]:
    for task in store.tasks.values():
        if task.last_status != "STOPPED":
            yield task.definition_arn
    for service in store.services.values():
        if service.status != "INACTIVE":
            yield service.task_definition
            yield from (deployment.task_definition for deployment in service.deployments)


def finish_deletions(store: Store) -> None:
    """The loop's part of DeleteTaskDefinitions: forget what nothing uses. The revision's number stays taken."""
    waiting = [d for d in store.definitions.values() if d.status == "DELETE_IN_PROGRESS"]
    if not waiting:
        return
    used = set(_used(store))
    for definition in waiting:
        if definition.arn not in used:
            del store.definitions[definition.family, definition.revision]
