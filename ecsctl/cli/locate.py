"""``ecsctl locate``: where does it run? An address that a browser can open.

This command is asked most, so it starts lightest: nothing is imported that the answer does not need.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ecsctl.cli.context import connect
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.locate_files import follow, require_together, writes_files
from ecsctl.cli.options import Command, duration, pass_settings, running_tasks
from ecsctl.cli.settings import Settings
from ecsctl.errors import EcsctlError, UsageError, WaitTimeoutError

if TYPE_CHECKING:
    from datetime import datetime

    from ecsctl.aws.session import Aws
    from ecsctl.query.addresses import Found as Spots
    from ecsctl.query.addresses import Location, Ports
    from ecsctl.query.everywhere import Everywhere
    from ecsctl.query.views import TaskView

TIMEOUT = 600.0


@click.command(cls=Command)
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@running_tasks
@click.option("--all-clusters", "-A", is_flag=True, help="Look in all clusters.")
@click.option("--open", "open_", is_flag=True, help="Open the first address in a browser.")
@click.option("--private", is_flag=True, help="Print private addresses although there are public ones.")
@click.option("--wait/--no-wait", default=False, help="Wait until they run.  [default: no-wait]")
@click.option(
    "--timeout", metavar="DURATION", callback=duration, help="How long to wait, for example 90s or 10m.  [default: 10m]"
)
@writes_files
@lists
@pass_settings
def locate(
    settings: Settings,
    tasks: tuple[str, ...],
    service: str | None,
    family: str | None,
    all_clusters: bool,
    open_: bool,
    private: bool,
    wait: bool,
    timeout: float | None,
    format_: str | None,
    template: str | None,
    out: str | None,
    command: str | None,
    once: bool,
) -> None:
    """Print the address where a task answers.

    TASK is a task's id, the beginning of one, its ARN, or the name of a container or host as `ecsctl ps` shows it.
    Without any, every running task of the cluster.

    Prints one HOST:PORT a line and nothing else, for `curl $(ecsctl locate -q TASK)`; on a terminal, several come as
    a table (`-o table` gives it anywhere). `--region a,b` and `--region all` look in several regions at the same time.
    Exits with 1 where a task named has no address (yet), 6 where there is none.

    `--format nginx` and its like, and `--template FILE`, print the endpoints that can be sent requests for another
    program; with `-w --out FILE --exec COMMAND` the file follows the tasks: it is written whenever one moves.
    """
    if tasks and (service or family):
        raise UsageError(
            "TASK, --service and --family cannot be used together", hint="name tasks, or a service, or a family"
        )
    to_file = require_together(format_, template, out, command)
    aws, cluster, everywhere = _where(settings, all_clusters)
    from ecsctl.query import joins

    def choose() -> list[TaskView]:
        if everywhere is not None:
            return everywhere.choose(tasks, service, family)
        return _chosen(aws, cluster, tasks, service, family)

    def find(placed: Sequence[TaskView]) -> list[tuple[TaskView, Spots, Ports]]:
        if everywhere is not None:
            return everywhere.locate(placed, private=private)
        return joins.locate_all(aws, placed, private=private)

    scope = f"cluster {cluster}" if everywhere is None else str(everywhere)
    if to_file:

        def read() -> list[Location]:
            return [location for _, spots, _ in find(_placed(choose())) for location in spots.locations]

        follow(
            settings,
            read,
            cluster=cluster,
            names=[service] if service else [],
            format_=format_,
            template=template,
            out=out,
            command=command,
            watch=settings.watch and not once,
        )
        return
    if settings.watch:
        if open_:
            raise UsageError("--open and --watch cannot be used together")
        _watched(settings, choose, find, scope, places=everywhere is not None)
        return
    from ecsctl.aws.preconnect import warm

    warming = warm(aws, "ec2")
    chosen = _waited(settings, aws, cluster, choose, bool(service or family), timeout) if wait else choose()
    placed = _placed(chosen)
    warming.join(5)
    found = find(placed)
    locations = [location for _, spots, _ in found for location in spots.locations]
    reachable = [location for location in locations if location.address]
    _print(settings, locations, several=len(chosen) > 1, places=everywhere is not None)
    notes = [note for _, spots, _ in found for note in spots.notes]
    problems = [_problem(task, aws.now()) for task in chosen if task not in placed]
    for task, spots, ports in found:
        if not spots.locations:
            problems.append(f"task {task.short_id} ({task.definition}) publishes no port")
        elif tasks:
            from ecsctl.query.addresses import silent_containers

            notes += [f"container {name} publishes no port" for name in silent_containers(task, ports)]
    _conclude(settings, scope, bool(tasks), bool(service or family), chosen, reachable, notes, problems)
    if open_:
        _open(settings, locations)


def _where(settings: Settings, all_clusters: bool) -> tuple[Aws, str, Everywhere | None]:
    """The AWS and the cluster; where several are meant, what looks through them."""
    if not all_clusters and settings.region != "all" and "," not in (settings.region or ""):
        return *connect(settings), None
    from ecsctl.query.everywhere import ALL, Everywhere, split_regions

    if all_clusters and settings.chose("cluster"):
        raise UsageError("--cluster and --all-clusters cannot be used together", hint="leave one of them out")
    regions = split_regions(settings.region)
    if regions:
        settings.region = regions[0] if regions != [ALL] else None
    aws, cluster = connect(settings)
    return aws, cluster, Everywhere(aws, None if all_clusters else cluster, regions, settings.note)


def _open(settings: Settings, locations: Sequence[Location]) -> None:
    """Open the first address that a browser can show."""
    urls = [location.url for location in locations if location.url]
    if not urls:
        raise EcsctlError("there is no address to open", hint="`ecsctl ps` shows what runs where")
    import webbrowser

    if not webbrowser.open(str(urls[0])):
        settings.note(f"no browser could be started (BROWSER names one): {urls[0]}")


def _placed(chosen: Sequence[TaskView]) -> list[TaskView]:
    return [task for task in chosen if task.last_status == "RUNNING" or _has_address(task)]


def _watched(
    settings: Settings,
    choose: Callable[[], list[TaskView]],
    find: Callable[[Sequence[TaskView]], list[tuple[TaskView, Spots, Ports]]],
    scope: str,
    *,
    places: bool,
) -> None:
    """Show the addresses as they are now, and as they change."""
    from ecsctl.render.locations import columns

    def read() -> list[Location]:
        return [location for _, spots, _ in find(_placed(choose())) for location in spots.locations]

    show_list(
        settings,
        columns(places=places),
        read,
        name=lambda row: row.bare or "-",
        key=lambda row: (row.task.arn, row.container, row.container_port, row.protocol),
        empty=f"no task has an address in {scope}",
    )


def _has_address(task: TaskView) -> bool:
    """Whether a task on its way up or down has its ports or its interface, and is not gone."""
    return task.last_status in ("ACTIVATING", "DEACTIVATING", "STOPPING") and any(c.bindings for c in task.containers)


def _chosen(aws: Aws, cluster: str, tasks: Sequence[str], service: str | None, family: str | None) -> list[TaskView]:
    from ecsctl.query import selectors

    if tasks:
        return selectors.find(aws, cluster, tasks)
    chosen = list(selectors.select(aws, cluster, service=service, family=family))
    if not chosen and service:
        selectors.require_service(aws, cluster, service)
    elif not chosen and family:
        selectors.require_family(aws, family)
    return chosen


def _waited(
    settings: Settings,
    aws: Aws,
    cluster: str,
    choose: Callable[[], list[TaskView]],
    some: bool,
    timeout: float | None,
) -> list[TaskView]:
    """Wait until the tasks run; with ``some`` until there are any."""
    from ecsctl.polling import Progress, poll

    def probe() -> Progress:
        chosen = choose()
        coming = [task for task in chosen if not task.stopped and task.last_status != "RUNNING"]
        lines = tuple(f"task {task.short_id} ({task.definition}) is {task.last_status}" for task in coming)
        none_yet = not chosen and some
        return Progress(not coming and not none_yet, lines=lines or ("no task yet",) * none_yet, value=chosen)

    waited = poll(probe, timeout=TIMEOUT if timeout is None else timeout, report=settings.progress(), clock=aws.clock)
    if waited.outcome == "timeout":
        raise WaitTimeoutError(
            f"not running after {waited.seconds:.0f} s",
            details=waited.last.lines,
            hint=f"wait longer with --timeout, or see why: `ecsctl ps --all -c {cluster}`",
        )
    result: list[TaskView] = waited.last.value
    return result


def _problem(task: TaskView, now: datetime) -> str:
    from ecsctl.query.diagnosis import task_causes
    from ecsctl.query.views import age

    if not task.stopped:
        return f"task {task.short_id} ({task.definition}) is {task.last_status}: it has no address yet"
    when = ""
    if task.stopped_at:
        when = f" {age(task.stopped_at, now)} ago, at {task.stopped_at:%Y-%m-%d %H:%M:%S %Z}"
    why = "; ".join(task_causes(task)) or "ECS gives no reason"
    return f"task {task.short_id} ({task.definition}) stopped{when}: {why}"


def _print(settings: Settings, locations: Sequence[Location], *, several: bool, places: bool) -> None:
    chosen = settings.chose("output") or settings.columns is not None
    wants_table = chosen or (several and sys.stdout.isatty())
    plain = settings.output == "table" and (settings.quiet or not wants_table)
    if plain and not settings.sort:
        for line in dict.fromkeys(location.bare for location in locations if location.bare):
            print(line)
        return
    from ecsctl.render.locations import columns

    if plain:
        from ecsctl.cli.column_choice import choose

        ordered = choose(columns(places=places), sort=settings.sort).rows(locations)
        for line in dict.fromkeys(location.bare for location in ordered if location.bare):
            print(line)
        return
    show_list(settings, columns(places=places), lambda: locations, name=lambda row: row.bare or "-", empty="")


def _conclude(
    settings: Settings,
    scope: str,
    named: bool,
    selected: bool,
    chosen: Sequence[TaskView],
    reachable: Sequence[Location],
    notes: Sequence[str],
    problems: Sequence[str],
) -> None:
    hint = _hint(chosen)
    if named or (selected and not reachable):
        unreachable = list(problems)
        if not unreachable and not reachable:
            unreachable, notes = list(notes), []
        for note in dict.fromkeys(notes):
            settings.note(note)
        if len(unreachable) == 1:
            raise EcsctlError(unreachable[0], hint=hint)
        if unreachable:
            raise EcsctlError(f"{len(unreachable)} tasks have no address", details=unreachable, hint=hint)
        if not chosen:
            raise EcsctlError(f"none of its tasks runs in {scope}", hint=hint)
        return
    for note in (*dict.fromkeys(notes), *problems):
        settings.note(note)
    if not chosen:
        settings.note(f"no task runs in {scope}")


def _hint(chosen: Sequence[TaskView]) -> str:
    if any(not task.stopped and task.last_status != "RUNNING" for task in chosen):
        return "--wait waits until they run"
    if chosen and all(task.stopped for task in chosen):
        return f"`ecsctl run {chosen[0].definition}` starts another one"
    return "`ecsctl ps --all` shows the tasks; `portMappings` of the task definition publish ports"
