"""``-w``: a listing that is looked at again and again. Redrawn on a terminal; in a pipe, only what changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

from ecsctl.cli.column_choice import Choice
from ecsctl.cli.settings import Settings
from ecsctl.query.watching import ADDED, Changes, Event, looks
from ecsctl.render import fit
from ecsctl.render.redraw import Redraw
from ecsctl.render.table import Column, as_data, emit_data, table_lines
from ecsctl.render.terminal import redraws, width

T = TypeVar("T")
EVENT = "EVENT"


def watch(
    settings: Settings,
    choice: Choice[T],
    read: Callable[[], Iterable[T]],
    *,
    name: Callable[[T], str],
    key: Callable[[T], Hashable],
    empty: str,
) -> None:
    """Show a listing and how it changes, until Ctrl-C.

    Args:
        name: what ``-q`` prints of a row.
        key: tells rows apart.
        empty: what stands on the terminal where there is no row.

    Raises:
        EcsctlError: it cannot be read, and that does not pass by itself.
    """
    if settings.output == "table" and redraws(sys.stdout):
        _redraw(settings, choice, read, name, empty)
        return
    changes: Changes[T] = Changes(key, lambda row: [column.value(row) for column in choice.lasting])
    printer = _Printer(settings, choice, name)
    for rows in looks(lambda: choice.rows(read()), settings.aws().clock, settings.note):
        for event in changes.since_last(rows):
            printer.tell(event)
        sys.stdout.flush()


def _redraw(
    settings: Settings, choice: Choice[T], read: Callable[[], Iterable[T]], name: Callable[[T], str], empty: str
) -> None:
    clock = settings.aws().clock
    lines: list[str] = []

    def status(text: str) -> None:
        screen.draw(lines, f"{clock.now().astimezone():%H:%M:%S}  {text}")

    source = looks(lambda: choice.rows(read()), clock, status)
    # What the first look raises is told on the screen that everybody sees.
    rows = next(source)
    with Redraw(sys.stdout) as screen:
        while True:
            fitted = None if settings.wide else width(sys.stdout)
            if settings.bare:
                lines = [name(row) for row in rows]
            elif rows:
                lines = table_lines(rows, choice.columns, fitted, headings=not settings.no_headers)
            else:
                lines = [empty]
            status("press Ctrl-C to stop")
            rows = next(source)


class _Printer(Generic[T]):
    """Prints events: a line of the table each, an object in JSON or YAML."""

    def __init__(self, settings: Settings, choice: Choice[T], name: Callable[[T], str]) -> None:
        self._settings = settings
        self._choice = choice
        self._name = name
        self._widths: list[int] = []

    def tell(self, event: Event[T]) -> None:
        """Print one."""
        output, row = self._settings.output, event.row
        if output in ("json", "yaml"):
            data = {"type": event.type, "object": as_data(row, self._choice.columns)}
            if output == "yaml":
                sys.stdout.write("---\n")
                emit_data(data, output)
            else:
                self._settings.emit_line(data)
            return
        if self._settings.bare:
            if event.type == ADDED:
                print(self._name(row))
            return
        shown: Sequence[Column[T]] = [column for column in self._choice.columns if column.table]
        cells = [event.type, *(column.cell(row) for column in shown)]
        if output == "text":
            print("\t".join(cells))
            return
        if not self._widths:
            heads = [EVENT, *(column.head.heading for column in shown)]
            self._widths = [len("MODIFIED"), *(0 for _ in shown)]
            self._widen(heads)
            self._widen(cells)
            if not self._settings.no_headers:
                print(fit.row(heads, self._widths))
        self._widen(cells)
        print(fit.row(cells, self._widths))

    def _widen(self, cells: Sequence[str]) -> None:
        self._widths = [max(wide, fit.cell_width(cell)) for wide, cell in zip(self._widths, cells, strict=True)]
