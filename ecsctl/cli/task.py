"""``ecsctl task``: task definitions; and the task commands once more, under the name that the API gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.diff import task_diff
from ecsctl.cli.exec import cp, exec_, port_forward
from ecsctl.cli.listing import lists, show_list
from ecsctl.cli.locate import locate
from ecsctl.cli.logs import logs
from ecsctl.cli.options import FAMILY, Group, confirms, pass_settings, reads_definitions
from ecsctl.cli.settings import Settings
from ecsctl.cli.tasks import ps, run, stop, wait
from ecsctl.cli.values import values
from ecsctl.errors import ConflictError, EcsctlError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws

CHANGES_SHOWN = 40


@click.group(cls=Group)
def group() -> None:
    """Register and show task definitions; the task commands too."""


for command in (run, stop, ps, locate, logs, exec_, cp, port_forward, wait, task_diff):
    group.add_command(command)


@group.command()
@click.argument("file")
@click.option(
    "--family", metavar="NAME", help="The family: for a bare list of containers, or to choose one of several."
)
@reads_definitions
@pass_settings
def register(settings: Settings, file: str, family: str | None) -> None:
    """Register a task definition, if it says something new.

    FILE (`-` for stdin) is YAML or JSON: a list of container definitions, the input of register-task-definition, the
    output of describe-task-definition, or the taskDefinitions section of ecsctl.yaml. Templates and shorthands count in
    YAML. Prints FAMILY:REVISION: the new one, or the latest where it says the same.
    """
    from ecsctl.aws import ecs
    from ecsctl.deploy.resources import OWNER_TAG
    from ecsctl.deploy.revisions import register as register_definition
    from ecsctl.ecs_definitions.differences import diff_task_definitions
    from ecsctl.manifest import load_task_definition

    aws, _ = connect(settings)
    specs, notes = load_task_definition(file, family, values=values(settings, ask=True), lenient=settings.lenient)
    for note in notes:
        settings.note(note)
    rows = []
    for spec in specs:
        wanted = {key: value for key, value in spec.definition.items() if key != "tags"}
        own = {row["key"]: row["value"] for row in spec.definition.get("tags") or ()}
        latest = ecs.describe_task_definition(aws, spec.family)
        done = register_definition(aws, wanted, {**own, OWNER_TAG: own.get(OWNER_TAG, spec.family)})
        if not done.made:
            settings.say(f"{done.name} has not changed: nothing was registered")
        elif latest is not None:
            settings.say(f"{done.name} differs from revision {latest['revision']} in")
            for line in changes(diff_task_definitions(latest, wanted)):
                settings.say(f"  {line}")
        rows.append({"taskDefinition": done.name, "taskDefinitionArn": done.arn, "registered": done.made})
    _print_rows(settings, rows, single=len(rows) == 1)


def changes(found: Sequence[tuple[str, Any, Any]]) -> list[str]:
    """Differences as lines, what may be secret hidden."""
    from ecsctl.ecs_definitions.differences import redact

    lines = []
    for path, before, after in found[:CHANGES_SHOWN]:
        shown_before, shown_after = _shown(redact(path, before)), _shown(redact(path, after))
        lines.append(f"{path}: {shown_before} → {shown_after}")
    if len(found) > CHANGES_SHOWN:
        lines.append(f"and {len(found) - CHANGES_SHOWN} more")
    return lines


def _shown(value: Any) -> str:
    import json

    if value is None:
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _print_rows(settings: Settings, rows: Sequence[Mapping[str, Any]], *, single: bool = False) -> None:
    """``family:revision`` alone, one a line, unless data is asked for."""
    if settings.structured:
        settings.emit_data(rows[0] if single else list(rows))
        return
    for row in rows:
        print(row["taskDefinition"])


@group.command()
@click.argument("family", type=FAMILY, required=False)
@click.option("--inactive", is_flag=True, help="List the deregistered ones instead of the ACTIVE ones.")
@lists
@pass_settings
def definitions(settings: Settings, family: str | None, inactive: bool) -> None:
    """List the region's task definition families, or the revisions of one FAMILY, oldest first."""
    from ecsctl.aws import ecs
    from ecsctl.query.views import name_of
    from ecsctl.render.table import Column

    aws, _ = connect(settings)
    if family is None and not inactive:
        names: list[Column[str]] = [Column("FAMILY", "family", lambda row: row)]
        empty = f"no task definitions in {aws.region}"
        show_list(settings, names, lambda: ecs.list_families(aws), name=str, empty=empty)
        return

    def read() -> list[str]:
        from ecsctl.query.selectors import require_family

        arns = ecs.list_task_definitions(aws, family, status="INACTIVE" if inactive else "ACTIVE")
        found = [name_of(arn) for arn in arns]
        if not found and family and not inactive:
            require_family(aws, family)
        return found

    columns: list[Column[str]] = [
        Column("DEFINITION", "taskDefinition", lambda row: row),
        Column("", "family", lambda row: row.rpartition(":")[0], table=False),
        Column("", "revision", lambda row: int(row.rpartition(":")[2]), table=False),
    ]
    show_list(settings, columns, read, name=str, empty="no such task definitions")


@group.command()
@click.argument("name", type=FAMILY, metavar="FAMILY[:REVISION]")
@click.option("--reveal", is_flag=True, help="Show the values of environment variables too.")
@pass_settings
def show(settings: Settings, name: str, reveal: bool) -> None:
    """Show a task definition, as YAML or with -o json; a family alone is its latest revision.

    The values of environment variables are hidden without --reveal.
    """
    from ecsctl.actions.tasks import describe_by_name
    from ecsctl.ecs_definitions.differences import redact
    from ecsctl.render.table import emit_data

    found = dict(describe_by_name(connect(settings)[0], name))
    if settings.bare:
        print(f"{found['family']}:{found['revision']}")
        return
    shown = found if reveal else redact("", found)
    if settings.structured:
        settings.emit_data(shown)
    else:
        emit_data(shown, "yaml")


@group.command()
@click.argument("names", type=FAMILY, metavar="FAMILY[:REVISION]...", nargs=-1, required=True)
@confirms
@pass_settings
def deregister(settings: Settings, names: tuple[str, ...]) -> None:
    """Deregister and delete revisions that ecsctl registered; of a FAMILY alone, all of them.

    What carries no owner tag of ecsctl is left alone. Running tasks keep the definition they were started with.
    Prints each FAMILY:REVISION that is gone.
    """
    from ecsctl.deploy.revisions import remove_revisions
    from ecsctl.query.views import name_of

    aws, _ = connect(settings)
    own: list[str] = []
    for name in names:
        mine, foreign = _revisions(aws, name)
        if foreign and not mine:
            raise ConflictError(
                f"{name} was not registered by ecsctl",
                hint=f"`aws ecs deregister-task-definition --task-definition {name_of(foreign[0])}` does it",
            )
        for arn in foreign:
            settings.note(f"{name_of(arn)} was not registered by ecsctl: left alone")
        own += mine
    settings.confirm(f"Deregister and delete {', '.join(name_of(arn) for arn in own)}?")
    remove_revisions(aws, list(dict.fromkeys(own)))
    _print_rows(settings, [{"taskDefinition": name_of(arn), "taskDefinitionArn": arn} for arn in dict.fromkeys(own)])


def _revisions(aws: Aws, name: str) -> tuple[list[str], list[str]]:
    """The ARNs of the ACTIVE revisions that a name means: those of ecsctl, and the others."""
    from ecsctl.actions.tasks import describe_by_name
    from ecsctl.aws import ecs
    from ecsctl.aws.concurrency import map_concurrently
    from ecsctl.deploy.resources import OWNER_TAG
    from ecsctl.query.selectors import require_family

    if ":" in name:
        found = [describe_by_name(aws, name)]
        if found[0].get("status") != "ACTIVE":
            raise EcsctlError(f"{name} is {found[0].get('status')} already", hint="`ecsctl task definitions FAMILY`")
    else:
        arns = list(ecs.list_task_definitions(aws, name))
        if not arns:
            require_family(aws, name)
        found = list(map_concurrently(lambda arn: describe_by_name(aws, arn), arns))
    mine: list[str] = []
    foreign: list[str] = []
    for row in found:
        tagged = any(tag.get("key") == OWNER_TAG for tag in row.get("tags", ()))
        (mine if tagged else foreign).append(str(row["taskDefinitionArn"]))
    return mine, foreign
