"""``plan``, ``up`` and ``down``: the whole project, from its file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.options import Command, confirms, from_file, pass_settings, waits
from ecsctl.cli.settings import Settings
from ecsctl.cli.values import values
from ecsctl.errors import EcsctlError, ExitCode

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.deploy.pipeline import Prepared
    from ecsctl.manifest.model import Spec


@dataclass(frozen=True)
class Answering:
    """An address of a service: its balancer's, or one of its tasks'."""

    service: str
    address: str
    through: str
    url: str | None


def load(settings: Settings, files: Sequence[str], *, warn: bool = True) -> tuple[Spec, Aws]:
    """The Spec of the files with the command line's words put on it, and the door to its AWS.

    Args:
        warn: say that there are warnings.

    Raises:
        SpecError: the file has faults.
        UsageError: there is no file, or --cluster names another cluster than the file.
    """
    from ecsctl.manifest import check
    from ecsctl.manifest.model import SpecError

    settings.resume = "nothing was changed"
    spec, faults = check(files, values=values(settings, ask=True), lenient=settings.lenient)
    errors = [fault for fault in faults if fault.severity == "error"]
    if spec is None or errors:
        raise SpecError(errors or faults, hint="`ecsctl validate` checks it again, without AWS")
    if faults and warn:
        settings.note(f"{len(faults)} warnings; `ecsctl validate` shows them" if len(faults) > 1 else str(faults[0]))
    return spec, settings.aws(region=spec.region)


@click.command(cls=Command)
@from_file
@click.option("--exit-code", is_flag=True, help="Exit with 3 where there is something to change.")
@click.option("--full", is_flag=True, help="Do not shorten long values on a terminal.")
@pass_settings
def plan(settings: Settings, files: tuple[str, ...], exit_code: bool, full: bool) -> int:
    """Show what `up` would create, change and remove.

    Field by field, and nothing is changed. In a pipe, or with --full, no value is cut short.

    Exits with 1 where something that the project did not make has a name it needs, or uses what would go.
    """
    spec, aws = load(settings, files)
    from ecsctl.deploy.pipeline import prepare

    prepared = prepare(aws, spec)
    show(settings, prepared, full=full)
    for note in prepared.plan.notes:
        settings.note(note)
    if prepared.plan.blocked:
        from ecsctl.deploy.apply import conflict

        raise conflict(prepared.plan)
    return ExitCode.FINDINGS if exit_code and not prepared.plan.empty else ExitCode.OK


def show(settings: Settings, prepared: Prepared, *, to_stderr: bool = False, full: bool = False) -> None:
    """Print a plan in the format asked for."""
    import sys

    stream = sys.stderr if to_stderr else sys.stdout
    if settings.structured and not to_stderr:
        settings.emit_data(prepared.plan.to_data())
        return
    from ecsctl.render.plan import write_plan

    write_plan(prepared.plan, stream, full=full)


@click.command(cls=Command)
@from_file
@waits("10m")
@confirms
@pass_settings
def up(settings: Settings, files: tuple[str, ...]) -> None:
    """Create and update everything in the file, and print the addresses.

    It shows the plan and asks (--yes does not), makes what can be made side by side, waits until every service is
    steady, and ends with the addresses on stdout. Run again, it goes on where AWS stands.
    """
    spec, aws = load(settings, files)
    from ecsctl.deploy.pipeline import prepare

    prepared = prepare(aws, spec)
    carry_out(settings, aws, prepared, f"ecsctl up{_flags(settings, files)}")
    addresses(settings, aws, spec)


def _flags(settings: Settings, files: Sequence[str]) -> str:
    stage = f" --stage {settings.stage}" if settings.stage else ""
    return stage + "".join(f" -f {file}" for file in files)


def carry_out(
    settings: Settings, aws: Aws, prepared: Prepared, again: str, *, question: str | None = None, ask: bool = True
) -> list[dict[str, Any]]:
    """Show a plan, ask, execute it with its progress on stderr, and wait.

    Args:
        again: the command to resume with, for whoever interrupts.
        question: asked instead of the usual one.
        ask: False carries it out without a question (an imperative command that only makes things).

    Returns:
        the changes that were made, as data for JSON and YAML.
    """
    from ecsctl.deploy.apply import Event, conflict
    from ecsctl.deploy.pipeline import execute, require_unused
    from ecsctl.render.progress import Progress

    settings.resume = "nothing was changed"
    plan_ = prepared.plan
    done: list[dict[str, Any]] = []

    def stand() -> str:
        if not plan_.changes:
            return f"there was nothing to change; `{again}` waits again"
        if len(done) < len(plan_.changes):
            return f"{len(done)} of {len(plan_.changes)} changes were made; `{again}` goes on from there"
        return f"all changes are made, and AWS goes on with them; `{again}` waits for it again"

    def on_event(event: Event) -> None:
        progress.event(event)
        if event.phase == "done":
            key = event.change.key
            done.append({"action": event.change.action, "kind": key.kind, "name": key.name})
        settings.resume = stand()

    for note in plan_.notes:
        settings.note(note)
    if plan_.blocked:
        raise conflict(plan_)
    asked = ask and not plan_.empty and not settings.yes
    if asked or (not settings.quiet and (ask or plan_.empty)):
        show(settings, prepared, to_stderr=True)
    if not plan_.empty and ask and settings.confirm(question or "Carry this out?"):
        require_unused(aws, prepared)
    settings.resume = stand()
    with Progress(quiet=settings.quiet) as progress:
        execute(
            aws,
            prepared,
            on_event=on_event,
            wait=settings.wait,
            deadline=settings.deadline(600.0, progress.line),
        )
    settings.resume = None
    return done


def addresses(settings: Settings, aws: Aws, spec: Spec) -> None:
    """Print where the services answer: the balancers first, then each task; with -q the bare addresses."""
    from ecsctl.aws.ecs import describe_services
    from ecsctl.query import joins, selectors
    from ecsctl.query.services import with_addresses
    from ecsctl.query.views import service_view
    from ecsctl.render.table import Column

    if not spec.services and settings.output == "table":
        return
    described = describe_services(aws, spec.cluster, list(spec.services)).found if spec.services else ()
    rows: list[Answering] = []
    for view in with_addresses(aws, [service_view(item) for item in described]):
        named = spec.services[view.name].load_balancer if view.name in spec.services else None
        for balancer in view.balancers:
            if balancer.address:
                name = balancer.name or (named.name if named else "")
                url = f"http://{balancer.address}"
                rows.append(Answering(view.name, balancer.address, f"load balancer {name}".strip(), url))
        for task, found, _ in joins.locate_all(aws, list(selectors.select(aws, spec.cluster, service=view.name))):
            for spot in found.locations:
                if spot.bare:
                    via = f"task {task.short_id} on {task.host}" if task.host else f"task {task.short_id}"
                    rows.append(Answering(view.name, spot.bare, via, spot.url))
    if settings.bare:
        for row in rows:
            print(row.address)
        return
    columns: list[Column[Answering]] = [
        Column("SERVICE", "service", lambda row: row.service),
        Column("ADDRESS", "address", lambda row: row.address),
        Column("THROUGH", "through", lambda row: row.through),
        Column("", "url", lambda row: row.url, table=False),
    ]
    settings.emit(rows, columns)


@click.command(cls=Command)
@from_file
@waits("15m", skippable=False)
@confirms
@pass_settings
def down(settings: Settings, files: tuple[str, ...]) -> None:
    """Remove everything this project made, and nothing else.

    It shows what goes and asks (--yes does not). It is refused, before anything is changed, while others use what would
    go: their services, tasks or instances. What it cannot remove it reports, and exits with 1.
    """
    spec, aws = load(settings, files, warn=False)
    remove(settings, aws, spec, f"ecsctl down{_flags(settings, files)}")


def remove(settings: Settings, aws: Aws, spec: Spec, again: str, *, kinds: Collection[str] | None = None) -> None:
    """Remove all that a project made, and say what is left.

    Args:
        kinds: these only; None: all.

    Raises:
        EcsctlError: something is left, or could not be looked for.
    """
    from ecsctl.deploy.pipeline import leftovers, prepare_removal

    made: list[dict[str, Any]] = []
    prepared = prepare_removal(aws, spec, kinds=kinds)
    unseen = sorted(set(prepared.snapshot.scope.unseen))
    if prepared.plan.empty and not unseen:
        settings.say(f"Nothing to remove: AWS has nothing of project {spec.name}.")
        _print_changes(settings, spec, made)
        return
    if not prepared.plan.empty:
        made = carry_out(settings, aws, prepared, again, question="Remove all this?")
    left = leftovers(aws, spec, kinds=kinds, timeout=min(20.0, settings.deadline(600.0).left()))
    if left:
        raise EcsctlError(
            f"{len(left)} resources of project {spec.name} are still there: the removal is not complete"
            if len(left) > 1
            else f"{left[0]} of project {spec.name} is still there: the removal is not complete",
            details=left,
            hint=f"run `{again}` again; what is still left then is in use by something that ecsctl did not make",
        )
    if unseen:
        raise EcsctlError(
            f"ecsctl could not look for everything that project {spec.name} has, so something may be left",
            details=unseen,
            hint=f"run `{again}` again; the credentials need the right tag:GetResources",
        )
    settings.say(f"Nothing of it is left in project {spec.name}." if kinds else f"Nothing is left of {spec.name}.")
    _print_changes(settings, spec, made)


def _print_changes(settings: Settings, spec: Spec, made: Sequence[dict[str, Any]]) -> None:
    """Print what was removed, where data is asked for."""
    if settings.structured:
        settings.emit_data({"project": spec.name, "cluster": spec.cluster, "changes": list(made)})
