"""``ecsctl run``: start tasks of a task definition, and say why where AWS does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import Command, duration, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError

if TYPE_CHECKING:
    from ecsctl.actions.tasks import Launched, RunRequest
    from ecsctl.aws.session import Aws

TIMEOUT = 600.0
NO_INSTANCES = "No Container Instances were found"


@click.command(cls=Command)
@click.argument("definition", metavar="FAMILY[:REVISION]")
@click.option("--count", type=click.IntRange(1), default=1, metavar="N", help="How many tasks.  [default: 1]")
@click.option(
    "--wait/--no-wait",
    default=None,
    help="--wait: until they have stopped, and exit with the container's own code. --no-wait: do not wait."
    "  [default: until they run]",
)
@click.option("--timeout", metavar="DURATION", callback=duration, help="How long to wait.  [default: 10m]")
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("--command", metavar="TEXT", help="The container's command instead of its own, as a shell splits it.")
@click.option("--container", metavar="NAME", help="The container that --env and --command are for, and --wait's code.")
@click.option(
    "--launch-type", type=click.Choice(["EC2", "FARGATE", "EXTERNAL"]), help="Where to run.  [default: the cluster's]"
)
@click.option("--capacity-provider", metavar="NAME", help="Run on this capacity provider's instances.")
@click.option("--subnet", "subnets", multiple=True, metavar="ID", help="For awsvpc and Fargate; repeat it.")
@click.option("--security-group", "groups", multiple=True, metavar="ID", help="For awsvpc and Fargate; repeat it.")
@click.option("--public-ip", is_flag=True, help="Give a Fargate task a public address.")
@pass_settings
def run(
    settings: Settings,
    definition: str,
    count: int,
    wait: bool | None,
    timeout: float | None,
    environment: tuple[str, ...],
    command: str | None,
    container: str | None,
    launch_type: str | None,
    capacity_provider: str | None,
    subnets: tuple[str, ...],
    groups: tuple[str, ...],
    public_ip: bool,
) -> int:
    """Run tasks of a task definition.

    Prints the tasks' ids, one a line. Exits with 1 where AWS does not start all of them, or where one stops instead of
    running, and says why. `run --wait` is for tasks that end: it exits with the container's own code.
    """
    if launch_type and capacity_provider:
        raise UsageError("--launch-type and --capacity-provider exclude each other")
    if (groups or public_ip) and not subnets:
        raise UsageError("--security-group and --public-ip need --subnet", hint="name the subnets to run in")
    aws, cluster = connect(settings)
    from ecsctl.actions import tasks
    from ecsctl.query.views import name_of

    described: Mapping[str, Any] | None = None
    if environment or command or wait:
        described = tasks.describe_by_name(aws, definition)
    if container and described and container not in _containers(described):
        raise UsageError(
            f"{definition} has no container {container}", hint=f"it has {', '.join(_containers(described))}"
        )
    request = tasks.RunRequest(
        definition=definition,
        count=count,
        launch_type=launch_type,
        capacity_provider=capacity_provider,
        subnets=subnets,
        security_groups=groups,
        public_ip=public_ip,
        overrides=_overrides(described, environment, command, container),
    )
    settings.resume = f"tasks may have been started; `ecsctl ps -c {name_of(cluster)}` shows them"
    launched = _launch(aws, cluster, request)
    ids = " ".join(task.short_id for task in launched.tasks)
    settings.resume = f"the tasks go on; `ecsctl stop -c {name_of(cluster)} {ids}` ends them"
    for task in launched.tasks:
        print(task.id, flush=True)
    _require_all(aws, cluster, request, launched)
    if wait is False:
        return ExitCode.OK
    limit = TIMEOUT if timeout is None else timeout
    if not wait:
        settings.say(f"waiting until {'it runs' if count == 1 else 'they run'} (--no-wait does not)")
        seen = tasks.wait_for(aws, launched.tasks, "RUNNING", timeout=limit, report=settings.progress())
        for task in seen:
            if task.stopped:
                settings.note(f"task {task.short_id} has already ended, with exit code 0")
        settings.resume = None
        return ExitCode.OK
    ended = tasks.wait_for(aws, launched.tasks, "STOPPED", timeout=limit, report=settings.progress())
    settings.resume = None
    return _code_of(ended, tasks.essential_containers(described or {}), container)


def _launch(aws: Aws, cluster: str, request: RunRequest) -> Launched:
    from ecsctl.actions import tasks
    from ecsctl.query.views import name_of

    try:
        return tasks.run_tasks(aws, cluster, request, project=name_of(cluster))
    except AwsError as error:
        said = error.aws_message.lower()
        if NO_INSTANCES.lower() in said:
            raise EcsctlError(
                f"cluster {name_of(cluster)} has no container instances to run {request.definition} on",
                hint=f"`ecsctl instance bootstrap -c {name_of(cluster)} --count 1` adds one",
            ) from error
        if error.aws_code == "ClientException" and "taskdefinition" in said.replace(" ", ""):
            tasks.describe_by_name(aws, request.definition)
        if "network configuration must be provided" in said:
            error.hint = "its network mode is awsvpc: add --subnet subnet-… (and --security-group sg-…)"
        raise


def _require_all(aws: Aws, cluster: str, request: RunRequest, launched: Launched) -> None:
    """Raise where fewer tasks were started than asked for, and say why."""
    from ecsctl.actions import tasks

    if len(launched.tasks) >= request.count:
        return
    started = f"{len(launched.tasks)} of {request.count} tasks of {request.definition} started"
    if launched.error is not None:
        raise EcsctlError(started, details=[launched.error.message], hint=launched.error.hint)
    try:
        details = tasks.failure_causes(aws, cluster, request.definition, launched.failures)
    except EcsctlError:
        details = [str(failure) for failure in launched.failures]
    raise EcsctlError(started, details=details, hint="`ecsctl instance list` shows what the instances have left")


def _containers(described: Mapping[str, Any]) -> list[str]:
    return [row["name"] for row in described.get("containerDefinitions", ())]


def _overrides(
    described: Mapping[str, Any] | None, environment: Sequence[str], command: str | None, container: str | None
) -> dict[str, Any]:
    if not (environment or command) or described is None:
        return {}
    names = _containers(described)
    if container is None and len(names) > 1:
        raise UsageError(
            "the task has several containers: which one are --env and --command for?",
            hint=f"add --container, one of {', '.join(names)}",
        )
    override: dict[str, Any] = {"name": container or names[0]}
    if environment:
        override["environment"] = [_pair(text) for text in environment]
    if command:
        import shlex

        try:
            override["command"] = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--command cannot be split: {error}", hint="close the quotes") from None
    return {"containerOverrides": [override]}


def _pair(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("--env wants NAME=VALUE", hint="write it as --env LEVEL=debug")
    return {"name": name, "value": value}


def _code_of(ended: Sequence[Any], essential: Sequence[str], container: str | None) -> int:
    """The first exit code that is not 0; a task that never ran is an error, told with its causes."""
    from ecsctl.actions.tasks import exit_code
    from ecsctl.query.diagnosis import task_causes

    worst = 0
    for task in ended:
        code = exit_code(task, essential, container)
        causes = task_causes(task)
        if code is None:
            raise EcsctlError(f"task {task.short_id} ({task.definition}) did not run", details=causes)
        if code:
            print(f"task {task.short_id}: {'; '.join(causes)}", file=sys.stderr)
        worst = worst or code
    return worst
