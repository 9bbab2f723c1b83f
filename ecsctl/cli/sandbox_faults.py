"""``ecsctl sandbox fault``: faults to inject into the sandbox."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from ecsctl.cli.options import Command, Group, duration, named, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.sandbox.faults.kinds import COMMON, KINDS, Field, Kind

METAVARS = {"pattern": "PATTERN", "patterns": "PATTERN", "text": "TEXT", "seconds": "DURATION", "count": "N"}


@click.group(cls=Group)
def fault() -> None:
    """Inject faults into the sandbox: requests, containers, instances, zones.

    Faults stay until they are cleared or the sandbox is reset; --times and --for end them sooner. Patterns may have
    `*` and `?`. The sandbox's own API takes them too: docs/sandbox.md.
    """


@fault.group()
def add() -> None:
    """Inject a fault; it takes effect at once."""


def option(field: Field) -> click.Option:
    """The option of one thing that a kind takes."""
    text = field.help
    if field.default is None and field.name == "times":
        text += "  [default: until it is cleared]"
    if field.default is not None:
        default = ", ".join(field.default) if isinstance(field.default, list) else field.default
        shown = f"{default:g} s" if field.form == "seconds" else default
        text += f"  [default: {shown}]"
    kind: Any = None
    if field.choices:
        kind = click.Choice(field.choices)
    elif field.form == "count":
        kind = click.IntRange(field.least, field.most)
    return click.Option(
        [field.option, field.name],
        type=kind,
        metavar=None if field.choices else METAVARS[field.form],
        multiple=field.form == "patterns",
        required=field.required,
        callback=duration if field.form == "seconds" else None,
        help=text,
    )


def command(kind: Kind) -> click.Command:
    """``fault add KIND``."""

    @named
    @pass_settings
    def inject(settings: Settings, /, name: str | None, **given: Any) -> None:
        from ecsctl.sandbox.control import Sandbox

        fields = {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}
        injected = Sandbox(name).add_fault(
            {"kind": kind.name, **{k: v for k, v in fields.items() if v not in (None, [])}}
        )
        if settings.structured:
            settings.emit_data(injected)
        else:
            print(injected["id"])

    common = [replace(field, default=kind.times if field.name == "times" else field.default) for field in COMMON]
    options: list[click.Parameter] = [option(field) for field in (*kind.fields, *common)]
    return click.command(kind.name, cls=Command, help=kind.help, short_help=kind.help, params=options)(inject)


for _kind in KINDS:
    add.add_command(command(_kind))


@fault.command("list")
@named
@pass_settings
def list_faults(settings: Settings, name: str | None) -> None:
    """List the injected faults, with how often each was triggered.

    STATE is active, exhausted (triggered as often as --times says) or expired (the time of --for has passed). MATCHES
    counts what it selected.
    """
    from ecsctl.render.table import Column
    from ecsctl.sandbox.control import Sandbox

    rows = Sandbox(name).faults()
    if settings.structured:
        settings.emit_data(rows)
        return
    own = ("id", "kind", "state", "matches", "triggered", "times", "nth")
    columns: list[Column[dict[str, Any]]] = [
        Column("ID", "id", lambda row: row["id"]),
        Column("WHAT", "fields", lambda row: {key: value for key, value in row.items() if key not in own}),
        Column("NTH", "nth", lambda row: row["nth"]),
        Column("TIMES", "times", lambda row: row["times"]),
        Column("STATE", "state", lambda row: row["state"]),
        Column("MATCHES", "matches", lambda row: row["matches"]),
        Column("TRIGGERED", "triggered", lambda row: row["triggered"]),
    ]
    settings.emit(rows, columns, empty="no faults")


@fault.command()
@named
@click.argument("ids", metavar="[ID]...", nargs=-1)
@pass_settings
def clear(settings: Settings, name: str | None, ids: tuple[str, ...]) -> None:
    """Clear faults: those named, or all of them.

    What they held is let go: agents connect again, health checks pass. What has died stays dead.
    """
    from ecsctl.sandbox.control import Sandbox

    cleared = Sandbox(name).clear_faults(*ids)
    settings.say(f"cleared {', '.join(row['id'] for row in cleared)}" if cleared else "there was no fault")
