"""From what a request names (id, name, short or long ARN) to the thing in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ecsctl.refusals import patterns, state
from ecsctl.refusals.task_definition import FAMILY
from ecsctl.sandbox.ecs.errors import EcsApiError, client_error, cluster_not_found, invalid, refused, service_not_found
from ecsctl.sandbox.ecs.region import Region, Request
from ecsctl.sandbox.ecs.store.store import (
    DEFAULT_CLUSTER,
    Cluster,
    ContainerInstance,
    Document,
    Service,
    Task,
    TaskDefinition,
)

T = TypeVar("T")


def cluster_name(reference: str | None) -> str:
    """The name in a cluster's name or ARN; ``default`` where none is given."""
    return reference.rsplit("/", 1)[-1] if reference else DEFAULT_CLUSTER


def find_cluster(region: Region, request: Request, member: str = "cluster") -> Cluster:
    """The ACTIVE cluster that the request names.

    Raises:
        EcsApiError: ``ClusterNotFoundException``; ``InvalidParameterException`` for an ARN of another kind.
    """
    reference = request.get(member)
    if reference and reference.startswith("arn:"):
        fields = reference.split(":", 5)
        if len(fields) < 6 or not fields[5].startswith("cluster/"):
            raise invalid(f"Invalid identifier: Identifier is for {reference}. Your cluster identifier is not valid.")
        if fields[3] != region.store.region or fields[4] != region.store.account:
            raise cluster_not_found()
    elif reference and not patterns.NAME.fullmatch(reference):
        raise refused(state.CLUSTER_REFERENCE, name=reference)
    cluster = region.store.clusters.get(cluster_name(reference))
    if cluster is None or cluster.status == "INACTIVE":
        raise cluster_not_found()
    return cluster


def _own_id(region: Region, kind: str, cluster: str, reference: str) -> str | None:
    """The id in a reference to something of this cluster; None where an ARN says it is another's."""
    if not reference.startswith("arn:"):
        return reference
    fields = reference.split(":", 5)
    if len(fields) < 6 or fields[3] != region.store.region or fields[4] != region.store.account:
        return None
    path = fields[5].split("/")
    if path[0] != kind or len(path) not in (2, 3) or (len(path) == 3 and path[1] != cluster):
        return None
    return path[-1]


def task_of(region: Region, cluster: str, reference: str) -> Task | None:
    """A task of this cluster by id, short or long ARN; None where the cluster has no such task."""
    found = _own_id(region, "task", cluster, reference)
    return region.store.tasks.get(region.store.arn("task", cluster, found)) if found else None


def instance_of(region: Region, cluster: str, reference: str) -> ContainerInstance | None:
    """A container instance of this cluster by id, short or long ARN; None where the cluster has no such one."""
    found = _own_id(region, "container-instance", cluster, reference)
    return region.store.instances.get(region.store.arn("container-instance", cluster, found)) if found else None


def service_of(region: Region, cluster: str, reference: str) -> Service | None:
    """A service of this cluster by name, short or long ARN, whatever its status."""
    found = _own_id(region, "service", cluster, reference)
    return region.store.services.get((cluster, found)) if found else None


def missing(region: Region, kind: str, cluster: str, reference: str) -> dict[str, str]:
    """The ``failures[]`` entry of a thing that the cluster does not have."""
    # That of a service has no cluster in it (aws-actions/amazon-ecs-deploy-task-definition#312, #369).
    names = (reference,) if kind == "service" else (cluster, reference)
    arn = reference if reference.startswith("arn:") else region.store.arn(kind, *names)
    return {"arn": arn, "reason": "MISSING"}


def described(
    region: Region,
    kind: str,
    cluster: str,
    references: Iterable[str],
    find: Callable[[Region, str, str], T | None],
    view: Callable[[T], Document],
) -> tuple[list[Document], list[Document]]:
    """What a Describe call answers of things of one cluster: the views of those found, and ``failures[]``."""
    found: list[Document] = []
    failures: list[Document] = []
    for reference in references:
        item = find(region, cluster, reference)
        if item is None:
            failures.append(missing(region, kind, cluster, reference))
        else:
            found.append(view(item))
    return found, failures


def active_service(region: Region, cluster: str, reference: str) -> Service:
    """A service that is not INACTIVE.

    Raises:
        EcsApiError: ``ServiceNotFoundException``, or ``ServiceNotActiveException`` where it is INACTIVE.
    """
    service = service_of(region, cluster, reference)
    if service is None:
        raise service_not_found()
    if service.status == "INACTIVE":
        raise EcsApiError("ServiceNotActiveException", "Service was not ACTIVE.")
    return service


def find_definition(region: Region, reference: str) -> TaskDefinition | None:
    """A task definition by family (the latest ACTIVE revision), ``family:revision`` or ARN; None where there is none.

    Raises:
        EcsApiError: ``ClientException`` for a reference that cannot be one.
    """
    name = reference
    if reference.startswith("arn:"):
        fields = reference.split(":", 5)
        if len(fields) < 6 or not fields[5].startswith("task-definition/"):
            raise client_error(f"Invalid arn syntax: {reference}")
        if fields[3] != region.store.region or fields[4] != region.store.account:
            return None
        name = fields[5].removeprefix("task-definition/")
    family, colon, revision = name.partition(":")
    if not patterns.NAME.fullmatch(family):
        raise refused(FAMILY)
    if not colon:
        latest = region.store.latest.get(family)
        return region.store.definitions[family, latest] if latest is not None else None
    if not revision.isdigit():
        raise client_error(f"Invalid revision number. Number: {revision}")
    return region.store.definitions.get((family, int(revision)))


def runnable_definition(region: Region, reference: str) -> TaskDefinition:
    """A task definition that new tasks may use.

    Raises:
        EcsApiError: ``ClientException`` "TaskDefinition not found.", ``InvalidParameterException`` "… is inactive".
    """
    definition = find_definition(region, reference)
    if definition is None:
        raise refused(state.DEFINITION_NOT_FOUND)
    if definition.status != "ACTIVE":
        raise refused(state.DEFINITION_INACTIVE)
    return definition


def bounded(items: list[str], limit: int, noun: str) -> list[str]:
    """The items of a describe call.

    Raises:
        EcsApiError: ``InvalidParameterException`` for none, or for more than the service takes in one call.
    """
    if not items:
        raise invalid(f"{noun[0].upper()}{noun[1:]} cannot be empty.")
    if len(items) > limit:
        raise invalid(f"{noun[0].upper()}{noun[1:]} cannot have more than {limit} elements.")
    return list(dict.fromkeys(items))
