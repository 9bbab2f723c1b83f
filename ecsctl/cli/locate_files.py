"""``locate --format`` and ``--template``: files for other programs, written anew as tasks move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ecsctl.cli.settings import Settings
from ecsctl.errors import UsageError

if TYPE_CHECKING:
    from ecsctl.query.addresses import Location

F = TypeVar("F", bound=Callable[..., Any])
FORMATS = ("env", "hosts", "haproxy", "nginx", "prometheus", "json")


def writes_files(function: F) -> F:
    """Give a command ``--format``, ``--template``, ``--out``, ``--exec`` and ``--once``."""
    for option in reversed(
        (
            click.option("--format", "format_", type=click.Choice(FORMATS), help="Print them for another program."),
            click.option("--template", metavar="FILE", help="Print them by a Jinja template."),
            click.option("--out", metavar="FILE", help="Write that to a file, if it differs; with -w again and again."),
            click.option("--exec", "command", metavar="COMMAND", help="Run a command after the file was written."),
            click.option("--once", is_flag=True, help="Write it once, also with -w."),
        )
    ):
        function = option(function)
    return function


def require_together(format_: str | None, template: str | None, out: str | None, command: str | None) -> bool:
    """Whether a file is to be written.

    Raises:
        UsageError: options that do not go together.
    """
    if format_ and template:
        raise UsageError("--format and --template cannot be used together")
    if out and not (format_ or template):
        raise UsageError("--out needs --format or --template", hint=f"--format is one of {', '.join(FORMATS)}")
    if command and not out:
        raise UsageError("--exec needs --out FILE")
    return bool(format_ or template)


def follow(
    settings: Settings,
    read: Callable[[], Iterable[Location]],
    *,
    cluster: str,
    names: Sequence[str],
    format_: str | None,
    template: str | None,
    out: str | None,
    command: str | None,
    watch: bool,
) -> None:
    """Write the file; with ``watch`` again and again, until Ctrl-C.

    Args:
        read: the locations of now.
        names: services that a file has, also without tasks.

    Raises:
        UsageError: the template is wrong, or the file cannot be written.
        EcsctlError: the command failed (not with ``watch``, where it is noted and run again).
    """
    from ecsctl.cli.following import File, Follower, run_command
    from ecsctl.render import service_files

    made = None
    if template:
        from ecsctl.cli.templates import Template

        made = Template(template)
    groups = service_files.Groups(names)
    file = File(out)

    def run() -> None:
        run_command(str(command), file.path, settings.say)

    def text() -> str:
        found = service_files.endpoints(read())
        grouped = groups.of(found)
        if made is not None:
            return made.render(service_files.context(found, grouped, cluster))
        return service_files.FORMATS[str(format_)](found, grouped)

    if not watch:
        wanted = text()
        if wanted != file.text:
            file.write(wanted)
            if command:
                run()
        return
    from ecsctl.query.watching import looks

    clock = settings.aws().clock

    def written() -> None:
        if out:
            settings.say(f"{out} written")

    follower = Follower(file, run if command else None, clock, settings.note, written)
    settings.resume = f"{out} stays as it is" if out else None
    told = ""

    def render() -> str | None:
        nonlocal told
        try:
            made_of, told = text(), ""
        except UsageError as error:
            # Somebody is editing the template: the last good file stays.
            if file.text is None:
                raise
            if error.message != told:
                settings.note(error.message)
            told = error.message
            return None
        return made_of

    for now in looks(render, clock, settings.note, interval=follower.pause, patient=True):
        if now is not None:
            follower.see(now)
