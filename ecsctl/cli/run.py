"""``ecsctl run``: start tasks of a task definition, show what they write, and say why where AWS does not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import FAMILY, SERVICE, Command, duration, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.errors import AwsError, EcsctlError, ExitCode, UsageError, WaitTimeoutError

if TYPE_CHECKING:
    from ecsctl.actions.run_requests import Overrides
    from ecsctl.actions.tasks import Launched, RunRequest
    from ecsctl.aws.session import Aws
    from ecsctl.query.views import TaskView

TIMEOUT = 600.0
# How long --wait waits without a --timeout, which would stop the tasks.
LONGEST = 86400.0
NO_INSTANCES = "No Container Instances were found"


@click.command(cls=Command)
@click.argument("definition", type=FAMILY, metavar="[FAMILY[:REVISION]]", required=False)
@click.option("--count", type=click.IntRange(1), default=1, metavar="N", help="How many tasks.  [default: 1]")
@click.option(
    "--wait/--no-wait",
    default=None,
    help="--wait: print what they write until they have stopped, and exit with the container's own code. --no-wait:"
    " do not wait.  [default: until they run]",
)
@click.option("-d", "--detach", is_flag=True, help="The same as --no-wait.")
@click.option(
    "--timeout",
    metavar="DURATION",
    callback=duration,
    help="How long to wait; with --wait the tasks are stopped then.  [default: 10m, with --wait none]",
)
@click.option("-e", "--env", "environment", multiple=True, metavar="NAME=VALUE", help="Set an environment variable.")
@click.option("--command", metavar="TEXT", help="Override the container's command; it is split as by a shell.")
@click.option("--cpu", metavar="AMOUNT", help="Override the CPU, for example 512 (units) or 0.5vCPU.")
@click.option("--memory", metavar="AMOUNT", help="Override the memory, for example 512 (MiB) or 1GB.")
@click.option("--task-role", metavar="ROLE", help="Override the task role: a name or an ARN.")
@click.option("--execution-role", metavar="ROLE", help="Override the execution role: a name or an ARN.")
@click.option(
    "--ephemeral-storage",
    type=click.IntRange(21, 200),
    metavar="GIB",
    help="A Fargate task's ephemeral storage, in GiB.",
)
@click.option("--container", metavar="NAME", help="The container to override, and whose exit code --wait returns.")
@click.option(
    "--service",
    type=SERVICE,
    metavar="NAME",
    help="Run in this service's network and on its capacity; without a definition, what it runs.",
)
@click.option(
    "--launch-type", type=click.Choice(["EC2", "FARGATE", "EXTERNAL"]), help="Where to run.  [default: the cluster's]"
)
@click.option("--capacity-provider", metavar="NAME", help="Run on this capacity provider's instances.")
@click.option("--subnet", "subnets", multiple=True, metavar="ID", help="For awsvpc and Fargate; repeat it.")
@click.option("--security-group", "groups", multiple=True, metavar="ID", help="For awsvpc and Fargate; repeat it.")
@click.option("--public-ip", is_flag=True, help="Give a Fargate task a public address.")
@click.option("--enable-exec", is_flag=True, help="Allow `ecsctl exec` into it.")
@click.option("--attach", is_flag=True, help="Open a shell in its container when it runs; implies --enable-exec.")
@pass_settings
def run(settings: Settings, /, definition: str | None, **options: Any) -> int:
    """Run tasks of a task definition.

    Prints the tasks' ids, one a line. Exits with 1 where AWS does not start all of them, or where one stops instead of
    running, and says why. `run --wait` is for tasks that end: it prints what they write, and exits with the
    container's own code. A definition for Fargate runs as Fargate, without subnets in the default VPC's.
    `--attach` opens a shell in the container, and exits with the shell's code; the task goes on.
    """
    _check(definition, options)
    overrides = _overrides(options)
    aws, cluster = connect(settings)
    request, described = _request(settings, aws, cluster, definition, overrides, options)
    from ecsctl.query.views import name_of

    settings.resume = f"tasks may have been started; `ecsctl ps -c {name_of(cluster)}` shows them"
    launched = _launch(aws, cluster, request)
    ids = " ".join(task.short_id for task in launched.tasks)
    settings.resume = f"the tasks keep running; `ecsctl stop -c {name_of(cluster)} {ids}` ends them"
    structured = settings.structured
    for task in launched.tasks:
        if options["wait"] or options["attach"]:
            settings.say(f"task {task.id} ({task.definition}) started")
        elif not structured:
            print(task.id, flush=True)
    _require_all(aws, cluster, request, launched)
    tasks, code = _waited(settings, aws, cluster, described, launched.tasks, options)
    if options["attach"]:
        from ecsctl.cli.attach import attach

        return attach(settings, aws, cluster, tasks[0], options["container"])
    settings.resume = None
    if structured:
        from ecsctl.cli.ps import emit_tasks

        emit_tasks(settings, tasks, exit_codes=True)
    return code


def _check(definition: str | None, options: Mapping[str, Any]) -> None:
    if options["detach"] and options["wait"]:
        raise UsageError("--detach and --wait cannot be used together")
    if options["attach"]:
        from ecsctl.cli.attach import require_terminal

        if options["wait"] is not None or options["detach"] or options["count"] != 1:
            raise UsageError("--attach cannot be used together with --wait, --detach or --count")
        require_terminal()
    if not definition and not options["service"]:
        raise UsageError("there is nothing to run", hint="name a FAMILY[:REVISION], or a --service to run what it runs")
    if options["launch_type"] and options["capacity_provider"]:
        raise UsageError("--launch-type and --capacity-provider cannot be used together")
    if (options["groups"] or options["public_ip"]) and not (options["subnets"] or options["service"]):
        raise UsageError("--security-group and --public-ip need --subnet", hint="name the subnets to run in")


def _overrides(options: Mapping[str, Any]) -> Overrides:
    from ecsctl.actions.run_requests import Overrides
    from ecsctl.units import cpu_units, memory_mib

    return Overrides(
        environment=tuple(_pair(text) for text in options["environment"]),
        command=_split(options["command"]),
        container=options["container"],
        cpu=_amount(options["cpu"], cpu_units, "--cpu"),
        memory=_amount(options["memory"], memory_mib, "--memory"),
        task_role=options["task_role"],
        execution_role=options["execution_role"],
        ephemeral_storage=options["ephemeral_storage"],
    )


def _request(
    settings: Settings,
    aws: Aws,
    cluster: str,
    definition: str | None,
    wanted: Overrides,
    options: Mapping[str, Any],
) -> tuple[RunRequest, Mapping[str, Any]]:
    """What to ask of RunTask, and the definition described."""
    from dataclasses import replace

    from ecsctl.actions import run_requests, tasks

    service = run_requests.service_of(aws, cluster, options["service"]) if options["service"] else None
    name = definition or str((service or {}).get("taskDefinition"))
    described = tasks.describe_by_name(aws, name)
    wanted = replace(
        wanted,
        task_role=run_requests.role_arn(aws, wanted.task_role),
        execution_role=run_requests.role_arn(aws, wanted.execution_role),
    )
    where = run_requests.Where(
        launch_type=options["launch_type"],
        capacity_provider=options["capacity_provider"],
        subnets=options["subnets"],
        security_groups=options["groups"],
        public_ip=options["public_ip"],
        service=service,
    )
    overrides = run_requests.overrides(described, wanted)
    request = tasks.RunRequest(
        definition=name,
        count=options["count"],
        where=run_requests.placed(aws, cluster, described, where, settings.note),
        overrides=overrides,
        execute_command=options["enable_exec"] or options["attach"],
    )
    return request, described


def _waited(
    settings: Settings,
    aws: Aws,
    cluster: str,
    described: Mapping[str, Any],
    started: Sequence[TaskView],
    options: Mapping[str, Any],
) -> tuple[Sequence[TaskView], int]:
    """The tasks as they are at the end of the wait that was asked for, and the exit code."""
    from ecsctl.actions import tasks

    wait, timeout = options["wait"], options["timeout"]
    if wait is False or options["detach"]:
        return started, ExitCode.OK
    if not wait:
        settings.say(f"waiting until {'it runs' if len(started) == 1 else 'they run'} (--no-wait does not)")
        limit = TIMEOUT if timeout is None else timeout
        seen = tasks.wait_for(aws, started, "RUNNING", timeout=limit, report=settings.progress())
        for task in seen:
            if task.stopped:
                settings.note(f"task {task.short_id} has already ended, with exit code 0")
        return seen, ExitCode.OK
    try:
        ended = _to_the_end(settings, aws, cluster, started, timeout)
    except WaitTimeoutError as error:
        if timeout is None:
            raise
        tasks.stop_tasks(aws, started, f"ran longer than {timeout:.0f} s (ecsctl run --timeout)")
        error.hint = "--timeout has stopped it; `ecsctl ps --all` shows it for an hour"
        raise
    except KeyboardInterrupt:
        _ask_to_stop(settings, aws, started)
        raise
    return ended, _code_of(ended, tasks.essential_containers(described), options["container"])


def _to_the_end(
    settings: Settings, aws: Aws, cluster: str, started: Sequence[TaskView], timeout: float | None
) -> list[TaskView]:
    """Print what the tasks write until they have stopped; the tasks as they ended."""
    from ecsctl.actions import tasks
    from ecsctl.cli.logs import LogPrinter, Reader, merge
    from ecsctl.query.log_tasks import LogTasks

    limit = LONGEST if timeout is None else timeout
    until = aws.clock.monotonic() + limit
    if not settings.structured:
        chosen = LogTasks(aws, cluster, [task.arn for task in started])
        sources = chosen.look()
        for sentence in chosen.elsewhere:
            settings.note(sentence)
        chosen.told()
        if sources:
            shown = LogPrinter(settings)
            shown.expect(sources, several=len(sources) > 1)

            def in_time(seconds: float) -> None:
                if aws.clock.monotonic() >= until:
                    shown.flush()
                    raise WaitTimeoutError(f"not STOPPED after {limit:.0f} s")

            merger = merge(settings, Reader(aws), chosen, sources, shown, rescan=1.0, at_rest=in_time)
            for line in merger.lines():
                shown.line(line)
            shown.flush()
    left = max(0.0, until - aws.clock.monotonic())
    return tasks.wait_for(aws, started, "STOPPED", timeout=left, report=settings.progress())


def _ask_to_stop(settings: Settings, aws: Aws, started: Sequence[TaskView]) -> None:
    """Ctrl-C: the tasks go on, unless somebody says that they should not."""
    from ecsctl.actions import tasks

    if not settings.interactive():
        return
    what = "the task" if len(started) == 1 else f"the {len(started)} tasks"
    try:
        stop = click.confirm(f"\nStop {what} too?", default=False, err=True)
    except (click.Abort, KeyboardInterrupt):
        return
    if stop:
        tasks.stop_tasks(aws, started, "Stopped by ecsctl run (Ctrl-C)")
        settings.resume = f"{what} is being stopped" if len(started) == 1 else f"{what} are being stopped"


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


def _split(command: str | None) -> tuple[str, ...]:
    if not command:
        return ()
    import shlex

    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise UsageError(f"--command cannot be split: {error}", hint="close the quotes") from None


def _amount(text: str | None, parse: Any, option: str) -> int | None:
    if text is None:
        return None
    if text.isdigit():
        return int(text)
    try:
        return int(parse(text))
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}") from None


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError("--env must be NAME=VALUE", hint="write it as --env LEVEL=debug")
    return name, value


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
