"""``ecsctl logs``: what tasks say, merged by time; ``run --wait`` shows the lines of its tasks by the same code."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from ecsctl.cli.context import connect
from ecsctl.cli.options import FAMILY, SERVICE, Command, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.errors import EcsctlError, UsageError

if TYPE_CHECKING:
    from ecsctl.aws.logs import Page
    from ecsctl.aws.session import Aws
    from ecsctl.query.log_merge import Line, Merger, Stream
    from ecsctl.query.log_sources import LogSource
    from ecsctl.query.log_tasks import LogTasks

WORKERS = 8
# GetLogEvents: 10 a second in most regions.
BURST, RATE = 20, 10.0
RESCAN = 5.0


@click.command(cls=Command)
@click.argument("tasks", metavar="[TASK]...", nargs=-1)
@click.option(
    "--service", type=SERVICE, metavar="NAME", help="The tasks of this service, those that ended in the last hour too."
)
@click.option(
    "--family", type=FAMILY, metavar="NAME", help="The tasks of this family, those that ended in the last hour too."
)
@click.option("-f", "--follow", is_flag=True, help="Follow new lines, until the named tasks have ended.")
@click.option("--since", metavar="WHEN", help="Only lines since then: 10m, 2h, 3d ago, or 2026-01-31T12:00[Z].")
@click.option("--until", metavar="WHEN", help="Only lines before then, written like --since.")
@click.option("-n", "--tail", type=click.IntRange(0), metavar="N", help="Begin with the last N lines.  [default: all]")
@click.option("--container", metavar="NAME", help="Only this container.  [default: all]")
@click.option("--grep", metavar="PATTERN", help="Only lines that match this regular expression.")
@click.option("-t", "--timestamps", is_flag=True, help="Show when each line was written (UTC).")
@click.option("--prefix/--no-prefix", default=None, help="Show whose line it is.  [default: where there are several]")
@pass_settings
def logs(
    settings: Settings,
    tasks: tuple[str, ...],
    service: str | None,
    family: str | None,
    follow: bool,
    since: str | None,
    until: str | None,
    tail: int | None,
    container: str | None,
    grep: str | None,
    timestamps: bool,
    prefix: bool | None,
) -> None:
    """Print what tasks write, merged by time; -f follows them.

    TASK is as for `ecsctl locate`. Lines go to stdout, with -o json one object a line; everything else goes to stderr.
    A new task of --service or --family joins in while following. What is not logged to CloudWatch by the awslogs
    driver is said to be elsewhere, and where.
    """
    if service and (tasks or family):
        raise UsageError(
            "--service cannot be used together with a TASK or --family", hint="name tasks, or a service, or a family"
        )
    if not (tasks or service or family):
        raise UsageError("whose logs?", hint="name a task (`ecsctl ps` lists them), or use --service or --family")
    if follow and until:
        raise UsageError("--follow and --until cannot be used together", hint="leave one of them out")
    wanted = _pattern(grep)
    aws, cluster = connect(settings)
    now = aws.now().timestamp()
    first, last = _moment(since, now, "--since"), _moment(until, now, "--until")
    if since or until:
        # AWS's clock is known by its answers only.
        aws.call("ecs", "ListTasks", {"cluster": cluster, "maxResults": 1}, about=f"cluster {cluster}")
        now = aws.now().timestamp()
        first, last = _moment(since, now, "--since"), _moment(until, now, "--until")
    from ecsctl.query.log_tasks import LogTasks

    chosen = LogTasks(
        aws,
        cluster,
        tasks,
        service=service,
        family=family,
        container=container,
        since=None if first is None else now - first,
        now=now,
    )
    sources = chosen.look()
    _tell(settings, chosen)
    if not sources and not (follow and chosen.open):
        raise _nothing(cluster, chosen)
    shown = LogPrinter(settings, prefix=prefix, timestamps=timestamps)
    shown.expect(sources, several=len(sources) > 1 or chosen.open)
    reader = Reader(aws, _milliseconds(first), _milliseconds(last))
    tokens = reader.print_last(sources, tail, wanted, shown) if tail is not None else {}
    if tail is not None and not follow:
        shown.flush()
        return
    merger = merge(settings, reader, chosen if follow else None, sources, shown)
    for key, token in tokens.items():
        merger.streams[key].token = token
    for line in merger.lines():
        if wanted(line.message):
            shown.line(line)
    shown.flush()
    missing = [stream for stream in merger.streams.values() if not stream.found]
    _conclude(settings, chosen, missing, all_missing=len(missing) == len(merger.streams))


def merge(
    settings: Settings,
    reader: Reader,
    follow: LogTasks | None,
    sources: Sequence[LogSource],
    shown: LogPrinter,
    *,
    rescan: float = RESCAN,
    at_rest: Callable[[float], None] = lambda seconds: None,
) -> Merger:
    """The merged lines of sources; with ``follow``, of all that its tasks have and will have.

    Args:
        at_rest: called before each pause with its seconds; what it raises ends the reading.
    """
    from ecsctl.aws.concurrency import map_concurrently
    from ecsctl.query.log_merge import Merger

    clock = settings.aws().clock

    def fetch(work: Callable[[Stream], None], streams: Sequence[Stream]) -> None:
        for _ in map_concurrently(work, list(streams), workers=WORKERS):
            pass

    def rest(seconds: float) -> None:
        shown.flush()
        at_rest(seconds)
        clock.sleep(seconds)

    def look() -> Sequence[LogSource]:
        assert follow is not None
        found = follow.look()
        _tell(settings, follow)
        return found

    return Merger(
        reader.forwards,
        sources,
        follow=follow is not None,
        fetch=fetch,
        sources=look if follow else None,
        rescan=rescan,
        endless=follow is not None and follow.open,
        report=settings.say,
        clock=clock.monotonic,
        sleep=rest,
    )


class Reader:
    """Reads pages of log streams, in their own regions, no faster than CloudWatch lets everybody.

    Args:
        since: milliseconds of the epoch, as ``until``; None where there is no bound.
    """

    def __init__(self, aws: Aws, since: int | None = None, until: int | None = None) -> None:
        from ecsctl.aws.rate_limits import TokenBucket

        self._aws = aws
        self._since, self._until = since, until
        self._bucket = TokenBucket(BURST, RATE)

    def forwards(self, source: LogSource, token: str | None, size: int) -> Page:
        """The page behind the token, the stream's first one without."""
        return self._page(source, token, size, backwards=False)

    def _page(self, source: LogSource, token: str | None, size: int, *, backwards: bool) -> Page:
        from ecsctl.aws.logs import read_events

        self._bucket.take()
        return read_events(
            self._aws.in_region(source.region),
            source.group,
            source.stream,
            token=token,
            since=self._since,
            until=self._until,
            limit=size,
            backwards=backwards,
        )

    def print_last(
        self, sources: Sequence[LogSource], count: int, wanted: Callable[[str], bool], shown: LogPrinter
    ) -> dict[tuple[str | None, str, str], str]:
        """Print the last lines of all together; the tokens behind them."""
        from ecsctl.aws.logs import EVENTS
        from ecsctl.query.log_merge import last_lines

        size = max(1, min(EVENTS, count))
        lines, tokens = last_lines(
            lambda source, token: self._page(source, token, size, backwards=True), sources, count, wanted
        )
        for line in lines:
            shown.line(line)
        return tokens


class LogPrinter:
    """Writes lines to stdout in the form that was asked for."""

    def __init__(self, settings: Settings, *, prefix: bool | None = None, timestamps: bool = False) -> None:
        self._settings = settings
        self._prefix = prefix
        self._timestamps = timestamps
        self._text: Callable[[Line], str] | None = None
        self.printed = 0

    def expect(self, sources: Sequence[LogSource], *, several: bool) -> None:
        """Set the sources; ``several`` prefixes each line with its task, unless the user said otherwise."""
        from ecsctl.render.log_lines import writer
        from ecsctl.render.terminal import colours

        prefix = several if self._prefix is None else self._prefix
        self._text = writer(
            self._settings.output,
            sources,
            prefix=prefix,
            timestamps=self._timestamps,
            colour=colours(sys.stdout),
            query=self._settings.chosen if self._settings.query is not None else None,
        )

    def line(self, line: Line) -> None:
        """Print one."""
        assert self._text is not None
        sys.stdout.write(self._text(line))
        self.printed += 1

    def flush(self) -> None:
        """Have all of it seen."""
        sys.stdout.flush()


def _moment(text: str | None, now: float, option: str) -> float | None:
    from ecsctl.units import moment

    try:
        return None if text is None else moment(text, now)
    except ValueError as error:
        raise UsageError(f"{option} {text!r}: {error}") from None


def _milliseconds(moment: float | None) -> int | None:
    return None if moment is None else int(moment * 1000)


def _pattern(grep: str | None) -> Callable[[str], bool]:
    if grep is None:
        return lambda message: True
    try:
        search = re.compile(grep).search
    except re.error as error:
        raise UsageError(f"--grep {grep!r} is not a regular expression: {error}") from None
    return lambda message: search(message) is not None


def _tell(settings: Settings, chosen: LogTasks) -> None:
    for line in chosen.elsewhere:
        settings.note(line)
    for line in chosen.news:
        settings.say(line)
    chosen.news.clear()
    chosen.told()


def _nothing(cluster: str, chosen: LogTasks) -> EcsctlError:
    if chosen.known_elsewhere:
        return EcsctlError(
            "these tasks log nothing to CloudWatch",
            details=chosen.known_elsewhere,
            hint="`logs: awslogs` in the definition has them log to /ecs/FAMILY",
        )
    return EcsctlError(
        f"none of its tasks runs in cluster {cluster}, and none has ended in the last hour",
        hint="--since 1d looks for log streams of before",
    )


def _conclude(settings: Settings, chosen: LogTasks, missing: Sequence[Stream], *, all_missing: bool) -> None:
    """Tell of the streams that are not there, and why."""
    sentences = [*_sentences(chosen, missing)]
    groups = sorted({stream.source.group for stream in missing if "log group" in (stream.missing or "")})
    if groups and all_missing:
        raise EcsctlError(
            f"there is no log group {', '.join(groups)}",
            details=sentences,
            hint="`logs: awslogs` has `ecsctl up` make it; the option awslogs-create-group has the agent make it",
        )
    for sentence in sentences:
        settings.note(sentence)


def _sentences(chosen: LogTasks, missing: Sequence[Stream]) -> Iterator[str]:
    for stream in missing:
        source = stream.source
        said = (stream.missing or "it could not be read").rstrip(".")
        why = "; ".join(chosen.causes(source))
        yield (
            f"container {source.container} of task {source.task_id[:8]} has logged nothing: "
            f"{source.group} {source.stream}: {said}{f' ({why})' if why else ''}"
        )
