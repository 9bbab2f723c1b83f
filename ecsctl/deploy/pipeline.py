"""``plan``, ``up`` and ``down`` as functions: the stages of the pipeline put together (see ``plan``)."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ecsctl.aws.ecs import describe_services
from ecsctl.deploy.apply import Event, Report, apply
from ecsctl.deploy.data_sources import gather
from ecsctl.deploy.desired import desired
from ecsctl.deploy.kinds.base import Actual, Patience, Scope, owner_of
from ecsctl.deploy.observe import Snapshot, look_again, observe
from ecsctl.deploy.plan import Plan, plan
from ecsctl.deploy.resources import (
    OWNER_TAG,
    AutoScalingGroup,
    Key,
    LogGroup,
    Resource,
    Service,
    TaskDefinition,
)
from ecsctl.deploy.wait_instances import wait_for_instances
from ecsctl.deploy.wait_services import wait_for_services
from ecsctl.errors import ConflictError, EcsctlError, ExitCode, NotFoundError
from ecsctl.manifest.model import log_group_of
from ecsctl.polling import Progress, poll
from ecsctl.query.views import ServiceView, service_view

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.manifest.model import Spec


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it takes to execute it."""

    plan: Plan
    snapshot: Snapshot
    resources: dict[Key, Resource]


def scope_of(aws: Aws, spec: Spec, kinds: Collection[str] | None = None) -> Scope:
    """What a Spec is about: the whole project, or, where only some kinds are meant, what it has in this cluster."""
    return Scope(spec.name, spec.cluster, aws.region, alone=kinds is not None)


def prepare(aws: Aws, spec: Spec, *, prune: bool = True, kinds: Collection[str] | None = None) -> Prepared:
    """Read AWS and plan what makes it as ``spec`` says; nothing is changed.

    Args:
        prune: remove what the project owns and the Spec does not have.
        kinds: only these kinds (imperative commands touch nothing else).

    Raises:
        EcsctlError: the account is another one; AWS refused a call; something that the Spec names does not exist.
    """
    aws.require_account(spec.account)
    facts = gather(aws, spec)
    resources = desired(spec, facts)
    if kinds is not None:
        resources = {key: resource for key, resource in resources.items() if key.kind in kinds}
    snapshot = observe(aws, scope_of(aws, spec, kinds), resources, kinds)
    return Prepared(plan(resources, snapshot, prune=prune), snapshot, resources)


def prepare_removal(aws: Aws, spec: Spec, *, kinds: Collection[str] | None = None) -> Prepared:
    """Plan the removal of all that the project made (of these kinds); nothing is changed.

    Raises:
        EcsctlError: the account is another one; AWS refused a call.
    """
    aws.require_account(spec.account)
    snapshot = observe(aws, replace(scope_of(aws, spec, kinds), leftovers=True), names_of(spec), kinds)
    return Prepared(plan({}, snapshot, prune=True), snapshot, {})


def names_of(spec: Spec) -> list[Key]:
    """What AWS does not list by owner: services that drain, families of which no revision is active."""
    services = [Key(Service.kind, name) for name in spec.services]
    groups = [Key(LogGroup.kind, log_group_of(family)) for family in spec.task_definitions]
    return [*services, *groups, *(Key(TaskDefinition.kind, family) for family in spec.task_definitions)]


def execute(
    aws: Aws,
    prepared: Prepared,
    *,
    on_event: Callable[[Event], None] = lambda event: None,
    say: Callable[[str], None] = lambda line: None,
    wait: bool = True,
    timeout: float = 600.0,
) -> list[ServiceView]:
    """Execute a plan, and wait until instances have joined and services are steady.

    Args:
        on_event: told of each step; ``say`` of each change of what is waited for.
        wait: False returns as soon as AWS has taken the changes.
        timeout: seconds for all waits together.

    Returns:
        the services, as they are when steady, or, where nothing is waited for, as they are now.

    Raises:
        EcsctlError: a step failed (with all that failed in its details), or a wait.
    """
    start = datetime.now(timezone.utc)
    groups = [item for item in prepared.resources.values() if isinstance(item, AutoScalingGroup)]
    waited: set[str] = set()
    deadline = time.monotonic() + timeout

    def left() -> float:
        return max(0.0, deadline - time.monotonic())

    def joined() -> None:
        for group in groups:
            if wait and group.name not in waited and group.desired:
                waited.add(group.name)
                wait_for_instances(aws, group.cluster, group.name, group.desired, timeout=left(), report=say)

    # A service that is made before its instances are there begins its life with failures to place.
    patience = Patience(timeout, say)
    report = apply(
        aws, prepared.plan, prepared.snapshot, report=on_event, gates={Service.kind: joined}, patience=patience
    )
    if not report.whole:
        raise failed(report)
    joined()
    services = [item for item in prepared.resources.values() if isinstance(item, Service)]
    if not services:
        return []
    cluster, names = services[0].cluster, [service.name for service in services]
    if not wait:
        return [service_view(item) for item in describe_services(aws, cluster, names).found]
    made = {key.name: told.get("deployment", "") for key, told in report.attributes.items() if key.kind == Service.kind}
    return wait_for_services(aws, cluster, names, timeout=left(), report=say, since=start, deployments=made)


def failed(report: Report) -> EcsctlError:
    """The error for a plan of which some steps failed."""
    (change, first), more = report.failed[0], report.failed[1:]
    details = [f"{item.key}: {error.message}" for item, error in more]
    details += [f"{item.key}: not begun, since it depends on what failed" for item in report.skipped]
    return EcsctlError(
        f"{change.action} {change.key}: {first.message}",
        details=[*first.details, *details],
        hint=first.hint or "correct the cause and run the same command again: it goes on where it stopped",
        code=first.code if first.code in (ExitCode.NOT_FOUND, ExitCode.TIMEOUT) else ExitCode.FAILED,
    )


def owned_service(aws: Aws, cluster: str, name: str) -> Actual:
    """A service that ecsctl made, whichever project's it is.

    Raises:
        NotFoundError: there is none of that name.
        ConflictError: somebody else made it.
    """
    actual = look_again(aws, Scope("", cluster, aws.region), Key(Service.kind, name))
    if actual is None:
        raise NotFoundError(
            f"there is no service {name} in cluster {cluster}", hint=f"`ecsctl service list -c {cluster}` lists them"
        )
    if actual.owner is None:
        raise ConflictError(
            f"service {name} was not made by ecsctl, so ecsctl does not change it",
            hint=f"`aws ecs update-service --cluster {cluster} --service {name} …` does",
        )
    return actual


def leftovers(aws: Aws, spec: Spec, *, kinds: Collection[str] | None = None, timeout: float = 20.0) -> list[str]:
    """What AWS still has of the project (an empty list after a whole ``down``).

    Args:
        kinds: look at these only.
        timeout: seconds: what was just deleted may still be told of for a while.
    """
    scope = replace(scope_of(aws, spec, kinds), leftovers=True)

    def probe() -> Progress:
        found = observe(aws, scope, names_of(spec), kinds).found.values()
        left = {str(actual.key): actual.id for actual in found if actual.owner == spec.name}
        if kinds is None or AutoScalingGroup.kind in kinds:
            left.update({f"instance {id_}": id_ for id_ in _instances_of(aws, spec.name)})
        lines = [name if id_ in name else f"{name} ({id_})" for name, id_ in sorted(left.items())]
        return Progress(not left, value=lines)

    return list(poll(probe, timeout=timeout).last.value)


def _instances_of(aws: Aws, project: str) -> list[str]:
    """The ids of the project's instances that have not ended (ec2:DescribeInstances)."""
    query = {"Filters": [{"Name": f"tag:{OWNER_TAG}", "Values": [project]}]}
    return [
        str(instance["InstanceId"])
        for reservation in aws.pages("ec2", "DescribeInstances", query, "Reservations")
        for instance in reservation["Instances"]
        if instance["State"]["Name"] not in ("terminated", "shutting-down")
        and owner_of(instance.get("Tags", ())) == project
    ]
