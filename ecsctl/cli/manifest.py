"""``validate``, ``render``, ``schema`` and ``explain``: the definition file, without AWS."""

from __future__ import annotations

import copy
import difflib
import sys
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ecsctl.cli.options import CONNECTION, OUTPUTS, Command, from_file, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.cli.values import values
from ecsctl.errors import ExitCode, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsctl.manifest.model import Fault, Spec
    from ecsctl.manifest.rules import Rule

GITHUB = "github"
SCHEMAS = ("project", "overlay", "task-definition", "service", "run-task")


def _with_annotations(command: click.Command) -> click.Command:
    """Give a command's ``--output`` the form ``github``, too."""
    own = copy.copy(next(option for option in CONNECTION if option.name == "output"))
    own.type = click.Choice([*OUTPUTS, GITHUB])
    command.params = [own if option.name == "output" else option for option in command.params]
    return command


@_with_annotations
@click.command(cls=Command)
@click.argument("more", nargs=-1, metavar="[FILE]...")
@from_file
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@pass_settings
def validate(settings: Settings, more: tuple[str, ...], files: tuple[str, ...], strict: bool) -> int:
    """Check the file offline: every fault with its line.

    FILE is what -f names, too; it may be a task definition or service alone, as `aws ecs` takes or prints it. Without
    --stage, every stage is checked. Nothing of AWS is asked. Each line is FILE:LINE:COLUMN, the place in the file, what
    is wrong and what is allowed; `ecsctl explain ECS014` says more of a rule. `-o json` and `-o github` (annotations)
    are for CI. Exits with 2 where there is an error.
    """
    source = click.get_current_context().get_parameter_source("files")
    if more:
        files = (*(files if source is ParameterSource.COMMANDLINE else ()), *more)
    from ecsctl.units import plural

    specs, faults, notes = _inspected(settings, files)
    for note in notes:
        settings.note(note)
    if strict:
        faults = [_as_error(fault) for fault in faults]
    errors = sum(fault.severity == "error" for fault in faults)
    # With -q, a script that checks is told of errors only.
    _print_faults(settings, [fault for fault in faults if not settings.quiet or fault.severity == "error"])
    if errors or None in specs:
        settings.say(f"{plural(errors, 'error')}, {plural(len(faults) - errors, 'warning')}")
        return ExitCode.USAGE
    for spec in filter(None, specs):
        sections = {
            "task definition": len(spec.task_definitions),
            "service": len(spec.services),
            "load balancer": len(spec.load_balancers),
        }
        empty = "no definitions" if spec.name else "the input of run-task"
        holds = ", ".join(plural(count, name) for name, count in sections.items() if count) or empty
        warnings = f"; {plural(len(faults), 'warning')}" if faults else ""
        settings.say(f"{spec.name or ' '.join(files)}: {holds}: valid{warnings}")
    return ExitCode.OK


def _inspected(settings: Settings, files: Sequence[str]) -> tuple[list[Spec | None], list[Fault], list[str]]:
    """What is in the files in the stage that is chosen, or in each; with all faults and notes, each once."""
    from ecsctl.manifest import inspect, stages_of
    from ecsctl.manifest.loading.files import Reader
    from ecsctl.manifest.model import Position

    given, reader = values(settings, ask=False), Reader()
    stages = [settings.stage] if settings.stage else stages_of(files, values=given, reader=reader)
    specs: list[Spec | None] = []
    faults: dict[tuple[object, ...], Fault] = {}
    notes: dict[str, None] = {}
    for stage in stages:
        mine = values(settings, ask=False, stage=stage) if stage else given
        spec, checked = inspect(files, lenient=settings.lenient, values=mine, standalone=True, reader=reader)
        specs.append(spec)
        faults |= {(one.position, one.path, one.message): one for one in checked.faults}
        notes |= dict.fromkeys(checked.notes)
    nowhere = Position("", 0, 0)
    return specs, sorted(faults.values(), key=lambda one: one.position or nowhere), list(notes)


def _as_error(fault: Fault) -> Fault:
    from dataclasses import replace

    return replace(fault, severity="error")


def _print_faults(settings: Settings, faults: list[Fault]) -> None:
    if settings.structured:
        settings.emit_data([_as_data(fault) for fault in faults])
    elif settings.output == GITHUB:
        for fault in faults:
            print(_annotation(fault))
    else:
        for fault in faults:
            print(fault)


def _as_data(fault: Fault) -> dict[str, object]:
    at = fault.position
    return {
        "file": at.file if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "severity": fault.severity,
        "rule": fault.rule,
        "path": fault.path,
        "message": fault.message,
        "allowed": fault.allowed,
    }


def _annotation(fault: Fault) -> str:
    """A workflow command of GitHub Actions; its special characters are escaped as it wants."""

    def escaped(text: str, more: str = "") -> str:
        for char in "%\r\n" + more:
            text = text.replace(char, f"%{ord(char):02X}")
        return text

    at = fault.position
    place = f" file={escaped(at.file, ':,')},line={at.line},col={at.column}," if at else " "
    title = escaped(fault.rule or "ecsctl", ":,")
    parts = [fault.path, fault.message + (f" ({fault.allowed})" if fault.allowed else "")]
    return f"::{fault.severity}{place}title={title}::{escaped(': '.join(part for part in parts if part))}"


@click.command(cls=Command)
@from_file
@click.option("--task-definition", "family", metavar="FAMILY", help="Only this input of register-task-definition.")
@click.option("--service", metavar="NAME", help="Only this input of create-service.")
@pass_settings
def render(settings: Settings, files: tuple[str, ...], family: str | None, service: str | None) -> None:
    """Print the definitions as they are sent to AWS.

    Shorthands are expanded, templates filled in (what only AWS knows stays as it is), files overlaid. YAML, or JSON
    with `-o json`: with `--task-definition` or `--service` it is what `aws ecs … --cli-input-json` takes.
    """
    from ecsctl.ecs_definitions.api_inputs import inputs
    from ecsctl.manifest import inspect
    from ecsctl.manifest.model import SpecError
    from ecsctl.render.table import emit_data

    given = values(settings, ask=False, exact=True)
    spec, checked = inspect(files, values=given, lenient=settings.lenient, standalone=True)
    if spec is None:
        raise SpecError(checked.errors)
    data = inputs(spec)
    for section, name in (("taskDefinitions", family), ("services", service)):
        if name is not None:
            chosen = data.get(section, {})
            if name not in chosen:
                known = ", ".join(sorted(chosen)) or "none"
                raise NotFoundError(f"the file has no {name!r} under {section}", hint=f"it has: {known}")
            data = chosen[name]
            break
    else:
        if not spec.name and sum(len(section) for section in data.values()) == 1:
            # A definition alone is printed as it came: by itself.
            [[data]] = [section.values() for section in data.values()]
    if settings.structured:
        settings.emit_data(data)
    else:
        emit_data(data, "yaml")


@click.command(cls=Command)
@click.argument("what", type=click.Choice(SCHEMAS), default="project", metavar="[WHAT]")
@pass_settings
def schema(settings: Settings, what: str) -> None:
    """Print the JSON Schema of the file, for editors.

    \b
    ecsctl schema > ecsctl.schema.json
    # yaml-language-server: $schema=ecsctl.schema.json

    The second line is the first one of ecsctl.yaml: the YAML language server of VS Code, Neovim, Emacs and others then
    completes keys and values, shows the API's documentation, and marks what is wrong. WHAT is project (the default),
    overlay for what is laid over one, task-definition or service for files of their own, or run-task.
    """
    from ecsctl.manifest.schema.editor import file_schema
    from ecsctl.render.table import emit_data

    if settings.structured:
        settings.emit_data(file_schema(what))
    else:
        emit_data(file_schema(what), "json")


@click.command(cls=Command)
@click.argument("rule", required=False)
@pass_settings
def explain(settings: Settings, rule: str | None) -> None:
    """Explain a rule of `validate` (ECS014).

    Without RULE, all of them.
    """
    from ecsctl.manifest.rules import all_rules
    from ecsctl.render.table import Column

    rules = all_rules()
    if rule is not None:
        rule = f"ECS{rule:>03}" if rule.isdecimal() else rule.upper()
        found = rules.get(rule)
        if found is None:
            near = difflib.get_close_matches(rule, rules, n=3)
            like = f"like it are {', '.join(near)}; " if near else ""
            raise NotFoundError(f"there is no rule {rule!r}", hint=f"{like}`ecsctl explain` lists them")
        if not settings.structured:
            sys.stdout.write(_page(found))
            return
    columns: list[Column[Rule]] = [
        Column("RULE", "rule", lambda one: one.id),
        Column("SEVERITY", "severity", lambda one: one.severity),
        Column("WHAT", "title", lambda one: one.title),
        Column("SERVICE", "service", _cited, table=False),
        Column("WHY", "why", lambda one: one.why, table=False),
        Column("", "looksAt", lambda one: one.looks_at, table=False),
    ]
    chosen = [rules[rule]] if rule is not None else list(rules.values())
    settings.emit(chosen, columns, single=rule is not None)


def _page(rule: Rule) -> str:
    import textwrap

    def paragraph(text: str) -> str:
        return textwrap.fill(text, 100)

    parts = [f"{rule.id} ({rule.severity}): {rule.title}", paragraph(rule.why)]
    parts.append(paragraph(f"What is checked: {rule.looks_at}"))
    for quoted, source in quotations(rule):
        parts.append(f"{paragraph(f'Amazon ECS says: {quoted}')}\n{paragraph(f'  (source: {source})')}")
    if rule.bases:
        parts.append(paragraph(f"Known from {'; '.join(rule.bases)}."))
    if rule.severity == "warning":
        parts.append("AWS takes it all the same; `ecsctl validate --strict` does not.")
    return "\n\n".join(parts) + "\n"


def quotations(rule: Rule) -> list[tuple[str, str]]:
    """What the service answers to what a rule finds, each with its public source."""
    return [(refusal.example(), refusal.source or "") for refusal in rule.quotes]


def _cited(rule: Rule) -> list[dict[str, str | None]]:
    """The facts that a rule cites; ``says`` only where the words have a source."""
    return [
        {
            "fact": refusal.id,
            "operation": refusal.operation,
            "code": refusal.code,
            "when": refusal.when,
            "says": refusal.example() if refusal.source else None,
            "source": refusal.source or refusal.basis,
        }
        for refusal in rule.cites
    ]
