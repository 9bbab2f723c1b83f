"""``init``: a project file of a few answers, or of what people have already."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.init_questions import BALANCERS, LAUNCH_TYPES
from ecsctl.cli.options import Command, confirms, pass_settings
from ecsctl.cli.settings import Settings
from ecsctl.errors import EcsctlError, UsageError

if TYPE_CHECKING:
    from ecsctl.importers.document import Target
    from ecsctl.importers.report import Imported

FILE = "ecsctl.yaml"
SOURCES = ("from_compose", "from_service", "from_task_definition", "from_copilot")


@click.command(cls=Command)
@click.argument("file", default=FILE, metavar="[FILE]")
@click.option(
    "--from-compose",
    multiple=True,
    metavar="FILE",
    help="Import a Compose file; repeat it to overlay several; `-` is stdin.",
)
@click.option("--from-service", metavar="CLUSTER/SERVICE", help="Import a live service and its task definition.")
@click.option("--from-task-definition", metavar="FAMILY[:REV]", help="Import a registered task definition.")
@click.option("--from-copilot", metavar="FILE", help="Import an AWS Copilot manifest.")
@click.option("--name", metavar="NAME", help="The project's name.  [default: the folder's, or the source's]")
@click.option("--image", metavar="IMAGE", help="The container's image.")
@click.option("--port", metavar="PORT", help="The container's port, or HOST:CONTAINER; `none` for no port.")
@click.option("--count", type=click.IntRange(0, 5000), metavar="N", help="How many tasks.")
@click.option("--memory", metavar="SIZE", help="The container's memory, for example 256MB.")
@click.option(
    "--launch-type",
    type=click.Choice(LAUNCH_TYPES, case_sensitive=False),
    help="Where tasks run.  [default: EC2]",
)
@click.option("--load-balancer", type=click.Choice(BALANCERS), help="Put a load balancer in front.")
@click.option("--subnet", "subnets", multiple=True, metavar="ID", help="A subnet of Fargate tasks (repeatable).")
@click.option(
    "--security-group",
    "security_groups",
    multiple=True,
    metavar="ID",
    help="A security group of Fargate tasks (repeatable).",
)
@click.option("--instances", type=click.IntRange(0, 5000), metavar="N", help="How many EC2 instances.")
@click.option("--instance-type", metavar="TYPE", help="The EC2 instance type, for example t3.small.")
@click.option(
    "--one-task",
    is_flag=True,
    help="Compose: services that wait for or link each other share a task, instead of Service Connect between tasks.",
)
@click.option(
    "--compose-profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    help="Compose: take the services of this profile too; `*` is all (repeatable).",
)
@click.option(
    "--adopt",
    is_flag=True,
    help="Live service: put the project's tag on it and its task definition, so that `up` may change them.",
)
@click.option("--stdout", is_flag=True, help="Print the file instead of writing it; so does FILE `-`.")
@click.option("--force", is_flag=True, help="Overwrite the file.")
@confirms
@pass_settings
def init(settings: Settings, /, file: str, stdout: bool, force: bool, **options: Any) -> None:
    """Write an ecsctl.yaml from answers, a Compose file or a live service.

    \b
    ecsctl init                                        asks, on a terminal
    ecsctl init --name shop --image nginx --port 80    in a script
    ecsctl init --from-compose compose.yaml            of what you have
    ecsctl init --from-service CLUSTER/SERVICE         of what runs already

    What has no equivalent in ECS is listed with its file and line, and once more at the end of the file. An existing
    file is left alone without --force.
    """
    stdout = stdout or file == "-"
    given = [source for source in SOURCES if options[source]]
    if len(given) > 1:
        names = " and ".join(f"--{source.replace('_', '-')}" for source in given)
        raise UsageError(f"{names} cannot be used together", hint="use one of them")
    _only_where_it_counts(given[0] if given else "", options)
    if not stdout and not force and os.path.lexists(file):
        raise UsageError(f"{file} exists already", hint="add --force to overwrite it, or --stdout to look first")
    imported = _imported(settings, given[0] if given else "", options)
    if stdout:
        sys.stdout.write(imported.text)
    else:
        _write(file, imported.text, force)
    for note in imported.notes:
        settings.note(str(note))
    _say(settings, imported, None if stdout else file)


def _only_where_it_counts(source: str, options: dict[str, Any]) -> None:
    """Refuse what would be ignored.

    Raises:
        UsageError: an option is of another way to begin.
    """
    of = {
        "from_compose": ("one_task", "profiles"),
        "from_service": ("adopt",),
        "": ("image", "port", "count", "memory", "load_balancer"),
    }
    for way, names in of.items():
        for name in names:
            if way != source and options[name] not in (None, False, ()):
                option = "--compose-profile" if name == "profiles" else f"--{name.replace('_', '-')}"
                where = f"with --{way.replace('_', '-')}" if way else "without --from-…"
                raise UsageError(f"{option} is only valid {where}", hint="leave it out; edit the file afterwards")


def _imported(settings: Settings, source: str, options: dict[str, Any]) -> Imported:
    if source == "from_compose":
        from ecsctl.importers.compose.project import from_compose

        target = _target(settings, options)
        return from_compose(options["from_compose"], target, one_task=options["one_task"], profiles=options["profiles"])
    if source == "from_copilot":
        from ecsctl.importers.copilot import from_copilot

        return from_copilot(options["from_copilot"], _target(settings, options))
    if source:
        from ecsctl.importers import live

        aws, target = settings.aws(), _target(settings, options)
        if source == "from_service":
            selector = options["from_service"]
            if settings.cluster and "/" not in selector:
                selector = f"{settings.cluster}/{selector}"
            return live.from_service(aws, selector, target, adopt=options["adopt"])
        return live.from_task_definition(aws, options["from_task_definition"], target)
    from ecsctl.cli.init_questions import asked
    from ecsctl.importers.template import new_project

    answers, options = asked(settings, options)
    return new_project(answers, _target(settings, options))


def _target(settings: Settings, options: dict[str, Any]) -> Target:
    from ecsctl.cli.init_questions import checked_name
    from ecsctl.importers.document import Target

    name = options["name"]
    return Target(
        name=None if name is None else checked_name(name),
        cluster=settings.cluster,
        region=settings.region,
        launch_type=(options["launch_type"] or "EC2").upper(),
        subnets=tuple(options["subnets"]),
        security_groups=tuple(options["security_groups"]),
        instance_type=options["instance_type"],
        instance_count=options["instances"],
    )


def _write(file: str, text: str, force: bool) -> None:
    try:
        with open(file, "w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UsageError(f"{file} exists already", hint="add --force to overwrite it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise EcsctlError(f"cannot write {file}: {reason}", hint="name another FILE, or --stdout") from None


def _say(settings: Settings, imported: Imported, file: str | None) -> None:
    """What was written, whether it is valid, and what to type next."""
    from io import BytesIO

    from ecsctl.manifest import check
    from ecsctl.units import plural

    spec, faults = check([file or "-"], stdin=BytesIO(imported.text.encode()))
    errors = [fault for fault in faults if fault.severity == "error"]
    for fault in errors:
        settings.say(f"to correct: {fault}")
    noted = f"; {plural(len(imported.notes), 'note')} at its end to look at" if imported.notes else ""
    if file is None:
        return
    if spec is None:
        settings.say(f"wrote {file}{noted}; correct it, then: ecsctl validate")
        return
    holds = f"{plural(len(spec.task_definitions), 'task definition')}, {plural(len(spec.services), 'service')}"
    settings.say(f"wrote {file}: {holds}{noted}")
    settings.say("next: ecsctl validate, ecsctl plan, ecsctl up")
