"""``ecsctl instance bootstrap``, ``user-data`` and ``remove``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import Command, confirms, pass_settings, waits
from ecsctl.cli.settings import Settings
from ecsctl.errors import ConflictError, NotFoundError, UsageError, WaitTimeoutError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.query.views import InstanceView

KINDS = frozenset({"iam-role", "instance-profile", "security-group", "launch-template", "auto-scaling-group"})
STATES_A_CALL = 10


@click.command(cls=Command)
@click.option("--count", type=click.IntRange(0, 5000), required=True, help="How many instances.")
@click.option("--type", "type_", metavar="TYPE", default="t3.small", help="The instance type.  [default: t3.small]")
@click.option(
    "--image",
    metavar="IMAGE",
    default="al2023",
    help="al2023, bottlerocket, ubuntu, ami-… or an SSM parameter.  [default: al2023]",
)
@click.option(
    "--ingress",
    metavar="PORT",
    multiple=True,
    help="Open a port to the world or, as PORT@NETWORK, to a network: 80, 8000-8100/udp, 443@10.0.0.0/8. Repeatable.",
)
@click.option("--subnet", "subnets", metavar="ID", multiple=True, help="A subnet.  [default: the default VPC's]")
@click.option("--key-name", metavar="NAME", help="An EC2 key pair, for a network that may reach port 22.")
@waits("10m")
@pass_settings
def bootstrap(
    settings: Settings,
    count: int,
    type_: str,
    image: str,
    ingress: tuple[str, ...],
    subnets: tuple[str, ...],
    key_name: str | None,
) -> None:
    """Bootstrap EC2 instances into a cluster, and wait until they have joined.

    It makes their role and instance profile, a security group, a launch template whose user data starts the agent in
    the cluster (IMDSv2 only), and an Auto Scaling group that replaces instances which die. Run again, it changes what
    the flags say otherwise: another --count scales. Prints the instance ids.
    """
    from ecsctl.aws import ecs
    from ecsctl.cli.deploy import carry_out
    from ecsctl.deploy.pipeline import prepare
    from ecsctl.manifest.model import IngressSpec, InstancesSpec, Spec
    from ecsctl.query import selectors

    rules = tuple(IngressSpec.parse(text) for text in ingress)
    aws, cluster = connect(settings)
    cluster = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_group_here(aws, cluster)
    instances = InstancesSpec(count, count, count, type_, image, subnets, rules, key_name)
    spec = Spec(name=cluster, cluster=cluster, instances=instances)
    prepared = prepare(aws, spec, prune=False, kinds=KINDS)
    again = f"ecsctl instance bootstrap -c {cluster} --count {count}"
    carry_out(settings, aws, prepared, again, ask=False)
    if settings.wait:
        found = selectors.instances(aws, cluster, ecs.list_container_instances(aws, cluster), addresses=False)
        for view in sorted(found.values(), key=lambda item: item.instance_id):
            print(view.instance_id)


@click.command("user-data", cls=Command)
@click.option("--image", metavar="IMAGE", default="al2023", help="al2023, bottlerocket or ubuntu.  [default: al2023]")
@pass_settings
def user_data(settings: Settings, image: str) -> None:
    """Print the boot script that makes an instance join the cluster.

    For a launch template of your own; it is what `bootstrap` gives its instances.
    """
    from ecsctl.cli.context import files_at_hand, of_files
    from ecsctl.deploy.user_data import user_data as script

    named, _ = (settings.cluster, None) if settings.cluster else of_files(files_at_hand())
    click.echo(script(image, named or "default"), nl=False)


@click.command(cls=Command)
@click.argument("ids", metavar="[ID...]", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All that `bootstrap` made for the cluster: the group, its role …")
@click.option("--replace", is_flag=True, help="Let the group launch others in their place.")
@click.option("--force", is_flag=True, help="Do not drain first: tasks are killed with the instance.")
@waits("10m")
@confirms
@pass_settings
def remove(settings: Settings, ids: tuple[str, ...], all_: bool, replace: bool, force: bool) -> None:
    """Drain instances, terminate them, and shrink their group.

    ID is an EC2 instance's (i-…) or a container instance's. Services move their tasks to other instances first; a task
    that was run by hand is waited for. Only instances that ecsctl made are removed.
    """
    from ecsctl.aws import ecs
    from ecsctl.deploy.kinds.auto_scaling import deregister
    from ecsctl.query import selectors

    if all_ == bool(ids):
        raise UsageError("name instances, or say --all", hint="`ecsctl instance list` shows their ids")
    aws, cluster = connect(settings)
    if all_:
        remove_all(settings, aws, cluster)
        return
    settings.resume = "nothing was changed"
    found = selectors.instances(aws, cluster, ecs.list_container_instances(aws, cluster), addresses=False).values()
    chosen = [chosen_instance(list(found), id_, cluster) for id_ in dict.fromkeys(ids)]
    require_own(aws, chosen)
    names = ", ".join(view.instance_id for view in chosen)
    settings.confirm(f"Remove {names} from cluster {cluster}?")
    settings.resume = "draining goes on; run the same command again to go on"
    if not force:
        drain(settings, aws, cluster, chosen)
    for view in chosen:
        terminate(aws, view, shrink=not replace)
        settings.say(f"terminated {view.instance_id}")
    # An agent that does not run cannot deregister its instance.
    deregister(aws, cluster, [view.instance_id for view in chosen if not view.agent_connected])
    if settings.wait:
        gone(settings, aws, cluster, chosen)
    settings.resume = None


def require_group_here(aws: Aws, cluster: str) -> None:
    """Refuse where a project that is named like the cluster has its instances in another one.

    Raises:
        ConflictError: its group's instances join another cluster.
    """
    from ecsctl.deploy.kinds.base import Scope
    from ecsctl.deploy.observe import look_again
    from ecsctl.deploy.resources import AutoScalingGroup, Key, base_name

    group = look_again(aws, Scope(cluster, cluster, aws.region), Key(AutoScalingGroup.kind, base_name(cluster)))
    elsewhere = group.fields["cluster"] if group is not None else ""
    if elsewhere not in ("", cluster):
        raise ConflictError(
            f"the group {base_name(cluster)} of project {cluster} belongs to cluster {elsewhere}",
            hint="change it by that project's file and `ecsctl up`; or name the project otherwise",
        )


def remove_all(settings: Settings, aws: Aws, cluster: str) -> None:
    """Remove what ``bootstrap`` made for a cluster, whoever made the cluster."""
    from ecsctl.aws import ecs
    from ecsctl.cli.deploy import remove as remove_project
    from ecsctl.manifest.model import Spec

    name = str(ecs.require_cluster(aws, cluster)["clusterName"])
    require_group_here(aws, name)
    remove_project(settings, aws, Spec(name=name, cluster=name), f"ecsctl instance remove --all -c {name}", kinds=KINDS)


def chosen_instance(found: list[InstanceView], id_: str, cluster: str) -> InstanceView:
    """The instance that an id names.

    Raises:
        NotFoundError: it is none of the cluster's.
    """
    for view in found:
        if id_ in (view.instance_id, view.arn, view.arn.rsplit("/", 1)[-1]):
            return view
    raise NotFoundError(
        f"there is no instance {id_} in cluster {cluster}", hint=f"`ecsctl instance list -c {cluster}` lists them"
    )


def require_own(aws: Aws, chosen: list[InstanceView]) -> None:
    """Refuse instances that ecsctl did not make.

    Raises:
        ConflictError: one has no owner tag.
    """
    from ecsctl.aws import ec2
    from ecsctl.deploy.kinds.base import owner_of

    described = {item["InstanceId"]: item for item in ec2.describe_instances(aws, [v.instance_id for v in chosen])}
    for view in chosen:
        if owner_of(described.get(view.instance_id, {}).get("Tags", ())) is None:
            raise ConflictError(
                f"instance {view.instance_id} was not made by ecsctl, so ecsctl does not remove it",
                hint=f"`aws ec2 terminate-instances --instance-ids {view.instance_id}` does",
            )


def drain(settings: Settings, aws: Aws, cluster: str, chosen: list[InstanceView]) -> None:
    """Set instances DRAINING, and wait until no task runs on them.

    Raises:
        WaitTimeoutError: tasks still run when time is up.
    """
    from ecsctl.aws import ecs
    from ecsctl.aws.session import batches
    from ecsctl.polling import Progress, poll
    from ecsctl.query.views import instance_view

    arns = [view.arn for view in chosen]
    for batch in batches(arns, STATES_A_CALL):
        query = {"cluster": cluster, "containerInstances": list(batch), "status": "DRAINING"}
        aws.call("ecs", "UpdateContainerInstancesState", query, about=f"cluster {cluster}")

    def probe() -> Progress:
        views = [instance_view(item) for item in ecs.describe_container_instances(aws, cluster, arns).found]
        busy = [view for view in views if view.running or view.pending]
        lines = tuple(f"{view.instance_id} drains: {view.running} tasks run" for view in busy)
        return Progress(not busy, lines=lines)

    timeout = 600.0 if settings.timeout is None else settings.timeout
    ended = poll(probe, timeout=timeout, report=settings.progress())
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"tasks still run after {timeout:.0f} s",
            details=ended.last.lines,
            hint=f"`ecsctl ps -c {cluster} --instance {chosen[0].instance_id}` shows them; --force does not wait",
        )


def terminate(aws: Aws, view: InstanceView, *, shrink: bool) -> None:
    """Terminate an instance; where its group's least size forbids to shrink, that is lowered first."""
    groups = aws.pages(
        "autoscaling",
        "DescribeAutoScalingGroups",
        {"Filters": [{"Name": "tag-key", "Values": ["ecsctl:project"]}]},
        "AutoScalingGroups",
    )
    for group in groups:
        if view.instance_id not in {item["InstanceId"] for item in group.get("Instances", ())}:
            continue
        if shrink and group["MinSize"] >= group["DesiredCapacity"] > 0:
            query = {"AutoScalingGroupName": group["AutoScalingGroupName"], "MinSize": group["DesiredCapacity"] - 1}
            aws.call("autoscaling", "UpdateAutoScalingGroup", query, about=group["AutoScalingGroupName"])
        aws.call(
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": view.instance_id, "ShouldDecrementDesiredCapacity": shrink},
            about=view.instance_id,
        )
        return
    aws.call("ec2", "TerminateInstances", {"InstanceIds": [view.instance_id]}, about=view.instance_id)


def gone(settings: Settings, aws: Aws, cluster: str, chosen: list[InstanceView]) -> None:
    """Wait until the instances have left the cluster.

    Raises:
        WaitTimeoutError: they are still registered when time is up.
    """
    from ecsctl.aws import ecs
    from ecsctl.polling import Progress, poll

    arns = [view.arn for view in chosen]

    def probe() -> Progress:
        found = ecs.describe_container_instances(aws, cluster, arns).found
        left = [str(item.get("ec2InstanceId")) for item in found if item.get("status") != "INACTIVE"]
        return Progress(not left, lines=tuple(f"{id_} is still registered" for id_ in left))

    timeout = 600.0 if settings.timeout is None else settings.timeout
    ended = poll(probe, timeout=timeout, report=settings.progress(), interval=1.0)
    if ended.outcome != "done":
        raise WaitTimeoutError(
            f"not deregistered after {timeout:.0f} s",
            details=ended.last.lines,
            hint=f"`ecsctl instance list -c {cluster}` shows what is left",
        )
