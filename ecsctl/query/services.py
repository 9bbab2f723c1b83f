"""A cluster's services as views, with the addresses of their balancers and the causes of what ails them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from ecsctl.aws import ecs
from ecsctl.aws.failures import cannot_be_asked
from ecsctl.aws.session import Aws
from ecsctl.errors import AwsError
from ecsctl.polling import pause
from ecsctl.query import load_balancers, selectors
from ecsctl.query.diagnosis import service_causes
from ecsctl.query.views import EventView, ServiceView, TaskView, service_view


def list_services(aws: Aws, cluster: str, *, addresses: bool = True) -> list[ServiceView]:
    """The cluster's services by name, with their balancers' addresses where wanted.

    Raises:
        AwsError: ClusterNotFoundException (exit 6) …
    """
    described = ecs.describe_services(aws, cluster, list(ecs.list_services(aws, cluster))).found
    found = sorted((service_view(row) for row in described if row.get("status") != "INACTIVE"), key=lambda s: s.name)
    return with_addresses(aws, found) if addresses else found


def show_service(aws: Aws, cluster: str, name: str) -> ServiceView:
    """One service, its balancers with their addresses; DRAINING ones are told too.

    Raises:
        NotFoundError: there is none, or it was deleted.
    """
    for row in ecs.describe_services(aws, cluster, [name]).found:
        if row.get("status") != "INACTIVE":
            return with_addresses(aws, [service_view(row)])[0]
    raise ecs.no_service(aws, cluster, name)


def new_events(
    aws: Aws, service: ServiceView, *, sleep: Callable[[float], None] = pause, interval: float = 2.0
) -> Iterator[EventView]:
    """The events of a service that come after those of ``service``, oldest first, until it is gone.

    Args:
        interval: seconds between two looks.
    """
    seen = {event.id for event in service.events}
    while True:
        sleep(interval)
        rows = ecs.describe_services(aws, service.cluster, [service.name]).found
        if not rows:
            return
        events = service_view(rows[0]).events
        yield from (event for event in reversed(events) if event.id not in seen)
        seen = {event.id for event in events}
        if rows[0].get("status") == "INACTIVE":
            return


def with_addresses(aws: Aws, services: Sequence[ServiceView]) -> list[ServiceView]:
    """The same services; where the balancers may not be asked, without their addresses."""
    try:
        known = load_balancers.with_addresses(aws, (one for service in services for one in service.balancers))
    except AwsError as error:
        if not cannot_be_asked(error):
            raise
        return list(services)
    return [replace(s, balancers=tuple(known.get(one, one) for one in s.balancers)) for s in services]


def steady(service: ServiceView) -> bool:
    """Whether it runs what it should: one deployment, all its tasks running, and the rollout, if told, completed."""
    settled = service.rollout_state in (None, "COMPLETED")
    return len(service.deployments) <= 1 and service.running == service.desired and not service.pending and settled


def rollout(service: ServiceView) -> str:
    """The rollout in a word; behind a classic balancer ECS tells none, and the counts decide."""
    if service.status != "ACTIVE":
        return service.status
    return service.rollout_state or ("COMPLETED" if steady(service) else "IN_PROGRESS")


def tasks_of(aws: Aws, service: ServiceView) -> list[TaskView]:
    """Its tasks, those stopped in the last hour included; hosts not yet joined."""
    return list(selectors.select(aws, service.cluster, service=service.name, stopped=True))


def why_not_steady(service: ServiceView, tasks: Sequence[TaskView]) -> list[str]:
    """The causes since the current deployment began; nothing where the service is steady."""
    if steady(service):
        return []
    since = service.deployments[0].created_at if service.deployments else None
    return service_causes(service, tasks, since)
