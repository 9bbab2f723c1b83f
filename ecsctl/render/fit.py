"""Make a table fit the terminal: columns give way by their priority, long texts break between words. Pure.

A row never takes more than the width, so no terminal wraps it in the middle of a word.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

GAP = 2
# A text that may be broken gets at least so many columns; a cell that is cut keeps at least so many.
MIN_WRAPPED = 24
MIN_CUT = 4
NOTHING = "-"


@dataclass(frozen=True)
class Head:
    """What is known of a column of a table: its heading, how it gives way, whether its texts may be broken.

    ``priority`` 0 stays; of the others the highest goes first.
    """

    heading: str
    priority: int = 0
    wrap: bool = False


def lines(
    heads: Sequence[Head], cells: Sequence[Sequence[str]], width: int | None = None, *, headings: bool = True
) -> list[str]:
    """The lines of a table, columns two spaces apart, the headings first.

    Args:
        width: the terminal's columns; None: nothing has to fit.
        headings: False leaves the headings out.
    """
    kept, widths = layout(heads, cells, width)
    shown = [tuple(heads[number].heading for number in kept)] if headings else []
    made = [row(texts, widths) for texts in shown]
    for texts in cells:
        chosen = [texts[number] for number in kept]
        if width is None:
            made.append(row(chosen, widths))
        else:
            made += _fitted(chosen, [heads[number].wrap for number in kept], widths)
    return made


def layout(heads: Sequence[Head], cells: Sequence[Sequence[str]], width: int | None) -> tuple[list[int], list[int]]:
    """Which columns are shown, by their numbers, and how wide each is.

    Of two columns that may go, the one without any value goes before the one that has some.
    """
    natural = [
        max(map(cell_width, {head.heading, *column}))
        for head, column in zip(heads, zip(*cells, strict=True) if cells else [()] * len(heads), strict=True)
    ]
    kept = list(range(len(heads)))
    if width is None:
        return kept, natural
    least = [
        max(cell_width(head.heading), min(wide, MIN_WRAPPED)) if head.wrap else wide
        for head, wide in zip(heads, natural, strict=True)
    ]
    empty = {number for number in kept if all(texts[number] == NOTHING for texts in cells)}
    while _sum(least, kept) > width:
        going = [number for number in kept if heads[number].priority]
        if not going:
            break
        kept.remove(max(going, key=lambda number: (number in empty, heads[number].priority, number)))
    widths = {number: least[number] for number in kept}
    while _sum(widths, kept) > width:
        widest = max(kept, key=lambda number: widths[number])
        if widths[widest] <= MIN_CUT:
            break
        widths[widest] -= 1
    for number in kept:
        # What is left goes to the texts that may be broken.
        if heads[number].wrap:
            widths[number] = min(natural[number], widths[number] + max(0, width - _sum(widths, kept)))
    return kept, [widths[number] for number in kept]


def _sum(widths: Sequence[int] | dict[int, int], kept: Sequence[int]) -> int:
    return sum(widths[number] for number in kept) + GAP * (len(kept) - 1)


def _fitted(cells: Sequence[str], wraps: Sequence[bool], widths: Sequence[int]) -> list[str]:
    """The lines of one row: its broken texts go on below."""
    parts = [
        (textwrap.wrap(text, width, break_on_hyphens=False) or [""]) if wrap else [cut(text, width)]
        for text, wrap, width in zip(cells, wraps, widths, strict=True)
    ]
    count = max(map(len, parts), default=0)
    return [row([part[number] if number < len(part) else "" for part in parts], widths) for number in range(count)]


def row(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of cells, each padded to its width."""
    padded = [
        text.ljust(width) if text.isascii() else text + " " * (width - cell_width(text))
        for text, width in zip(cells, widths, strict=True)
    ]
    return (" " * GAP).join(padded).rstrip()


def cut(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns, with an ellipsis where something is missing."""
    if cell_width(text) <= width:
        return text
    kept = ""
    for char in text:
        if cell_width(kept + char) > width - 1:
            break
        kept += char
    return kept + "…"


def cell_width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
