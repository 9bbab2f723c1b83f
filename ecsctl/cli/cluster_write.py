"""``ecsctl cluster create`` and ``delete``: the write path with a Spec made of a name."""

from __future__ import annotations

import click

from ecsctl.aws.names import require_cluster_name
from ecsctl.cli.options import Command, confirms, pass_settings, waits
from ecsctl.cli.settings import Settings


@click.command(cls=Command)
@click.argument("name")
@pass_settings
def create(settings: Settings, name: str) -> None:
    """Create a cluster, and print its name. That it exists already is no error."""
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.pipeline import prepare
    from ecsctl.manifest.model import Spec

    name = require_cluster_name(name)
    spec = Spec(name=name, cluster=name)
    aws = settings.aws()
    prepared = prepare(aws, spec, prune=False, kinds={"cluster"})
    changes = carry_out(settings, aws, prepared, f"ecsctl cluster create {name}", ask=False)
    if settings.structured:
        from ecsctl.aws import ecs
        from ecsctl.cli.cluster import columns
        from ecsctl.query.views import cluster_view
        from ecsctl.render.table import as_data

        shown = as_data(cluster_view(ecs.require_cluster(aws, name)), columns())
        settings.emit_data({**shown, "changes": changes})
        return
    print(name)


@click.command(cls=Command)
@click.argument("name")
@waits("15m", skippable=False)
@confirms
@pass_settings
def delete(settings: Settings, name: str) -> None:
    """Delete a cluster that ecsctl made, with all that its commands made in it.

    Its services, instances, groups and roles go too, and the tasks that `ecsctl run` started. Task definitions stay.
    It is refused while others use the cluster or its instances. A cluster of a project with a file is removed by
    `ecsctl down`; one that ecsctl did not make is left alone.
    """
    from ecsctl.actions.clusters import kinds_to_delete
    from ecsctl.cli.deploy import remove
    from ecsctl.manifest.model import Spec

    aws = settings.aws()
    name = require_cluster_name(name)
    kinds = kinds_to_delete(aws, name)
    remove(settings, aws, Spec(name=name, cluster=name), f"ecsctl cluster delete {name}", kinds=kinds)
