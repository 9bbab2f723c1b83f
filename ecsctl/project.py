"""``plan``, ``up`` and ``down`` as functions: the stages of the pipeline put together (see :mod:`ecsctl.plan`)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ecsctl.apply import Event, Report, apply
from ecsctl.desired import desired, gather
from ecsctl.errors import AwsError, ConflictError, EcsctlError, ExitCode, NotFoundError
from ecsctl.kinds.base import Actual, Scope
from ecsctl.observe import Snapshot, look_again, observe
from ecsctl.plan import Plan, plan
from ecsctl.resources import AutoScalingGroup, Key, Resource, Service
from ecsctl.steady import wait_for_instances, wait_for_services
from ecsctl.views import ServiceView

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.spec.model import Spec


@dataclass(frozen=True)
class Prepared:
    """A plan with all that it takes to execute it."""

    plan: Plan
    snapshot: Snapshot
    resources: dict[Key, Resource]


def scope_of(aws: Aws, spec: Spec) -> Scope:
    """What a Spec is about."""
    return Scope(spec.name, spec.cluster, aws.region)


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
    snapshot = observe(aws, scope_of(aws, spec), resources, kinds)
    return Prepared(plan(resources, snapshot, prune=prune), snapshot, resources)


def prepare_removal(aws: Aws, spec: Spec) -> Prepared:
    """Plan the removal of all that the project made; nothing is changed."""
    aws.require_account(spec.account)
    empty = replace(spec, instances=None, task_definitions={}, load_balancers={}, services={})
    names = [Key(Service.kind, name) for name in spec.services]
    snapshot = observe(aws, scope_of(aws, empty), names)
    return Prepared(plan({}, snapshot, prune=True), snapshot, {})


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
        timeout: seconds for the waits.

    Returns:
        the services, as they are when steady; none where nothing was waited for.

    Raises:
        EcsctlError: a step failed (with all that failed in its details), or a wait.
    """
    start = datetime.now(timezone.utc)
    groups = [item for item in prepared.resources.values() if isinstance(item, AutoScalingGroup)]
    waited: set[str] = set()

    def joined() -> None:
        for group in groups:
            if wait and group.name not in waited and group.desired:
                waited.add(group.name)
                wait_for_instances(aws, group.cluster, group.name, group.desired, timeout=timeout, report=say)

    # A service that is made before its instances are there begins its life with failures to place.
    report = apply(aws, prepared.plan, prepared.snapshot, report=on_event, gates={Service.kind: joined})
    if not report.whole:
        raise failed(report)
    joined()
    services = [item for item in prepared.resources.values() if isinstance(item, Service)]
    if not wait or not services:
        return []
    cluster, names = services[0].cluster, [service.name for service in services]
    return wait_for_services(aws, cluster, names, timeout=timeout, report=say, since=start)


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


def leftovers(aws: Aws, spec: Spec) -> list[str]:
    """What AWS still has of the project (an empty list after a whole ``down``)."""
    snapshot = observe(aws, scope_of(aws, spec), ())
    return sorted(f"{actual.key} ({actual.id})" for actual in snapshot.found.values() if actual.owner == spec.name)


def balancer_addresses(aws: Aws, services: Collection[ServiceView]) -> dict[str, str]:
    """Address by name of the classic balancers in front of services (elb:DescribeLoadBalancers)."""
    names = sorted({balancer.name for view in services for balancer in view.balancers if balancer.name})

    def ask(name: str) -> tuple[str, str]:
        try:
            answer = aws.call("elb", "DescribeLoadBalancers", {"LoadBalancerNames": [name]}, about=name)
        except AwsError:
            return name, ""
        found = answer.get("LoadBalancerDescriptions", ())
        return name, str(found[0].get("DNSName", "")) if found else ""

    with ThreadPoolExecutor(4) as pool:
        return {name: address for name, address in pool.map(ask, names) if address}
