"""One thing in detail: its fields below one another, from the same columns that make a table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO, TypeVar

from ecsctl.render.table import Column

T = TypeVar("T")


def write_record(row: T, columns: Sequence[Column[T]], *, stream: TextIO | None = None) -> None:
    """Print ``Heading  value`` lines to stdout, for the columns that a table shows."""
    stream = stream or sys.stdout
    shown = [column for column in columns if column.table]
    width = max((len(column.heading) for column in shown), default=0)
    for column in shown:
        stream.write(f"{column.heading.ljust(width)}  {column.cell(row)}".rstrip() + "\n")
