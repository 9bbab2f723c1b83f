"""What every listing command has in common: how its rows are chosen, sorted and printed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ecsctl.cli.options import stored
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.render.table import Column

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def lists(function: F) -> F:
    """Give a command ``--sort``, ``--columns``, ``--no-headers`` and ``--watch``; they land in the settings."""
    function = stored("-w", "--watch", is_flag=True, help="Look again and again, until Ctrl-C.")(function)
    function = stored("--no-headers", is_flag=True, help="Print a table without its headings.")(function)
    function = stored(
        "--columns", metavar="NAME,...", help="Show these columns only, by heading or JSON key, in this order."
    )(function)
    return stored("--sort", "--sort-by", "sort", metavar="COLUMN", help="Sort by a column; -COLUMN turns it round.")(
        function
    )


def show_list(
    settings: Settings,
    columns: Sequence[Column[T]],
    read: Callable[[], Iterable[T]],
    *,
    name: Callable[[T], str],
    empty: str,
    key: Callable[[T], Hashable] | None = None,
) -> None:
    """Print a listing as the options say.

    Args:
        read: looks once; not called where an option is wrong.
        name: what ``-q`` prints of a row, one a line.
        empty: said on stderr where a table has no row.
        key: tells rows apart; what ``-q`` prints, by default.

    Raises:
        UsageError: --sort or --columns names no column.
    """
    from ecsctl.cli.column_choice import choose

    choice = choose(columns, names=settings.columns, sort=settings.sort, wide=settings.wide)
    if settings.watch:
        from ecsctl.cli.watching import watch

        watch(settings, choice, read, name=name, key=key or name, empty=empty)
        return
    rows = choice.rows(read())
    if settings.bare:
        for row in rows:
            print(name(row))
        return
    settings.emit(
        rows,
        choice.columns,
        empty=empty,
        headings=not settings.no_headers,
        fitted=not settings.wide and settings.columns is None,
    )
