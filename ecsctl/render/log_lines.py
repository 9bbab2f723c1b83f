"""Log lines as people and programs read them: a prefix that tells the tasks apart, or JSON, one object a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any

from ecsctl.query.log_merge import Line
from ecsctl.query.log_sources import LogSource, shorten
from ecsctl.render.terminal import paint

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


def writer(
    output: str,
    sources: Sequence[LogSource],
    *,
    prefix: bool,
    timestamps: bool,
    colour: bool,
    query: Callable[[Any], Any] | None = None,
) -> Callable[[Line], str]:
    """What makes text of a line, its newline included.

    Args:
        output: ``json`` and ``yaml`` give every field; ``text`` parts time, task, container and message by tabs.
        sources: those known so far; others may come.
        prefix: say in front of a line which task it is of.
        query: applied to the data of a line.
    """
    if output == "json":
        return lambda line: json.dumps(_chosen(line, query), ensure_ascii=False) + "\n"
    if output == "yaml":
        return lambda line: _yaml(_chosen(line, query))
    if output == "text":
        return lambda line: f"{stamp(line.timestamp)}\t{line.source.task_id}\t{line.source.container}\t{line.message}\n"
    prefixes = _Prefixes(sources, colour)

    def plain(line: Line) -> str:
        front = prefixes.of(line.source) if prefix else ""
        when = f"{stamp(line.timestamp)} " if timestamps else ""
        return f"{front}{when}{line.message}\n"

    return plain


class _Prefixes:
    """``1722d6b9 web | ``: the task's id, and the container's name where the task has several."""

    def __init__(self, sources: Sequence[LogSource], colour: bool) -> None:
        self._short = shorten(source.task_id for source in sources)
        self._colour = colour
        self._made: dict[LogSource, str] = {}
        self._tasks: dict[str, int] = {}
        self._width = max((len(self._text(source)) for source in sources), default=0)

    def _text(self, source: LogSource) -> str:
        short = self._short.get(source.task_id, source.task_id[:8])
        return f"{short} {source.container}" if source.several else short

    def of(self, source: LogSource) -> str:
        made = self._made.get(source)
        if made is None:
            number = self._tasks.setdefault(source.task_id, len(self._tasks))
            text = self._text(source).ljust(self._width)
            made = f"{paint(text, COLOURS[number % len(COLOURS)]) if self._colour else text} | "
            self._made[source] = made
        return made


def as_data(line: Line) -> dict[str, Any]:
    """A line as a mapping; the keys are documented and stay."""
    source = line.source
    return {
        "timestamp": stamp(line.timestamp),
        "task": source.task_id,
        "container": source.container,
        "service": source.service,
        "family": source.family,
        "logGroup": source.group,
        "logStream": source.stream,
        "message": line.message,
    }


def _chosen(line: Line, query: Callable[[Any], Any] | None) -> Any:
    return query(as_data(line)) if query else as_data(line)


def _yaml(data: Any) -> str:
    from ecsctl.manifest.yaml.dump import dump

    return "---\n" + dump(data)


def stamp(milliseconds: int) -> str:
    """``2026-01-31T12:00:00.123Z``."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


_last: tuple[int, str] = (-1, "")


def _second(seconds: int) -> str:
    # Thousands of lines share a second.
    global _last
    if _last[0] != seconds:
        _last = (seconds, datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S"))
    return _last[1]
