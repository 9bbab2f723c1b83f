"""``ecsctl service create``, ``scale`` and ``delete``: the write path with a Spec made of flags and a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import SERVICE, Command, confirms, pass_settings, reads_definitions, waits
from ecsctl.cli.settings import Settings
from ecsctl.cli.values import values
from ecsctl.errors import UsageError

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
    from ecsctl.actions.services import prepare_creation
    from ecsctl.aws import ecs
    from ecsctl.cli.deploy import carry_out
    from ecsctl.manifest import load_service

    definition, notes = load_service(file, name, values=values(settings, ask=True), lenient=settings.lenient)
    for note in notes:
        settings.note(note)
    own_cluster = definition.pop("cluster", None)
    if own_cluster and not settings.cluster:
        settings.cluster = str(own_cluster)
    aws, cluster = connect(settings)
    cluster = str(ecs.require_cluster(aws, cluster)["clusterName"])
    prepared = prepare_creation(aws, cluster, definition, file)
    changes = carry_out(settings, aws, prepared, f"ecsctl service create {file} -c {cluster}", ask=False)
    if settings.structured:
        _print_service(settings, aws, cluster, definition["serviceName"], changes)
        return
    print(definition["serviceName"])


def _print_service(settings: Settings, aws: Aws, cluster: str, name: str, changes: Sequence[dict[str, Any]]) -> None:
    """Print a service as `service list` has it, and what was changed of it."""
    from ecsctl.cli.service import columns
    from ecsctl.query.services import show_service
    from ecsctl.render.table import as_data

    settings.emit_data({**as_data(show_service(aws, cluster, name), columns()), "changes": list(changes)})


# `-1` is a count here, not an option.
@click.command(cls=Command, context_settings={"ignore_unknown_options": True})
@click.argument("name", type=SERVICE)
@click.argument("count", metavar="[N|+N|-N]", required=False)
@click.option("--suspend", "suspended", flag_value=True, default=None, help="Suspend Application Auto Scaling of it.")
@click.option("--resume", "suspended", flag_value=False, default=None, help="Let Application Auto Scaling go on.")
@waits("10m")
@pass_settings
def scale(settings: Settings, name: str, count: str | None, suspended: bool | None) -> None:
    """Set how many tasks a service has, and wait until they run.

    `+2` and `-1` count from what it wants now. Where Application Auto Scaling moves the number, --suspend and --resume
    stop that and let it go on. It acts on the service that you name, whoever made it.
    """
    from ecsctl.actions.deployments import prepare_scaling
    from ecsctl.actions.scaling import suspend
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.resources import Key
    from ecsctl.query.scaling import scaling_of
    from ecsctl.query.views import name_of

    if count is None and suspended is None:
        raise UsageError("how many tasks?", hint="N, +N or -N; or --suspend or --resume")
    aws, cluster = connect(settings)
    if suspended is not None:
        suspend(aws, cluster, name, suspended=suspended)
        undo = f": `ecsctl service scale {name} --resume` resumes it" if suspended else ""
        settings.say(f"scaling of service {name} is {'suspended' if suspended else 'resumed'}{undo}")
        if count is None:
            if settings.structured:
                settings.emit_data({"serviceName": name, "cluster": name_of(cluster), "suspended": suspended})
            return
    assert count is not None
    prepared = prepare_scaling(aws, cluster, name, count).prepared
    again = prepared.resources[Key("service", name)].fields()["desiredCount"]
    moved = scaling_of(aws, name_of(cluster), name, whole=False)
    if moved is not None and not moved.suspended and not moved.minimum <= again <= moved.maximum:
        settings.note(
            f"Application Auto Scaling keeps {name} between {moved.minimum} and {moved.maximum} tasks; "
            "--suspend stops it"
        )
    changes = carry_out(settings, aws, prepared, f"ecsctl service scale {name} {again} -c {cluster}", ask=False)
    if settings.structured:
        _print_service(settings, aws, cluster, name, changes)


@click.command(cls=Command)
@click.argument("name", type=SERVICE)
@waits("15m", skippable=False)
@confirms
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a service: its tasks are stopped, and it is waited for until it is gone."""
    from ecsctl.actions.services import prepare_deletion
    from ecsctl.cli.deploy import carry_out

    aws, cluster = connect(settings)
    prepared = prepare_deletion(aws, cluster, name)
    again = f"ecsctl service delete {name} -c {cluster}"
    changes = carry_out(settings, aws, prepared, again, question=f"Delete service {name}?")
    if settings.structured:
        from ecsctl.query.views import name_of

        settings.emit_data({"serviceName": name, "cluster": name_of(cluster), "changes": changes})
