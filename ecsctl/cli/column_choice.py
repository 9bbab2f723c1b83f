"""Which columns of a listing are shown, and in what order its rows come. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from ecsctl.errors import UsageError
from ecsctl.render.table import Column

T = TypeVar("T")
NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Choice(Generic[T]):
    """The columns to show; what rows are sorted by, if not by the order in which they come.

    ``lasting`` has those whose values do not change by themselves (as an age does).
    """

    columns: Sequence[Column[T]]
    lasting: Sequence[Column[T]]
    sort: Column[T] | None = None
    descending: bool = False

    def rows(self, rows: Iterable[T]) -> list[T]:
        """The rows in their order; those without a value come last."""
        by = self.sort
        if by is None:
            return list(rows)
        known: list[tuple[Any, T]] = []
        unknown: list[T] = []
        for row in rows:
            value = by.order(row) if by.order else by.value(row)
            if value is None or value == "" or value == []:
                unknown.append(row)
            else:
                known.append((_key(value), row))
        known.sort(key=lambda pair: pair[0], reverse=self.descending)
        return [row for _, row in known] + unknown


def choose(
    columns: Sequence[Column[T]], *, names: str | None = None, sort: str | None = None, wide: bool = False
) -> Choice[T]:
    """The choice that options make.

    Args:
        names: columns by heading or key, comma-separated; these only, in this order.
        sort: one such column, with ``-`` in front for the other direction.
        wide: those, too, that a table leaves out for want of room.

    Raises:
        UsageError: there is no such column; the hint lists those that there are.
    """
    shown: Sequence[Column[T]] = columns
    lasting = [column for column in columns if column.data]
    if names is not None:
        wanted = [name for name in names.split(",") if name.strip()]
        if not wanted:
            raise UsageError("--columns names no column", hint=_known(columns))
        found = [find(columns, name) for name in wanted]
        lasting = [column for column in found if column.data]
        shown = [replace(column, table=True, data=True, priority=0, heading=column.head.heading) for column in found]
    elif wide:
        shown = [replace(column, table=column.table or column.wide) for column in columns]
    descending = bool(sort) and str(sort).startswith("-")
    by = find(columns, str(sort).lstrip("-")) if sort else None
    return Choice(shown, lasting, by, descending)


def find(columns: Sequence[Column[T]], name: str) -> Column[T]:
    """The column of this heading or key; case, spaces, hyphens, and kubectl's leading dot make no difference.

    Raises:
        UsageError: there is none.
    """
    wanted = _plain(name)
    named = [(_plain(column.heading), column) for column in columns] + [(_plain(one.key), one) for one in columns]
    for known, column in named:
        if known and known == wanted:
            return column
    import difflib

    near = difflib.get_close_matches(name.lower(), _names(columns), n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    raise UsageError(f"there is no column {name.strip()!r}", hint=f"{meant}{_known(columns)}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _names(columns: Sequence[Column[T]]) -> list[str]:
    return [column.heading.lower().replace(" ", "-") or column.key for column in columns]


def _known(columns: Sequence[Column[T]]) -> str:
    return f"the columns are {', '.join(_names(columns))}"


def _key(value: Any) -> Any:
    """What a value is compared by: numbers in texts count as numbers."""
    if isinstance(value, (bool, int, float)):
        return (0, float(value))
    if hasattr(value, "timestamp"):
        return (0, value.timestamp())
    if isinstance(value, (list, tuple)):
        return (2, *(_key(item) for item in value))
    text = str(value)
    return (1, *((0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in NUMBER.split(text) if part))
