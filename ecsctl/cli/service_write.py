"""``ecsctl service create``, ``scale`` and ``delete``: the write path with a Spec made of flags and a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import Command, confirms, pass_settings, reads_definitions, waits
from ecsctl.cli.settings import Settings
from ecsctl.cli.values import values
from ecsctl.errors import AwsError, ConflictError, NotFoundError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws


@click.command(cls=Command)
@click.argument("file")
@click.option("--name", metavar="NAME", help="Which service, where the file has several.")
@reads_definitions
@waits("10m")
@pass_settings
def create(settings: Settings, file: str, name: str | None) -> None:
    """Create a service from a file, and wait until it is steady.

    FILE is the input of create-service in YAML or JSON, what describe-services prints, or a section of an ecsctl.yaml;
    `-` is stdin. That the same service exists already is no error. Prints the service's name.
    """
    from ecsctl.aws import ecs
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.pipeline import prepare
    from ecsctl.deploy.plan import CREATE
    from ecsctl.manifest import load_service
    from ecsctl.manifest.model import ServiceSpec, Spec

    definition, notes = load_service(file, name, values=values(settings, ask=True), lenient=settings.lenient)
    for note in notes:
        settings.note(note)
    own_cluster = definition.pop("cluster", None)
    if own_cluster and not settings.cluster:
        settings.cluster = str(own_cluster)
    aws, cluster = connect(settings)
    cluster = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_balancers(aws, definition)
    service = str(definition["serviceName"])
    spec = Spec(name=cluster, cluster=cluster, services={service: ServiceSpec(service, definition)})
    prepared = prepare(aws, spec, prune=False, kinds={"service"})
    if any(change.action != CREATE and not change.actual_status for change in prepared.plan.changes):
        raise ConflictError(
            f"service {service} exists in cluster {cluster}, and is not what {file} says",
            details=[
                f"{item.path}: {item.before or '(none)'} → {item.after or '(none)'}"
                for change in prepared.plan.changes
                for item in change.fields
            ],
            hint="`ecsctl service delete` removes it; a project's file and `ecsctl up` change it",
        )
    carry_out(settings, aws, prepared, f"ecsctl service create {file} -c {cluster}", ask=False)
    print(service)


def require_balancers(aws: Aws, definition: dict[str, Any]) -> None:
    """Check that the classic balancers of a service exist.

    Raises:
        NotFoundError: one does not.
    """
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


@click.command(cls=Command)
@click.argument("name")
@click.argument("count", type=click.IntRange(0, 5000))
@waits("10m")
@pass_settings
def scale(settings: Settings, name: str, count: int) -> None:
    """Set how many tasks a service has, and wait until they run."""
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.kinds.base import Scope
    from ecsctl.deploy.observe import Snapshot
    from ecsctl.deploy.pipeline import Prepared, owned_service
    from ecsctl.deploy.plan import plan
    from ecsctl.deploy.resources import Service

    aws, cluster = connect(settings)
    actual = owned_service(aws, cluster, name)
    resource = Service(name, cluster=cluster, definition={"desiredCount": count})
    snapshot = Snapshot(Scope(str(actual.owner), cluster, aws.region), {actual.key: actual})
    resources = {resource.key: resource}
    prepared = Prepared(plan(resources, snapshot, prune=False), snapshot, dict(resources))
    carry_out(settings, aws, prepared, f"ecsctl service scale {name} {count} -c {cluster}", ask=False)


@click.command(cls=Command)
@click.argument("name")
@waits("15m", skippable=False)
@confirms
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a service: its tasks are stopped, and it is waited for until it is gone."""
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.kinds.base import Scope
    from ecsctl.deploy.observe import Snapshot
    from ecsctl.deploy.pipeline import Prepared, owned_service
    from ecsctl.deploy.plan import plan

    aws, cluster = connect(settings)
    actual = owned_service(aws, cluster, name)
    snapshot = Snapshot(Scope(str(actual.owner), cluster, aws.region), {actual.key: actual})
    prepared = Prepared(plan({}, snapshot, prune=True), snapshot, {})
    again = f"ecsctl service delete {name} -c {cluster}"
    carry_out(settings, aws, prepared, again, question=f"Delete service {name}?")
