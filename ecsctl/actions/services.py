"""Create and delete a single service: the write path with a Spec made of a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecsctl.aws.session import Aws
from ecsctl.deploy.changes import CREATE
from ecsctl.deploy.observe import Snapshot, refresh
from ecsctl.deploy.pipeline import Prepared, prepare
from ecsctl.deploy.plan import plan
from ecsctl.deploy.resources import Actual, Key, Scope
from ecsctl.errors import AwsError, ConflictError, NotFoundError
from ecsctl.manifest.model import ServiceSpec, Spec


def prepare_creation(aws: Aws, cluster: str, definition: Mapping[str, Any], source: str) -> Prepared:
    """Plan a service of its own; ``source`` is where its definition comes from, for messages.

    Raises:
        ConflictError: it exists, and is something else.
        NotFoundError: a classic balancer that it names does not exist.
    """
    _require_balancers(aws, definition)
    name = str(definition["serviceName"])
    spec = Spec(name=cluster, cluster=cluster, services={name: ServiceSpec(name, definition)})
    prepared = prepare(aws, spec, prune=False, kinds={"service"})
    if any(change.action != CREATE and not change.actual_status for change in prepared.plan.changes):
        raise ConflictError(
            f"service {name} already exists in cluster {cluster} and differs from {source}",
            details=[
                f"{item.path}: {item.before or '(none)'} → {item.after or '(none)'}"
                for change in prepared.plan.changes
                for item in change.fields
            ],
            hint="`ecsctl service delete` removes it; a project's file and `ecsctl up` change it",
        )
    return prepared


def _require_balancers(aws: Aws, definition: Mapping[str, Any]) -> None:
    for item in definition.get("loadBalancers", ()):
        name = item.get("loadBalancerName")
        if not name:
            continue
        try:
            aws.call("elb", "DescribeLoadBalancers", {"LoadBalancerNames": [name]}, about=name)
        except AwsError as error:
            if error.aws_code not in ("LoadBalancerNotFound", "AccessPointNotFound"):
                raise
            raise NotFoundError(
                f"there is no classic load balancer {name} in {aws.region}",
                hint="make it first: `loadBalancers:` in a project's file and `ecsctl up`",
            ) from error


def prepare_deletion(aws: Aws, cluster: str, name: str) -> Prepared:
    """Plan the deletion of a service.

    Raises:
        NotFoundError, ConflictError: as :func:`owned_service`.
    """
    actual = owned_service(aws, cluster, name)
    snapshot = Snapshot(Scope(str(actual.owner), cluster, aws.region), {actual.key: actual})
    return Prepared(plan({}, snapshot, prune=True), snapshot, {})


def owned_service(aws: Aws, cluster: str, name: str) -> Actual:
    """A service that ecsctl made, whichever project's it is.

    Raises:
        NotFoundError: there is none of that name.
        ConflictError: somebody else made it.
    """
    actual = refresh(aws, Scope("", cluster, aws.region), Key("service", name))
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
