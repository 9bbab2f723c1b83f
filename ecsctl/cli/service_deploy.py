"""``ecsctl service deploy``, ``restart``, ``rollback`` and ``stop-deployment``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import SERVICE, Command, pass_settings, waits
from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.actions.deployments import Deployment
    from ecsctl.aws.session import Aws

NAMES = click.argument("names", type=SERVICE, nargs=-1, required=True, metavar="SERVICE...")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")


def _amount(unit: str) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
        from ecsctl import units

        if value is None or value.isdigit():
            return None if value is None else int(value)
        try:
            return units.cpu_units(value) if unit == "cpu" else units.memory_mib(value)
        except ValueError as error:
            raise UsageError(f"--{unit} {value}: {error}") from None

    return read


@click.command(cls=Command)
@NAMES
@click.option(
    "--image", "images", multiple=True, metavar="[CONTAINER=]IMAGE", help="The image to run instead (repeatable)."
)
@click.option(
    "--tag", "tags", multiple=True, metavar="[CONTAINER=]TAG", help="The tag of the image to run instead (repeatable)."
)
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option(
    "--secret", "secrets", multiple=True, metavar="NAME=ARN", help="Set a variable from a secret or a parameter."
)
@click.option("--cpu", metavar="UNITS", callback=_amount("cpu"), help="CPU, for example 512 (units) or 0.5vCPU.")
@click.option("--memory", metavar="SIZE", callback=_amount("memory"), help="Memory, for example 512 (MiB) or 1GB.")
@click.option(
    "--container",
    metavar="NAME",
    help="The container that these are for.  [default: the only one, the one behind the balancer, or the only one that "
    "is essential]",
)
@click.option("--task-definition", metavar="FAMILY[:REVISION]", help="Deploy this one instead of the one that runs.")
@click.option("--count", type=click.IntRange(0, 5000), metavar="N", help="Set how many tasks run.")
@click.option("--force", is_flag=True, help="Begin a new deployment even where nothing changes.")
@click.option("--pin", is_flag=True, help="Replace the image's tag with its digest.")
@DRY_RUN
@waits("15m")
@pass_settings
def deploy(
    settings: Settings,
    names: tuple[str, ...],
    images: tuple[str, ...],
    tags: tuple[str, ...],
    environment: tuple[str, ...],
    secrets: tuple[str, ...],
    cpu: int | None,
    memory: int | None,
    container: str | None,
    task_definition: str | None,
    count: int | None,
    force: bool,
    pin: bool,
    dry_run: bool,
) -> None:
    """Deploy to services: the revision that runs, with what you change, and wait until it is steady.

    It registers a new revision of what each service runs, with just these changes, shows the difference, and deploys
    it; several services side by side. It acts on the services that you name, whoever made them. Exits with 5 where a
    deployment fails, is rolled back or gives way to somebody's newer one. Prints what each service runs then.
    """
    from functools import partial

    from ecsctl.actions.definition_changes import DefinitionChange
    from ecsctl.actions.deployments import DeployRequest, prepare_deployment
    from ecsctl.actions.image_digests import pinned

    change = DefinitionChange(
        container=container,
        images=dict(_of_container(text) for text in images),
        tags=dict(_of_container(text) for text in tags),
        environment=dict(_pair(text, "--env") for text in environment),
        secrets=dict(_pair(text, "--secret") for text in secrets),
        cpu=cpu,
        memory=memory,
    )
    if change.empty and task_definition is None and count is None and not force and not pin:
        raise UsageError(
            "nothing to deploy",
            hint="add --image, --tag, --env, --task-definition or another change; `ecsctl service restart` deploys the "
            "same again",
        )
    aws, cluster = connect(settings)
    request = DeployRequest(change, task_definition, count, force, partial(pinned, aws) if pin else None)
    deployment = prepare_deployment(aws, cluster, names, request)
    _carry_out(settings, aws, cluster, names, deployment, "deploy", dry_run=dry_run)


@click.command(cls=Command)
@NAMES
@DRY_RUN
@waits("15m")
@pass_settings
def restart(settings: Settings, names: tuple[str, ...], dry_run: bool) -> None:
    """Replace the tasks of services by new ones of the same revision, and wait until they are steady.

    Nothing is interrupted: it is a deployment like any other. It acts on the services that you name, whoever made them.
    """
    from ecsctl.actions.deployments import prepare_restart

    aws, cluster = connect(settings)
    _carry_out(settings, aws, cluster, names, prepare_restart(aws, cluster, names), "restart", dry_run=dry_run)


@click.command(cls=Command)
@NAMES
@click.option("--to", metavar="REVISION", help="The revision to go back to, for example 7 or FAMILY:7.")
@DRY_RUN
@waits("15m")
@pass_settings
def rollback(settings: Settings, names: tuple[str, ...], to: str | None, dry_run: bool) -> None:
    """Go back to the last revision with which services were steady, and wait until they are again.

    It is found in what AWS keeps of the deployments of the last 90 days, with the network, balancers and capacity that
    it had. Going back twice goes back two steps. It acts on the services that you name, whoever made them.
    """
    from ecsctl.actions.deployments import prepare_rollback

    aws, cluster = connect(settings)
    deployment = prepare_rollback(aws, cluster, names, to)
    _carry_out(settings, aws, cluster, names, deployment, "rollback", dry_run=dry_run)


@click.command(cls=Command, name="stop-deployment")
@click.argument("name", type=SERVICE, metavar="SERVICE")
@click.option(
    "--rollback", "how", flag_value="ROLLBACK", default=True, help="Go back to the revision before.  [default]"
)
@click.option("--abort", "how", flag_value="ABORT", help="Leave new and old tasks as they are.")
@waits("15m")
@pass_settings
def stop_deployment(settings: Settings, name: str, how: Any) -> None:
    """Stop a service's deployment in progress.

    AWS rolls it back, and the command waits until the service is steady again; with --abort it leaves the service
    as it stands. It acts on the service that you name, whoever made it.
    """
    from ecsctl.actions import deployment_control
    from ecsctl.render.progress import Progress

    aws, cluster = connect(settings)
    arn = deployment_control.stop_deployment(aws, cluster, name, how)
    settings.resume = f"AWS goes on with it; `ecsctl service show {name} -c {cluster}` shows how it stands"
    if settings.wait:
        with Progress(quiet=settings.quiet) as progress:
            deadline = settings.deadline(900.0, progress.line)
            deployment_control.wait_until_stopped(aws, cluster, name, arn, how, deadline)
    settings.resume = None
    _print_running(settings, aws, cluster, [name])


@click.command(cls=Command, name="continue-deployment")
@click.argument("name", type=SERVICE, metavar="SERVICE")
@click.option("--rollback", is_flag=True, help="Roll back instead of continuing.")
@waits("30m")
@pass_settings
def continue_deployment(settings: Settings, name: str, rollback: bool) -> None:
    """Let a deployment go on that waits at a PAUSE hook, and wait until the service is steady.

    It acts on the service that you name, whoever made it.
    """
    from ecsctl.actions import deployment_control
    from ecsctl.deploy.wait_services import wait_for_services
    from ecsctl.render.progress import Progress

    aws, cluster = connect(settings)
    action: Any = "ROLLBACK" if rollback else "CONTINUE"
    arn, stage = deployment_control.continue_deployment(aws, cluster, name, action)
    settings.say(f"the deployment of service {name} goes {'back' if rollback else 'on'} from {stage}")
    settings.resume = f"AWS goes on with it; `ecsctl service show {name} -c {cluster}` shows how it stands"
    if settings.wait:
        with Progress(quiet=settings.quiet) as progress:
            deadline = settings.deadline(1800.0, progress.line)
            if rollback:
                deployment_control.wait_until_stopped(aws, cluster, name, arn, "ROLLBACK", deadline)
            else:
                wait_for_services(aws, cluster, [name], timeout=deadline.left(), report=progress.line)
    settings.resume = None
    _print_running(settings, aws, cluster, [name])


def _of_container(text: str) -> tuple[str | None, str]:
    """``CONTAINER=VALUE`` or ``VALUE``; a tag and an image's name have no ``=``."""
    name, equals, value = text.partition("=")
    return (name, value) if equals else (None, text)


def _pair(text: str, option: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option} must be NAME=VALUE", hint=f"write it as {option} LEVEL=debug")
    return name, value


def _carry_out(
    settings: Settings,
    aws: Aws,
    cluster: str,
    names: Sequence[str],
    deployment: Deployment,
    command: str,
    *,
    dry_run: bool,
) -> None:
    """Show a deployment, carry it out, and print what the services run then."""
    from ecsctl.cli.deploy import carry_out, show
    from ecsctl.render.plan import write_differences

    for note in deployment.notes:
        settings.note(note)
    if not settings.quiet or dry_run:
        import sys

        write_differences(deployment.differences, sys.stderr)
    if dry_run:
        show(settings, deployment.prepared)
        settings.say("nothing was changed (--dry-run)")
        return
    if not settings.quiet and not deployment.prepared.plan.empty:
        show(settings, deployment.prepared, to_stderr=True)
    carry_out(settings, aws, deployment.prepared, f"ecsctl service {command} {' '.join(names)} -c {cluster}", ask=False)
    _print_running(settings, aws, cluster, names)


def _print_running(settings: Settings, aws: Aws, cluster: str, names: Sequence[str]) -> None:
    """Print the services' rows: which revision they run, and how many tasks of it."""
    from ecsctl.actions.deployments import named_services
    from ecsctl.cli.service import columns
    from ecsctl.query.views import service_view

    rows = [service_view(row) for row in named_services(aws, cluster, names)]
    if settings.bare:
        for row in rows:
            print(row.definition)
        return
    settings.emit(rows, [column for column in columns() if column.heading != "ADDRESS"])
