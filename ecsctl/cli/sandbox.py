"""``ecsctl sandbox``: an AWS on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ecsctl.cli.options import Group, confirms, duration, named, pass_settings
from ecsctl.cli.sandbox_faults import fault
from ecsctl.cli.settings import Settings

if TYPE_CHECKING:
    from ecsctl.render.table import Column

# Seconds between two looks at the log that is followed.
LOOK_AGAIN = 0.5


@click.group(cls=Group)
def group() -> None:
    """Run an AWS on this machine, with real containers if there is Docker.

    It listens on 127.0.0.1 only. `eval "$(ecsctl sandbox env)"` points every AWS client at it; `ecsctl --sandbox
    COMMAND` starts it when it is needed.
    """


@group.command()
@named
@click.option(
    "--port", type=click.IntRange(0, 65535), help="The port to listen on; 0 picks a free one.  [default: 4599]"
)
@click.option(
    "--docker",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Run containers for real.  [default: auto, where a Docker engine answers]",
)
@click.option(
    "--throttle/--no-throttle",
    default=None,
    help="Throttle requests at the rates that ECS documents; changes a running sandbox, too.  [default: no throttle]",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 100_000),
    metavar="FACTOR",
    help="How fast its time passes: 60 is a minute a second; at 0 only `sandbox step` moves it. "
    "Changes a running sandbox, too.  [default: 1]",
)
@click.option(
    "--exit-with",
    type=click.IntRange(1),
    metavar="PID",
    envvar="ECSCTL_SANDBOX_EXIT_WITH",
    help="Stop it when this process ends, for example a test run: `--exit-with $$`.",
)
@pass_settings
def start(
    settings: Settings,
    name: str | None,
    port: int | None,
    docker: str,
    throttle: bool | None,
    speed: float | None,
    exit_with: int | None,
) -> None:
    """Start the sandbox.

    What it held when it was stopped is there again. It prints its endpoint.
    """
    from ecsctl.sandbox.control import Sandbox

    info, made = Sandbox(name).start(
        port=port, docker=docker, region=settings.region, throttle=throttle, speed=speed, exit_with=exit_with
    )
    kind = "real (Docker)" if info.containers["kind"] == "docker" else f"simulated ({info.containers['reason']})"
    settings.say(f"{'started' if made else 'already running'}: containers are {kind}")
    settings.say('to use it: eval "$(ecsctl sandbox env)"')
    print(info.endpoint)


@group.command()
@named
@pass_settings
def stop(settings: Settings, name: str | None) -> None:
    """Stop the sandbox; its state is kept for the next start."""
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    settings.say("stopped; its state is kept" if sandbox.stop() else f"the sandbox {sandbox.name} does not run")


@group.command()
@named
@click.option("--operations", is_flag=True, help="List every ECS operation: works, simulated or missing.")
@pass_settings
def status(settings: Settings, name: str | None, operations: bool) -> None:
    """Show whether the sandbox runs, where, and what it holds.

    Exits with 6 where it does not run.
    """
    from ecsctl.render.table import Column
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    if operations:
        rows = sorted(sandbox.operations().items())
        columns: list[Column[tuple[str, Any]]] = [
            Column("OPERATION", "operation", lambda row: row[0]),
            Column("STATE", "state", lambda row: row[1]),
        ]
        settings.emit(rows, columns)
        return
    told = sandbox.status()
    if settings.structured:
        settings.emit_data(told)
        return
    containers = told["containers"]
    print(f"sandbox     {told['name']}, process {told['pid']}, up for {told['uptimeSeconds']:.0f} s")
    print(f"endpoint    {told['endpoint']}")
    if containers["kind"] == "docker":
        print("containers  real, in Docker")
    else:
        print(f"containers  simulated: {containers['reason']}")
        print("            their ports answer with a page of the sandbox's own, not of your image")
    held = ("clusters", "containerInstances", "services", "tasks")
    print(f"holds       {', '.join(f'{told[key]} {words(key)}' for key in held)}")
    if told["clock"]["speed"] != 1:
        speed = told["clock"]["speed"]
        pace = f"{speed:g} times as fast: it is" if speed else "stands still at"
        print(f"clock       {pace} {when(told['clock']['now'])}")
    offset = told["clock"]["offset"]
    if abs(offset) >= 1:
        side = "ahead of" if offset > 0 else "behind"
        print(f"            {abs(offset):.0f} s {side} this machine's; `ecsctl sandbox reset` ends that")
    if told["throttle"]:
        print("throttling  by the request rates of ECS")
    if told["faults"]:
        print(f"faults      {told['faults']}: `ecsctl sandbox fault list`")
    for port, instead in told["substitutedPorts"].items():
        print(f"port        {port} answers at {instead}")
    if told["problem"]:
        print(f"problem     {told['problem']}")


def when(moment: float) -> str:
    """A time in UTC, to the second."""
    from datetime import datetime, timezone

    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@group.command()
@named
@click.argument("time", metavar="DURATION", callback=duration)
@pass_settings
def step(settings: Settings, name: str | None, time: float) -> None:
    """Let time pass in the sandbox at once, such as 90s or 1h.

    Everything that is due in this time happens, in its order; 0s does what is due now. A sandbox started with `--speed
    0` moves by this alone. It prints the sandbox's time.
    """
    from ecsctl.sandbox.control import Sandbox

    told = Sandbox(name).advance(time)
    if settings.structured:
        settings.emit_data(told)
    else:
        print(when(told["now"]))


def words(key: str) -> str:
    """``containerInstances`` → ``container instances``."""
    return "".join(f" {char.lower()}" if char.isupper() else char for char in key)


@group.command()
@named
@click.option("--shell", type=click.Choice(["sh", "fish"]), default="sh", help="The shell's language.  [default: sh]")
@pass_settings
def env(settings: Settings, name: str | None, shell: str) -> None:
    """Print the variables that point AWS clients at the sandbox.

    eval "$(ecsctl sandbox env)" sets them; it starts the sandbox if it does not run.
    """
    import shlex

    from ecsctl.sandbox.control import UNSET, Sandbox, environment

    sandbox = Sandbox(name)
    info, started = sandbox.start(region=settings.region, implicit=True)
    if started:
        settings.say(f"started the sandbox at {info.endpoint}")
    for key, value in environment(info).items():
        quoted = shlex.quote(value)
        print(f"set -gx {key} {quoted};" if shell == "fish" else f"export {key}={quoted}")
    for key in UNSET:
        print(f"set -e {key};" if shell == "fish" else f"unset {key}")


@group.command()
@named
@confirms
@pass_settings
def reset(settings: Settings, name: str | None) -> None:
    """Delete everything in the sandbox holds, its containers too."""
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    settings.confirm(f"Delete everything in the sandbox {sandbox.name} holds?")
    settings.say("forgotten" if sandbox.reset() else "there was nothing to delete")


@group.command()
@named
@click.option("--follow", is_flag=True, help="Follow new requests, until Ctrl-C.")
@click.option("--service", metavar="NAME", default="", help="Only requests to this service of AWS, such as ecs or ec2.")
@click.option(
    "--operation", metavar="PATTERN", default="", help="Only this operation, or those that match (`Describe*`)."
)
@click.option("--errors", is_flag=True, help="Only requests that were refused, failed or were left without an answer.")
@click.option(
    "--limit",
    type=click.IntRange(0, 5000),
    default=100,
    help="Show at most this many, the latest.  [default: 100]",
)
@pass_settings
def log(
    settings: Settings, name: str | None, follow: bool, service: str, operation: str, errors: bool, limit: int
) -> None:
    """Show the requests that the sandbox has answered.

    Each with its time, its operation, what it was about, the answer and the caller. Of the parameters only names of
    clusters, services and families are kept, never values. A stopped sandbox shows what it answered before.
    """
    from ecsctl.polling import pause
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    filters: dict[str, Any] = {"service": service, "operation": operation, "errors": errors}
    rows = sandbox.requests(**filters, limit=limit) if limit else []
    if not follow:
        settings.emit(rows, columns_of_log(), empty="no requests")
        return
    last = rows[-1]["number"] if rows else max((row["number"] for row in sandbox.requests(limit=1)), default=0)
    try:
        while True:
            for row in rows:
                click.echo(line_of_log(row, settings.output))
            pause(LOOK_AGAIN)
            rows = sandbox.requests(**filters, since=last)
            last = rows[-1]["number"] if rows else last
    except KeyboardInterrupt:
        return


group.add_command(fault)


def columns_of_log() -> list[Column[dict[str, Any]]]:
    """What is shown of a request."""
    from datetime import datetime, timezone

    from ecsctl.render.table import Column

    def when(row: dict[str, Any]) -> str:
        return datetime.fromtimestamp(row["time"], timezone.utc).isoformat(timespec="milliseconds")

    return [
        Column("TIME", "time", when, text=lambda row: when(row)[11:23]),
        Column("SERVICE", "service", lambda row: row["service"]),
        Column("OPERATION", "operation", lambda row: row["operation"]),
        Column("ON", "names", lambda row: row["names"]),
        Column("ANSWER", "status", lambda row: row["status"], text=answered),
        Column("MS", "milliseconds", lambda row: row["milliseconds"]),
        Column("CALLER", "caller", lambda row: row["caller"], text=lambda row: program(row["caller"])),
        Column("ERROR", "error", lambda row: row["error"], table=False),
        Column("FAULTS", "faults", lambda row: row.get("faults"), table=False),
        Column("REQUEST ID", "requestId", lambda row: row.get("requestId"), table=False),
        Column("REGION", "region", lambda row: row["region"], table=False),
        Column("NUMBER", "number", lambda row: row["number"], table=False),
    ]


def line_of_log(row: dict[str, Any], output: str) -> str:
    """One request in one line: JSON for ``json`` and ``yaml``, else tab-separated words."""
    import json

    from ecsctl.render.table import as_data

    columns = columns_of_log()
    if output in ("json", "yaml"):
        return json.dumps(as_data(row, columns))
    return "\t".join(column.cell(row) for column in columns if column.table)


def answered(row: dict[str, Any]) -> str:
    """The answer in a cell: ``200``, ``400 ThrottlingException``, ``none`` where there was none."""
    return " ".join([str(row["status"] or "none"), *filter(None, [row["error"]])])


def program(caller: dict[str, str]) -> str:
    """The caller in a cell: the program that the user agent names first, and the access key where it is not `test`."""
    words = caller["userAgent"].split()
    named_ecsctl = [word for word in words if word.startswith("ecsctl/")]
    key = caller["accessKeyId"]
    return " ".join([*(named_ecsctl or words[:1] or ["-"]), *([f"({key})"] if key not in ("", "test") else [])])
