"""A plan, as people read it: one line a change, the fields below it, the counts at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from ecsctl.deploy.changes import CREATE, REMOVE, REPLACE, UPDATE, Change, FieldChange, Plan
from ecsctl.render.terminal import colours, is_terminal

SIGNS = {CREATE: "+", UPDATE: "~", REPLACE: "±", REMOVE: "-"}
COLOURS = {CREATE: "green", UPDATE: "yellow", REPLACE: "magenta", REMOVE: "red"}
WIDTH = 80


def write_plan(plan: Plan, stream: TextIO | None = None, *, full: bool = False) -> None:
    """Print a plan, in colour where the terminal takes it; on a terminal long values are cut, unless ``full``."""
    stream = stream or sys.stdout
    write_lines(lines(plan, cut=is_terminal(stream) and not full), stream)


def write_lines(styled: Iterable[tuple[str, str]], stream: TextIO | None = None) -> None:
    """Print lines, each with its style where colours are wanted (:func:`ecsctl.render.terminal.colours`)."""
    stream = stream or sys.stdout
    colour = colours(stream)
    for text, style in styled:
        if colour and style:
            from rich.console import Console
            from rich.text import Text

            Console(file=stream, highlight=False, soft_wrap=True, force_terminal=True).print(Text(text, style=style))
        else:
            stream.write(text + "\n")


def lines(plan: Plan, *, cut: bool = False) -> Iterable[tuple[str, str]]:
    """The lines of a plan, each with its style; with ``cut``, long values lose their middle."""
    where = f"project {plan.project}, cluster {plan.cluster}" if plan.project else f"cluster {plan.cluster}"
    for conflict in plan.conflicts:
        yield f"! in the way: {conflict}", "bold red"
    for refusal in plan.refusals:
        yield f"! refused: {refusal}", "bold red"
    if plan.empty:
        if not plan.conflicts:
            yield f"Nothing to change: AWS is as wanted ({where}).", ""
        return
    yield f"{where}:", "bold"
    for change in plan.changes:
        why = f" ({change.reason})" if change.reason else ""
        yield f"  {SIGNS[change.action]} {change.action} {change.key}{why}", COLOURS[change.action]
        if change.interrupts:
            yield f"      ! interrupts: {change.interrupts}", "bold red"
        yield from ((f"      {text}", "") for text in _fields(change, cut))
    counts = ((CREATE, "to create"), (UPDATE, "to change"), (REPLACE, "to replace"), (REMOVE, "to remove"))
    yield ", ".join(f"{plan.count(action)} {text}" for action, text in counts if plan.count(action)) + ".", "bold"


def write_differences(
    differences: Iterable[tuple[str, str, Sequence[FieldChange]]], stream: TextIO | None = None
) -> None:
    """Print what differs between revisions, each as (what runs, what comes, the fields)."""
    stream = stream or sys.stdout
    cut = is_terminal(stream)
    for before, after, fields in differences:
        write_lines(
            [(f"{before} → {after}:", "bold"), *((f"      {_difference(item, cut)}", "") for item in fields)], stream
        )


def _fields(change: Change, cut: bool) -> Iterable[str]:
    for item in change.fields:
        yield f"{item.path}: {_short(item.after or '', cut)}" if change.action == CREATE else _difference(item, cut)


def _difference(item: FieldChange, cut: bool) -> str:
    before = _short(item.before, cut) if item.before is not None else "(none)"
    after = _short(item.after, cut) if item.after is not None else "(none)"
    return f"{item.path}: {before} → {after}"


def _short(text: str, cut: bool) -> str:
    """A text in one line; with ``cut``, a long one without its middle: the end of an image's name is its tag."""
    text = " ".join(text.split())
    return text if not cut or len(text) <= WIDTH else f"{text[: WIDTH // 2 - 1]}…{text[-(WIDTH // 2) :]}"
