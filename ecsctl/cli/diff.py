"""``diff`` and ``task diff``: definitions side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.context import connect
from ecsctl.cli.deploy import load
from ecsctl.cli.options import Command, from_file, pass_settings, reads_definitions
from ecsctl.cli.settings import Settings
from ecsctl.cli.values import values
from ecsctl.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.session import Aws
    from ecsctl.ecs_definitions.text_diff import Difference

FILES = (".json", ".yaml", ".yml")


@click.command(cls=Command)
@from_file
@click.option("--exit-code", is_flag=True, help="Exit with 3 where something differs.")
@pass_settings
def diff(settings: Settings, files: tuple[str, ...], exit_code: bool) -> int:
    """Compare the file's definitions with those of AWS.

    A unified diff of the task definitions and services that `up` would change, in one form: sorted where order means
    nothing, without what AWS fills in by itself. Values of environment variables are hidden.
    """
    spec, aws = load(settings, files)
    from ecsctl.deploy.apply import conflict
    from ecsctl.deploy.diff import of_plan
    from ecsctl.deploy.pipeline import prepare

    prepared = prepare(aws, spec)
    found = of_plan(prepared.plan, prepared.snapshot)
    _print(settings, found)
    if prepared.plan.blocked:
        raise conflict(prepared.plan)
    if not found:
        settings.say("the task definitions and services in AWS match the file")
    return ExitCode.FINDINGS if exit_code and found else ExitCode.OK


@click.command("diff", cls=Command)
@click.argument("before", metavar="FAMILY[:REVISION]|FILE")
@click.argument("after", metavar="[FAMILY[:REVISION]|FILE]", required=False)
@click.option("--exit-code", is_flag=True, help="Exit with 3 where something differs.")
@reads_definitions
@pass_settings
def task_diff(settings: Settings, before: str, after: str | None, exit_code: bool) -> int:
    """Compare two task definitions: revisions, families, files.

    A family alone is its latest revision, and so is what is left out. FILE is what `task register` takes; of several
    families it is the one that the other side names. Values of environment variables are hidden.
    """
    from ecsctl.ecs_definitions.text_diff import diff_definitions

    aws, _ = connect(settings)
    if after is None:
        if _is_file(before):
            before, after = "", before
        else:
            after = before.rsplit("/", 1)[-1].partition(":")[0]
    first, second = _both(settings, aws, before, after)
    found = diff_definitions(first[1], second[1], (first[0], second[0]))
    _print(settings, [found] if found else [])
    if not found:
        settings.say(f"{first[0]} and {second[0]} are the same")
    return ExitCode.FINDINGS if exit_code and found else ExitCode.OK


Side = tuple[str, Mapping[str, Any]]


def _both(settings: Settings, aws: Aws, before: str, after: str) -> tuple[Side, Side]:
    """Each side's name and definition; an empty ``before`` is the latest revision of what the file ``after`` has."""
    if not before:
        other = _of_file(settings, after, None)
        return _of_aws(aws, str(other[1]["family"])), other
    if _is_file(before) and _is_file(after):
        return _of_file(settings, before, None), _of_file(settings, after, None)
    if _is_file(before):
        other = _of_aws(aws, after)
        return _of_file(settings, before, str(other[1]["family"])), other
    first = _of_aws(aws, before)
    if _is_file(after):
        return first, _of_file(settings, after, str(first[1]["family"]))
    return first, _of_aws(aws, after)


def _is_file(word: str) -> bool:
    return word == "-" or word.endswith(FILES) or (not word.startswith("arn:") and Path(word).is_file())


def _of_aws(aws: Aws, name: str) -> Side:
    from ecsctl.actions.tasks import describe_by_name

    found = describe_by_name(aws, name)
    return f"{found['family']}:{found['revision']}", found


def _of_file(settings: Settings, file: str, family: str | None) -> Side:
    from ecsctl.manifest import load_task_definition

    given = values(settings, ask=True)
    specs, notes = load_task_definition(file, family, values=given, lenient=settings.lenient)
    for note in notes:
        settings.note(note)
    if len(specs) > 1:
        named = ", ".join(spec.family for spec in specs)
        hint = f"`ecsctl task diff {specs[0].family} {file}`"
        raise UsageError(f"{file} has {len(specs)} families: {named}", hint=hint)
    return file, specs[0].definition


def _print(settings: Settings, found: Sequence[Difference]) -> None:
    if settings.structured:
        settings.emit_data([item.to_data() for item in found])
        return
    from ecsctl.render.plan import write_lines

    write_lines((line, _style(line)) for item in found for line in item.lines)


def _style(line: str) -> str:
    if line.startswith(("---", "+++")):
        return "bold"
    return {"-": "red", "+": "green", "@": "cyan"}.get(line[:1], "")
