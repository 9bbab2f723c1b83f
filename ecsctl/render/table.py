"""One list of columns serves every output format: table, JSON, YAML, and tab-separated text.

Tables are formatted here rather than by rich, which takes seconds for thousands of rows.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TextIO, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column: its heading, its key in JSON and YAML, and its value of a row.

    ``value`` gives the machine's form (None where there is none, a list where there are many); ``text`` the form of
    tables, by default made of ``value``. ``table`` False keeps
    a column out of the table, ``data`` False out of the rest.
    """

    heading: str
    key: str
    value: Callable[[T], Any]
    text: Callable[[T], str] | None = None
    table: bool = True
    data: bool = True

    def cell(self, row: T) -> str:
        """The row's text in a table."""
        return self.text(row) if self.text else plain(self.value(row))


def plain(value: Any) -> str:
    """A value as a person reads it in one cell; ``-`` for nothing."""
    if value is None or value == "" or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(plain(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={plain(item)}" for key, item in value.items())
    return str(value)


def emit(
    rows: Iterable[T],
    columns: Sequence[Column[T]],
    output: str,
    *,
    empty: str | None = None,
    single: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Print rows to stdout in the format ``output`` (``table``, ``json``, ``yaml``, ``text``).

    Args:
        empty: said on stderr where a table has no row.
        single: JSON and YAML print the one row itself instead of a list.
    """
    stream = stream or sys.stdout
    rows = list(rows)
    if output in ("json", "yaml"):
        data: Any = [as_data(row, columns) for row in rows]
        emit_data(data[0] if single and data else data, output, stream=stream)
    elif output == "text":
        for row in rows:
            stream.write("\t".join(column.cell(row) for column in columns if column.table) + "\n")
    elif rows:
        shown = [column for column in columns if column.table]
        write_table([column.heading for column in shown], [[c.cell(row) for c in shown] for row in rows], stream)
    elif empty:
        print(empty, file=sys.stderr)


def as_data(row: T, columns: Sequence[Column[T]]) -> dict[str, Any]:
    """A row as a mapping of the columns' keys."""
    return {column.key: column.value(row) for column in columns if column.data}


def as_line(row: T, columns: Sequence[Column[T]]) -> str:
    """A row as one line of JSON."""
    return json.dumps(as_data(row, columns), default=_simple, ensure_ascii=False)


def emit_data(data: Any, output: str, *, stream: TextIO | None = None) -> None:
    """Print plain data as JSON, or as YAML where ``output`` is ``yaml``. Times print as ISO 8601."""
    stream = stream or sys.stdout
    if output == "yaml":
        from ecsctl.manifest.yaml.dump import dump

        clean = json.loads(json.dumps(data, default=_simple))
        stream.write(dump(clean))
    else:
        stream.write(json.dumps(data, indent=2, default=_simple, ensure_ascii=False) + "\n")


def write_table(headings: Sequence[str], cells: Sequence[Sequence[str]], stream: TextIO) -> None:
    """Print aligned columns, two spaces apart, the headings first."""
    widths = [max(map(_width, column)) for column in zip(headings, *cells, strict=True)]
    for line in (headings, *cells):
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True))
        stream.write("  ".join(padded).rstrip() + "\n")


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _simple(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
