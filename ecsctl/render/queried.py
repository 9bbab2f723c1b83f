"""What ``--query`` has chosen, as the aws command prints it: JSON, YAML, text in tabs, or a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from ecsctl.render import fit, terminal
from ecsctl.render.table import emit_data, plain


def emit_chosen(data: Any, form: str, *, stream: TextIO | None = None) -> None:
    """Print plain data in the form ``json``, ``yaml``, ``text`` or ``table``."""
    stream = stream or sys.stdout
    if form in ("json", "yaml"):
        emit_data(data, form, stream=stream)
    elif form == "text":
        stream.writelines(f"{line}\n" for line in text_lines(data))
    else:
        stream.writelines(f"{line}\n" for line in _table(data, terminal.width(stream)))


def text_lines(data: Any) -> list[str]:
    """As ``aws … --output text``: the simple values of a list in one line, parted by tabs; ``None`` for nothing."""
    if isinstance(data, dict):
        data = [[data[key] for key in sorted(data)]]
    if not isinstance(data, list):
        return [_word(data)]
    simple = [item for item in data if not isinstance(item, (list, dict))]
    lines = ["\t".join(map(_word, simple))] if simple else []
    for item in data:
        if isinstance(item, (list, dict)):
            lines += text_lines(item)
    return lines


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value)
    return "None" if value is None else str(value)


def _table(data: Any, width: int | None) -> Sequence[str]:
    rows = data if isinstance(data, list) else [data]
    if rows and all(isinstance(row, dict) for row in rows):
        keys = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[_cell(row.get(key)) for key in keys] for row in rows]
        return fit.lines([fit.Head(key) for key in keys], cells, width)
    if rows and all(isinstance(row, list) for row in rows):
        columns = max(map(len, rows))
        cells = [[_cell(row[number]) if number < len(row) else "" for number in range(columns)] for row in rows]
        return fit.lines([fit.Head("")] * columns, cells, width, headings=False)
    return [_cell(row) for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, (list, dict)) and value:
        return json.dumps(value, ensure_ascii=False)
    return plain(value)
