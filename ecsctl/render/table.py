"""One list of columns serves every output format: table, JSON, YAML, and tab-separated text.

Tables are formatted here rather than by rich, which takes seconds for thousands of rows.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TextIO, TypeVar

from ecsctl.render import fit, terminal

T = TypeVar("T")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column: its heading, its key in JSON and YAML, and its value of a row.

    ``value`` gives the machine's form (None where there is none, a list where there are many); ``text`` the form of
    tables, by default made of ``value``; ``order`` what rows are sorted by, by default ``value``. ``table`` False keeps
    a column out of the table, where ``wide`` brings it in with ``-o wide``; ``data`` False keeps it out of the rest.

    Where the terminal is narrow, a column of a ``priority`` gives way, the highest first; the texts of one that
    ``wrap`` says may be broken between words.
    """

    heading: str
    key: str
    value: Callable[[T], Any]
    text: Callable[[T], str] | None = None
    table: bool = True
    data: bool = True
    priority: int = 0
    wide: bool = False
    wrap: bool = False
    order: Callable[[T], Any] | None = None

    def cell(self, row: T) -> str:
        """The row's text in a table."""
        return self.text(row) if self.text else plain(self.value(row))

    @property
    def head(self) -> fit.Head:
        """How it stands above a table; what has no heading has the words of its key."""
        heading = self.heading or CAMEL.sub(" ", self.key).upper()
        return fit.Head(heading, self.priority, self.wrap)


def plain(value: Any) -> str:
    """A value as a person reads it in one cell; ``-`` for nothing."""
    if isinstance(value, str):
        return value or "-"
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ",".join(plain(item) for item in value)
    if isinstance(value, dict):
        return ",".join(f"{key}={plain(item)}" for key, item in value.items())
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%dT%H:%M:%S%z}"
    return str(value)


def emit(
    rows: Iterable[T],
    columns: Sequence[Column[T]],
    output: str,
    *,
    empty: str | None = None,
    single: bool = False,
    headings: bool = True,
    fitted: bool = True,
    stream: TextIO | None = None,
) -> None:
    """Print rows to stdout in the format ``output`` (``table``, ``json``, ``yaml``, ``text``).

    Args:
        empty: said on stderr where a table has no row.
        single: JSON and YAML print the one row itself instead of a list.
        headings: False: a table has none.
        fitted: False: a table may be wider than the terminal.
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
        width = terminal.width(stream) if fitted else None
        stream.writelines(f"{line}\n" for line in table_lines(rows, columns, width, headings=headings))
    elif empty:
        print(empty, file=sys.stderr)


def table_lines(
    rows: Sequence[T], columns: Sequence[Column[T]], width: int | None = None, *, headings: bool = True
) -> list[str]:
    """The lines of a table of rows; it fits ``width`` columns of a terminal where that is given."""
    shown = [column for column in columns if column.table]
    cells = [[column.cell(row) for column in shown] for row in rows]
    return fit.lines([column.head for column in shown], cells, width, headings=headings)


def as_data(row: T, columns: Sequence[Column[T]]) -> dict[str, Any]:
    """A row as a mapping of the columns' keys."""
    return {column.key: column.value(row) for column in columns if column.data}


def emit_data(data: Any, output: str, *, stream: TextIO | None = None) -> None:
    """Print plain data as JSON, or as YAML where ``output`` is ``yaml``. Times print as ISO 8601."""
    stream = stream or sys.stdout
    if output == "yaml":
        from ecsctl.manifest.yaml.dump import dump

        stream.write(dump(simplified(data)))
    else:
        stream.write(json.dumps(data, indent=2, default=_simple, ensure_ascii=False) + "\n")


def simplified(data: Any) -> Any:
    """The same data as JSON has it: times are texts."""
    return json.loads(json.dumps(data, default=_simple))


def emit_line(data: Any, *, stream: TextIO | None = None) -> None:
    """Print plain data as one line of JSON."""
    (stream or sys.stdout).write(json.dumps(data, default=_simple, ensure_ascii=False) + "\n")


def _simple(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
