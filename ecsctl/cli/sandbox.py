"""``ecsctl sandbox``: an AWS on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ecsctl.cli.options import Group, confirms, pass_settings
from ecsctl.cli.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])


def named(function: F) -> F:
    """Give a command ``--name``."""
    return click.option(
        "--name",
        metavar="NAME",
        envvar="ECSCTL_SANDBOX_NAME",
        help="Which sandbox; several run side by side.  [env: ECSCTL_SANDBOX_NAME; default: default]",
    )(function)


@click.group(cls=Group)
def group() -> None:
    """Run an AWS on this machine, with real containers if there is Docker.

    It listens on 127.0.0.1 only. `eval "$(ecsctl sandbox env)"` points every AWS client at it; `ecsctl --sandbox
    COMMAND` starts it when it is needed.
    """


@group.command()
@named
@click.option("--port", type=click.IntRange(0, 65535), help="Listen there; 0 takes a free port.  [default: 4599]")
@click.option(
    "--docker",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    help="Run containers for real.  [default: auto, where a Docker engine answers]",
)
@pass_settings
def start(settings: Settings, name: str | None, port: int | None, docker: str) -> None:
    """Start the sandbox.

    What it held when it was stopped is there again. It prints its endpoint.
    """
    from ecsctl.sandbox.control import Sandbox

    info, made = Sandbox(name).start(port=port, docker=docker, region=settings.region)
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
@click.option("--operations", is_flag=True, help="List every ECS operation, and whether it is there.")
@pass_settings
def status(settings: Settings, name: str | None, operations: bool) -> None:
    """Show whether the sandbox runs, where, and what it holds.

    Exits with 6 where it does not run.
    """
    from ecsctl.render.table import Column, emit, emit_data
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    if operations:
        rows = sorted(sandbox.operations().items())
        columns: list[Column[tuple[str, Any]]] = [
            Column("OPERATION", "operation", lambda row: row[0]),
            Column("STATE", "state", lambda row: "works" if row[1] is True else row[1] or "missing"),
        ]
        emit(rows, columns, settings.output)
        return
    told = sandbox.status()
    if settings.output in ("json", "yaml"):
        emit_data(told, settings.output)
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
    for port, instead in told["substitutedPorts"].items():
        print(f"port        {port} answers at {instead}")
    if told["problem"]:
        print(f"problem     {told['problem']}")


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
    info = sandbox.running() or sandbox.start(region=settings.region)[0]
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
    """Forget all that the sandbox holds, its containers too."""
    from ecsctl.sandbox.control import Sandbox

    sandbox = Sandbox(name)
    settings.confirm(f"Forget all that the sandbox {sandbox.name} holds?")
    settings.say("forgotten" if sandbox.reset() else "there was nothing to forget")
