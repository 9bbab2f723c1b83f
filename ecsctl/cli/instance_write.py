"""``ecsctl instance bootstrap``, ``user-data`` and ``remove``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import Command, confirms, pass_settings, waits
from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.pipeline import Prepared


agent_option = click.option(
    "--agent",
    type=click.Choice(["package", "container"]),
    help="How ubuntu runs the ECS agent: package, or container for `docker run`, which lacks ECS Exec and the EFS "
    "plugin.  [default: package]",
)


@click.command(cls=Command)
@click.option("--count", type=click.IntRange(0, 5000), required=True, help="How many instances.")
@click.option("--type", "type_", metavar="TYPE", help="The instance type.  [default: t3.small]")
@click.option(
    "--image",
    metavar="IMAGE",
    help="al2023, bottlerocket, ubuntu, ami-… or an SSM parameter.  [default: al2023]",
)
@click.option(
    "--ingress",
    metavar="PORT",
    multiple=True,
    help="Open a port to the world or, as PORT@NETWORK, to a network: 80, 8000-8100/udp, 443@10.0.0.0/8. Repeatable.",
)
@agent_option
@click.option("--subnet", "subnets", metavar="ID", multiple=True, help="A subnet.  [default: the default VPC's]")
@click.option("--key-name", metavar="NAME", help="An EC2 key pair, for a network that may reach port 22.")
@waits("10m")
@confirms
@pass_settings
def bootstrap(
    settings: Settings,
    count: int,
    type_: str | None,
    image: str | None,
    agent: str | None,
    ingress: tuple[str, ...],
    subnets: tuple[str, ...],
    key_name: str | None,
) -> None:
    """Bootstrap EC2 instances into a cluster, and wait until they have joined.

    It makes their role and instance profile, a security group, a launch template whose user data starts the agent in
    the cluster (IMDSv2 only), and an Auto Scaling group that replaces instances which die. Run again, it changes what
    the flags say otherwise, and leaves alone what they do not say; it asks before it changes more than the number of
    instances, or makes that smaller. Prints the instance ids.
    """
    from ecsctl.actions.instance_groups import GroupFlags, prepare_bootstrap
    from ecsctl.actions.instances import require_group_here
    from ecsctl.aws import ecs
    from ecsctl.manifest.model import IngressSpec

    rules = tuple(IngressSpec.parse(text) for text in ingress)
    aws, cluster = connect(settings)
    cluster = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_group_here(aws, cluster)
    flags = GroupFlags(count, type_, image, agent, subnets, rules, key_name)
    prepared = prepare_bootstrap(aws, cluster, flags)
    _resize(settings, aws, cluster, prepared, f"ecsctl instance bootstrap -c {cluster} --count {count}")


@click.command(cls=Command)
@click.argument("count", metavar="N", type=click.IntRange(0, 5000))
@waits("10m")
@confirms
@pass_settings
def scale(settings: Settings, count: int) -> None:
    """Set how many instances the group of `bootstrap` has, and wait until they have joined.

    Only their number changes. Fewer: Auto Scaling ends some with the tasks on them, so it asks (`instance remove`
    drains those that you name first). Prints the instance ids.
    """
    from ecsctl.actions.instance_groups import prepare_size
    from ecsctl.actions.instances import require_group_here
    from ecsctl.aws import ecs

    aws, cluster = connect(settings)
    cluster = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_group_here(aws, cluster)
    _resize(settings, aws, cluster, prepare_size(aws, cluster, count), f"ecsctl instance scale {count} -c {cluster}")


def _resize(settings: Settings, aws: Aws, cluster: str, prepared: Prepared, again: str) -> None:
    """Carry a plan of the group out, and print what has joined."""
    from ecsctl.actions.instance_groups import is_growth
    from ecsctl.actions.instances import joined
    from ecsctl.cli.deploy import carry_out

    changes = carry_out(settings, aws, prepared, again, ask=not is_growth(prepared.plan))
    if settings.structured:
        from ecsctl.cli.instance import columns, read_instances
        from ecsctl.render.table import as_data

        rows = [as_data(row, columns()) for row in read_instances(aws, cluster)]
        settings.emit_data({"cluster": cluster, "instances": rows, "changes": changes})
    elif settings.wait:
        for id_ in joined(aws, cluster):
            print(id_)


@click.command("user-data", cls=Command)
@click.option("--image", metavar="IMAGE", default="al2023", help="al2023, bottlerocket or ubuntu.  [default: al2023]")
@agent_option
@pass_settings
def user_data(settings: Settings, image: str, agent: str | None) -> None:
    """Print the boot script that makes an instance join the cluster.

    For a launch template of your own; it is what `bootstrap` gives its instances.
    """
    from ecsctl.cli.context import files_at_hand, of_files
    from ecsctl.deploy.user_data import user_data as script

    named, _ = (settings.cluster, None) if settings.cluster else of_files(files_at_hand(), settings)
    click.echo(script(image, named or "default", agent or "package"), nl=False)


@click.command(cls=Command)
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All that `bootstrap` made for the cluster: the group, its role …")
@click.option("--replace", is_flag=True, help="Let the Auto Scaling group launch replacements.")
@click.option("--force", is_flag=True, help="Do not drain first: tasks are killed with the instance.")
@waits("10m")
@confirms
@pass_settings
def remove(settings: Settings, ids: tuple[str, ...], all_: bool, replace: bool, force: bool) -> None:
    """Drain instances, terminate them, and shrink their group.

    ID is an EC2 instance's (i-…) or a container instance's. Services move their tasks to other instances first; a task
    of `ecsctl run` is waited for. Only instances that ecsctl made are removed, and none on which others' tasks run.
    """
    from ecsctl.actions import instances

    if all_ == bool(ids):
        raise UsageError("name the instances, or use --all", hint="`ecsctl instance list` shows their ids")
    aws, cluster = connect(settings)
    if all_:
        remove_all(settings, aws, cluster)
        return
    settings.resume = "nothing was changed"
    chosen = instances.select(aws, cluster, ids)
    instances.require_own(aws, chosen)
    instances.require_unused(aws, cluster, chosen)
    names = ", ".join(view.instance_id for view in chosen)
    if settings.confirm(f"Remove {names} from cluster {cluster}?"):
        # Somebody may have begun to use them while the question stood there.
        instances.require_unused(aws, cluster, chosen)
    settings.resume = "draining continues; run the same command again to resume"
    deadline = settings.deadline(600.0)
    if not force:
        instances.drain(aws, cluster, chosen, deadline)
    instances.terminate(aws, cluster, chosen, shrink=not replace, report=settings.say)
    if settings.wait:
        instances.wait_until_gone(aws, cluster, chosen, deadline)
    settings.resume = None
    if settings.structured:
        keys = [{"ec2InstanceId": view.instance_id, "containerInstanceArn": view.arn} for view in chosen]
        settings.emit_data({"cluster": cluster, "removed": keys})


def remove_all(settings: Settings, aws: Aws, cluster: str) -> None:
    """Remove what ``bootstrap`` made for a cluster, whoever made the cluster."""
    from ecsctl.actions.instances import require_group_here
    from ecsctl.aws import ecs
    from ecsctl.cli.deploy import remove as remove_project
    from ecsctl.deploy.desired.instances import INSTANCE_KINDS
    from ecsctl.manifest.model import Spec

    name = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_group_here(aws, name)
    again = f"ecsctl instance remove --all -c {name}"
    remove_project(settings, aws, Spec(name=name, cluster=name), again, kinds=INSTANCE_KINDS)
